//! Guarantees of [`CatalogStore::list_products`](crate::ports::CatalogStore::list_products): order, paging, search.

use time::Duration;

use super::model::Model;
use super::support::{NOW, limit, listed, listing};
use crate::domain::{Handle, Product, ProductSort, ProductStatus, SearchQuery, SearchTerms, SearchWord};
use crate::ports::{ProductListing, SharedStore};
use crate::testing::SeededRandom;
use crate::testing::fixtures::{handle, index, product, terms};

/// Titles that break wrong collations, case folding, normalization, escaping and prefix comparison.
const TITLES: [&str; 30] = [
    "abc",
    "abc d",
    "abc-d",
    "abc_d",
    "abcd",
    "ABC",
    "Abc D",
    "äbc",
    "a\u{308}bc",
    "ab",
    "abc ",
    " abc",
    "zebra",
    "Zebra",
    "ähnlich",
    "Straße",
    "strasse",
    "東京",
    "😀 smile",
    "\u{10FFFF}",
    "\u{E000}",
    "ﬁne",
    "50% off",
    "it's",
    "\"quoted\"",
    "back\\slash",
    "12 cups",
    "2 cups",
    "",
    "İstanbul",
];

/// Terms that break wrong escaping, collations, normalization and ends of key ranges.
const ODD_TERMS: &str = "% _ \\ ' \" a%b a_b aXb a\\b %% %%a \\% __ _a # | : #1 #1a a A ab Ab ä a\u{308} a\u{308}b ß ss 東 東京 \
    東京x 😀 😀😀 😀😀x \u{D7FF} \u{D7FF}\u{D7FF} \u{D7FF}\u{D7FF}x \u{D7FF}\u{E000} \u{E000} \u{10FFFF} \u{10FFFF}a \u{10FFFF}ab \
    \u{10FFFF}\u{10FFFF} \u{10FFFF}\u{10FFFF}z x\u{10FFFF} x\u{10FFFF}y xz y ~ ~~";

pub(super) async fn stored_sort_orders_are_bytewise_by_position(store: SharedStore) {
    let model = odd_products(&store).await;
    for rows in [1, 7, 100] {
        model.check_listings(&store, &ProductListing { limit: limit(rows), ..listing(ProductSort::Title) }).await;
    }
    let nowhere = ProductListing { category: Some(handle("no-such-category")), ..listing(ProductSort::Title) };
    assert_eq!(model.check_page(&store, &nowhere).await.items, []);
}

pub(super) async fn a_page_reports_exactly_whether_more_rows_follow(store: SharedStore) {
    let mut model = Model::default();
    for number in 0..14 {
        let product = product(&format!("p{number:02}")).category("kitchen").build();
        model.upsert(&store, product, terms(&[("all", 3)])).await;
    }
    let search = Some(SearchQuery { words: vec![word("all", None)] });
    for rows in [7, 13, 14, 15] {
        let first = ProductListing { limit: limit(rows), ..listing(ProductSort::Title) };
        model.check_listings(&store, &first).await;
        model.check_listings(&store, &ProductListing { search: search.clone(), ..first.clone() }).await;
        let relevance = ProductListing { search: search.clone(), sort: ProductSort::Relevance, ..first };
        model.check_pages(&store, &relevance).await;
    }
}

pub(super) async fn any_text_is_a_position_to_continue_after(store: SharedStore) {
    let model = odd_products(&store).await;
    let long = "z".repeat(3_000);
    let forged =
        ["", " ", "0", "abc", "abc\u{1}", "zzz", "\u{10FFFF}", "a\u{0}b", "'; --", "%", "\\", "#|:", "😀", &long];
    let searches = [None, Some(SearchQuery { words: vec![word("nothing", None), word("ab", Some("ab"))] })];
    for search in searches {
        for after in forged {
            for sort in ProductSort::STORED {
                for category in [None, Some(handle("even"))] {
                    let after = Some(after.to_owned());
                    let listing = ProductListing { search: search.clone(), category, after, limit: limit(9), sort };
                    model.check_page(&store, &listing).await;
                }
            }
        }
    }
    for after in forged {
        let search = Some(SearchQuery { words: vec![word("ab", Some("ab"))] });
        let after = Some(after.to_owned());
        model.check_page(&store, &ProductListing { search, after, ..listing(ProductSort::Relevance) }).await;
    }
}

pub(super) async fn products_written_meanwhile_neither_repeat_nor_hide_others(store: SharedStore) {
    for sort in ProductSort::STORED.into_iter().chain([ProductSort::Relevance]) {
        let scope = handle(&sort.as_str().replace('-', "by-"));
        let build = |name: &str, rank: i64| {
            let product = product(&format!("{name}-{scope}")).category(scope.as_str());
            product.title(&format!("{rank:05}")).price(rank).created_at(NOW + Duration::days(rank)).build()
        };
        let mut model = Model::default();
        for rank in 1..=24 {
            model.upsert(&store, build(&format!("p{rank}"), rank * 100), terms(&[("all", 1)])).await;
        }
        let originals: Vec<Handle> = model.active().map(|product| product.handle.clone()).collect();
        let search = (sort == ProductSort::Relevance).then(|| SearchQuery { words: vec![word("all", None)] });
        let mut next = ProductListing { search, category: Some(scope.clone()), limit: limit(5), ..listing(sort) };
        let mut seen = Vec::new();
        for step in 0.. {
            let page = model.check_page(&store, &next).await;
            seen.extend(page.items.into_iter().map(|summary| summary.handle));
            next.after = page.next;
            if next.after.is_none() {
                break;
            }
            // One before, one after and one between; one product moves from the end to the start and back.
            for rank in [1, 9_999, step * 400 + 250] {
                model.upsert(&store, build(&format!("n{step}-{rank}"), rank), terms(&[("all", 1)])).await;
            }
            let rank = if step % 2 == 0 { 9_000 } else { 5 };
            model.upsert(&store, build("mover", rank), terms(&[("all", 1)])).await;
        }
        for original in &originals {
            let times = seen.iter().filter(|handle| *handle == original).count();
            assert_eq!(times, 1, "{original:?} by {sort:?}: {seen:?}");
        }
    }
}

pub(super) async fn every_word_must_match_exactly_or_by_the_last_prefix(store: SharedStore) {
    let mut model = Model::default();
    for (name, weights) in [
        ("copper-kettle", terms(&[("copper", 16), ("kettl", 16), ("kettle", 16)])),
        ("iron-kettle", terms(&[("iron", 16), ("kettl", 16), ("kettle", 16), ("copper", 1)])),
        ("copper-pan", terms(&[("copper", 16), ("pan", 16)])),
        ("ket", terms(&[("ket", 16)])),
    ] {
        model.upsert(&store, product(name).build(), weights).await;
    }
    for (words, found) in [
        (vec![word("kettl", None)], vec!["copper-kettle", "iron-kettle"]),
        (vec![word("kett", None)], vec![]),
        (vec![word("kett", Some("kett"))], vec!["copper-kettle", "iron-kettle"]),
        (vec![word("ket", Some("ket"))], vec!["copper-kettle", "iron-kettle", "ket"]),
        (vec![word("kettl", Some("kettles"))], vec!["copper-kettle", "iron-kettle"]),
        (vec![word("copper", None), word("kettl", None)], vec!["copper-kettle", "iron-kettle"]),
        (vec![word("copper", None), word("p", Some("pa"))], vec!["copper-pan"]),
        (vec![word("copper", None), word("lamp", None)], vec![]),
        (vec![word("lamp", None), word("co", Some("co"))], vec![]),
        (vec![word("Copper", None)], vec![]),
    ] {
        let search = Some(SearchQuery { words });
        let by_title = ProductListing { search, ..listing(ProductSort::Title) };
        model.check_page(&store, &by_title).await;
        let expected: Vec<Handle> = found.into_iter().map(handle).collect();
        let mut handles = listed(&store, &by_title).await;
        handles.sort();
        assert_eq!(handles, expected, "{by_title:?}");
    }
}

pub(super) async fn relevance_is_the_sum_of_the_best_weights_then_the_title(store: SharedStore) {
    let mut model = Model::default();
    for (title, weights) in [
        ("d", terms(&[("tea", 16), ("pot", 1)])),
        ("c", terms(&[("tea", 1), ("pot", 16)])),
        ("b", terms(&[("tea", 16), ("pots", 16)])),
        ("a", terms(&[("tea", 8), ("pot", 4), ("potter", 8), ("pottery", 1)])),
        ("e", terms(&[("tea", 255), ("pot", 255)])),
    ] {
        model.upsert(&store, product(&format!("p-{title}")).title(title).build(), weights).await;
    }
    let search = Some(SearchQuery { words: vec![word("tea", None), word("pot", Some("pot"))] });
    let listing = ProductListing { search, ..listing(ProductSort::Relevance) };
    model.check_page(&store, &listing).await;
    let order = ["p-e", "p-b", "p-c", "p-d", "p-a"].map(handle);
    assert_eq!(listed(&store, &listing).await, order, "510, 32, 17 and 17 by title, 16");
}

pub(super) async fn terms_are_compared_as_they_are(store: SharedStore) {
    let odd: Vec<&str> = ODD_TERMS.split(' ').collect();
    let mut model = Model::default();
    for (number, term) in odd.iter().enumerate() {
        model.upsert(&store, product(&format!("p{number:02}")).build(), terms(&[(term, 5)])).await;
    }
    for text in odd {
        let is_prefix = text.chars().count() >= SearchQuery::MIN_PREFIX_CHARS;
        let prefix = is_prefix.then_some(text);
        for word in [word(text, None), word(text, prefix), word("absent", prefix)] {
            let search = Some(SearchQuery { words: vec![word] });
            model.check_page(&store, &ProductListing { search, ..listing(ProductSort::Relevance) }).await;
        }
    }
}

pub(super) async fn random_searches_agree_with_the_model(store: SharedStore) {
    let seed = 20_260_115;
    println!("seed {seed}");
    let mut random = SeededRandom::new(seed);
    let mut model = Model::default();
    let words = vocabulary(&mut random);
    for number in 0..80 {
        let (product, terms) = random_product(&mut random, &format!("p{number:02}"), &words);
        model.upsert(&store, product, terms).await;
    }
    for _ in 0..25 {
        let name = format!("p{:02}", random.below(80));
        let (product, terms) = random_product(&mut random, &name, &words);
        model.upsert(&store, product, terms).await;
    }
    let mut found = 0;
    for _ in 0..150 {
        let listing = random_search(&mut random, &words);
        found += model.rows(&listing).len();
        model.check_pages(&store, &listing).await;
    }
    assert!(found > 150, "the searches find something: {found}");
    model.check_listings(&store, &listing(ProductSort::Title)).await;
}

/// Two products for each of [`TITLES`], with few prices, times and categories, so that most positions tie.
async fn odd_products(store: &SharedStore) -> Model {
    let mut model = Model::default();
    for number in 0..2 * TITLES.len() {
        let (title, rank) = (TITLES[number % TITLES.len()], i64::try_from(number % 4).expect("small"));
        let mut builder = product(&format!("p{number:02}")).title(title).price([0, 999, 1000, 12_345][number % 4]);
        builder = builder.created_at(NOW + Duration::hours(9 * (rank - 2)));
        if number % 5 != 0 {
            builder = builder.category(if number % 2 == 0 { "even" } else { "odd" });
        }
        if number % 11 == 10 {
            builder = builder.status(ProductStatus::Draft);
        }
        let product = builder.build();
        let terms = index(&product);
        model.upsert(store, product, terms).await;
    }
    model
}

fn word(term: &str, prefix: Option<&str>) -> SearchWord {
    SearchWord { term: term.to_owned(), prefix: prefix.map(str::to_owned) }
}

/// Words of few letters, so that many are prefixes of others.
fn vocabulary(random: &mut SeededRandom) -> Vec<String> {
    let letters = ["a", "b", "é", "%", "東"];
    let words: Vec<String> = (0..40).map(|_| (0..=random.below(4)).map(|_| random.pick(&letters)).collect()).collect();
    words
}

fn random_product(random: &mut SeededRandom, name: &str, words: &[String]) -> (Product, SearchTerms) {
    let weights = [1, 3, 4, 8, 12, 16];
    let terms = (0..random.below(12)).map(|_| (random.pick(words), random.pick(&weights))).collect();
    let hours = i64::try_from(random.below(60)).expect("small");
    let mut builder = product(name).title(random.pick(&TITLES)).price(random.pick(&[500, 1000, 1500]));
    builder = builder.created_at(NOW + Duration::hours(hours));
    if random.below(4) > 0 {
        builder = builder.category(random.pick(&["kitchen", "garden", "büro"]));
    }
    if random.below(10) == 0 {
        builder = builder.status(ProductStatus::Archived);
    }
    (builder.build(), SearchTerms(terms))
}

fn random_search(random: &mut SeededRandom, words: &[String]) -> ProductListing {
    let mut query = SearchQuery { words: (0..=random.below(3)).map(|_| word(&random.pick(words), None)).collect() };
    let chars: Vec<char> = random.pick(words).chars().collect();
    if random.below(2) == 0 && chars.len() >= SearchQuery::MIN_PREFIX_CHARS {
        let length = SearchQuery::MIN_PREFIX_CHARS + random.below(chars.len() - 1);
        let prefix: String = chars[..length].iter().collect();
        query.words.push(word(&random.pick(words), Some(&prefix)));
    }
    let sorts = [ProductSort::STORED.as_slice(), &[ProductSort::Relevance; 3]].concat();
    let categories = [None, None, Some("kitchen"), Some("garden"), Some("büro"), Some("empty")];
    ProductListing {
        search: Some(query),
        category: random.pick(&categories).map(handle),
        sort: random.pick(&sorts),
        after: None,
        limit: limit(random.pick(&[1, 3, 24, 100])),
    }
}

//! The search tokenizer: Unicode words, folded and stemmed. Stores index terms and are independent of the language.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{Field, Product, RuleError, ValueRule};

/// Folds text for comparing words and titles: lower case, without accents, compatible forms of characters as one, letters such as ø as
/// they are typed without them.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        // Same result, but faster: most catalogs are mostly ASCII.
        return text.to_ascii_lowercase();
    }
    let letters = text.nfkd().filter(|c| !is_accent(*c)).flat_map(char::to_lowercase);
    let mut folded = String::with_capacity(text.len());
    for letter in letters {
        match LETTERS.iter().find(|(found, _)| *found == letter) {
            Some((_, plain)) => folded.push_str(plain),
            None => folded.push(letter),
        }
    }
    // Marks that are no accents belong to their letters again.
    folded.nfc().collect()
}

/// Letters that do not decompose into a letter and an accent, and how they are typed without them.
const LETTERS: [(char, &str); 13] = [
    ('ß', "ss"),
    ('æ', "ae"),
    ('œ', "oe"),
    ('ø', "o"),
    ('ł', "l"),
    ('đ', "d"),
    ('ð', "d"),
    ('þ', "th"),
    ('ħ', "h"),
    ('ŧ', "t"),
    ('ı', "i"),
    ('ŋ', "n"),
    ('ĸ', "k"),
];

/// Returns whether a combining mark is an accent of Latin, Greek, or Cyrillic letters, or a vowel point of Hebrew or Arabic, which
/// are usually left out. The marks of other scripts, such as those of kana and Devanagari, make other letters.
const fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
        | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// The language of the catalog, for stemming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Danish.
    Danish,
    /// Dutch.
    Dutch,
    /// English.
    English,
    /// Finnish.
    Finnish,
    /// French.
    French,
    /// German.
    German,
    /// Italian.
    Italian,
    /// Norwegian.
    Norwegian,
    /// Portuguese.
    Portuguese,
    /// Spanish.
    Spanish,
    /// Swedish.
    Swedish,
}

impl Language {
    const ALL: [(&str, Self, Algorithm); 11] = [
        ("da", Self::Danish, Algorithm::Danish),
        ("nl", Self::Dutch, Algorithm::Dutch),
        ("en", Self::English, Algorithm::English),
        ("fi", Self::Finnish, Algorithm::Finnish),
        ("fr", Self::French, Algorithm::French),
        ("de", Self::German, Algorithm::German),
        ("it", Self::Italian, Algorithm::Italian),
        ("no", Self::Norwegian, Algorithm::Norwegian),
        ("pt", Self::Portuguese, Algorithm::Portuguese),
        ("es", Self::Spanish, Algorithm::Spanish),
        ("sv", Self::Swedish, Algorithm::Swedish),
    ];

    /// The ISO 639-1 codes of all languages.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(|(code, ..)| code)
    }

    fn algorithm(self) -> Algorithm {
        Self::ALL.into_iter().find(|(_, language, _)| *language == self).map_or(Algorithm::English, |(_, _, a)| a)
    }
}

impl FromStr for Language {
    type Err = RuleError;

    /// Parses an ISO 639-1 code.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        Self::ALL
            .into_iter()
            .find(|(code, ..)| *code == text)
            .map(|(_, language, _)| language)
            .ok_or(RuleError::invalid(Field::Language, ValueRule::Offered))
    }
}

/// The search terms of a product, each with the weight of the best field that contains it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchTerms(pub BTreeMap<String, u8>);

/// One word of a query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SearchWord {
    /// Products indexed under exactly this term match.
    pub term: String,
    /// Products indexed under any term with this prefix match too. Only for the last word, which may be incomplete.
    pub prefix: Option<String>,
}

/// A search query: every word must match.
///
/// The score of a product is the sum over the words of the highest weight among the terms that match the word.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SearchQuery {
    /// 1 to [`SearchQuery::MAX_WORDS`] distinct words.
    pub words: Vec<SearchWord>,
}

impl SearchQuery {
    /// Maximum number of words; further words are ignored, because each costs a store read.
    pub const MAX_WORDS: usize = 8;
    /// Shortest prefix that is matched; a single letter would match half a catalog.
    pub const MIN_PREFIX_CHARS: usize = 2;
    /// Longest query in characters.
    pub const MAX_CHARS: usize = 200;
}

/// Splits text into terms.
#[derive(Debug, Clone, Copy)]
pub struct Tokenizer {
    language: Language,
}

impl Tokenizer {
    /// Longest term in characters; longer words are truncated.
    const MAX_TERM_CHARS: usize = 40;
    /// Maximum number of terms from the texts of a product, highest weights first. Limits the cost of writing a product.
    pub const MAX_TERMS: usize = 200;
    /// Maximum bytes of the terms from the SKUs and barcodes of a product, in the order of the variants: enough for 2,048 SKUs of 24
    /// characters. The keys of all terms have to fit an item of 400 KB twice.
    pub const MAX_CODE_BYTES: usize = 48 * 1024;

    /// Most queries that are tried after one without matches: each costs as much as a search.
    const MAX_OTHER_QUERIES: usize = 4;

    /// A tokenizer for catalogs in `language`.
    pub fn new(language: Language) -> Self {
        Self { language }
    }

    /// The terms of a product. Title weighs most, then SKUs and barcodes, vendor and category, tags, options, description.
    pub fn index(&self, product: &Product) -> SearchTerms {
        let mut texts = Terms::new(self.language);
        texts.add(&product.title, 16);
        texts.add(product.vendor.as_deref().unwrap_or_default(), 8);
        texts.add(product.category.as_ref().map_or("", |category| &category.title), 8);
        for tag in &product.tags {
            texts.add(tag, 4);
        }
        for value in product.variants.iter().flat_map(|variant| &variant.option_values) {
            texts.add(value, 3);
        }
        texts.add(&text_of_html(&product.description_html), 1);
        let mut by_weight: Vec<_> = texts.found.into_iter().collect();
        by_weight.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        by_weight.truncate(Self::MAX_TERMS);
        let mut terms: BTreeMap<String, u8> = by_weight.into_iter().collect();

        // Whole codes first, then their parts.
        let codes =
            || product.variants.iter().flat_map(|v| std::iter::once(v.sku.as_str()).chain(v.barcode.as_deref()));
        let whole = codes().flat_map(words).map(|word| word.joined.unwrap_or_else(|| word.parts.concat()));
        let parts = codes().flat_map(words).flat_map(|word| word.parts);
        let mut found = Terms::new(self.language);
        let mut left_bytes = Self::MAX_CODE_BYTES;
        for word in whole.chain(parts) {
            for term in found.add_word(word, 12) {
                match terms.get_mut(&term) {
                    Some(known) => *known = (*known).max(12),
                    None if term.len() <= left_bytes => {
                        left_bytes -= term.len();
                        terms.insert(term, 12);
                    }
                    None => {}
                }
            }
        }
        SearchTerms(terms)
    }

    /// Parses a typed query. `None` if it contains no word.
    ///
    /// # Errors
    /// [`RuleError::InvalidValue`] when it is longer than [`SearchQuery::MAX_CHARS`].
    pub fn query(&self, text: &str) -> Result<Option<SearchQuery>, RuleError> {
        if text.chars().count() > SearchQuery::MAX_CHARS {
            let rule = ValueRule::Length { min: 0, max: SearchQuery::MAX_CHARS };
            return Err(RuleError::invalid(Field::Search, rule));
        }
        let parts = words(text).flat_map(|word| word.parts).collect();
        Ok(self.query_of(parts, !text.ends_with(char::is_whitespace)))
    }

    /// Queries that may be meant if nothing matches a typed query, best first: with the parts of words that have a hyphen or an
    /// apostrophe joined, as in `t-shirt`, and with two neighboring words joined, as in `note book`.
    pub fn other_queries(&self, text: &str) -> Vec<SearchQuery> {
        let is_unfinished = !text.ends_with(char::is_whitespace);
        let (as_typed, joined): (Vec<_>, Vec<_>) =
            words(text).map(|word| (word.parts.clone(), word.joined.map_or(word.parts, |joined| vec![joined]))).unzip();
        let (as_typed, joined) = (as_typed.concat(), joined.concat());
        let mut candidates = Vec::new();
        if joined != as_typed {
            candidates.push(joined.clone());
        }
        for (place, pair) in joined.windows(2).enumerate() {
            let together = vec![pair.concat().chars().take(Self::MAX_TERM_CHARS).collect()];
            candidates.push([&joined[..place], &together, &joined[place + 2..]].concat());
        }
        candidates.truncate(Self::MAX_OTHER_QUERIES);
        candidates.into_iter().filter_map(|words| self.query_of(words, is_unfinished)).collect()
    }

    /// The query for these words, of which the last may be unfinished.
    fn query_of(self, words: Vec<String>, is_unfinished: bool) -> Option<SearchQuery> {
        let stemmer = Stemmer::create(self.language.algorithm());
        let last = words.len().saturating_sub(1);
        let mut found: Vec<SearchWord> = Vec::new();
        for (index, word) in words.into_iter().enumerate() {
            let term = stemmer.stem(&word).into_owned();
            let is_prefix = index == last && is_unfinished && word.chars().count() >= SearchQuery::MIN_PREFIX_CHARS;
            let candidate = SearchWord { term, prefix: is_prefix.then_some(word) };
            if found.len() < SearchQuery::MAX_WORDS && !found.contains(&candidate) {
                found.push(candidate);
            }
        }
        (!found.is_empty()).then_some(SearchQuery { words: found })
    }
}

/// Terms with their weights.
struct Terms {
    stemmer: Stemmer,
    found: BTreeMap<String, u8>,
    /// The words so far. Stemming dominates the cost of indexing, and descriptions repeat their words.
    heaviest: HashMap<String, u8>,
}

impl Terms {
    fn new(language: Language) -> Self {
        Self { stemmer: Stemmer::create(language.algorithm()), found: BTreeMap::new(), heaviest: HashMap::new() }
    }

    /// Adds the words of a text, each also by its stem.
    fn add(&mut self, text: &str, weight: u8) {
        for word in words(text).flat_map(|word| word.parts.into_iter().chain(word.joined)) {
            for term in self.add_word(word, weight) {
                let best = self.found.entry(term).or_insert(weight);
                *best = weight.max(*best);
            }
        }
    }

    /// The terms of a word that had no such weight yet.
    fn add_word(&mut self, word: String, weight: u8) -> Vec<String> {
        if self.heaviest.get(&word).is_some_and(|known| *known >= weight) {
            return Vec::new();
        }
        self.heaviest.insert(word.clone(), weight);
        let stem = self.stemmer.stem(&word).into_owned();
        if stem == word { vec![word] } else { vec![stem, word] }
    }
}

/// A word of a text.
#[derive(Debug, Default)]
struct Word {
    /// Its parts: several if it has hyphens or apostrophes.
    parts: Vec<String>,
    /// The parts together, if there are several.
    joined: Option<String>,
}

/// The words of a text, folded.
fn words(text: &str) -> impl Iterator<Item = Word> {
    let folded = fold(text);
    let mut words: Vec<Word> = Vec::new();
    let mut end = 0;
    for (start, word) in folded.unicode_word_indices() {
        let is_continued = matches!(&folded[end..start], "-" | "\u{2010}" | "\u{2011}") && !words.is_empty();
        end = start + word.len();
        // A part of one letter is an ending or an elided word: women's, l'huile.
        let pieces: Vec<&str> = word.split(['\'', '\u{2019}']).filter(|piece| !piece.is_empty()).collect();
        let longer = pieces.iter().filter(|piece| piece.chars().nth(1).is_some()).copied().collect::<Vec<_>>();
        let pieces_used = if longer.is_empty() { &pieces } else { &longer };
        let parts = pieces_used.iter().map(|piece| term_of(piece)).filter(|part| !part.is_empty());
        let together = term_of(word);
        if together.is_empty() {
            continue;
        }
        if !is_continued {
            words.push(Word::default());
        }
        let Some(current) = words.last_mut() else { continue };
        current.joined =
            match current.joined.take().or_else(|| (current.parts.len() == 1).then(|| current.parts[0].clone())) {
                Some(before) => Some((before + &together).chars().take(Tokenizer::MAX_TERM_CHARS).collect()),
                None => (pieces.len() > 1).then_some(together),
            };
        current.parts.extend(parts);
    }
    words.into_iter()
}

/// The letters and digits of a word, up to the length of a term.
fn term_of(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).take(Tokenizer::MAX_TERM_CHARS).collect()
}

/// Extracts the text of sanitized HTML (tags are well formed, `<` in text is escaped). Tags become spaces.
fn text_of_html(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                text.push(' ');
            }
            _ if !in_tag => text.push(c),
            _ => {}
        }
    }
    text.replace("&nbsp;", " ").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures;

    fn query(text: &str) -> Vec<SearchWord> {
        Tokenizer::new(Language::English).query(text).expect("short").map(|query| query.words).unwrap_or_default()
    }

    fn word(term: &str, prefix: Option<&str>) -> SearchWord {
        SearchWord { term: term.to_owned(), prefix: prefix.map(str::to_owned) }
    }

    #[test]
    fn words_are_folded_and_stemmed_and_the_last_is_a_prefix() {
        assert_eq!(query("Café KETTLES"), [word("cafe", None), word("kettl", Some("kettles"))]);
        assert_eq!(query("kettles "), [word("kettl", None)]);
        assert_eq!(query("x"), [word("x", None)]);
        assert_eq!(query(" -- !? "), []);
    }

    fn terms_of(text: &str) -> Vec<String> {
        words(text).flat_map(|word| word.parts.into_iter().chain(word.joined)).collect()
    }

    #[test]
    fn hyphens_and_apostrophes_divide_words_that_are_also_found_joined() {
        assert_eq!(terms_of("T-Shirt"), ["t", "shirt", "tshirt"]);
        assert_eq!(terms_of("NTB-IND-BLA x"), ["ntb", "ind", "bla", "ntbindbla", "x"]);
        assert_eq!(terms_of("Savon à l'huile d’olive"), ["savon", "a", "huile", "lhuile", "olive", "dolive"]);
        assert_eq!(terms_of("women's - men's"), ["women", "womens", "men", "mens"]);
        assert_eq!(terms_of("-5 - x"), ["5", "x"]);
        assert_eq!(terms_of("' '"), [""; 0]);
    }

    #[test]
    fn letters_are_folded_and_marks_that_make_letters_are_kept() {
        assert_eq!(fold("Smørrebrød ŁÓDŹ Straße Æble Þór ılık"), "smorrebrod lodz strasse aeble thor ilik");
        assert_eq!([fold("ビール"), fold("ﾋﾞｰﾙ"), fold("ヒール")], ["ビール", "ビール", "ヒール"]);
        assert_eq!(fold("हिन्दी"), "हिन्दी");
        assert_eq!(fold("Άλφα שָׁלוֹם"), "αλφα שלום");
    }

    #[test]
    fn other_queries_join_parts_and_neighbors() {
        let others = |text: &str| {
            let queries = Tokenizer::new(Language::English).other_queries(text);
            let terms =
                |query: SearchQuery| query.words.into_iter().map(|word| word.term).collect::<Vec<_>>().join(" ");
            queries.into_iter().map(terms).collect::<Vec<_>>()
        };
        assert_eq!(others("t-shirt"), ["tshirt"]);
        assert_eq!(others("note book "), ["notebook"]);
        assert_eq!(others("red wi-fi box"), ["red wifi box", "redwifi box", "red wifibox"]);
        assert_eq!(others("kettle"), [""; 0]);
        assert_eq!(others(&"word-".repeat(30)).len(), 1);
        assert_eq!(others("a b c d e f g h").len(), Tokenizer::MAX_OTHER_QUERIES);
    }

    #[test]
    fn every_code_and_text_of_a_product_with_many_variants_is_a_term() {
        let codes: Vec<String> = (0..2_048).map(|number| format!("BOLT-OF-STEEL-{number:010}")).collect();
        let variants: Vec<_> = codes.iter().map(|code| (code.as_str(), 100)).collect();
        let values: Vec<_> = (0..2_048).map(|number| format!("{number} mm")).collect();
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        let mut bolt =
            fixtures::product("hexagon").variants(&variants).option("Length", &values).tags(&["zinc"]).build();
        bolt.vendor = Some("Kestrelworks".to_owned());
        let terms = Tokenizer::new(Language::English).index(&bolt).0;
        for term in ["hexagon", "kestrelwork", "zinc", "boltofsteel0000000000", "boltofsteel0000002047"] {
            assert!(terms.contains_key(term), "{term}");
        }
        assert!(terms.keys().map(String::len).sum::<usize>() <= Tokenizer::MAX_CODE_BYTES + Tokenizer::MAX_TERMS * 160);
    }

    #[test]
    fn a_query_that_is_too_long_is_rejected_and_extra_words_are_ignored() {
        assert!(Tokenizer::new(Language::English).query(&"a".repeat(201)).is_err());
        assert_eq!(query("a b c d e f g h i j k ").len(), SearchQuery::MAX_WORDS);
    }
}

//! The search tokenizer: Unicode words, folded and stemmed. Stores index terms and are independent of the language.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation as _;

use super::{Field, Product, RuleError, ValueRule};

/// Folds text for comparing words and titles: lower case, without accents (NFKD without combining marks).
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        // Same result, but faster: most catalogs are mostly ASCII.
        return text.to_ascii_lowercase();
    }
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
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
    /// Maximum number of terms per product, highest weights first. Limits the cost of writing a product.
    pub const MAX_TERMS: usize = 200;

    /// A tokenizer for catalogs in `language`.
    pub fn new(language: Language) -> Self {
        Self { language }
    }

    /// The terms of a product. Title and codes weigh most, then vendor and category, tags, options, description.
    pub fn index(&self, product: &Product) -> SearchTerms {
        let stemmer = Stemmer::create(self.language.algorithm());
        let mut terms = BTreeMap::new();
        let mut heaviest: HashMap<String, u8> = HashMap::new();
        let mut add = |text: &str, weight: u8| {
            for word in words(text) {
                // Stemming dominates the cost of indexing, and descriptions repeat their words.
                if heaviest.get(&word).is_some_and(|known| *known >= weight) {
                    continue;
                }
                heaviest.insert(word.clone(), weight);
                let stem = stemmer.stem(&word).into_owned();
                for term in [stem, word] {
                    let best = terms.entry(term).or_insert(weight);
                    *best = weight.max(*best);
                }
            }
        };
        add(&product.title, 16);
        for variant in &product.variants {
            add(variant.sku.as_str(), 12);
            add(variant.barcode.as_deref().unwrap_or_default(), 12);
            for value in &variant.option_values {
                add(value, 3);
            }
        }
        add(product.vendor.as_deref().unwrap_or_default(), 8);
        add(product.category.as_ref().map_or("", |category| &category.title), 8);
        for tag in &product.tags {
            add(tag, 4);
        }
        add(&text_of_html(&product.description_html), 1);
        let mut by_weight: Vec<_> = terms.into_iter().collect();
        by_weight.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        by_weight.truncate(Self::MAX_TERMS);
        SearchTerms(by_weight.into_iter().collect())
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
        let stemmer = Stemmer::create(self.language.algorithm());
        let raw: Vec<String> = words(text).collect();
        let unfinished = !text.ends_with(char::is_whitespace);
        let last = raw.len().saturating_sub(1);
        let mut found: Vec<SearchWord> = Vec::new();
        for (index, word) in raw.into_iter().enumerate() {
            let term = stemmer.stem(&word).into_owned();
            let prefix =
                (index == last && unfinished && word.chars().count() >= SearchQuery::MIN_PREFIX_CHARS).then_some(word);
            let candidate = SearchWord { term, prefix };
            if found.len() < SearchQuery::MAX_WORDS && !found.contains(&candidate) {
                found.push(candidate);
            }
        }
        Ok((!found.is_empty()).then_some(SearchQuery { words: found }))
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let folded = fold(text);
    let words: Vec<String> = folded
        .unicode_words()
        .map(|word| word.chars().filter(|c| c.is_alphanumeric()).take(Tokenizer::MAX_TERM_CHARS).collect())
        .filter(|word: &String| !word.is_empty())
        .collect();
    words.into_iter()
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

    #[test]
    fn a_query_that_is_too_long_is_rejected_and_extra_words_are_ignored() {
        assert!(Tokenizer::new(Language::English).query(&"a".repeat(201)).is_err());
        assert_eq!(query("a b c d e f g h i j k ").len(), SearchQuery::MAX_WORDS);
    }
}

//! Names taken apart: `monthlyRequestsMillions`, `avg_duration_s` and `gb_stored` become the words that carry meaning and the units
//! that they are in, so that two names of one quantity can be told to be the same, and by which factor they differ.

use rust_decimal::{Decimal, dec};

use crate::services::{Gigabyte, MONTH_HOURS};

/// What a unit measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Dimension {
    Bytes,
    Time,
    /// Thousands, millions.
    Count,
}

/// Words of a name that say nothing about what is counted. A month is what every bill is about.
const SILENT: [&str; 31] = [
    "monthly",
    "month",
    "average",
    "avg",
    "mean",
    "total",
    "number",
    "num",
    "no",
    "count",
    "of",
    "the",
    "a",
    "an",
    "estimated",
    "expected",
    "size",
    "amount",
    "quantity",
    "qty",
    "value",
    "used",
    "usage",
    "aws",
    "amazon",
    "overall",
    "billed",
    "each",
    "in",
    "to",
    "processed",
];

/// Words that mean the same in the names of usage and prices.
const SAME: [(&str, &str); 22] = [
    ("invocation", "request"),
    ("call", "request"),
    ("execution", "request"),
    ("hit", "request"),
    ("ram", "memory"),
    ("runtime", "duration"),
    ("architecture", "arch"),
    ("processor", "arch"),
    ("stored", "storage"),
    ("store", "storage"),
    ("disk", "storage"),
    ("ingested", "ingest"),
    ("ingestion", "ingest"),
    ("scanned", "scan"),
    ("written", "write"),
    ("outbound", "out"),
    ("egress", "out"),
    ("internet", "out"),
    ("ip", "ipv4"),
    ("eip", "ipv4"),
    ("cross", "inter"),
    ("tmp", "ephemeral"),
];

/// A name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Words with meaning, sorted, in the singular.
    pub stems: Vec<String>,
    /// Units, sorted: dimension, size, and whether something is counted per unit.
    units: Vec<Unit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Unit {
    dimension: Dimension,
    per: bool,
    size: Decimal,
    /// 1,000 based or 1,024 based steps above a byte, kept to be told later.
    steps: u32,
}

/// How units become others.
#[derive(Debug, Clone, Copy)]
pub struct Measures {
    /// KB to GB.
    pub gigabyte: Gigabyte,
    /// Hours of a month.
    pub month_hours: Decimal,
}

impl Default for Measures {
    fn default() -> Self {
        Self { gigabyte: Gigabyte::default(), month_hours: MONTH_HOURS }
    }
}

impl Phrase {
    /// Takes a name apart.
    pub fn of(name: &str) -> Self {
        let mut phrase = Self { stems: Vec::new(), units: Vec::new() };
        let mut per = false;
        for word in words(name) {
            match (&*word, unit(&word)) {
                ("per", _) => {
                    per = true;
                    continue;
                }
                (_, Some((dimension, size, steps))) => phrase.units.push(Unit { dimension, per, size, steps }),
                (silent, None) if SILENT.contains(&silent) => {}
                (_, None) => {
                    // What a name counts per thing is another quantity than the thing: `requests_per_connection`.
                    let stem = stem(&word);
                    phrase.stems.push(if per { format!("per {stem}") } else { stem });
                }
            }
            per = false;
        }
        phrase.stems.sort();
        phrase.units.sort();
        phrase
    }

    /// What a quantity in this name's units is multiplied by to be in those of `other`; `None` when they are not of one kind.
    pub fn factor(&self, other: &Self, measures: Measures) -> Option<Decimal> {
        if self.stems != other.stems {
            return None;
        }
        self.unit_factor(other, measures)
    }

    /// The same for the units alone.
    pub fn unit_factor(&self, other: &Self, measures: Measures) -> Option<Decimal> {
        let mut factor = Decimal::ONE;
        let mut rest = other.units.clone();
        for unit in &self.units {
            let same = rest.iter().position(|known| (known.dimension, known.per) == (unit.dimension, unit.per));
            match same.map(|place| rest.remove(place)) {
                Some(known) => {
                    let (given, wanted) = (unit.in_base(measures), known.in_base(measures));
                    let ratio = if unit.per { wanted / given } else { given / wanted };
                    factor = factor.checked_mul(ratio)?;
                }
                // Millions of something are a number of it.
                None if unit.dimension == Dimension::Count && !unit.per => factor = factor.checked_mul(unit.size)?,
                None if unit.dimension == Dimension::Count => factor = factor.checked_div(unit.size)?,
                None => return None,
            }
        }
        rest.iter().all(|unit| unit.dimension == Dimension::Count).then_some(factor)
    }

    /// How many units are the very same, to choose between names that both fit.
    pub fn common_units(&self, other: &Self) -> usize {
        self.units.iter().filter(|unit| other.units.contains(unit)).count()
    }

    /// Whether nothing is left of the name.
    pub fn is_empty(&self) -> bool {
        self.stems.is_empty() && self.units.is_empty()
    }

    /// Whether it has units at all.
    pub fn has_units(&self) -> bool {
        !self.units.is_empty()
    }
}

impl Unit {
    /// Bytes, seconds, or ones.
    fn in_base(self, measures: Measures) -> Decimal {
        let base = match measures.gigabyte {
            Gigabyte::Binary => dec!(1024),
            Gigabyte::Decimal => dec!(1000),
        };
        match self.dimension {
            // Relative to a GB, so that no factor grows beyond what the arithmetic holds.
            Dimension::Bytes => (0..self.steps).fold(Decimal::ONE, |size, _| size * base),
            Dimension::Time if self.size.is_zero() => measures.month_hours * dec!(3600),
            Dimension::Time | Dimension::Count => self.size,
        }
    }
}

/// Dimension, size in seconds or ones, and steps of 1,024 above a byte.
fn unit(word: &str) -> Option<(Dimension, Decimal, u32)> {
    use Dimension::{Bytes, Count, Time};
    Some(match word {
        "b" | "byte" | "bytes" => (Bytes, dec!(1), 0),
        "kb" | "kib" | "kilobyte" | "kilobytes" => (Bytes, dec!(1), 1),
        "mb" | "mib" | "megabyte" | "megabytes" => (Bytes, dec!(1), 2),
        "gb" | "gib" | "gbs" | "gigabyte" | "gigabytes" => (Bytes, dec!(1), 3),
        "tb" | "tib" | "terabyte" | "terabytes" => (Bytes, dec!(1), 4),
        "pb" | "pib" | "petabyte" | "petabytes" => (Bytes, dec!(1), 5),
        "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => (Time, dec!(0.001), 0),
        "s" | "sec" | "secs" | "second" | "seconds" => (Time, dec!(1), 0),
        "min" | "mins" | "minute" | "minutes" => (Time, dec!(60), 0),
        "h" | "hr" | "hrs" | "hour" | "hours" | "hourly" => (Time, dec!(3600), 0),
        "d" | "day" | "days" | "daily" => (Time, dec!(86_400), 0),
        // Its length is the request's.
        "months" => (Time, dec!(0), 0),
        "k" | "thousand" | "thousands" | "1k" | "1000" => (Count, dec!(1_000), 0),
        "10k" | "10000" => (Count, dec!(10_000), 0),
        "million" | "millions" | "mio" | "mn" | "1m" | "1000000" => (Count, dec!(1_000_000), 0),
        "billion" | "billions" | "bn" => (Count, dec!(1_000_000_000), 0),
        _ => return None,
    })
}

/// The singular, in the word that stands for all that mean the same.
fn stem(word: &str) -> String {
    let singular = match word {
        _ if word.len() < 3 || word == "https" => word,
        _ if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") => word,
        _ if word.ends_with("sses") => word.strip_suffix("es").unwrap_or(word),
        _ => word.strip_suffix('s').unwrap_or(word),
    };
    let singular = singular.strip_suffix("ie").map_or_else(|| singular.to_owned(), |rest| format!("{rest}y"));
    SAME.iter().find(|(from, _)| *from == singular).map_or(singular, |(_, to)| (*to).to_owned())
}

/// The words of a name in lower case: `memorySizeMB`, `memory-size-mb` and `Memory size (MB)` are three of the same.
pub fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    let mut run = 0;
    for (place, &c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            words.push(String::new());
            run = 0;
            continue;
        }
        let before = place.checked_sub(1).and_then(|before| chars.get(before)).copied().unwrap_or('_');
        let after = chars.get(place + 1).copied().unwrap_or('_');
        let hump = c.is_ascii_uppercase()
            && run > 1
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase() && after.is_ascii_lowercase()));
        if hump {
            words.push(String::new());
            run = 0;
        }
        run += 1;
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(given: &str, known: &str) -> Option<Decimal> {
        Phrase::of(given).factor(&Phrase::of(known), Measures::default())
    }

    #[test]
    fn names_of_one_quantity_are_told_with_their_factor() {
        assert_eq!(factor("monthlyInvocations", "requests"), Some(dec!(1)));
        assert_eq!(factor("number_of_requests", "requests"), Some(dec!(1)));
        assert_eq!(factor("requests_in_millions", "requests"), Some(dec!(1_000_000)));
        assert_eq!(factor("memorySizeMB", "memory_mb"), Some(dec!(1)));
        assert_eq!(factor("avg duration (s)", "duration_ms"), Some(dec!(1000)));
        assert_eq!(factor("stored_tb", "storage_gb"), Some(dec!(1024)));
        assert_eq!(factor("requests_per_minute", "requests_per_s").map(|n| n.round_dp(6)), Some(dec!(0.016667)));
        assert_eq!(factor("days", "hours"), Some(dec!(24)));
        assert_eq!(factor("months", "hours"), Some(dec!(730)));
        assert_eq!(factor("gb_hours", "gb_seconds"), Some(dec!(3600)));
        assert_eq!(factor("vCPUHours", "vcpu_hours"), Some(dec!(1)));
    }

    #[test]
    fn other_quantities_are_told_apart() {
        for (given, known) in [
            ("requests_per_connection", "requests"),
            ("requests_per_s", "requests"),
            ("memory_mb", "duration_ms"),
            ("gb_hours", "gb"),
            ("lcu_hours", "lcu"),
            ("read_units", "write_units"),
        ] {
            assert_eq!(factor(given, known), None, "{given} is not {known}");
        }
    }
}

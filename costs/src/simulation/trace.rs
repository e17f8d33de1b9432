//! How many requests arrive in which hour: read from a CSV file, or a Poisson process with a daily shape.

use std::io::Read;

use serde::Deserialize;
use thiserror::Error;

/// The load, hour by hour.
#[derive(Debug, Clone, PartialEq)]
pub enum Trace {
    /// Exactly so many requests in each hour, at random instants within it.
    Counted(Vec<u64>),
    /// A Poisson process with so many requests a second in each hour; their number varies.
    Poisson(Vec<f64>),
}

/// A trace that cannot be used.
#[derive(Debug, Error)]
pub enum TraceError {
    /// Not CSV, not with these columns, or not with whole numbers.
    #[error("the trace needs the columns hour and requests, with whole numbers")]
    Csv(#[from] csv::Error),
    /// An hour that does not follow the one before it.
    #[error("hour {hour} follows hour {last}; write every hour in order, with 0 requests where there were none")]
    Order {
        /// The hour.
        hour: u64,
        /// The one before it.
        last: u64,
    },
    /// A header alone.
    #[error("the trace has no hours")]
    Empty,
    /// A rate or shape that is not usable.
    #[error("{0}")]
    Poisson(String),
}

/// A row of a trace file.
#[derive(Deserialize)]
struct Row {
    hour: u64,
    requests: u64,
}

/// A day of a shop whose visitors live in a few neighbouring time zones: quiet from 1 to 6, busiest at 20. Assumed; the mean is
/// 1 after scaling.
pub const SHOP_DAY: [f64; 24] = [
    0.55, 0.35, 0.25, 0.20, 0.20, 0.25, 0.40, 0.60, 0.80, 0.95, 1.10, 1.20, 1.30, 1.25, 1.15, 1.10, 1.15, 1.25, 1.45,
    1.70, 1.80, 1.65, 1.30, 0.85,
];

impl Trace {
    /// Reads `hour,requests`. Hours are whole numbers, each one more than the line before.
    ///
    /// # Errors
    /// [`TraceError`] with the line or hour that is wrong.
    pub fn from_csv(input: impl Read) -> Result<Self, TraceError> {
        let (mut counts, mut last) = (Vec::new(), None::<u64>);
        for row in csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input).deserialize() {
            let Row { hour, requests } = row?;
            if let Some(last) = last.filter(|last| last.checked_add(1) != Some(hour)) {
                return Err(TraceError::Order { hour, last });
            }
            last = Some(hour);
            counts.push(requests);
        }
        if counts.is_empty() { Err(TraceError::Empty) } else { Ok(Self::Counted(counts)) }
    }

    /// A Poisson process of `hours` hours with `rate` requests a second on the mean of a day, shaped by `day`: relative weights
    /// of a day's equal parts (24 for hours), or nothing for a flat load.
    ///
    /// # Errors
    /// When the rate or a weight is negative or not finite, or there are no hours.
    pub fn poisson(rate: f64, hours: u32, day: &[f64]) -> Result<Self, TraceError> {
        let usable = |value: &f64| value.is_finite() && *value >= 0.0;
        if !usable(&rate) {
            return Err(TraceError::Poisson(format!("a rate of {rate} requests a second makes no sense")));
        }
        if hours == 0 {
            return Err(TraceError::Empty);
        }
        let sum: f64 = day.iter().sum();
        if !day.iter().all(usable) || (!day.is_empty() && (day.len() != 24 || sum <= 0.0)) {
            return Err(TraceError::Poisson("the shape of a day is 24 weights of zero or more, not all zero".into()));
        }
        let weight = |hour: u32| day.get(hour as usize % 24).map_or(1.0, |weight| weight * 24.0 / sum);
        Ok(Self::Poisson((0..hours).map(|hour| rate * weight(hour)).collect()))
    }

    /// Number of hours.
    pub fn hours(&self) -> usize {
        match self {
            Self::Counted(counts) => counts.len(),
            Self::Poisson(rates) => rates.len(),
        }
    }

    /// Expected requests a second in an hour.
    #[expect(clippy::cast_precision_loss, reason = "a rate, not a count")]
    pub fn rate(&self, hour: usize) -> f64 {
        match self {
            Self::Counted(counts) => counts[hour] as f64 / 3600.0,
            Self::Poisson(rates) => rates[hour],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error with its causes.
    fn error(text: &str) -> String {
        format!("{:#}", anyhow::Error::from(Trace::from_csv(text.as_bytes()).expect_err("a wrong trace")))
    }

    #[test]
    fn hours_are_read_in_order() {
        let trace = Trace::from_csv("hour,requests\n0,10\n1, 0\n2,7\n".as_bytes()).unwrap();
        assert_eq!(trace, Trace::Counted(vec![10, 0, 7]));
        let trace = Trace::from_csv("\u{feff}requests,note,hour\r\n4,x,17\r\n".as_bytes()).unwrap();
        assert_eq!(trace, Trace::Counted(vec![4]));
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, parts) in [
            ("time,requests\n0,1\n", ["columns hour and requests", "missing field `hour`"]),
            ("hour,requests\n0,1\n1,many\n", ["whole numbers", "line: 3"]),
            ("hour,requests\n0,1\n1,-4\n", ["whole numbers", "line: 3"]),
            ("hour,requests\n0\n", ["columns", "line: 2"]),
            ("hour,requests\n0,1\n\n2,1\n", ["hour 2 follows hour 0", "in order"]),
            ("hour,requests\n", ["the trace has", "no hours"]),
        ] {
            let error = error(text);
            assert!(parts.iter().all(|part| error.contains(part)), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_shape_of_a_day_keeps_the_mean() {
        let trace = Trace::poisson(10.0, 48, &SHOP_DAY).unwrap();
        let mean = (0..48).map(|hour| trace.rate(hour)).sum::<f64>() / 48.0;
        assert!((mean - 10.0).abs() < 1e-9, "{mean}");
        assert!(Trace::poisson(f64::NAN, 1, &[]).is_err());
        assert!(Trace::poisson(1.0, 1, &[1.0; 7]).is_err());
    }
}

//! How many requests arrive in which hour: read from a CSV file, or a mean rate with a daily shape.

use std::io::Read;

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// The load: a Poisson process with so many requests a second in each hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace(Vec<f64>);

/// A row of a trace file.
#[derive(Deserialize)]
struct Row {
    hour: u64,
    requests: u64,
}

impl Trace {
    /// Reads `hour,requests`. Hours are whole numbers, each one more than the line before.
    ///
    /// # Errors
    /// The line or hour that is wrong.
    #[expect(clippy::cast_precision_loss, reason = "a rate, not a count")]
    pub fn from_csv(input: impl Read) -> anyhow::Result<Self> {
        let (mut rates, mut last) = (Vec::new(), None::<u64>);
        for row in csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input).deserialize() {
            let Row { hour, requests } =
                row.context("the trace needs the columns hour and requests, with whole numbers")?;
            if let Some(last) = last {
                ensure!(
                    last.checked_add(1) == Some(hour),
                    "hour {hour} follows hour {last}; write every hour in order, with 0 requests where there were none"
                );
            }
            last = Some(hour);
            rates.push(requests as f64 / 3600.0);
        }
        ensure!(!rates.is_empty(), "the trace has no hours");
        Ok(Self(rates))
    }

    /// So many hours with `rate` requests a second on the mean of a day. `day` has the share of each hour in a day's load; nothing
    /// is a flat load.
    ///
    /// # Errors
    /// When the rate is negative or not finite, or there are no hours.
    pub fn poisson(rate: f64, hours: u32, day: &[f64]) -> anyhow::Result<Self> {
        ensure!(rate.is_finite() && rate >= 0.0, "a rate of {rate} requests a second makes no sense");
        ensure!(hours > 0, "there are no hours to simulate");
        let weight = |hour: u32| day.get(hour as usize % 24).map_or(1.0, |share| share * 24.0);
        Ok(Self((0..hours).map(|hour| rate * weight(hour)).collect()))
    }

    /// Requests a second in each hour.
    pub fn rates(&self) -> &[f64] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_in_order() {
        let trace = Trace::from_csv("hour,requests\n0,3600\n1, 0\n2,7200\n".as_bytes()).unwrap();
        assert_eq!(trace.rates(), [1.0, 0.0, 2.0]);
        let trace = Trace::from_csv("\u{feff}requests,note,hour\r\n1800,x,17\r\n".as_bytes()).unwrap();
        assert_eq!(trace.rates(), [0.5]);
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
            let error = format!("{:#}", Trace::from_csv(text.as_bytes()).expect_err("a wrong trace"));
            assert!(parts.iter().all(|part| error.contains(part)), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_shape_of_a_day_keeps_the_mean() {
        let day: Vec<f64> = (1..=24).map(|hour| f64::from(hour) / 300.0).collect();
        let trace = Trace::poisson(10.0, 48, &day).unwrap();
        let mean = trace.rates().iter().sum::<f64>() / 48.0;
        assert!((mean - 10.0).abs() < 1e-9, "{mean}");
        assert!(Trace::poisson(f64::NAN, 1, &[]).is_err() && Trace::poisson(1.0, 0, &[]).is_err());
    }
}

//! Scales of charts, and how numbers are written.

/// A logarithmic axis: each power of ten has the same length. Both ends are more than zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale(pub f64, pub f64);

impl Scale {
    /// The powers of ten around all of `values` that are more than zero.
    pub fn around(values: impl IntoIterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for value in values.into_iter().filter(|value| value.is_finite() && *value > 0.0) {
            (least, most) = (least.min(value), most.max(value));
        }
        if most == 0.0 {
            return Self(1.0, 10.0);
        }
        let (from, to) = (least.log10().floor(), most.log10().ceil());
        Self(10_f64.powf(from), 10_f64.powf(if to > from { to } else { from + 1.0 }))
    }

    /// Where a value lies, 0 to 100; values beyond the ends are put on them.
    pub fn at(self, value: f64) -> f64 {
        let Self(from, to) = self;
        ((value.max(f64::MIN_POSITIVE) / from).ln() / (to / from).ln()).clamp(0.0, 1.0) * 100.0
    }

    /// Values to mark, from the first end to the last, about five.
    pub fn ticks(self) -> Vec<f64> {
        let Self(from, to) = self;
        let each = ((to / from).log10().round() / 5.0).ceil();
        let tick = |n: u32| from * 10_f64.powf(f64::from(n) * each);
        (0..=40).map(tick).take_while(|tick| *tick <= to * 1.000_001).collect()
    }
}

/// USD for people: cents from a dollar on, below it three significant digits, so that nothing that costs looks free.
pub fn usd(amount: f64) -> String {
    let sign = if amount < 0.0 { "-" } else { "" };
    let size = amount.abs();
    match size {
        _ if !size.is_finite() => "unknown".to_owned(),
        0.0 => "$0".to_owned(),
        _ if size >= 0.995 => format!("{sign}${}", grouped(&format!("{size:.2}"))),
        _ if size >= 0.099_5 => format!("{sign}${size:.3}"),
        _ => format!("{sign}${}", significant(size, 3)),
    }
}

/// USD of a sum: whole dollars from a hundred on, since its quantities are not known better.
pub fn usd_sum(amount: f64) -> String {
    if amount.abs() >= 99.5 && amount.is_finite() {
        format!("${}", grouped(&format!("{amount:.0}")))
    } else {
        usd(amount)
    }
}

/// Two significant digits, for what has a wide band.
pub fn rough(value: f64) -> String {
    let size = value.abs();
    if !size.is_finite() || size < 10.0 {
        return significant(value, 2);
    }
    let unit = 10_f64.powf(size.log10().floor() - 1.0);
    grouped(&format!("{:.0}", (value / unit).round() * unit))
}

/// USD on an axis: `$100`, `$10k`.
pub fn usd_short(amount: f64) -> String {
    format!("${}", short(amount))
}

/// A count or a measure for people: three or four digits that say something, thousands apart.
pub fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !size.is_finite() => "unknown".to_owned(),
        0.0 => "0".to_owned(),
        _ if size >= 999.5 => grouped(&format!("{value:.0}")),
        _ if (value - value.round()).abs() < 1e-9 => format!("{value:.0}"),
        _ if size >= 0.001 => significant(value, 3),
        _ => format!("{value:.2e}"),
    }
}

/// An axis label: `1k`, `10M`.
pub fn short(value: f64) -> String {
    for (size, letter) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value.abs() >= size * 0.999_999 {
            return format!("{}{letter}", significant(value / size, 3));
        }
    }
    number(value)
}

/// `digits` significant digits, without zeros at the end.
fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "the exponent of a float")]
    let decimals = (digits - 1 - value.abs().log10().floor() as i32).clamp(0, 15);
    let text = format!("{value:.*}", usize::try_from(decimals).unwrap_or_default());
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

pub(crate) fn grouped(text: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_never_looks_free_when_it_is_not() {
        let texts = [0.0, 1_234_567.891, 1.0, 0.5, 0.012_345_6, 0.000_000_2, -3.5].map(usd);
        assert_eq!(texts, ["$0", "$1,234,567.89", "$1.00", "$0.500", "$0.0123", "$0.0000002", "-$3.50"]);
        assert_eq!(usd(f64::NAN), "unknown");
        assert_eq!([99.4, 1261.49].map(usd_sum), ["$99.40", "$1,261"]);
        assert_eq!([2.345, 418_123.0, 95.0].map(rough), ["2.3", "420,000", "95"]);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 12.0, 12.345, 259_200_000.0, 0.000_012].map(number),
            ["0", "12", "12.3", "259,200,000", "1.20e-5"]
        );
        assert_eq!([10.0, 1500.0, 1e6, 2.5e9].map(short), ["10", "1.5k", "1M", "2.5G"]);
    }

    #[test]
    fn scales_reach_all_values_and_tick_round_numbers() {
        let scale = Scale::around([0.3, 40.0]);
        assert_eq!(scale.ticks().iter().map(|tick| short(*tick)).collect::<Vec<_>>(), ["0.1", "1", "10", "100"]);
        assert!((scale.at(1.0) - 100.0 / 3.0).abs() < 1e-9);
        assert!(scale.at(0.0).abs() < 1e-9, "what is below the axis is put on its end");
        assert_eq!(Scale::around([]).ticks().len(), 2);
    }
}

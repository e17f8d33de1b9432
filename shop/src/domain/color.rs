//! Colors, and their contrast by the Web Content Accessibility Guidelines (WCAG 2.2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Format, RuleError, ValueRule};

/// A color in sRGB, such as `#9a3f1d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Color([u8; 3]);

impl Color {
    /// White.
    pub const WHITE: Self = Self([255; 3]);

    /// Contrast that WCAG level AA requires for text.
    pub const MIN_CONTRAST: f64 = 4.5;

    /// The color with these parts of red, green and blue.
    pub const fn new(rgb: [u8; 3]) -> Self {
        Self(rgb)
    }

    /// Contrast ratio with another color, from 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// Returns whether text in one of these colors is readable on the other.
    pub fn is_readable_on(self, other: Self) -> bool {
        self.contrast(other) >= Self::MIN_CONTRAST
    }

    /// This color mixed with `percent` of another.
    #[must_use]
    pub fn mixed(self, other: Self, percent: u8) -> Self {
        let percent = u32::from(percent.min(100));
        let mut mixed = self.0;
        for (own, other) in mixed.iter_mut().zip(other.0) {
            let sum = u32::from(*own) * (100 - percent) + u32::from(other) * percent;
            *own = u8::try_from((sum + 50) / 100).unwrap_or(u8::MAX);
        }
        Self(mixed)
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl FromStr for Color {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let digits = text.trim().strip_prefix('#').filter(|digits| digits.len() == 6);
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let [_, red, green, blue] = number
            .ok_or_else(|| RuleError::setting("shop.accent_color", ValueRule::Format(Format::Color)))?
            .to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl TryFrom<String> for Color {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<Color> for String {
    fn from(color: Color) -> Self {
        color.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color(text: &str) -> Color {
        text.parse().expect("a color")
    }

    #[test]
    fn a_color_is_six_hexadecimal_digits() {
        assert_eq!(color(" #9A3f1d ").to_string(), "#9a3f1d");
        for text in ["", "#", "9a3f1d", "#9a3f1", "#9a3f1d0", "#9a3f1g", "#+a3f1d", "red", "#fff", "#ä3f1"] {
            text.parse::<Color>().expect_err(text);
        }
    }

    /// Gray 118 is the lightest gray that is readable on white.
    #[test]
    fn contrast_is_that_of_wcag() {
        let ratio = |text: &str| format!("{:.2}", color(text).contrast(Color::WHITE));
        let ratios = ["#000000", "#ffffff", "#777777", "#767676"].map(ratio);
        assert_eq!(ratios, ["21.00", "1.00", "4.48", "4.54"]);
        assert!(color("#767676").is_readable_on(Color::WHITE) && !color("#777777").is_readable_on(Color::WHITE));
    }

    #[test]
    fn mixing_moves_a_color_towards_another() {
        assert_eq!(color("#204060").mixed(Color::WHITE, 0).to_string(), "#204060");
        assert_eq!(color("#204060").mixed(Color::WHITE, 50).to_string(), "#90a0b0");
        assert_eq!(color("#204060").mixed(Color::WHITE, 100), Color::WHITE);
    }
}

//! Order numbers for people. The order ID is derived from the number, so the number is as unique as the ID and finds the order
//! without an index.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use ulid::Ulid;

use super::{Field, Format, OrderId, RuleError};

/// Ten characters of Crockford's base 32, such as `0GXB7-65C6F`: 32 bits for the seconds since 2025, and 18 random bits. Two orders
/// in the same second may get the same number; the store then rejects the second ID, and the shop generates another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderNumber(u64);

/// 2025-01-01T00:00:00Z in seconds since 1970.
const EPOCH: i64 = 1_735_689_600;
const RANDOM_BITS: u32 = 18;
const CHARACTERS: usize = 10;
/// <https://www.crockford.com/base32.html>
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl OrderNumber {
    /// Generates a number for an order placed at `now`.
    pub fn generate(now: OffsetDateTime, random: [u8; 32]) -> Self {
        let seconds = u64::try_from(now.unix_timestamp() - EPOCH).unwrap_or(0) & u64::from(u32::MAX);
        let random = u32::from_be_bytes([random[0], random[1], random[2], random[3]]) >> (u32::BITS - RANDOM_BITS);
        Self((seconds << RANDOM_BITS) | u64::from(random))
    }

    /// The ID of the order with this number: a ULID with the second as its time, and the rest from SHA-256 over the number.
    pub fn order_id(self) -> OrderId {
        let milliseconds = ((self.0 >> RANDOM_BITS) + EPOCH.unsigned_abs()) * 1000;
        let digest = Sha256::new().chain_update("order number").chain_update(self.0.to_be_bytes()).finalize();
        let mut rest = [0; 16];
        rest[6..].copy_from_slice(&digest[..10]);
        OrderId::from_ulid(Ulid::from_parts(milliseconds, u128::from_be_bytes(rest)))
    }
}

impl fmt::Display for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..CHARACTERS).rev() {
            let digit = usize::try_from((self.0 >> (5 * place)) & 31).unwrap_or_default();
            write!(f, "{}", char::from(ALPHABET[digit]))?;
            if place == CHARACTERS / 2 {
                f.write_str("-")?;
            }
        }
        Ok(())
    }
}

impl FromStr for OrderNumber {
    type Err = RuleError;

    /// Parses a typed number: in any case, with or without hyphens, spaces and a leading `#`, with `O` for `0`, and `I` or `L` for `1`.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let malformed = || RuleError::malformed(Field::OrderNumber, Format::OrderNumber);
        let (mut number, mut characters) = (0, 0);
        let text = text.trim();
        let written = text.strip_prefix('#').unwrap_or(text).chars();
        for character in written.filter(|character| !matches!(character, ' ' | '-')) {
            let upper = match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let digit = ALPHABET.iter().position(|known| char::from(*known) == upper).ok_or_else(malformed)?;
            characters += 1;
            if characters > CHARACTERS {
                return Err(malformed());
            }
            number = (number << 5) | u64::try_from(digit).unwrap_or_default();
        }
        if characters == CHARACTERS { Ok(Self(number)) } else { Err(malformed()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_number_is_parsed_as_people_write_it() {
        let number = OrderNumber::generate(datetime!(2026-03-01 12:00 UTC), [0x5A; 32]);
        let text = number.to_string();
        assert_eq!((text.len(), text.find('-')), (11, Some(5)));
        let bare = text.replace('-', "");
        for written in [text.clone(), text.to_lowercase(), format!(" #{text} "), bare.clone(), text.replace('0', "o")] {
            assert_eq!(written.parse(), Ok(number), "{written}");
        }
        for wrong in ["", "-", "1234", "0000-0000-0000", "UUUUU-UUUUU", "ord_01ARZ3NDEK", "\u{661}2345-67890"] {
            wrong.parse::<OrderNumber>().expect_err(wrong);
        }
    }

    proptest! {
        #[test]
        fn numbers_and_ids_correspond(seconds in 0_i64..=i64::from(u32::MAX), a: [u8; 32], b: [u8; 32]) {
            let at = OffsetDateTime::from_unix_timestamp(EPOCH + seconds).expect("a time");
            let (a, b) = (OrderNumber::generate(at, a), OrderNumber::generate(at, b));
            prop_assert_eq!(a.to_string().parse(), Ok(a));
            prop_assert_eq!(a == b, a.order_id() == b.order_id());
            prop_assert_eq!(a == b, a.to_string() == b.to_string());
            prop_assert_eq!(a.order_id().as_str().parse(), Ok(a.order_id()));
        }
    }
}

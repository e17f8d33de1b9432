//! Postal addresses, and what else an invoice or a carrier needs.

use super::{AddressId, Country, CountryCode, Field, Format, PostalCodes, RuleError, ValueRule, line, lines};

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name of the recipient.
    pub name: String,
    /// Company of the recipient.
    pub company: Option<String>,
    /// Street and number.
    pub line1: String,
    /// Apartment or floor.
    pub line2: Option<String>,
    /// City.
    pub city: String,
    /// State or province: the code of [`Country::regions`] where it is known, for example `CA`.
    pub region: Option<String>,
    /// Postal code in the country's format; may be empty where some addresses have none.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: CountryCode,
}

/// An address of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedAddress {
    /// ID of the address.
    pub id: AddressId,
    /// The address.
    pub address: Address,
    /// Whether checkout starts with it. At most one address of an account is the default.
    pub is_default: bool,
}

/// The fields of a request that contain an address.
#[derive(Debug, Clone, Copy)]
pub struct AddressFields {
    name: Field,
    company: Field,
    line1: Field,
    line2: Field,
    city: Field,
    region: Field,
    postal_code: Field,
    country: Field,
}

impl AddressFields {
    /// An address of an account.
    pub const SAVED: Self = Self {
        name: Field::AddressName,
        company: Field::AddressCompany,
        line1: Field::AddressLine1,
        line2: Field::AddressLine2,
        city: Field::AddressCity,
        region: Field::AddressRegion,
        postal_code: Field::AddressPostalCode,
        country: Field::AddressCountry,
    };

    /// The billing address of an order.
    pub const BILLING: Self = Self {
        name: Field::BillingName,
        company: Field::BillingCompany,
        line1: Field::BillingLine1,
        line2: Field::BillingLine2,
        city: Field::BillingCity,
        region: Field::BillingRegion,
        postal_code: Field::BillingPostalCode,
        country: Field::BillingCountry,
    };

    /// The shipping address of an order.
    pub const SHIPPING: Self = Self {
        name: Field::ShippingName,
        company: Field::ShippingCompany,
        line1: Field::ShippingLine1,
        line2: Field::ShippingLine2,
        city: Field::ShippingCity,
        region: Field::ShippingRegion,
        postal_code: Field::ShippingPostalCode,
        country: Field::ShippingCountry,
    };
}

impl Address {
    /// Longest part of an address in characters.
    pub const MAX_CHARS: usize = 120;

    /// Trims spaces, drops empty optional parts and replaces the region by its code.
    ///
    /// # Errors
    /// Every part that is missing, too long or has unprintable characters, and a country that does not exist.
    pub fn validated(self, fields: AddressFields) -> Result<Self, Vec<RuleError>> {
        let country = Country::find(self.country);
        let not_found = country.is_none().then(|| RuleError::invalid(fields.country, ValueRule::Offered));
        let mut problems: Vec<_> = not_found.into_iter().collect();
        let mut part = |field: Field, text: String, required: bool| {
            line(&text, usize::from(required), Self::MAX_CHARS).unwrap_or_else(|rule| {
                problems.push(RuleError::invalid(field, rule));
                String::new()
            })
        };
        let needs_postal_code = country.is_none_or(|country| country.postal_code == PostalCodes::Required);
        let written = |text: String| match country {
            Some(country) => country.written_region(&text),
            None => Some(text),
        };
        let address = Self {
            name: part(fields.name, self.name, true),
            company: self.company.map(|text| part(fields.company, text, false)).filter(|text| !text.is_empty()),
            line1: part(fields.line1, self.line1, true),
            line2: self.line2.map(|text| part(fields.line2, text, false)).filter(|text| !text.is_empty()),
            city: part(fields.city, self.city, true),
            region: self.region.and_then(|text| written(part(fields.region, text, false))),
            postal_code: part(fields.postal_code, self.postal_code, needs_postal_code),
            country: self.country,
        };
        if problems.is_empty() { Ok(address) } else { Err(problems) }
    }
}

/// What a shopper enters for an order, beside the email address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDetails {
    /// Shipping address.
    pub shipping_address: Address,
    /// Billing address, if it is not the shipping address.
    pub billing_address: Option<Address>,
    /// VAT number of the buyer.
    pub vat_number: Option<String>,
    /// Phone number for the delivery.
    pub phone: Option<String>,
    /// Note for the delivery.
    pub delivery_note: Option<String>,
}

impl OrderDetails {
    /// Validates all of it, see [`Address::validated`], [`vat_number`], [`phone_number`] and [`delivery_note`].
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn validated(self) -> Result<Self, Vec<RuleError>> {
        let shipping = self.shipping_address.validated(AddressFields::SHIPPING);
        let billing = self.billing_address.map(|address| address.validated(AddressFields::BILLING)).transpose();
        let text = |text: Option<String>| text.unwrap_or_default();
        let (vat_number, phone) = (vat_number(&text(self.vat_number)), phone_number(&text(self.phone)));
        match (shipping, billing, vat_number, phone, delivery_note(&text(self.delivery_note))) {
            (Ok(shipping_address), Ok(billing_address), Ok(vat_number), Ok(phone), Ok(delivery_note)) => {
                Ok(Self { shipping_address, billing_address, vat_number, phone, delivery_note })
            }
            (shipping, billing, vat_number, phone, delivery_note) => {
                let addresses = [shipping.err(), billing.err()].into_iter().flatten().flatten();
                let others = [vat_number.err(), phone.err(), delivery_note.err()].into_iter().flatten();
                Err(addresses.chain(others).collect())
            }
        }
    }
}

/// Longest note for the delivery in characters.
const MAX_NOTE_CHARS: usize = 500;

/// A phone number as typed, without surrounding spaces; `None` if nothing was typed.
///
/// # Errors
/// For other characters than digits, spaces and `+ - . / ( )`, fewer than five digits, or more than 30 characters.
fn phone_number(text: &str) -> Result<Option<String>, RuleError> {
    let is_allowed = |c: char| c.is_ascii_digit() || " +-./()".contains(c);
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let number = text.trim_matches(' ');
    match number {
        "" => Ok(None),
        _ if text.len() <= 30 && digits >= 5 && text.chars().all(is_allowed) => Ok(Some(number.to_owned())),
        _ => Err(RuleError::malformed(Field::Phone, Format::Phone)),
    }
}

/// A VAT number in upper case, without spaces, dots and hyphens; `None` if nothing was typed. Whether it exists is not checked.
///
/// # Errors
/// For anything but 4 to 20 letters and digits. Some Irish numbers contain `+` or `*`.
fn vat_number(text: &str) -> Result<Option<String>, RuleError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '*';
    let number: String = text.chars().filter(|c| !" .-".contains(*c)).map(|c| c.to_ascii_uppercase()).collect();
    match number.len() {
        0 if text.len() <= 40 => Ok(None),
        4..=20 if text.len() <= 40 && number.chars().all(is_allowed) => Ok(Some(number)),
        _ => Err(RuleError::malformed(Field::VatNumber, Format::VatNumber)),
    }
}

/// A note for the delivery, with line breaks as `\n`; `None` if nothing was typed.
///
/// # Errors
/// For more than [`MAX_NOTE_CHARS`] characters, and control characters other than line breaks.
fn delivery_note(text: &str) -> Result<Option<String>, RuleError> {
    let text = lines(text);
    if text.chars().count() > MAX_NOTE_CHARS || text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(RuleError::invalid(Field::DeliveryNote, ValueRule::Length { min: 0, max: MAX_NOTE_CHARS }));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_are_kept_as_typed() {
        for typed in [" +49 (0)30 / 123-456.7 ", "110 00", "12345"] {
            assert_eq!(phone_number(typed), Ok(Some(typed.trim().to_owned())));
        }
        assert_eq!(phone_number("  "), Ok(None));
        for typed in ["1234", "call me", "12345\n6", "+49 30 1234567 ext 5", &"1".repeat(31)] {
            assert_eq!(phone_number(typed), Err(RuleError::malformed(Field::Phone, Format::Phone)), "{typed}");
        }
    }

    #[test]
    fn vat_numbers_are_normalized() {
        let cases = [
            ("de 123.456-789", "DE123456789"),
            ("IE1a23456+", "IE1A23456+"),
            ("CHE-123.456.789 MWST", "CHE123456789MWST"),
        ];
        for (typed, number) in cases {
            assert_eq!(vat_number(typed), Ok(Some(number.to_owned())), "{typed}");
        }
        assert_eq!(vat_number(" - "), Ok(None));
        for typed in ["DE1", "DE12345678901234567890", "DE 1234ß", "DE1234\u{0}"] {
            assert_eq!(vat_number(typed), Err(RuleError::malformed(Field::VatNumber, Format::VatNumber)), "{typed}");
        }
    }

    #[test]
    fn delivery_notes_keep_their_line_breaks() {
        assert_eq!(delivery_note(" Ring twice.\r\nThen wait.\n"), Ok(Some("Ring twice.\nThen wait.".to_owned())));
        assert_eq!(delivery_note("\r\n "), Ok(None));
        assert!(delivery_note(&"x".repeat(MAX_NOTE_CHARS)).is_ok());
        for note in ["x".repeat(MAX_NOTE_CHARS + 1), "bell\u{7}".to_owned(), "a\tb".to_owned()] {
            assert!(delivery_note(&note).is_err(), "{note:?}");
        }
    }
}

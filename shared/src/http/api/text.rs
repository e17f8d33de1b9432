//! Schemas of values that are a text on the wire: the rules that a client can check. The types belong to the shop, which also
//! trims spaces and normalizes Unicode.

use std::borrow::Cow;

use serde_json::json;
use shopease_shop::domain::Currency as ShopCurrency;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// Pattern of an ID: a prefix and a ULID.
macro_rules! id {
    ($prefix:literal) => {
        concat!("^", $prefix, "_[0-7][0-9A-HJKMNP-TV-Z]{25}$")
    };
}

/// A character of a handle, as the content of a character class.
macro_rules! no_handle {
    () => {
        concat!(unprintable!(), r#"\s/\\?#%&"'<>:;@=+"#)
    };
}

/// [`is_unprintable`](shopease_shop::domain::is_unprintable), as the content of a character class.
macro_rules! unprintable {
    () => {
        r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    };
}

/// Pattern of one line that is not blank.
macro_rules! line {
    () => {
        concat!("^[^", unprintable!(), r"]*[^\s", unprintable!(), "][^", unprintable!(), "]*$")
    };
}

macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident ($min:literal..=$max:literal, $pattern:expr, $example:literal);)+) => {
        $(
            $(#[doc = $doc])+
            pub struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let schema = ObjectBuilder::new().schema_type(Type::String).description(Some(concat!($($doc),+).trim()));
                    let schema = schema.pattern(Some($pattern)).min_length(Some($min)).max_length(Some($max));
                    schema.examples([json!($example)]).into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
            }
        )+
    };
}

texts! {
    /// Product ID.
    ProductId (30..=30, id!("prd"), "prd_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    /// Variant ID.
    VariantId (30..=30, id!("var"), "var_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    /// Cart ID.
    CartId (31..=31, id!("cart"), "cart_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    /// Line ID, derived from the SKU.
    LineItemId (29..=29, id!("li"), "li_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    /// Order ID.
    OrderId (30..=30, id!("ord"), "ord_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    /// Refund ID.
    RefundId (30..=30, id!("ref"), "ref_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    /// ID of an address.
    AddressId (30..=30, id!("adr"), "adr_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    /// Customer ID.
    CustomerId (30..=30, id!("cus"), "cus_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    /// Session ID.
    SessionId (30..=30, id!("ses"), "ses_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    /// Order number for people.
    OrderNumber (11..=11, "^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$", "0GXB7-65C6F");
    /// SKU of a variant, unique in the shop: no control characters, and none that are invisible or reorder text.
    Sku (1..=255, line!(), "KET-COP-08");
    /// Name of a product or category in URLs: letters and digits of any script, `-`, `_`, and `.`, except as the first character.
    Handle (1..=255, concat!("^[^.", no_handle!(), "][^", no_handle!(), "]*$"), "copper-stovetop-kettle");
    /// [`Handle`], or empty.
    OptionalHandle (0..=255, concat!("^$|^[^.", no_handle!(), "][^", no_handle!(), "]*$"), "copper-stovetop-kettle");
    /// [`Sku`], or empty.
    OptionalSku (0..=255, concat!("^[^", unprintable!(), "]*$"), "KET-COP-08");
    /// ISO 3166-1 alpha-2 code of a country. Requests may use lower case.
    Country (2..=2, "^[A-Za-z]{2}$", "DE");
    /// One line of text: not blank, without control characters, and without those that are invisible or reorder text.
    Line (1..=120, line!(), "Ada Lovelace");
    /// One line of text without control characters, and without those that are invisible or reorder text. It may be empty.
    OptionalLine (0..=120, concat!("^[^", unprintable!(), "]*$"), "");
    /// Name of an option, or a value of one.
    Name (1..=255, line!(), "Size");
    /// Phone number: at least five digits.
    PhoneNumber (0..=30, "^ *$|^[-0-9 +./()]*([0-9][-+ ./()]*){5}[-0-9 +./()]*$", "+49 30 1234567");
    /// VAT number: 4 to 20 letters and digits, without spaces, dots and hyphens.
    VatNumber (0..=40, "^[ .-]*$|^[ .-]*([A-Za-z0-9+*][ .-]*){4,20}$", "DE123456789");
    /// Text of several lines, without other control characters than line breaks, and without those that reorder text.
    Note (0..=500, r"^([^\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\r\n)*$", "Please ring twice.");
    /// Name of a carrier, or its number of a shipment: one line of text, which may be empty.
    CarrierText (0..=60, concat!("^[^", unprintable!(), "]*$"), "DHL");
    /// `https` URL, or nothing.
    HttpsAddress (
        0..=2000,
        concat!(r"^\s*$|^\s*[Hh][Tt][Tt][Pp][Ss]://[^/:?#\\\s", unprintable!(), r"][^\\\s", unprintable!(), r"]*\s*$"),
        "https://carrier.example/track"
    );
    /// Cursor of a page, as `next_cursor` of the page before it. It is valid only for the same listing.
    Cursor (1..=2048, "^[A-Za-z0-9_-]+$", "zKfJ8dHnMDE");
}

/// Email address (RFC 5321) without a display name. The shop treats upper and lower case as equal.
pub struct Email;

impl PartialSchema for Email {
    fn schema() -> RefOr<Schema> {
        let schema =
            ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)));
        schema.max_length(Some(254)).examples([json!("ada@example.com")]).into()
    }
}

impl ToSchema for Email {
    fn name() -> Cow<'static, str> {
        "Email".into()
    }
}

/// ISO 4217 code of a currency with minor units.
pub struct Currency;

impl PartialSchema for Currency {
    fn schema() -> RefOr<Schema> {
        let codes = ShopCurrency::all().iter().map(|currency| currency.code());
        let schema = ObjectBuilder::new().schema_type(Type::String).description(Some("ISO 4217 code."));
        schema.enum_values(Some(codes)).examples([json!("EUR")]).into()
    }
}

impl ToSchema for Currency {
    fn name() -> Cow<'static, str> {
        "Currency".into()
    }
}

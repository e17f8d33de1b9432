//! Stable names: what programs read where people read a sentence. The sentences are made where they are shown.

use std::fmt;

use super::Sku;

/// An enum of which every value has a name that never changes.
macro_rules! named {
    ($(#[$attr:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$attr])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $value,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }

            /// The value of a name. `None` for a name that this release does not know.
            pub fn find(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

named! {
    /// A field of a request, named as the API spells it.
    Field {
        /// What an operator does to an order.
        Action = "action",
        /// Amount of a refund.
        Amount = "amount",
        /// The request's JSON body as a whole.
        Body = "body",
        /// How stock is corrected.
        Change = "change",
        /// A country.
        Country = "country",
        /// A currency.
        Currency = "currency",
        /// An email address.
        Email = "email",
        /// Where the shipment of an order is.
        Fulfillment = "fulfillment",
        /// Name of a product or category in URLs.
        Handle = "handle",
        /// An id.
        Id = "id",
        /// The header with the client's key.
        IdempotencyKey = "Idempotency-Key",
        /// Language of the catalog.
        Language = "language",
        /// Rows of a page.
        Limit = "limit",
        /// Name of a customer.
        Name = "name",
        /// The order as a whole.
        Order = "order",
        /// What people call an order.
        OrderNumber = "number",
        /// Password of an account.
        Password = "password",
        /// Token of a card.
        PaymentMethod = "payment_method",
        /// Units of a line item.
        Quantity = "quantity",
        /// State or province of a quote.
        Region = "region",
        /// Search words.
        Search = "q",
        /// City of the shipping address.
        ShippingCity = "shipping_address.city",
        /// Country of the shipping address.
        ShippingCountry = "shipping_address.country",
        /// Street and number.
        ShippingLine1 = "shipping_address.line1",
        /// Apartment, floor, company.
        ShippingLine2 = "shipping_address.line2",
        /// Who receives the shipment.
        ShippingName = "shipping_address.name",
        /// Postal code.
        ShippingPostalCode = "shipping_address.postal_code",
        /// State or province.
        ShippingRegion = "shipping_address.region",
        /// A SKU.
        Sku = "sku",
        /// Order of a listing.
        Sort = "sort",
        /// Units of a stock correction.
        Units = "units",
    }
}

named! {
    /// How a value is written.
    Format {
        /// A decimal amount such as `24.90`.
        Amount = "amount",
        /// ISO 3166-1 alpha-2, upper case.
        Country = "country",
        /// ISO 4217.
        Currency = "currency",
        /// An email address of at most 254 characters.
        Email = "email",
        /// 1 to 255 letters, digits and hyphens.
        Handle = "handle",
        /// Prefix and ULID.
        Id = "id",
        /// 1 to 255 visible ASCII characters.
        IdempotencyKey = "idempotency_key",
        /// A JSON object.
        JsonObject = "json_object",
        /// Ten letters and digits of an order.
        OrderNumber = "order_number",
        /// A card token of the payment provider.
        PaymentMethod = "payment_method",
        /// The JSON schema of the request.
        Schema = "schema",
        /// 1 to 255 printable characters.
        Sku = "sku",
    }
}

/// What does not exist, or exists already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A category.
    Category,
    /// An account.
    Customer,
    /// An email address.
    Email,
    /// A static file.
    File,
    /// A line of a cart.
    LineItem,
    /// An order.
    Order,
    /// A message of the outbox.
    OutboxMessage,
    /// An address of the shop.
    Page,
    /// A product.
    Product,
    /// A session.
    Session,
    /// This SKU.
    Sku(Sku),
    /// A variant.
    Variant,
    /// What a newer release calls so.
    Other(String),
}

impl Subject {
    /// The stable name.
    pub fn name(&self) -> &str {
        match self {
            Self::Category => "category",
            Self::Customer => "customer",
            Self::Email => "email",
            Self::File => "file",
            Self::LineItem => "line item",
            Self::Order => "order",
            Self::OutboxMessage => "outbox message",
            Self::Page => "page",
            Self::Product => "product",
            Self::Session => "session",
            Self::Sku(_) => "sku",
            Self::Variant => "variant",
            Self::Other(name) => name,
        }
    }

    /// The SKU that it is.
    pub fn into_sku(self) -> Option<Sku> {
        match self {
            Self::Sku(sku) => Some(sku),
            _ => None,
        }
    }

    /// The subject of a name; `sku` is the one that a subject named `sku` is about.
    pub fn named(name: &str, sku: Option<Sku>) -> Self {
        let known = [
            Self::Category,
            Self::Customer,
            Self::Email,
            Self::File,
            Self::LineItem,
            Self::Order,
            Self::OutboxMessage,
            Self::Page,
            Self::Product,
            Self::Session,
            Self::Variant,
        ];
        let sku = sku.filter(|_| name == "sku").map(Self::Sku);
        sku.or_else(|| known.into_iter().find(|subject| subject.name() == name))
            .unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sku(sku) => write!(f, "sku {sku}"),
            other => f.write_str(other.name()),
        }
    }
}

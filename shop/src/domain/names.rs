//! Stable names of fields, formats and subjects, for API clients. The HTTP layer turns them into sentences for people.

use std::fmt;

use super::Sku;

/// Defines an enum whose values have stable names.
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

            /// Returns the value with a name; `None` if this release does not know it.
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
        /// Action of an operator on an order.
        Action = "action",
        /// An address of an account.
        Address = "address",
        /// City of an address.
        AddressCity = "address.city",
        /// Company of an address.
        AddressCompany = "address.company",
        /// Country of an address.
        AddressCountry = "address.country",
        /// Street and number of an address.
        AddressLine1 = "address.line1",
        /// Apartment or floor of an address.
        AddressLine2 = "address.line2",
        /// Name of the recipient of an address.
        AddressName = "address.name",
        /// Postal code of an address.
        AddressPostalCode = "address.postal_code",
        /// State or province of an address.
        AddressRegion = "address.region",
        /// Amount of a refund.
        Amount = "amount",
        /// City of the billing address.
        BillingCity = "billing_address.city",
        /// Company of the billing address.
        BillingCompany = "billing_address.company",
        /// Country of the billing address.
        BillingCountry = "billing_address.country",
        /// Street and number of the billing address.
        BillingLine1 = "billing_address.line1",
        /// Apartment or floor of the billing address.
        BillingLine2 = "billing_address.line2",
        /// Name of the recipient of the billing address.
        BillingName = "billing_address.name",
        /// Postal code of the billing address.
        BillingPostalCode = "billing_address.postal_code",
        /// State or province of the billing address.
        BillingRegion = "billing_address.region",
        /// The request's JSON body as a whole.
        Body = "body",
        /// Kind of stock correction.
        Change = "change",
        /// A country.
        Country = "country",
        /// A currency.
        Currency = "currency",
        /// Note for the delivery.
        DeliveryNote = "delivery_note",
        /// An email address.
        Email = "email",
        /// Fulfillment of an order.
        Fulfillment = "fulfillment",
        /// Name of a product or category in URLs.
        Handle = "handle",
        /// An ID.
        Id = "id",
        /// The `Idempotency-Key` header.
        IdempotencyKey = "Idempotency-Key",
        /// Language of the catalog.
        Language = "language",
        /// Number of rows per page.
        Limit = "limit",
        /// Name of a customer.
        Name = "name",
        /// The order as a whole.
        Order = "order",
        /// Order number.
        OrderNumber = "number",
        /// New password of an account.
        NewPassword = "new_password",
        /// Password of an account.
        Password = "password",
        /// Token of a card.
        PaymentMethod = "payment_method",
        /// Phone number for the delivery.
        Phone = "phone",
        /// File of a picture.
        Picture = "picture",
        /// Quantity of a line item.
        Quantity = "quantity",
        /// State or province of a quote.
        Region = "region",
        /// Search words.
        Search = "q",
        /// City of the shipping address.
        ShippingCity = "shipping_address.city",
        /// Company of the shipping address.
        ShippingCompany = "shipping_address.company",
        /// Country of the shipping address.
        ShippingCountry = "shipping_address.country",
        /// Street and number of the shipping address.
        ShippingLine1 = "shipping_address.line1",
        /// Apartment or floor of the shipping address.
        ShippingLine2 = "shipping_address.line2",
        /// Name of the recipient of the shipping address.
        ShippingName = "shipping_address.name",
        /// Postal code of the shipping address.
        ShippingPostalCode = "shipping_address.postal_code",
        /// State or province of the shipping address.
        ShippingRegion = "shipping_address.region",
        /// A SKU.
        Sku = "sku",
        /// Sort order of a listing.
        Sort = "sort",
        /// Status of a product.
        Status = "status",
        /// Tracking of a shipment.
        Tracking = "tracking",
        /// Name of the carrier of a shipment.
        TrackingCarrier = "tracking.carrier",
        /// The carrier's number of a shipment.
        TrackingNumber = "tracking.number",
        /// The carrier's page about a shipment.
        TrackingUrl = "tracking.url",
        /// Units of a stock correction.
        Units = "units",
        /// VAT number of the buyer.
        VatNumber = "vat_number",
    }
}

named! {
    /// An image that the merchant uploads for all pages.
    BrandImage {
        /// Icon in browser tabs and on home screens.
        Icon = "icon",
        /// Logo in the header.
        Logo = "logo",
    }
}

named! {
    /// A mail of the shop.
    MailKind {
        /// To the owner of an account: somebody has entered its address for another account.
        AccountExists = "account_exists",
        /// To the owner of a new email address.
        AddressVerification = "address_verification",
        /// To the former email address of an account.
        EmailChanged = "email_changed",
        /// To the operator: few units are left.
        LowStock = "low_stock",
        /// To the operator: an order was paid.
        NewOrder = "new_order",
        /// An unpaid order was canceled.
        OrderCanceled = "order_canceled",
        /// An order was paid.
        OrderConfirmation = "order_confirmation",
        /// Somebody wants a link to an order.
        OrderLink = "order_link",
        /// An order waits for a bank transfer.
        OrderReceived = "order_received",
        /// An order was refunded, in full or in part.
        OrderRefunded = "order_refunded",
        /// An order was shipped.
        OrderShipped = "order_shipped",
        /// The password of an account was changed.
        PasswordChanged = "password_changed",
        /// Somebody wants to reset the password of an account.
        PasswordReset = "password_reset",
        /// A payment was declined.
        PaymentFailed = "payment_failed",
    }
}

named! {
    /// Format of a value.
    Format {
        /// A decimal amount such as `24.90`.
        Amount = "amount",
        /// 1 to 40 lowercase letters, digits, hyphens and underscores.
        Code = "code",
        /// A color such as `#9a3f1d`.
        Color = "color",
        /// ISO 3166-1 alpha-2, upper case.
        Country = "country",
        /// ISO 4217.
        Currency = "currency",
        /// An email address of at most 254 characters.
        Email = "email",
        /// 1 to 255 letters, digits and hyphens.
        Handle = "handle",
        /// An `https` URL.
        HttpsAddress = "https_address",
        /// Prefix and ULID.
        Id = "id",
        /// 1 to 255 visible ASCII characters.
        IdempotencyKey = "idempotency_key",
        /// A PNG, JPEG or WebP image of at most 64 KiB, in Base64.
        Image = "image",
        /// An `https` URL of an image, or a path of the shop.
        ImageAddress = "image_address",
        /// A JSON object.
        JsonObject = "json_object",
        /// Ten letters and digits of an order.
        OrderNumber = "order_number",
        /// Pages of at most 100 KiB in total.
        PagesSize = "pages_size",
        /// A card token of the payment provider.
        PaymentMethod = "payment_method",
        /// A JPEG, PNG, WebP or GIF file within the limits of an upload.
        Picture = "picture",
        /// Digits, spaces and `+ - . / ( )`, at least five digits, at most 30 characters.
        Phone = "phone",
        /// The JSON schema of the request.
        Schema = "schema",
        /// 1 to 255 printable characters.
        Sku = "sku",
        /// A time zone of the IANA database, such as `Europe/Berlin`.
        TimeZone = "time_zone",
        /// 4 to 20 letters and digits.
        VatNumber = "vat_number",
        /// A path of the shop, or an `https`, `http`, `mailto` or `tel` URL.
        WebAddress = "web_address",
    }
}

/// The subject of a not-found or already-exists error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An address of an account.
    Address,
    /// A category.
    Category,
    /// An account.
    Customer,
    /// An email address.
    Email,
    /// A link that confirms an email address.
    EmailConfirmation,
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
    /// A link that resets a password.
    PasswordReset,
    /// A product.
    Product,
    /// A session.
    Session,
    /// A version of the settings.
    Settings,
    /// A SKU.
    Sku(Sku),
    /// A variant.
    Variant,
    /// Unknown subject of a newer release.
    Other(String),
}

impl Subject {
    /// The stable name.
    pub fn name(&self) -> &str {
        match self {
            Self::Address => "address",
            Self::Category => "category",
            Self::Customer => "customer",
            Self::Email => "email",
            Self::EmailConfirmation => "email confirmation",
            Self::File => "file",
            Self::LineItem => "line item",
            Self::Order => "order",
            Self::OutboxMessage => "outbox message",
            Self::Page => "page",
            Self::PasswordReset => "password reset",
            Self::Product => "product",
            Self::Session => "session",
            Self::Settings => "settings",
            Self::Sku(_) => "sku",
            Self::Variant => "variant",
            Self::Other(name) => name,
        }
    }

    /// Returns the SKU, if the subject is one.
    pub fn into_sku(self) -> Option<Sku> {
        match self {
            Self::Sku(sku) => Some(sku),
            _ => None,
        }
    }

    /// Returns the subject with a name; `sku` is used for the subject `sku`.
    pub fn named(name: &str, sku: Option<Sku>) -> Self {
        let known = [
            Self::Address,
            Self::Category,
            Self::Customer,
            Self::Email,
            Self::EmailConfirmation,
            Self::File,
            Self::LineItem,
            Self::Order,
            Self::OutboxMessage,
            Self::Page,
            Self::PasswordReset,
            Self::Product,
            Self::Session,
            Self::Settings,
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

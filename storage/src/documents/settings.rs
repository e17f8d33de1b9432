//! The settings of the shop.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use shopease_shop::domain;

use super::values::{Image, Money, each};
use super::{Stored, Version, names};

/// Declares the stored form of a struct with the same fields, and the conversions between both.
macro_rules! stored {
    ($name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        #[derive(Serialize, Deserialize)]
        struct $name {
            $($(#[$attribute])* $field: $type,)+
        }

        impl From<&domain::$name> for $name {
            fn from(value: &domain::$name) -> Self {
                Self { $($field: Write::write(&value.$field),)+ }
            }
        }

        impl From<$name> for domain::$name {
            fn from(stored: $name) -> Self {
                Self { $($field: Read::read(stored.$field),)+ }
            }
        }

        impl Write<domain::$name> for $name {
            fn write(value: &domain::$name) -> Self {
                value.into()
            }
        }

        impl Read<domain::$name> for $name {
            fn read(self) -> domain::$name {
                self.into()
            }
        }
    };
}

/// The stored form of a value.
trait Write<T> {
    fn write(value: &T) -> Self;
}

/// The value of a stored form.
trait Read<T> {
    fn read(self) -> T;
}

macro_rules! stored_as_it_is {
    ($($type:ty),+ $(,)?) => {
        $(
            impl Write<$type> for $type {
                fn write(value: &$type) -> Self {
                    value.clone()
                }
            }

            impl Read<$type> for $type {
                fn read(self) -> $type {
                    self
                }
            }
        )+
    };
}

stored_as_it_is!(
    String,
    bool,
    u32,
    u64,
    domain::Color,
    domain::CountryCode,
    domain::Currency,
    domain::EmailAddress,
    domain::Handle,
    domain::TaxClass,
    domain::TimeZone,
);

impl<T, U: Write<T>> Write<Vec<T>> for Vec<U> {
    fn write(values: &Vec<T>) -> Self {
        values.iter().map(U::write).collect()
    }
}

impl<T, U: Read<T>> Read<Vec<T>> for Vec<U> {
    fn read(self) -> Vec<T> {
        self.into_iter().map(U::read).collect()
    }
}

impl<T, U: Write<T>> Write<Option<T>> for Option<U> {
    fn write(value: &Option<T>) -> Self {
        value.as_ref().map(U::write)
    }
}

impl<T, U: Read<T>> Read<Option<T>> for Option<U> {
    fn read(self) -> Option<T> {
        self.map(U::read)
    }
}

impl Write<domain::Image> for Image {
    fn write(value: &domain::Image) -> Self {
        value.into()
    }
}

impl Read<domain::Image> for Image {
    fn read(self) -> domain::Image {
        self.into()
    }
}

/// Amounts by currency. A list, because a later release may add fields to objects.
#[derive(Serialize, Deserialize)]
struct Prices(Vec<Money>);

impl Write<BTreeMap<domain::Currency, i64>> for Prices {
    fn write(value: &BTreeMap<domain::Currency, i64>) -> Self {
        let amounts = value.iter().map(|(currency, minor)| domain::Money::new(*minor, *currency).into());
        Self(amounts.collect())
    }
}

impl Read<BTreeMap<domain::Currency, i64>> for Prices {
    fn read(self) -> BTreeMap<domain::Currency, i64> {
        let amounts = self.0.into_iter().map(domain::Money::from);
        amounts.map(|amount| (amount.currency, amount.amount_minor)).collect()
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Settings {
    v: Version<1>,
    shop: Branding,
    contact: Contact,
    home: HomePage,
    footer: Footer,
    pages: LegalPages,
    selling: Selling,
    tax_rates: Vec<TaxRate>,
    shipping_methods: Vec<ShippingMethod>,
}

stored!(Branding { name: String, accent_color: domain::Color, logo: Option<UploadedImage>, #[serde(default)] icon: Option<UploadedImage>, });
stored!(Contact {
    email: Option<domain::EmailAddress>,
    phone: Option<String>,
    postal_address: Option<String>,
});
stored!(HomePage {
    headline: String,
    text: String,
    image: Option<Image>,
    featured_categories: Vec<domain::Handle>,
});
stored!(Footer { text: String, links: Vec<FooterLink>, });
stored!(FooterLink { title: String, url: String });
stored!(LegalPages {
    imprint: LegalPage,
    terms: LegalPage,
    privacy: LegalPage,
    shipping: LegalPage,
    returns: LegalPage,
    contact: LegalPage,
});
stored!(LegalPage { text: String, is_draft: bool });
stored!(Selling {
    currency: domain::Currency,
    time_zone: domain::TimeZone,
    prices_include_tax: bool,
    countries: Vec<domain::CountryCode>,
    low_stock_units: u32,
});
stored!(TaxRate {
    country: domain::CountryCode,
    region: Option<String>,
    #[serde(with = "names::TaxClass")]
    class: domain::TaxClass,
    rate_ppm: u32,
    title: String,
});
stored!(ShippingMethod {
    id: String,
    title: String,
    delivery_estimate: String,
    countries: Vec<domain::CountryCode>,
    except_countries: Vec<domain::CountryCode>,
    min_weight_grams: u64,
    rate: ShippingRate,
    free_from: Prices,
});
stored!(WeightBand { up_to_grams: u64, price: Prices });

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind")]
enum ShippingRate {
    #[serde(rename = "flat")]
    Flat { price: Prices },
    #[serde(rename = "by_weight")]
    ByWeight { bands: Vec<WeightBand> },
}

impl Write<domain::ShippingRate> for ShippingRate {
    fn write(value: &domain::ShippingRate) -> Self {
        match value {
            domain::ShippingRate::Flat { price } => Self::Flat { price: Prices::write(price) },
            domain::ShippingRate::ByWeight { bands } => Self::ByWeight { bands: each(bands) },
        }
    }
}

impl Read<domain::ShippingRate> for ShippingRate {
    fn read(self) -> domain::ShippingRate {
        match self {
            Self::Flat { price } => domain::ShippingRate::Flat { price: price.read() },
            Self::ByWeight { bands } => domain::ShippingRate::ByWeight { bands: each(bands) },
        }
    }
}

/// An image in Base64; its format follows from its content.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "ImageText", into = "ImageText")]
struct UploadedImage(domain::UploadedImage);

#[derive(Serialize, Deserialize)]
struct ImageText {
    base64: String,
}

impl TryFrom<ImageText> for UploadedImage {
    type Error = String;

    fn try_from(text: ImageText) -> Result<Self, String> {
        let bytes = STANDARD.decode(text.base64).map_err(|error| error.to_string())?;
        domain::UploadedImage::new(bytes.into()).map(Self).ok_or_else(|| "not an image".to_owned())
    }
}

impl From<UploadedImage> for ImageText {
    fn from(UploadedImage(image): UploadedImage) -> Self {
        Self { base64: STANDARD.encode(&image.bytes) }
    }
}

impl Write<domain::UploadedImage> for UploadedImage {
    fn write(value: &domain::UploadedImage) -> Self {
        Self(value.clone())
    }
}

impl Read<domain::UploadedImage> for UploadedImage {
    fn read(self) -> domain::UploadedImage {
        self.0
    }
}

impl Stored for domain::Settings {
    const KIND: &'static str = "settings";
    type Document = Settings;
}

impl From<&domain::Settings> for Settings {
    fn from(settings: &domain::Settings) -> Self {
        Self {
            v: Version,
            shop: (&settings.shop).into(),
            contact: (&settings.contact).into(),
            home: (&settings.home).into(),
            footer: (&settings.footer).into(),
            pages: (&settings.pages).into(),
            selling: (&settings.selling).into(),
            tax_rates: each(&settings.tax.rates),
            shipping_methods: each(&settings.shipping.methods),
        }
    }
}

impl From<Settings> for domain::Settings {
    fn from(stored: Settings) -> Self {
        Self {
            shop: stored.shop.into(),
            contact: stored.contact.into(),
            home: stored.home.into(),
            footer: stored.footer.into(),
            pages: stored.pages.into(),
            selling: stored.selling.into(),
            tax: domain::TaxTable { rates: each(stored.tax_rates) },
            shipping: domain::ShippingTable { methods: each(stored.shipping_methods) },
        }
    }
}

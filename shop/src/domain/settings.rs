//! The settings of the shop: one document that the merchant edits, with every text, table and limit that is not the process's.

mod starter;
mod uploaded_image;
mod validation;

use super::{
    Color, CountryCode, Currency, EmailAddress, Handle, Image, PricingRules, ShippingTable, TaxTable, TimeZone,
};

pub use uploaded_image::{ImageFormat, MAX_UPLOAD_BYTES, UploadedImage};
pub use validation::{MAX_PAGE_CHARS, ValuePath, is_web_address};

/// The settings of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name and appearance.
    pub shop: Branding,
    /// How to reach the merchant.
    pub contact: Contact,
    /// The home page.
    pub home: HomePage,
    /// The footer of every page.
    pub footer: Footer,
    /// Legal and other pages.
    pub pages: LegalPages,
    /// Currency, countries and limits.
    pub selling: Selling,
    /// Tax rates.
    pub tax: TaxTable,
    /// Shipping methods with their prices and free-shipping thresholds.
    pub shipping: ShippingTable,
}

/// Name and appearance of the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branding {
    /// Name of the shop.
    pub name: String,
    /// Color of buttons and links. White text on it is readable.
    pub accent_color: Color,
    /// Logo, shown instead of the name in the header.
    pub logo: Option<UploadedImage>,
    /// Icon in browser tabs and on home screens, instead of the first letter of the name.
    pub icon: Option<UploadedImage>,
}

/// How to reach the merchant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contact {
    /// Email address.
    pub email: Option<EmailAddress>,
    /// Telephone number.
    pub phone: Option<String>,
    /// Postal address, several lines.
    pub postal_address: Option<String>,
}

/// The home page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomePage {
    /// Headline.
    pub headline: String,
    /// Text below it.
    pub text: String,
    /// Image beside it; without one, images of products are shown.
    pub image: Option<Image>,
    /// Categories to show, in this order; all if empty. Those that do not exist are left out.
    pub featured_categories: Vec<Handle>,
}

/// The footer of every page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// A short text about the shop.
    pub text: String,
    /// Further links.
    pub links: Vec<FooterLink>,
}

/// A link in the footer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FooterLink {
    /// Text of the link.
    pub title: String,
    /// `https`, `http`, `mailto` or `tel` URL, or a path of the shop.
    pub url: String,
}

macro_rules! pages {
    ($($(#[$doc:meta])* $kind:ident $field:ident,)+) => {
        /// A page of the shop that the merchant writes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum PageKind {
            $($(#[$doc])* $kind,)+
        }

        /// The pages that the merchant writes.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct LegalPages {
            $($(#[$doc])* pub $field: LegalPage,)+
        }

        impl PageKind {
            /// All pages, in footer order.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The name in URLs and in the settings file.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($field),)+
                }
            }
        }

        impl LegalPages {
            /// A page.
            pub const fn get(&self, kind: PageKind) -> &LegalPage {
                match kind {
                    $(PageKind::$kind => &self.$field,)+
                }
            }

            /// A page, to change it.
            pub const fn get_mut(&mut self, kind: PageKind) -> &mut LegalPage {
                match kind {
                    $(PageKind::$kind => &mut self.$field,)+
                }
            }
        }
    };
}

pages! {
    /// Who runs the shop.
    Imprint imprint,
    /// Terms and conditions.
    Terms terms,
    /// Privacy policy.
    Privacy privacy,
    /// Shipping: costs and times.
    Shipping shipping,
    /// Withdrawal and returns.
    Returns returns,
    /// Contact.
    Contact contact,
}

impl PageKind {
    /// The page with a name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

/// A page that the merchant writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalPage {
    /// The text in Markdown.
    pub text: String,
    /// Whether it is not finished. Pages say so, and the start of a process warns.
    pub is_draft: bool,
}

/// Currency, countries and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selling {
    /// Currency of imports without a currency.
    pub currency: Currency,
    /// Time zone of the times on pages.
    pub time_zone: TimeZone,
    /// Whether catalog and shipping prices include tax.
    pub prices_include_tax: bool,
    /// Countries that the shop sells to; all if empty.
    pub countries: Vec<CountryCode>,
    /// An order that leaves this many units or fewer publishes `stock.low`.
    pub low_stock_units: u32,
}

impl Settings {
    /// The rules that orders are priced by.
    pub fn pricing(&self) -> PricingRules {
        PricingRules {
            tax: self.tax.clone(),
            shipping: self.shipping.clone(),
            prices_include_tax: self.selling.prices_include_tax,
            sells_to: self.selling.countries.clone(),
        }
    }

    /// The pages that are not finished.
    pub fn drafts(&self) -> impl Iterator<Item = PageKind> {
        PageKind::ALL.iter().copied().filter(|kind| self.pages.get(*kind).is_draft)
    }

    /// Names of the sections that differ, as in the settings file.
    pub fn changed_sections(&self, other: &Self) -> Vec<&'static str> {
        let sections = [
            ("shop", self.shop != other.shop),
            ("contact", self.contact != other.contact),
            ("home", self.home != other.home),
            ("footer", self.footer != other.footer),
            ("selling", self.selling != other.selling),
            ("tax", self.tax != other.tax),
            ("shipping", self.shipping != other.shipping),
        ];
        let pages = PageKind::ALL.iter().filter(|kind| self.pages.get(**kind) != other.pages.get(**kind));
        let sections = sections.into_iter().filter(|(_, is_changed)| *is_changed).map(|(name, _)| name);
        sections.chain(pages.map(|kind| kind.path())).collect()
    }
}

impl PageKind {
    const fn path(self) -> &'static str {
        match self {
            Self::Imprint => "pages.imprint",
            Self::Terms => "pages.terms",
            Self::Privacy => "pages.privacy",
            Self::Shipping => "pages.shipping",
            Self::Returns => "pages.returns",
            Self::Contact => "pages.contact",
        }
    }
}

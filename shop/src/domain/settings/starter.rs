//! The settings of a new shop.

use super::{Branding, Contact, Footer, HomePage, LegalPage, LegalPages, Selling, Settings};
use crate::domain::{Color, Currency, ShippingTable, TaxTable, TimeZone};

impl Settings {
    /// The settings of a new shop with these tables. The texts are neutral, and the legal pages are drafts.
    pub fn starter(tax: TaxTable, shipping: ShippingTable) -> Self {
        // As a form would send it.
        let draft = |text: &str| LegalPage { text: text.trim().to_owned(), is_draft: true };
        Self {
            shop: Branding {
                name: Branding::STARTER_NAME.to_owned(),
                accent_color: Color::new([0x9a, 0x3f, 0x1d]),
                logo: None,
                icon: None,
            },
            contact: Contact::default(),
            home: HomePage::starter(),
            footer: Footer { text: String::new(), links: Vec::new() },
            pages: LegalPages {
                imprint: draft(include_str!("../../../data/pages/imprint.md")),
                terms: draft(include_str!("../../../data/pages/terms.md")),
                privacy: draft(include_str!("../../../data/pages/privacy.md")),
                shipping: draft(include_str!("../../../data/pages/shipping.md")),
                returns: draft(include_str!("../../../data/pages/returns.md")),
                contact: draft(include_str!("../../../data/pages/contact.md")),
            },
            selling: Selling {
                currency: Currency::EUR,
                time_zone: TimeZone::UTC,
                prices_include_tax: true,
                countries: Vec::new(),
                low_stock_units: 3,
            },
            tax,
            shipping,
        }
    }
}

impl HomePage {
    /// The home page of a new shop.
    pub fn starter() -> Self {
        let headline = "Welcome".to_owned();
        Self { headline, text: String::new(), image: None, featured_categories: Vec::new() }
    }

    /// The home page of a new shop with the demo catalog.
    pub fn of_demo_catalog() -> Self {
        Self {
            headline: "Good things for every day".to_owned(),
            text: "Useful, well-made things for the kitchen, the desk, the garden and the road.".to_owned(),
            ..Self::starter()
        }
    }
}

impl Branding {
    /// The name of a new shop.
    pub const STARTER_NAME: &str = "My shop";
}

//! The note beside prices: whether tax is included, and what shipping costs before the address is known.

use super::view::weight;
use crate::http::App;
use crate::http::texts;
use shopease_shop::domain::{Currency, Money, ShippingTerms};
use shopease_shop::services::{SaleTerms, ViewSaleTerms};

/// The terms of a shop in one currency.
pub struct PriceNote {
    /// Whether prices include tax.
    prices_include_tax: bool,
    /// Name of the tax, if there is one.
    tax_title: Option<String>,
    /// The first shipping method.
    pub shipping: Option<ShippingNote>,
}

/// A shipping method, as described beside prices.
pub struct ShippingNote {
    /// Title.
    pub title: String,
    /// Delivery estimate.
    pub delivery_estimate: String,
    /// Limits on destination and weight, such as ` to Germany, up to 30 kg`; empty without limits.
    pub limits: String,
    /// Whether it delivers to certain countries only.
    pub somewhere: bool,
    /// Lowest price.
    pub price_from: Money,
    /// Minimum order value for free shipping.
    pub free_from: Option<Money>,
}

impl PriceNote {
    /// The note for prices in a currency. If loading fails, the page is shown without the note.
    pub async fn find(app: &App, currency: Currency) -> Option<Self> {
        let SaleTerms { prices_include_tax, tax_title, shipping } =
            app.services.catalog.view_sale_terms(ViewSaleTerms).await.ok()?;
        let shipping = shipping.iter().find_map(|method| ShippingNote::of(method, currency));
        Some(Self { prices_include_tax, tax_title, shipping })
    }

    /// Returns whether there is something to say about tax.
    pub fn is_taxed(&self) -> bool {
        self.tax_title.is_some()
    }

    /// Whether prices include tax; empty if no tax is charged.
    pub fn about_tax(&self) -> String {
        match &self.tax_title {
            Some(title) if self.prices_include_tax => format!("incl. {title}"),
            Some(_) => "plus tax".to_owned(),
            None => String::new(),
        }
    }

    /// What connects the words about tax with `shipping`.
    pub fn before_shipping(&self) -> &'static str {
        match (&self.tax_title, self.prices_include_tax) {
            (Some(_), true) => ", plus ",
            (Some(_), false) => " and ",
            (None, _) => "plus ",
        }
    }
}

impl ShippingNote {
    fn of(method: &ShippingTerms, currency: Currency) -> Option<Self> {
        let in_currency = |amounts: &[Money]| amounts.iter().find(|amount| amount.currency == currency).copied();
        let names = method.countries.iter().map(|country| texts::country_name(*country));
        let places = match method.countries.len() {
            0 => String::new(),
            1..=3 => format!(" to {}", names.collect::<Vec<_>>().join(", ")),
            count => format!(" to {count} countries"),
        };
        let heaviest = method.up_to_grams.and_then(|grams| u32::try_from(grams).ok());
        let heaviest = heaviest.map(|grams| format!(", up to {}", weight(grams))).unwrap_or_default();
        Some(Self {
            title: method.title.clone(),
            delivery_estimate: method.delivery_estimate.clone(),
            limits: format!("{places}{heaviest}"),
            somewhere: !method.countries.is_empty(),
            price_from: in_currency(&method.prices_from)?,
            free_from: in_currency(&method.free_from),
        })
    }

    /// The amount that is missing for free shipping; `None` if shipping is already free or never free.
    pub fn missing(&self, subtotal: &Money) -> Option<Money> {
        let from = self.free_from.filter(|from| from.currency == subtotal.currency)?;
        let missing = from.amount_minor.saturating_sub(subtotal.amount_minor);
        (missing > 0).then_some(Money::new(missing, from.currency))
    }

    /// Returns whether an order of this value ships free.
    pub fn is_free(&self, subtotal: &Money) -> bool {
        self.free_from
            .is_some_and(|from| from.currency == subtotal.currency && subtotal.amount_minor >= from.amount_minor)
    }
}

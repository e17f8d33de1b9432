//! Shipping methods, configured as data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{CountryCode, Currency, Money, RuleError};

/// The price of a shipping method, in minor units per currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum ShippingRate {
    /// The same price for every shipment.
    Flat {
        /// Price by currency, minor units.
        price: BTreeMap<Currency, i64>,
    },
    /// By weight: the first band that covers the weight. The method is not offered for heavier shipments.
    ByWeight {
        /// Bands in ascending order of weight.
        bands: Vec<WeightBand>,
    },
}

/// A weight band of [`ShippingRate::ByWeight`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightBand {
    /// Maximum weight of the band in grams.
    pub up_to_grams: u64,
    /// Price by currency, minor units.
    pub price: BTreeMap<Currency, i64>,
}

/// A shipping method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippingMethod {
    /// Stable ID, for example `standard`.
    pub id: String,
    /// Title.
    pub title: String,
    /// Delivery estimate, for people.
    pub delivery_estimate: String,
    /// Countries that it delivers to; empty for all countries.
    #[serde(default)]
    pub countries: Vec<CountryCode>,
    /// Countries that it does not deliver to.
    #[serde(default)]
    pub except_countries: Vec<CountryCode>,
    /// Minimum weight in grams.
    #[serde(default)]
    pub min_weight_grams: u64,
    /// Price.
    pub rate: ShippingRate,
    /// Minimum order value for free shipping (minor units, by currency).
    #[serde(default)]
    pub free_from: BTreeMap<Currency, i64>,
}

/// All shipping methods, in display order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippingTable {
    /// The methods.
    pub methods: Vec<ShippingMethod>,
}

/// A shipping method with its price for one cart and destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippingOffer {
    /// Stable ID of the method.
    pub id: String,
    /// Title.
    pub title: String,
    /// Delivery estimate, for people; empty if nothing is shipped.
    pub delivery_estimate: String,
    /// Price for this cart, gross or net like the shop's prices.
    pub price: Money,
}

/// Terms of a shipping method that are known before the address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippingTerms {
    /// Title.
    pub title: String,
    /// Delivery estimate, for people.
    pub delivery_estimate: String,
    /// Countries that it delivers to; empty for all countries except some.
    pub countries: Vec<CountryCode>,
    /// Maximum weight in grams, if limited.
    pub up_to_grams: Option<u64>,
    /// Lowest price in each currency.
    pub prices_from: Vec<Money>,
    /// Minimum order value for free shipping, in each currency that has one.
    pub free_from: Vec<Money>,
}

impl ShippingOffer {
    /// ID of the only offer for a cart of which nothing is shipped.
    pub const NO_SHIPPING: &str = "none";

    /// The offer for a cart of which nothing is shipped.
    fn nothing_to_ship(currency: Currency) -> Self {
        Self {
            id: Self::NO_SHIPPING.to_owned(),
            title: "No shipping needed".to_owned(),
            delivery_estimate: String::new(),
            price: Money::zero(currency),
        }
    }

    /// Returns whether something is shipped.
    pub fn ships(&self) -> bool {
        self.id != Self::NO_SHIPPING
    }
}

impl ShippingTable {
    /// The terms of the methods for carts of any weight, in display order, in a shop that sells to these countries; an empty
    /// list means all.
    pub fn terms(&self, sells_to: &[CountryCode]) -> Vec<ShippingTerms> {
        let methods = self.methods.iter().filter(|method| method.min_weight_grams == 0);
        methods.filter_map(|method| method.terms(sells_to)).collect()
    }

    /// The methods for a cart worth `subtotal` and weighing `weight_grams`, shipped to `country`. A cart that needs no shipping is
    /// offered one free method, `none`.
    pub fn offers(
        &self,
        country: CountryCode,
        subtotal: Money,
        weight_grams: u64,
        needs_shipping: bool,
    ) -> Vec<ShippingOffer> {
        if !needs_shipping {
            return vec![ShippingOffer::nothing_to_ship(subtotal.currency)];
        }
        self.methods
            .iter()
            .filter(|method| method.delivers_to(country))
            .filter(|method| weight_grams >= method.min_weight_grams)
            .filter_map(|method| {
                let price = method.price(subtotal, weight_grams)?;
                Some(ShippingOffer {
                    id: method.id.clone(),
                    title: method.title.clone(),
                    delivery_estimate: method.delivery_estimate.clone(),
                    price,
                })
            })
            .collect()
    }

    /// Why there is no offer for a cart in this currency shipped to this country.
    pub fn reason_for_no_offer(&self, country: CountryCode, currency: Currency) -> RuleError {
        let here: Vec<_> = self.methods.iter().filter(|method| method.delivers_to(country)).collect();
        let priced = |method: &ShippingMethod| method.has_price_in(currency);
        if !self.methods.iter().any(priced) {
            RuleError::NoShippingPrice { currency }
        } else if !here.into_iter().any(priced) {
            RuleError::NoShipping { country }
        } else {
            RuleError::ShippingWeight { country }
        }
    }

    /// Describes which deliveries lack a price in a currency and what to do; `None` if there is a price for every country that any
    /// method delivers to.
    pub fn gap_of(&self, currency: Currency) -> Option<String> {
        let todo = format!("add prices in {currency} at /admin/settings, or sell in another currency");
        let priced: Vec<&ShippingMethod> = self.methods.iter().filter(|method| method.has_price_in(currency)).collect();
        if priced.is_empty() {
            return Some(format!(
                "no shipping method has a price in {currency}: products that need shipping cannot be ordered in it; {todo}"
            ));
        }
        let named: BTreeSet<CountryCode> = self
            .methods
            .iter()
            .flat_map(|method| method.countries.iter().chain(&method.except_countries))
            .copied()
            .collect();
        let delivers = |methods: &[&ShippingMethod], country: CountryCode| {
            methods.iter().any(|method| method.delivers_to(country))
        };
        let all: Vec<&ShippingMethod> = self.methods.iter().collect();
        let missing: Vec<String> = named
            .into_iter()
            .filter(|country| delivers(&all, *country) && !delivers(&priced, *country))
            .map(|country| country.to_string())
            .collect();
        let everywhere = |methods: &[&ShippingMethod]| methods.iter().any(|method| method.countries.is_empty());
        let rest = (everywhere(&all) && !everywhere(&priced)).then(|| "all other countries".to_owned());
        let missing: Vec<String> = missing.into_iter().chain(rest).collect();
        if missing.is_empty() {
            return None;
        }
        Some(format!("no shipping method has a price in {currency} for {}; {todo}", missing.join(", ")))
    }
}

impl ShippingMethod {
    /// `None` if the method delivers to none of the countries.
    fn terms(&self, sells_to: &[CountryCode]) -> Option<ShippingTerms> {
        let countries = if sells_to.is_empty() {
            self.countries.clone()
        } else {
            let reached: Vec<_> = sells_to.iter().copied().filter(|country| self.delivers_to(*country)).collect();
            if reached.is_empty() {
                return None;
            }
            reached
        };
        let amounts = |prices: &BTreeMap<Currency, i64>| -> Vec<Money> {
            prices.iter().map(|(currency, amount)| Money::new(*amount, *currency)).collect()
        };
        Some(ShippingTerms {
            title: self.title.clone(),
            delivery_estimate: self.delivery_estimate.clone(),
            countries,
            up_to_grams: match &self.rate {
                ShippingRate::Flat { .. } => None,
                ShippingRate::ByWeight { bands } => bands.iter().map(|band| band.up_to_grams).max(),
            },
            prices_from: amounts(&self.lowest_prices()),
            free_from: amounts(&self.free_from),
        })
    }

    fn lowest_prices(&self) -> BTreeMap<Currency, i64> {
        let bands = match &self.rate {
            ShippingRate::Flat { price } => return price.clone(),
            ShippingRate::ByWeight { bands } => bands,
        };
        let mut lowest: BTreeMap<Currency, i64> = BTreeMap::new();
        for (currency, amount) in bands.iter().flat_map(|band| &band.price) {
            let known = lowest.entry(*currency).or_insert(*amount);
            *known = (*known).min(*amount);
        }
        lowest
    }

    /// Returns whether the method delivers to a country.
    pub fn delivers_to(&self, country: CountryCode) -> bool {
        (self.countries.is_empty() || self.countries.contains(&country)) && !self.except_countries.contains(&country)
    }

    fn has_price_in(&self, currency: Currency) -> bool {
        match &self.rate {
            ShippingRate::Flat { price } => price.contains_key(&currency),
            ShippingRate::ByWeight { bands } => bands.iter().any(|band| band.price.contains_key(&currency)),
        }
    }

    fn price(&self, subtotal: Money, weight_grams: u64) -> Option<Money> {
        let currency = subtotal.currency;
        let prices = match &self.rate {
            ShippingRate::Flat { price } => price,
            ShippingRate::ByWeight { bands } => &bands.iter().find(|band| weight_grams <= band.up_to_grams)?.price,
        };
        let price = *prices.get(&currency)?;
        let free = self.free_from.get(&currency).is_some_and(|from| subtotal.amount_minor >= *from);
        Some(Money::new(if free { 0 } else { price }, currency))
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

//! Shipping methods: data, not code.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{CountryCode, Currency, Money, RuleError};

/// What a method charges, in minor units per currency it is offered in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum ShippingRate {
    /// The same for every shipment.
    Flat {
        /// Price by currency, minor units.
        price: BTreeMap<Currency, i64>,
    },
    /// By weight: the first band that is heavy enough. Heavier shipments are not offered the method.
    ByWeight {
        /// Bands by rising weight.
        bands: Vec<WeightBand>,
    },
}

/// A weight band of [`ShippingRate::ByWeight`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightBand {
    /// Heaviest shipment of the band in grams.
    pub up_to_grams: u64,
    /// Price by currency, minor units.
    pub price: BTreeMap<Currency, i64>,
}

/// A way to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippingMethod {
    /// Stable name, for example `standard`.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// How long it takes, for people.
    pub delivery_estimate: String,
    /// Where it delivers; empty means everywhere.
    #[serde(default)]
    pub countries: Vec<CountryCode>,
    /// Where it does not.
    #[serde(default)]
    pub except_countries: Vec<CountryCode>,
    /// Lightest cart it is offered for, in grams.
    #[serde(default)]
    pub min_weight_grams: u64,
    /// What it costs.
    pub rate: ShippingRate,
    /// Goods for at least this much (minor units, by currency) ship free.
    #[serde(default)]
    pub free_from: BTreeMap<Currency, i64>,
}

/// All methods of the shop, in the order they are offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippingTable {
    /// The methods.
    pub methods: Vec<ShippingMethod>,
}

/// A method with its price for one cart and address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippingOffer {
    /// Stable name of the method.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// How long it takes, for people.
    pub delivery_estimate: String,
    /// What it costs this cart, gross or net as the shop's prices.
    pub price: Money,
}

/// What a shopper can know of a method before there is an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippingTerms {
    /// Name for people.
    pub title: String,
    /// How long it takes, for people.
    pub delivery_estimate: String,
    /// Where it delivers; empty when that is said by exclusion only, or everywhere.
    pub countries: Vec<CountryCode>,
    /// Heaviest shipment in grams, where there is a limit.
    pub up_to_grams: Option<u64>,
    /// Its lowest price in each currency.
    pub prices_from: Vec<Money>,
    /// Goods for at least this much ship free, in each currency that has such a limit.
    pub free_from: Vec<Money>,
}

impl ShippingTable {
    /// What holds before there is an address, in the order the methods are offered.
    pub fn terms(&self) -> Vec<ShippingTerms> {
        self.methods.iter().map(ShippingMethod::terms).collect()
    }

    /// The methods for goods of `subtotal` weighing `weight_grams` that go to `country`. A cart without anything
    /// to send (`needs_shipping` false) is offered one free method, `none`.
    pub fn offers(
        &self,
        country: CountryCode,
        subtotal: Money,
        weight_grams: u64,
        needs_shipping: bool,
    ) -> Vec<ShippingOffer> {
        if !needs_shipping {
            let price = Money::zero(subtotal.currency);
            return vec![ShippingOffer {
                id: "none".to_owned(),
                title: "No shipping needed".to_owned(),
                delivery_estimate: "at once".to_owned(),
                price,
            }];
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

    /// Why there is no offer for a cart in a currency that goes to a country.
    pub fn why_none(&self, country: CountryCode, currency: Currency) -> RuleError {
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

    /// What cannot be delivered for want of a price in a currency, with what to do; `None` when some method has a price
    /// wherever another delivers.
    pub fn gap_of(&self, currency: Currency) -> Option<String> {
        let todo = format!("add prices in {currency} to SHOPEASE_SHIPPING_METHODS, or sell in another currency");
        let priced: Vec<&ShippingMethod> = self.methods.iter().filter(|method| method.has_price_in(currency)).collect();
        if priced.is_empty() {
            return Some(format!(
                "no shipping method has a price in {currency}: nothing that is shipped can be ordered in it; {todo}"
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
        Some(format!("no shipping method has a price in {currency} to {}; {todo}", missing.join(", ")))
    }
}

impl ShippingMethod {
    fn terms(&self) -> ShippingTerms {
        let amounts = |prices: &BTreeMap<Currency, i64>| -> Vec<Money> {
            prices.iter().map(|(currency, amount)| Money::new(*amount, *currency)).collect()
        };
        ShippingTerms {
            title: self.title.clone(),
            delivery_estimate: self.delivery_estimate.clone(),
            countries: self.countries.clone(),
            up_to_grams: match &self.rate {
                ShippingRate::Flat { .. } => None,
                ShippingRate::ByWeight { bands } => bands.iter().map(|band| band.up_to_grams).max(),
            },
            prices_from: amounts(&self.lowest_prices()),
            free_from: amounts(&self.free_from),
        }
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

    fn delivers_to(&self, country: CountryCode) -> bool {
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

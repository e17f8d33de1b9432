//! Quotes: lines, shipping, tax and total of a cart for a destination. Pure: the same input always gives the same quote.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{
    ChargeLimits, CountryCode, Destination, Image, Money, Product, Quantity, RuleError, ShippingOffer, ShippingTable,
    Sku, TaxClass, TaxTable, Variant,
};

/// Configuration of pricing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricingRules {
    /// Tax rates.
    pub tax: TaxTable,
    /// Shipping methods.
    pub shipping: ShippingTable,
    /// Whether catalog and shipping prices include tax (gross, as consumers in Europe expect) or not (net).
    pub prices_include_tax: bool,
    /// Countries that the shop sells to; empty for all countries.
    pub sells_to: Vec<CountryCode>,
}

impl PricingRules {
    /// Name of the tax in the shop's country, which is the first one that it sells to; `None` if no tax is charged there. A shop that
    /// sells to all countries is in one of those with a rate. If prices are net, a tax of any country that it sells to is named, because
    /// it comes on top.
    pub fn tax_title(&self) -> Option<&str> {
        let home = self.sells_to.first();
        let charged = || self.tax.rates.iter().filter(|rate| rate.rate_ppm > 0);
        // The standard rate of the whole country is the one that people know.
        let at_home = charged().filter(|rate| home.is_none_or(|home| rate.country == *home));
        let best = at_home.min_by_key(|rate| (rate.class, rate.region.is_some()));
        let abroad = || charged().find(|rate| !self.prices_include_tax && self.sells_to.contains(&rate.country));
        best.or_else(abroad).map(|rate| rate.title.as_str())
    }
}

/// A cart line with the catalog data that pricing needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    /// The line as the shopper sees it.
    pub line: QuoteLine,
    /// Which tax rate applies.
    pub tax_class: TaxClass,
    /// Weight of one unit.
    pub weight_grams: u32,
    /// Whether it needs shipping.
    pub requires_shipping: bool,
}

/// A line of a cart, quote or order, with its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuoteLine {
    /// The variant.
    pub sku: Sku,
    /// Product name in URLs.
    pub product_handle: super::Handle,
    /// Product title.
    pub title: String,
    /// Variant title such as `Large / Blue`; empty without options.
    pub variant_title: String,
    /// Image of the variant or product.
    pub image: Option<Image>,
    /// Quantity.
    pub quantity: Quantity,
    /// Price of one unit.
    pub unit_price: Money,
    /// Price of all units.
    pub line_total: Money,
}

impl QuoteLine {
    /// Maximum size of the texts of one line in a stored order. With [`super::MAX_CART_LINES`] such lines, their other fields, address,
    /// payment and refunds, an order stays below the 400 KB limit of a DynamoDB item.
    pub const MAX_STORED_BYTES: usize = 7_000;
    /// Maximum length of the image's alternative text in a line: enough to identify the product.
    const MAX_ALT_CHARS: usize = 125;

    /// A line with a quantity of a variant at a unit price.
    ///
    /// # Errors
    /// [`RuleError`] when the total is too large.
    pub fn of(product: &Product, variant: &Variant, unit_price: Money, quantity: Quantity) -> Result<Self, RuleError> {
        Ok(Self {
            sku: variant.sku.clone(),
            product_handle: product.handle.clone(),
            title: product.title.clone(),
            variant_title: variant.title(),
            image: Self::image_of(product, variant),
            quantity,
            unit_price,
            line_total: unit_price.checked_mul(quantity.get())?,
        })
    }

    /// Size of the texts of a line with this variant as JSON. The SKU counts twice, because its reservation contains it too.
    pub fn stored_bytes(product: &Product, variant: &Variant) -> usize {
        let image = Self::image_of(product, variant);
        let (url, alt) = image.as_ref().map_or(("", ""), |image| (&image.url, &image.alt));
        let (sku, title) = (variant.sku.as_str(), variant.title());
        let texts = [sku, sku, product.handle.as_str(), &product.title, &title, url, alt];
        // Quotation marks and backslashes are escaped in JSON.
        texts.iter().map(|text| text.len() + text.matches(['"', '\\']).count()).sum()
    }

    fn image_of(product: &Product, variant: &Variant) -> Option<Image> {
        let own = variant.image.and_then(|index| product.images.get(usize::from(index)));
        let image = own.or_else(|| product.images.first())?;
        Some(Image { url: image.url.clone(), alt: image.alt.chars().take(Self::MAX_ALT_CHARS).collect() })
    }
}

/// The tax at one rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxLine {
    /// Name of the tax.
    pub title: String,
    /// Rate in parts per million: 190000 is 19%.
    pub rate_ppm: u32,
    /// Amount of tax.
    pub amount: Money,
}

/// A shipping method that can be chosen for a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedOffer {
    /// The method with its price.
    pub offer: ShippingOffer,
    /// Total to pay with this method; absent if it is out of range, and in answers of releases that did not compute it.
    pub total: Option<Money>,
}

/// The price of a cart for a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Lines with their prices.
    pub lines: Vec<QuoteLine>,
    /// Sum of the lines.
    pub subtotal: Money,
    /// All shipping methods for this cart and destination.
    pub shipping_offers: Vec<QuotedOffer>,
    /// The chosen method, or the first offered.
    pub shipping: ShippingOffer,
    /// Taxes, one line per rate, highest rate first; already included in the prices if `prices_include_tax`.
    pub tax_lines: Vec<TaxLine>,
    /// Sum of the tax lines.
    pub tax_total: Money,
    /// Whether the prices of lines and shipping include tax.
    pub prices_include_tax: bool,
    /// Total to pay: `subtotal + shipping`, plus `tax_total` unless the prices include it.
    pub total: Money,
}

/// Prices a cart.
///
/// Tax is computed once per rate on the sum of the amounts it applies to, and rounded half away from zero. Shipping is taxed at the
/// standard rate. Where the table has no rate, no tax is charged and gross prices stay unchanged. Shipping prices and added taxes
/// are rounded to amounts that can be charged; line prices already are.
///
/// # Errors
/// [`RuleError`]: an empty cart, several currencies, no shipping to the destination, a method that is not offered, a total that
/// cannot be charged, or an amount out of range.
pub fn quote(
    lines: &[PricedLine],
    place: &Destination,
    shipping_method: Option<&str>,
    rules: &PricingRules,
    limits: &ChargeLimits,
) -> Result<Quote, RuleError> {
    let currency = lines.first().ok_or(RuleError::EmptyCart)?.line.unit_price.currency;
    let mut subtotal = Money::zero(currency);
    let mut weight_grams = 0_u64;
    let mut taxable: BTreeMap<TaxClass, Money> = BTreeMap::new();
    for priced in lines {
        let total = priced.line.line_total;
        if total.currency != currency {
            return Err(RuleError::CurrencyMismatch { cart: currency, variant: total.currency });
        }
        subtotal = subtotal.checked_add(total)?;
        weight_grams += u64::from(priced.weight_grams) * u64::from(priced.line.quantity.get());
        let base = taxable.entry(priced.tax_class).or_insert(Money::zero(currency));
        *base = base.checked_add(total)?;
    }
    let needs_shipping = lines.iter().any(|priced| priced.requires_shipping);
    let mut shipping_offers = rules.shipping.offers(place.country(), subtotal, weight_grams, needs_shipping);
    if shipping_offers.is_empty() {
        return Err(rules.shipping.reason_for_no_offer(place.country(), currency));
    }
    for offer in &mut shipping_offers {
        offer.price = limits.round(offer.price)?;
    }
    let shipping = choose(&shipping_offers, shipping_method, place.country())?;
    let sums = |offer: &ShippingOffer| sums(subtotal, taxable.clone(), offer.price, place, rules, limits);
    let Sums { tax_lines, tax_total, total } = sums(&shipping)?;
    limits.check(total)?;
    let quoted = |offer: ShippingOffer| QuotedOffer { total: sums(&offer).ok().map(|sums| sums.total), offer };
    Ok(Quote {
        lines: lines.iter().map(|priced| priced.line.clone()).collect(),
        subtotal,
        shipping_offers: shipping_offers.into_iter().map(quoted).collect(),
        shipping,
        tax_lines,
        tax_total,
        prices_include_tax: rules.prices_include_tax,
        total,
    })
}

/// Taxes and total with one shipping method.
struct Sums {
    tax_lines: Vec<TaxLine>,
    tax_total: Money,
    total: Money,
}

fn sums(
    subtotal: Money,
    mut taxable: BTreeMap<TaxClass, Money>,
    shipping: Money,
    place: &Destination,
    rules: &PricingRules,
    limits: &ChargeLimits,
) -> Result<Sums, RuleError> {
    let currency = subtotal.currency;
    if shipping.amount_minor > 0 {
        let base = taxable.entry(TaxClass::Standard).or_insert(Money::zero(currency));
        *base = base.checked_add(shipping)?;
    }
    let tax_lines = tax_lines(&taxable, place, rules, limits)?;
    let mut tax_total = Money::zero(currency);
    for line in &tax_lines {
        tax_total = tax_total.checked_add(line.amount)?;
    }
    let mut total = subtotal.checked_add(shipping)?;
    if !rules.prices_include_tax {
        total = total.checked_add(tax_total)?;
    }
    Ok(Sums { tax_lines, tax_total, total })
}

fn choose(offers: &[ShippingOffer], wanted: Option<&str>, country: CountryCode) -> Result<ShippingOffer, RuleError> {
    let first = offers.first().ok_or(RuleError::NoShipping { country })?;
    match wanted {
        None => Ok(first.clone()),
        Some(id) => offers
            .iter()
            .find(|offer| offer.id == id)
            .cloned()
            // The client may send any text: long ones are truncated.
            .ok_or_else(|| RuleError::ShippingNotOffered { method: id.chars().take(64).collect() }),
    }
}

fn tax_lines(
    taxable: &BTreeMap<TaxClass, Money>,
    place: &Destination,
    rules: &PricingRules,
    limits: &ChargeLimits,
) -> Result<Vec<TaxLine>, RuleError> {
    const MILLION: i64 = 1_000_000;
    // Classes with the same rate are taxed together. The highest rate is first.
    let mut bases: BTreeMap<(Reverse<u32>, &str), Money> = BTreeMap::new();
    for (class, base) in taxable {
        let Some(rate) = rules.tax.rate(place, *class).filter(|rate| rate.rate_ppm > 0) else { continue };
        let sum = bases.entry((Reverse(rate.rate_ppm), &rate.title)).or_insert(Money::zero(base.currency));
        *sum = sum.checked_add(*base)?;
    }
    let lines = bases.into_iter().map(|((Reverse(rate_ppm), title), base)| {
        let ppm = i64::from(rate_ppm);
        let amount = if rules.prices_include_tax {
            base.checked_ratio(ppm, MILLION + ppm)?
        } else {
            limits.round(base.checked_ratio(ppm, MILLION)?)?
        };
        Ok(TaxLine { title: title.to_owned(), rate_ppm, amount })
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Currency, DestinationFields, Field};

    const NONE: ChargeLimits = ChargeLimits::NONE;

    fn rules(prices_include_tax: bool) -> PricingRules {
        PricingRules {
            tax: serde_json::from_str(
                r#"{"rates": [
                    {"country": "DE", "class": "standard", "rate_ppm": 190000, "title": "VAT"},
                    {"country": "DE", "class": "reduced", "rate_ppm": 70000, "title": "VAT"},
                    {"country": "US", "region": "CA", "class": "standard", "rate_ppm": 72500, "title": "Sales tax"}]}"#,
            )
            .expect("a tax table"),
            shipping: serde_json::from_str(
                r#"{"methods": [
                    {"id": "standard", "title": "Standard", "delivery_estimate": "2 days", "except_countries": ["XK"],
                     "rate": {"kind": "by_weight", "bands": [
                        {"up_to_grams": 1000, "price": {"EUR": 490}}, {"up_to_grams": 5000, "price": {"EUR": 790}}]},
                     "free_from": {"EUR": 10000}},
                    {"id": "express", "title": "Express", "delivery_estimate": "1 day", "countries": ["DE"],
                     "rate": {"kind": "flat", "price": {"EUR": 1290}}}]}"#,
            )
            .expect("a shipping table"),
            prices_include_tax,
            sells_to: Vec::new(),
        }
    }

    #[test]
    fn the_tax_beside_prices_is_that_of_the_shops_country() {
        let of = |countries: &[&str]| {
            let sells_to = countries.iter().map(|code| code.parse().expect("a country")).collect();
            PricingRules { sells_to, ..rules(true) }.tax_title().map(str::to_owned)
        };
        assert_eq!(of(&["DE", "CH"]).as_deref(), Some("VAT"));
        assert_eq!(of(&["CH", "DE"]), None, "Switzerland has no rate");
        let net = PricingRules {
            sells_to: vec!["CH".parse().expect("a country"), "DE".parse().expect("a country")],
            ..rules(false)
        };
        assert_eq!(net.tax_title(), Some("VAT"), "it comes on top in Germany");
        assert_eq!(of(&["US"]).as_deref(), Some("Sales tax"));
        assert_eq!(of(&[]).as_deref(), Some("VAT"), "national rates first");
        let mut free = rules(true);
        free.tax.rates.iter_mut().for_each(|rate| rate.rate_ppm = 0);
        assert_eq!(free.tax_title(), None);
    }

    fn place(country: &str, region: Option<&str>) -> Destination {
        let fields = DestinationFields { country: Field::Country, region: Field::Region };
        rules(true).destination(country.parse().expect("a code"), region, fields).expect("a destination")
    }

    fn line(sku: &str, minor: i64, quantity: u32, tax_class: TaxClass, weight_grams: u32) -> PricedLine {
        let unit_price = Money::new(minor, Currency::EUR);
        PricedLine {
            line: QuoteLine {
                sku: sku.parse().expect("a SKU"),
                product_handle: "thing".parse().expect("a handle"),
                title: "Thing".to_owned(),
                variant_title: String::new(),
                image: None,
                quantity: Quantity::new(quantity).expect("in range"),
                unit_price,
                line_total: unit_price.checked_mul(quantity).expect("small"),
            },
            tax_class,
            weight_grams,
            requires_shipping: true,
        }
    }

    fn country(code: &str) -> CountryCode {
        code.parse().expect("a country")
    }

    #[test]
    fn gross_prices_include_tax_and_net_prices_add_it() {
        let lines = [line("A", 1190, 2, TaxClass::Standard, 100), line("B", 1070, 1, TaxClass::Reduced, 100)];
        let gross = quote(&lines, &place("DE", None), None, &rules(true), &NONE).expect("a quote");
        assert_eq!(
            (gross.subtotal.amount_minor, gross.shipping.price.amount_minor, gross.total.amount_minor),
            (3450, 490, 3940)
        );
        assert_eq!(
            gross.tax_lines.iter().map(|tax| (tax.rate_ppm, tax.amount.amount_minor)).collect::<Vec<_>>(),
            [(190_000, 458), (70_000, 70)]
        );
        let net = quote(&lines, &place("DE", None), None, &rules(false), &NONE).expect("a quote");
        assert_eq!((net.tax_total.amount_minor, net.total.amount_minor), (545 + 75, 3940 + 620));
    }

    #[test]
    fn a_place_without_a_reduced_rate_charges_the_standard_rate() {
        let rates = |class| {
            let sold = [line("A", 1000, 1, class, 100)];
            let quote = quote(&sold, &place("US", Some("CA")), None, &rules(false), &NONE).expect("a quote");
            quote.tax_lines.iter().map(|tax| (tax.rate_ppm, tax.amount.amount_minor)).collect::<Vec<_>>()
        };
        assert_eq!(rates(TaxClass::Reduced), rates(TaxClass::Standard));
        assert_eq!(rates(TaxClass::Reduced), [(72_500, 108)]);
        // Shipping is taxed at the standard rate.
        assert_eq!(rates(TaxClass::Exempt), [(72_500, 36)]);
    }

    #[test]
    fn each_shipping_method_has_the_total_that_choosing_it_gives() {
        let lines = [line("A", 1190, 2, TaxClass::Standard, 100), line("B", 1070, 1, TaxClass::Reduced, 100)];
        for includes_tax in [true, false] {
            let rules = rules(includes_tax);
            let quoted = |method: Option<&str>| quote(&lines, &place("DE", None), method, &rules, &NONE);
            let offers = quoted(None).expect("a quote").shipping_offers;
            assert_eq!(offers.len(), 2);
            let totals: Vec<_> = offers.iter().map(|quoted| quoted.total.expect("a total").amount_minor).collect();
            let chosen = offers.iter().map(|offer| quoted(Some(&offer.offer.id)).expect("a quote").total.amount_minor);
            assert_eq!(totals, chosen.collect::<Vec<_>>());
            assert!(totals[0] < totals[1], "{totals:?}");
        }
    }

    #[test]
    fn a_region_has_its_own_rate_and_elsewhere_there_is_none() {
        let lines = [line("A", 10_000, 1, TaxClass::Standard, 100)];
        let california = quote(&lines, &place("US", Some("CA")), None, &rules(false), &NONE).expect("a quote");
        assert_eq!(california.tax_total.amount_minor, 725);
        assert_eq!(
            quote(&lines, &place("US", Some("OR")), None, &rules(false), &NONE)
                .expect("a quote")
                .tax_total
                .amount_minor,
            0
        );
    }

    #[test]
    fn shipping_follows_weight_country_and_value() {
        let quoted = |lines: &[PricedLine], to: &str, method: Option<&str>| {
            quote(lines, &place(to, None), method, &rules(true), &NONE)
        };
        let price = |quote: Quote| (quote.shipping.id.clone(), quote.shipping.price.amount_minor);
        let light = [line("A", 100, 1, TaxClass::Standard, 1000)];
        let heavy = [line("A", 100, 1, TaxClass::Standard, 1001)];
        let too_heavy = [line("A", 100, 6, TaxClass::Standard, 1000)];
        let dear = [line("A", 10_000, 1, TaxClass::Standard, 100)];
        assert_eq!(quoted(&light, "FR", None).map(price), Ok(("standard".to_owned(), 490)));
        assert_eq!(quoted(&heavy, "FR", None).map(price), Ok(("standard".to_owned(), 790)));
        assert_eq!(quoted(&dear, "FR", None).map(price), Ok(("standard".to_owned(), 0)));
        assert_eq!(quoted(&too_heavy, "DE", None).map(price), Ok(("express".to_owned(), 1290)));
        assert_eq!(quoted(&too_heavy, "FR", None), Err(RuleError::ShippingWeight { country: country("FR") }));
        assert_eq!(
            quoted(&light, "FR", Some("express")),
            Err(RuleError::ShippingNotOffered { method: "express".to_owned() })
        );
        let (kosovo, krone) = (country("XK"), Money::new(100, "DKK".parse().expect("a currency")));
        assert_eq!(quoted(&light, "XK", None), Err(RuleError::NoShipping { country: kosovo }));
        let mut danish = light.clone();
        (danish[0].line.unit_price, danish[0].line.line_total) = (krone, krone);
        assert_eq!(quoted(&danish, "FR", None), Err(RuleError::NoShippingPrice { currency: krone.currency }));
        assert_eq!(quote(&[], &place("DE", None), None, &rules(true), &NONE), Err(RuleError::EmptyCart));
    }

    #[test]
    fn totals_that_cannot_be_charged_are_rejected_and_added_amounts_are_rounded() {
        let lines = [line("A", 1000, 1, TaxClass::Standard, 100)];
        let in_tens = ChargeLimits { step_minor: 10, ..NONE };
        // 10.00 and 4.90 for shipping; the tax of 2.831 is 2.83.
        let net = quote(&lines, &place("DE", None), None, &rules(false), &in_tens).expect("a quote");
        assert_eq!((net.tax_total.amount_minor, net.total.amount_minor), (280, 1770));
        let low = ChargeLimits { minimum_minor: 1771, ..in_tens };
        let refused = quote(&lines, &place("DE", None), None, &rules(false), &low);
        let minimum = Money::new(1771, Currency::EUR);
        assert_eq!(refused, Err(RuleError::TotalBelowMinimum { total: net.total, minimum }));
    }

    proptest! {
        #[test]
        fn the_total_is_the_sum_of_its_parts(prices in prop::collection::vec((0_i64..1_000_000, 1_u32..=999), 1..6), gross: bool) {
            let lines: Vec<_> = prices.iter().enumerate().map(|(n, (minor, units))| line(&format!("S{n}"), *minor, *units, if n % 2 == 0 { TaxClass::Standard } else { TaxClass::Reduced }, 1)).collect();
            let quote = quote(&lines, &place("DE", None), Some("express"), &rules(gross), &NONE).expect("a quote");
            let sum: i64 = prices.iter().map(|(minor, units)| minor * i64::from(*units)).sum();
            let tax = if gross { 0 } else { quote.tax_total.amount_minor };
            prop_assert_eq!(quote.total.amount_minor, sum + 1290 + tax);
        }

        #[test]
        fn amounts_near_the_limit_never_panic(minor in (i64::MAX - 1000)..=i64::MAX) {
            let mut huge = line("A", 1, 1, TaxClass::Standard, 1);
            huge.line.unit_price = Money::new(minor, Currency::EUR);
            huge.line.line_total = huge.line.unit_price;
            prop_assert!(quote(&[huge.clone(), huge], &place("DE", None), Some("express"), &rules(false), &NONE).is_err());
        }
    }
}

//! Structured data of pages in the vocabulary of schema.org, as JSON-LD. Every value is one that the page shows.
//!
//! Browsers do not execute a script of this type, so the Content Security Policy does not apply to it.

use serde_json::{Map, Value, json};

use super::layout::encode;
use crate::http::absolute;
use shopease_shop::services::{ProductView, ShopView, VariantView};

/// Most offers of a product that are listed one by one.
const MAX_OFFERS: usize = 100;

/// Most images of a product.
const MAX_IMAGES: usize = 10;

/// The content of a script element: JSON that cannot end the element.
pub struct Script(String);

impl Script {
    fn new(value: &Value) -> Self {
        // `</script` and `<!--` end or continue a script element wherever they are, even within a JSON string. JSON has these
        // characters in strings only.
        Self(value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
    }

    /// The JSON.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn object(kind: &str, properties: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let properties = properties.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let kind = [("@type".to_owned(), Value::from(kind))];
    Value::Object(kind.into_iter().chain(properties).collect::<Map<_, _>>())
}

fn document(mut value: Value) -> Script {
    if let Value::Object(properties) = &mut value {
        properties.insert("@context".to_owned(), "https://schema.org".into());
    }
    Script::new(&value)
}

/// The shop itself, for the home page.
pub struct Shop<'a> {
    /// Its public URL.
    pub public_url: &'a str,
    /// Its settings.
    pub settings: &'a ShopView,
    /// Path of its logo.
    pub logo: Option<&'a str>,
}

impl Shop<'_> {
    /// Its description.
    pub fn script(&self) -> Script {
        let (name, url) = (Value::from(&*self.settings.name), Value::from(absolute(self.public_url, "/")));
        let contact = &self.settings.contact;
        let organization = object(
            "Organization",
            [
                ("name", Some(name.clone())),
                ("url", Some(url.clone())),
                ("logo", self.logo.map(|logo| absolute(self.public_url, logo).into())),
                ("email", contact.email.as_ref().map(|email| email.to_string().into())),
                ("telephone", contact.phone.as_deref().map(Value::from)),
            ],
        );
        let site = object("WebSite", [("name", Some(name)), ("url", Some(url))]);
        Script::new(&json!({"@context": "https://schema.org", "@graph": [organization, site]}))
    }
}

/// The way from the listing of all products to a page.
pub struct Breadcrumbs<'a> {
    /// The shop's public URL.
    pub public_url: &'a str,
    /// Title and path of each page.
    pub steps: &'a [(&'a str, &'a str)],
}

impl Breadcrumbs<'_> {
    /// Its description.
    pub fn script(&self) -> Script {
        let items = self.steps.iter().zip(1..).map(|((title, path), position)| {
            let item = absolute(self.public_url, path);
            json!({"@type": "ListItem", "position": position, "name": title, "item": item})
        });
        let items = items.collect::<Vec<_>>();
        document(object("BreadcrumbList", [("itemListElement", Some(items.into()))]))
    }
}

/// A product with its offers.
pub struct Product<'a> {
    /// The shop's public URL.
    pub public_url: &'a str,
    /// Path of its page.
    pub path: &'a str,
    /// What the page shows.
    pub view: &'a ProductView,
    /// Its description as plain text.
    pub description: &'a str,
}

impl Product<'_> {
    /// Its description.
    pub fn script(&self) -> Script {
        let product = self.view;
        let images = product.images.iter().take(MAX_IMAGES).map(|image| absolute(self.public_url, &image.url));
        let images = images.collect::<Vec<_>>();
        let only = match product.variants.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        let text = |text: &str| Some(Value::from(text)).filter(|_| !text.is_empty());
        let brand = product.vendor.as_deref().map(|name| object("Brand", [("name", text(name))]));
        document(object(
            "Product",
            [
                ("name", text(&product.title)),
                ("url", Some(absolute(self.public_url, self.path).into())),
                ("description", text(self.description)),
                ("image", Some(images.into()).filter(|_| !product.images.is_empty())),
                ("brand", brand),
                ("category", product.category.as_ref().and_then(|category| text(&category.title))),
                ("sku", only.and_then(|variant| text(variant.sku.as_str()))),
                ("gtin", only.and_then(gtin_of).map(Value::from)),
                ("offers", self.offers()),
            ],
        ))
    }

    /// One offer, or the range of several. Offers in another currency than that of the cheapest variant are left out.
    fn offers(&self) -> Option<Value> {
        let variants = &self.view.variants;
        let lowest = variants.iter().min_by_key(|variant| variant.price.amount_minor)?.price;
        let offered: Vec<_> = variants.iter().filter(|variant| variant.price.currency == lowest.currency).collect();
        if let [only] = variants.as_slice() {
            return Some(self.offer(only, self.path));
        }
        let highest = offered.iter().map(|variant| variant.price).max_by_key(|price| price.amount_minor)?;
        let listed = offered.iter().take(MAX_OFFERS).map(|variant| {
            let mut offer = self.offer(variant, &format!("{}?variant={}", self.path, encode(variant.sku.as_str())));
            let name = Some(Value::from(&*variant.title)).filter(|_| !variant.title.is_empty());
            let own = [
                ("name", name),
                ("sku", Some(variant.sku.as_str().into())),
                ("gtin", gtin_of(variant).map(Value::from)),
            ];
            if let Value::Object(properties) = &mut offer {
                properties.extend(own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
            }
            offer
        });
        Some(object(
            "AggregateOffer",
            [
                ("lowPrice", Some(lowest.decimal().into())),
                ("highPrice", Some(highest.decimal().into())),
                ("priceCurrency", Some(lowest.currency.code().into())),
                ("offerCount", Some(offered.len().into())),
                ("availability", Some(availability(offered.iter().any(|variant| variant.in_stock)))),
                ("offers", Some(listed.collect::<Vec<_>>().into())),
            ],
        ))
    }

    fn offer(&self, variant: &VariantView, path: &str) -> Value {
        object(
            "Offer",
            [
                ("price", Some(variant.price.decimal().into())),
                ("priceCurrency", Some(variant.price.currency.code().into())),
                ("availability", Some(availability(variant.in_stock))),
                ("url", Some(absolute(self.public_url, path).into())),
            ],
        )
    }
}

fn availability(in_stock: bool) -> Value {
    if in_stock { "https://schema.org/InStock".into() } else { "https://schema.org/OutOfStock".into() }
}

/// The barcode of a variant, if it is a valid GTIN.
pub fn gtin_of(variant: &VariantView) -> Option<&str> {
    variant.barcode.as_deref().filter(|barcode| is_gtin(barcode))
}

/// Returns whether a text is a GTIN-8, GTIN-12 (UPC), GTIN-13 (EAN, ISBN) or GTIN-14 with the right check digit. Merchants also use
/// the field for other codes.
fn is_gtin(text: &str) -> bool {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(10)).collect();
    let digits = digits.unwrap_or_default();
    // The check digit counts once, and from there every other digit counts three times.
    let weighted = digits.iter().rev().zip([1, 3].into_iter().cycle()).map(|(digit, weight)| digit * weight);
    let sum = weighted.sum::<u32>();
    matches!(digits.len(), 8 | 12 | 13 | 14) && sum > 0 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_with_the_right_check_digit_are_gtins() {
        for right in ["4006381333931", "96385074", "036000291452", "10012345678902", "9783161484100"] {
            assert!(is_gtin(right), "{right}");
        }
        for wrong in
            ["4006381333932", "96385075", "", "0", "400638133393", "KT-0001", "00000000", "٤006381333931", " 96385074"]
        {
            assert!(!is_gtin(wrong), "{wrong}");
        }
    }

    #[test]
    fn no_text_ends_the_script_element() {
        let script = Script::new(&json!({"name": "</script><script>alert(1)</script><!-- & \u{2028}"}));
        assert!(!script.as_str().contains('<'), "{}", script.as_str());
        let read: Value = serde_json::from_str(script.as_str()).expect("JSON");
        assert_eq!(read["name"], "</script><script>alert(1)</script><!-- & \u{2028}");
    }
}

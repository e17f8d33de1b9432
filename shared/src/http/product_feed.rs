//! A product feed for Google Merchant Center and Meta: RSS 2.0 with Google's attributes.
//!
//! Sources: <https://support.google.com/merchants/answer/7052112> (attributes),
//! <https://support.google.com/merchants/answer/14987622> (RSS 2.0),
//! <https://developers.facebook.com/docs/commerce-platform/catalog/fields> (Meta, which reads the same file).

use std::io::{self, Write};

use super::absolute;
use super::pages::{encode, gtin_of, plain_text, shortened};
use super::xml::XmlText;
use shopease_shop::domain::{Image, Money};
use shopease_shop::services::{ProductView, VariantView};

/// Longest ID in characters.
const MAX_ID_CHARS: usize = 50;
/// Longest title in characters.
const MAX_TITLE_CHARS: usize = 150;
/// Longest description in characters.
const MAX_DESCRIPTION_CHARS: usize = 5_000;
/// Most images besides the main one.
const MAX_OTHER_IMAGES: usize = 10;
/// Options that are attributes of a feed, too, and their attributes.
const OPTIONS: [(&str, &str); 5] =
    [("color", "color"), ("colour", "color"), ("size", "size"), ("material", "material"), ("pattern", "pattern")];

/// Writes a feed: one item for each variant.
pub struct ProductFeed<W> {
    out: W,
    public_url: String,
}

impl<W: Write> ProductFeed<W> {
    /// Begins the feed of a shop with its name and public URL.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(mut out: W, shop_name: &str, public_url: &str) -> io::Result<Self> {
        let (name, url) = (XmlText(shop_name), absolute(public_url, "/"));
        write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\" xmlns:g=\"http://base.google.com/ns/1.0\">\n<channel>\n\
             <title>{name}</title>\n<link>{}</link>\n<description>{name}</description>\n",
            XmlText(&url)
        )?;
        Ok(Self { out, public_url: public_url.to_owned() })
    }

    /// Writes the items of a product. Returns the number of variants that are left out because they have no image or no price, which a
    /// feed requires.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write(&mut self, product: &ProductView) -> io::Result<usize> {
        let mut left_out = 0;
        for variant in &product.variants {
            let own = variant.image.and_then(|place| product.images.get(usize::from(place)));
            match own.or(product.images.first()) {
                Some(image) if variant.price.amount_minor > 0 => self.write_item(product, variant, image)?,
                _ => left_out += 1,
            }
        }
        Ok(left_out)
    }

    fn write_item(&mut self, product: &ProductView, variant: &VariantView, image: &Image) -> io::Result<()> {
        let title = match &*variant.title {
            "" => product.title.clone(),
            options => format!("{}, {options}", product.title),
        };
        // A description is required.
        let description = match plain_text(&product.description_html) {
            text if text.is_empty() => title.clone(),
            text => text,
        };
        let sku = variant.sku.as_str();
        let path = format!("/products/{}?variant={}", encode(product.handle.as_str()), encode(sku));
        let price = |amount: Money| format!("{} {}", amount.decimal(), amount.currency.code());
        let id = if sku.chars().count() <= MAX_ID_CHARS { sku.to_owned() } else { variant.id.to_string() };

        writeln!(self.out, "<item>")?;
        self.attribute("id", &id)?;
        if product.variants.len() > 1 {
            self.attribute("item_group_id", &product.id.to_string())?;
        }
        self.attribute("title", &shortened(&title, MAX_TITLE_CHARS))?;
        self.attribute("description", &shortened(&description, MAX_DESCRIPTION_CHARS))?;
        self.attribute("link", &absolute(&self.public_url, &path))?;
        self.attribute("image_link", &absolute(&self.public_url, &image.url))?;
        for other in product.images.iter().filter(|other| *other != image).take(MAX_OTHER_IMAGES) {
            self.attribute("additional_image_link", &absolute(&self.public_url, &other.url))?;
        }
        self.attribute("availability", if variant.in_stock { "in stock" } else { "out of stock" })?;
        match variant.compare_at_price {
            Some(former) => {
                self.attribute("price", &price(former))?;
                self.attribute("sale_price", &price(variant.price))?;
            }
            None => self.attribute("price", &price(variant.price))?,
        }
        self.attribute("condition", "new")?;
        if let Some(vendor) = &product.vendor {
            self.attribute("brand", vendor)?;
        }
        if let Some(gtin) = gtin_of(variant) {
            self.attribute("gtin", gtin)?;
        }
        if let Some(category) = &product.category {
            self.attribute("product_type", &category.title)?;
        }
        for (option, value) in product.options.iter().zip(&variant.option_values) {
            if let Some((_, name)) = OPTIONS.iter().find(|(known, _)| option.name.eq_ignore_ascii_case(known)) {
                self.attribute(name, value)?;
            }
        }
        if variant.requires_shipping && variant.weight_grams > 0 {
            self.attribute("shipping_weight", &format!("{} g", variant.weight_grams))?;
        }
        writeln!(self.out, "</item>")
    }

    fn attribute(&mut self, name: &str, value: &str) -> io::Result<()> {
        writeln!(self.out, "<g:{name}>{}</g:{name}>", XmlText(value))
    }

    /// Ends the feed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        write!(self.out, "</channel>\n</rss>\n")?;
        self.out.flush()
    }
}

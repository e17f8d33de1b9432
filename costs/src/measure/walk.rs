//! One shopper's way over every route of the profile, in a browser without JavaScript: looks around, searches, fills the cart,
//! orders, looks at the order.

use anyhow::{Context as _, ensure};

use super::client::{Answer, Client, Sample};
use super::shop::Shop;
use crate::deployment::Path;

const ADDRESS: [(&str, &str); 6] = [
    ("email", "ada@example.com"),
    ("name", "Ada Lovelace"),
    ("line1", "Gartenweg 3"),
    ("postal_code", "10115"),
    ("city", "Berlin"),
    ("country", "DE"),
];

/// Walks once; returns what each request used.
pub(super) fn walk(shop: &Shop, path: Path) -> anyhow::Result<Vec<Sample>> {
    let mut shopper = Shopper { client: shop.visitor(), path, samples: Vec::new() };
    let home = shopper.page("/")?;
    let stylesheet = reference(&home.body, "href=\"", "/assets/").context("the home page has no stylesheet")?;
    shopper.page(&stylesheet)?;
    let list = shopper.page("/products")?;
    let product = reference(&list.body, "href=\"", "/products/").context("the list has no product")?;
    shopper.page("/search?q=linen")?;
    let product = shopper.page(&product)?;
    let sku = sku(&product.body)
        .context("the first product is sold out: take fewer --rounds, for each buys one on each path")?;
    shopper.submit(&product, "/cart/line-items", &[("sku", &sku), ("quantity", "1")])?;
    shopper.page("/cart")?;
    let checkout = shopper.page("/checkout")?;
    let review = [&ADDRESS[..], &[("action", "review")]].concat();
    let review = shopper.submit(&checkout, "/checkout", &review)?;
    let review = shopper.page(&review.location.context("the details were not taken")?)?;
    let shipping = chosen(&review.body, "shipping_method").context("no way of shipping is chosen")?;
    let order = [("shipping_method", shipping.as_str()), ("payment_method", "card_approved"), ("action", "place")];
    // Of the two requests to the same route, the one that orders is the one that counts.
    shopper.samples.retain(|sample| sample.route != "POST /checkout");
    let placed = shopper.submit(&review, "/checkout", &order)?;
    let order = placed.location.context("the order was not placed")?;
    shopper.page(&order)?;
    Ok(shopper.samples)
}

struct Shopper {
    client: Client,
    path: Path,
    samples: Vec<Sample>,
}

impl Shopper {
    fn page(&mut self, target: &str) -> anyhow::Result<Answer> {
        let answer = self.client.get(target)?;
        self.note(target, answer)
    }

    fn submit(&mut self, page: &Answer, action: &str, fields: &[(&str, &str)]) -> anyhow::Result<Answer> {
        let answer = self.client.submit(page, action, fields)?;
        self.note(action, answer)
    }

    fn note(&mut self, target: &str, answer: Answer) -> anyhow::Result<Answer> {
        let expected = if self.path == Path::Fargate { "fargate" } else { "lambda" };
        let served = answer.headers.get("x-shopease-path").and_then(|value| value.to_str().ok());
        ensure!(served == Some(expected), "{target} was served by {served:?}, not by {expected}");
        let sample = answer.sample.clone();
        self.samples.push(sample.with_context(|| format!("{target} does not report what it used"))?);
        Ok(answer)
    }
}

/// The first address on a page that begins so.
fn reference(page: &str, before: &str, begin: &str) -> Option<String> {
    let found = page.split(before).skip(1).find(|rest| rest.starts_with(begin) && rest.len() > begin.len())?;
    found.split('"').next().map(|address| address.replace("&amp;", "&"))
}

/// The variant that a product page puts into the cart: a hidden field, the chosen one of several, or the first that can be chosen.
fn sku(page: &str) -> Option<String> {
    let hidden = hidden_fields(page, "/cart/line-items").into_iter().find(|(name, _)| name == "sku");
    hidden.map(|(_, value)| value).or_else(|| chosen(page, "sku")).or_else(|| {
        let options = page.split("name=\"sku\"").nth(1)?;
        let option = options
            .split("<option")
            .skip(1)
            .find(|option| !option.split('>').next().is_some_and(|tag| tag.contains("disabled")))?;
        attribute(option, "value")
    })
}

/// The hidden fields of the form with this action.
pub(super) fn hidden_fields(page: &str, action: &str) -> Vec<(String, String)> {
    let form = page.split("<form").skip(1).find(|form| form.contains(&format!("action=\"{action}\"")));
    let form = form.and_then(|form| form.split("</form>").next()).unwrap_or_default();
    let inputs = form.split("<input").skip(1).filter(|input| attribute(input, "type").as_deref() == Some("hidden"));
    inputs
        .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default())))
        .collect()
}

/// The value of the radio button that is checked.
fn chosen(page: &str, name: &str) -> Option<String> {
    let inputs = page.split("<input").skip(1).filter(|input| attribute(input, "name").as_deref() == Some(name));
    let mut checked = inputs.filter(|input| input.split('>').next().is_some_and(|tag| tag.contains(" checked")));
    attribute(checked.next()?, "value")
}

fn attribute(text: &str, name: &str) -> Option<String> {
    let tag = text.split('>').next()?;
    Some(tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<a href="/products">all</a> <a href="/products/mug">a mug</a>
        <form method="post" action="/cart/line-items"><input type="hidden" name="return" value="/"><input type="radio" name="sku"
        value="A"><input type="radio" name="sku" value="B" checked></form>"#;

    #[test]
    fn what_a_browser_would_see_is_found() {
        assert_eq!(reference(PAGE, "href=\"", "/products/").as_deref(), Some("/products/mug"));
        assert_eq!(hidden_fields(PAGE, "/cart/line-items"), [("return".to_owned(), "/".to_owned())]);
        assert_eq!(sku(PAGE).as_deref(), Some("B"));
        assert_eq!(sku("<p>sold out</p>"), None);
    }
}

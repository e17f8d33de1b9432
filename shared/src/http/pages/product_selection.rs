//! Changes of several products at once: status, category, tags, and prices of those that are selected in the list.

use super::form_fields::Typed;
use super::view::money;
use crate::http::api::products::check_draft_size;
use crate::http::visitor::Visitor;
use crate::http::{App, Problem, texts};
use shopease_shop::domain::{Handle, PriceChange, ProductDraft, ProductStatus};
use shopease_shop::services::{FindAnyProduct, UpdateProduct};
use shopease_shop::{ShopError, ShopResult};

/// How often a product is read again because somebody else has changed it meanwhile.
const TRIES: usize = 3;
/// The field with the change of prices in percent.
pub(super) const PRICE_CHANGE: &str = "price_change";
/// The fields of a confirmation: version and handle of each product whose prices change.
const CONFIRMED: &str = "confirmed";

/// What to do with each selected product. Empty members leave it as it is.
struct Change {
    status: Option<ProductStatus>,
    category: Option<String>,
    added_tags: Vec<String>,
    removed_tags: Vec<String>,
    prices: Option<PriceChange>,
}

impl Change {
    /// What was typed, or what is wrong with it.
    fn read(typed: &Typed) -> Result<Self, String> {
        let percent = typed.get(PRICE_CHANGE).trim();
        let prices = match percent {
            "" => None,
            _ => Some(price_change(percent, typed.is_checked("shows_former")).ok_or_else(|| {
                format!(
                    "{percent:?} is not a change of prices. Enter percent from -99.99 to 1000, for example -10 or 2.5."
                )
            })?),
        };
        Ok(Self {
            status: ProductStatus::find(typed.get("new_status")),
            category: typed.optional("new_category"),
            added_tags: typed.list("added_tags"),
            removed_tags: typed.list("removed_tags"),
            prices,
        })
    }

    fn is_empty(&self) -> bool {
        self.status.is_none()
            && self.category.is_none()
            && self.added_tags.is_empty()
            && self.removed_tags.is_empty()
            && self.prices.is_none()
    }

    fn apply(&self, mut draft: ProductDraft) -> ProductDraft {
        draft.status = self.status.unwrap_or(draft.status);
        if let Some(category) = &self.category {
            draft.category.clone_from(category);
        }
        // Tags that differ only in case are one to shoppers.
        let is_in = |tags: &[String], tag: &str| tags.iter().any(|other| other.to_lowercase() == tag.to_lowercase());
        draft.tags.retain(|tag| !is_in(&self.removed_tags, tag));
        for tag in &self.added_tags {
            if !is_in(&draft.tags, tag) {
                draft.tags.push(tag.clone());
            }
        }
        if let Some(prices) = self.prices {
            prices.apply(&mut draft);
        }
        draft
    }
}

/// `-10`, `+2.5`, `7,25 %` as a change of prices.
fn price_change(percent: &str, shows_former: bool) -> Option<PriceChange> {
    let number = percent.trim_end_matches('%').trim_end().replace(',', ".");
    let (sign, number) = match number.strip_prefix(['-', '\u{2212}']) {
        Some(number) => (-1, number),
        None => (1, number.strip_prefix('+').unwrap_or(&number)),
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = !whole.is_empty() && whole.len() <= 4 && decimals.len() <= 2 && digits(whole) && digits(decimals);
    let ppm: i64 = if is_number { format!("{whole}{decimals:0<4}").parse().ok()? } else { return None };
    PriceChange::new(sign * ppm, shows_former)
}

/// New prices of a product that are to be confirmed.
pub(super) struct Repricing {
    /// Title of the product.
    pub title: String,
    /// Its handle and version: what the confirmation is about.
    pub confirmed: String,
    /// The prices until now.
    pub before: String,
    /// The new prices.
    pub after: String,
}

/// The new prices of the selected products; `None` if there is nothing to confirm: no price changes, the change is confirmed, or it
/// cannot be made.
pub(super) async fn repricings(app: &App, visitor: &Visitor, typed: &Typed) -> ShopResult<Option<Vec<Repricing>>> {
    let change = Change::read(typed).ok().filter(|change| change.prices.is_some());
    let Some(change) = change.filter(|_| typed.all(CONFIRMED).is_empty()) else { return Ok(None) };
    let mut found = Vec::new();
    for handle in typed.all("handle").iter().filter_map(|handle| handle.parse::<Handle>().ok()) {
        let stored = match app.services.products.find_any_product(visitor.caller(), FindAnyProduct { handle }).await {
            Ok(stored) => stored,
            // The list names it when the change is made.
            Err(ShopError::NotFound { .. }) => continue,
            Err(error) => return Err(error),
        };
        let before = ProductDraft::of(&stored.product);
        let product = stored.product;
        found.push(Repricing {
            confirmed: confirmation(&product.handle, stored.version),
            before: price_range(&before),
            after: price_range(&change.apply(before)),
            title: product.title,
        });
    }
    Ok(Some(found).filter(|found| !found.is_empty()))
}

fn confirmation(handle: &Handle, version: u64) -> String {
    format!("{version} {handle}")
}

fn price_range(draft: &ProductDraft) -> String {
    let prices = || draft.variants.iter().map(|variant| variant.price);
    match (prices().min_by_key(|price| price.amount_minor), prices().max_by_key(|price| price.amount_minor)) {
        (Some(from), Some(to)) if from != to => format!("{} to {}", money(from), money(to)),
        (from, _) => from.map(money).unwrap_or_default(),
    }
}

/// Changes the selected products. Returns the problems, each with what the operator can do, and the handles that stay selected.
pub(super) async fn change(app: &App, visitor: &Visitor, typed: &Typed) -> ShopResult<(Vec<String>, Vec<String>)> {
    let selected = typed.all("handle");
    let change = match Change::read(typed) {
        Ok(change) => change,
        Err(problem) => return Ok((vec![problem], selected)),
    };
    let confirmed = typed.all(CONFIRMED);
    if selected.is_empty() {
        return Ok((vec!["Select at least one product.".to_owned()], selected));
    }
    if change.is_empty() {
        return Ok((vec!["Enter what to change in the selected products.".to_owned()], selected));
    }
    let (mut problems, mut left) = (Vec::new(), Vec::new());
    for handle in selected {
        let Ok(parsed) = handle.parse::<Handle>() else { continue };
        let reason = match change_one(app, visitor, &parsed, &change, &confirmed).await {
            Ok(()) => continue,
            // None of them can be changed.
            Err(error @ (ShopError::SignInRequired | ShopError::Forbidden)) => return Err(error),
            Err(ShopError::Rules(rules)) => rules.iter().map(texts::rule).collect::<Vec<_>>().join(" "),
            Err(ShopError::VersionChanged) => "It has changed in the meantime. Check it and try again.".to_owned(),
            Err(error) => texts::on_page(&Problem::from(error)),
        };
        problems.push(format!("{handle}: {reason}"));
        left.push(handle);
    }
    Ok((problems, left))
}

/// Changes a product. New prices are those of the confirmed version only, so that a form that is sent twice does not change them twice.
async fn change_one(
    app: &App,
    visitor: &Visitor,
    handle: &Handle,
    change: &Change,
    confirmed: &[String],
) -> ShopResult<()> {
    let (products, caller) = (&app.services.products, visitor.caller());
    let mut tries = 0;
    loop {
        let stored = products.find_any_product(caller, FindAnyProduct { handle: handle.clone() }).await?;
        if change.prices.is_some() && !confirmed.contains(&confirmation(handle, stored.version)) {
            return Err(ShopError::VersionChanged);
        }
        let draft = change.apply(ProductDraft::of(&stored.product));
        check_draft_size(handle.as_str(), &draft)?;
        let command = UpdateProduct { handle: handle.clone(), version: stored.version, draft };
        tries += 1;
        match products.update_product(caller, command).await {
            Err(ShopError::VersionChanged) if tries < TRIES => {}
            written => return written.map(drop),
        }
    }
}

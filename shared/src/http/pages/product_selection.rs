//! Changes of several products at once: status, category, and tags of those that are selected in the list.

use super::form_fields::Typed;
use crate::http::api::products::check_draft_size;
use crate::http::visitor::Visitor;
use crate::http::{App, Problem, texts};
use shopease_shop::domain::{Handle, ProductDraft, ProductStatus};
use shopease_shop::services::{FindAnyProduct, UpdateProduct};
use shopease_shop::{ShopError, ShopResult};

/// How often a product is read again because somebody else has changed it meanwhile.
const TRIES: usize = 3;

/// What to do with each selected product. Empty members leave it as it is.
struct Change {
    status: Option<ProductStatus>,
    category: Option<String>,
    added_tags: Vec<String>,
    removed_tags: Vec<String>,
}

impl Change {
    fn read(typed: &Typed) -> Self {
        Self {
            status: ProductStatus::find(typed.get("new_status")),
            category: typed.optional("new_category"),
            added_tags: typed.list("added_tags"),
            removed_tags: typed.list("removed_tags"),
        }
    }

    fn is_empty(&self) -> bool {
        self.status.is_none() && self.category.is_none() && self.added_tags.is_empty() && self.removed_tags.is_empty()
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
        draft
    }
}

/// Changes the selected products. Returns the problems, each with what the operator can do, and the handles that stay selected.
pub(super) async fn change(app: &App, visitor: &Visitor, typed: &Typed) -> ShopResult<(Vec<String>, Vec<String>)> {
    let (selected, change) = (typed.all("handle"), Change::read(typed));
    if selected.is_empty() {
        return Ok((vec!["Select at least one product.".to_owned()], selected));
    }
    if change.is_empty() {
        return Ok((vec!["Enter what to change in the selected products.".to_owned()], selected));
    }
    let (mut problems, mut left) = (Vec::new(), Vec::new());
    for handle in selected {
        let Ok(parsed) = handle.parse::<Handle>() else { continue };
        let reason = match change_one(app, visitor, &parsed, &change).await {
            Ok(()) => continue,
            // None of them can be changed.
            Err(error @ (ShopError::SignInRequired | ShopError::Forbidden)) => return Err(error),
            Err(ShopError::Rules(rules)) => rules.iter().map(texts::rule).collect::<Vec<_>>().join(" "),
            Err(error) => texts::on_page(&Problem::from(error)),
        };
        problems.push(format!("{handle}: {reason}"));
        left.push(handle);
    }
    Ok((problems, left))
}

async fn change_one(app: &App, visitor: &Visitor, handle: &Handle, change: &Change) -> ShopResult<()> {
    let (products, caller) = (&app.services.products, visitor.caller());
    let mut tries = 0;
    loop {
        let stored = products.find_any_product(caller, FindAnyProduct { handle: handle.clone() }).await?;
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

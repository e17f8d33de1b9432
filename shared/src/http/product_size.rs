//! Checks that a product's API response and page fit the response limits of every front door.

use super::MAX_RESPONSE_BYTES;
use super::api::catalog::Product as ProductAnswer;
use super::api::wire::Out as _;
use super::pages::ProductPage;
use super::response_body::fits;
use shopease_shop::domain::Product;
use shopease_shop::services::ProductView;

/// Bytes of a page around the product: header, footer, related products, and the categories of a large shop.
const FRAME_BYTES: usize = 96 * 1024;
/// With an API response below this size, the page always fits: it repeats an image and its text a few times at most.
const SMALL_BYTES: usize = MAX_RESPONSE_BYTES / 8;

/// Returns why a product cannot be shown, as a sentence without a period; `None` if it can.
pub fn refuse_product(product: &Product) -> Option<String> {
    let view = ProductView::in_stock(product.clone());
    let answer = serde_json::to_vec(&ProductAnswer::of(view.clone())).unwrap_or_default();
    if answer.len() < SMALL_BYTES {
        return None;
    }
    let most = MAX_RESPONSE_BYTES / 1024;
    let too_large = |what: &str, bytes: usize| {
        let kib = bytes.div_ceil(1024);
        Some(format!(
            "{what} would have {kib} KiB, the limit is {most} KiB; shorten its description or split its variants"
        ))
    };
    if answer.len() > MAX_RESPONSE_BYTES || !fits(&answer) {
        return too_large("its API response", answer.len());
    }
    let page = ProductPage::bytes(view) + FRAME_BYTES;
    if page > MAX_RESPONSE_BYTES { too_large("its page", page) } else { None }
}

//! Whether a product can be shown: its answer of the API and its page, on every front door.

use super::MAX_RESPONSE_BYTES;
use super::api::catalog::Product as ProductAnswer;
use super::api::wire::Out as _;
use super::pages::ProductPage;
use super::response_body::fits;
use shopease_shop::domain::Product;
use shopease_shop::services::ProductView;

/// Bytes of a page that are not the product's: header, footer, and the categories of a large shop.
const FRAME_BYTES: usize = 64 * 1024;
/// Answers below this need no look at the page: it has a picture and its words a few times at most.
const SMALL_BYTES: usize = MAX_RESPONSE_BYTES / 8;

/// Why a product cannot be shown, if so: a sentence without a full stop.
pub fn refuse_product(product: &Product) -> Option<String> {
    let view = ProductView::in_stock(product.clone());
    let answer = serde_json::to_vec(&ProductAnswer::of(view.clone())).unwrap_or_default();
    if answer.len() < SMALL_BYTES {
        return None;
    }
    let most = MAX_RESPONSE_BYTES / 1024;
    let too_large = |what: &str, bytes: usize| {
        let kib = bytes.div_ceil(1024);
        Some(format!("{what} would have {kib} KiB, {most} are the most; shorten its description or split its variants"))
    };
    if answer.len() > MAX_RESPONSE_BYTES || !fits(&answer) {
        return too_large("its answer of the API", answer.len());
    }
    let page = ProductPage::bytes(view) + FRAME_BYTES;
    if page > MAX_RESPONSE_BYTES { too_large("its page", page) } else { None }
}

//! stub
use super::{App, Problem};
use axum::response::{IntoResponse, Response};
pub(super) fn error_page(_: &App, p: &Problem) -> Response {
    p.detail.clone().into_response()
}
macro_rules! stub { ($($m:ident { $($h:ident),* })*) => { $(pub(super) mod $m { $(pub(in crate::http) async fn $h() -> &'static str { "stub" })* })* } }
stub! { catalog { home, all_products, product, category, search } cart { show, add, change } checkout { form, submit, order } accounts { register_form, register, log_in_form, log_in, log_out, account } admin { orders, stock_search, product_stock, correct_stock } }

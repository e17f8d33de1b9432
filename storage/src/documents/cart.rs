//! The lines of a cart: a list of documents, because placing an order empties it to `[]` inside the database.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;

use super::values::each;
use super::{Stored, Version};

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct CartLines(Vec<CartLine>);

#[derive(Serialize, Deserialize)]
struct CartLine {
    v: Version<1>,
    sku: domain::Sku,
    quantity: domain::Quantity,
}

impl Stored for Vec<domain::CartLine> {
    const KIND: &'static str = "cart lines";
    type Document = CartLines;
}

impl From<&Vec<domain::CartLine>> for CartLines {
    fn from(lines: &Vec<domain::CartLine>) -> Self {
        Self(each(lines))
    }
}

impl From<CartLines> for Vec<domain::CartLine> {
    fn from(CartLines(lines): CartLines) -> Self {
        each(lines)
    }
}

impl From<&domain::CartLine> for CartLine {
    fn from(line: &domain::CartLine) -> Self {
        Self { v: Version, sku: line.sku.clone(), quantity: line.quantity }
    }
}

impl From<CartLine> for domain::CartLine {
    fn from(line: CartLine) -> Self {
        Self { sku: line.sku, quantity: line.quantity }
    }
}

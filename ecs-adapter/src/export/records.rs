//! The columns of exported stock, orders, and customers.

use anyhow::Context as _;
use serde::Serialize;
use shopease_catalog_files::{StockedProduct, spreadsheet_text};
use shopease_shared::http::api::order::Order;
use shopease_shared::http::api::wire::Out as _;
use shopease_shop::domain::{self, Address, Customer, EmailState, Inventory, Money, QuoteLine};
use shopease_shop::services::OrderView;
use time::format_description::well_known::Rfc3339;

/// A row of a file.
pub type Row = Vec<String>;

/// Columns of exported stock.
pub const STOCK: [&str; 8] = ["Handle", "Title", "Variant", "SKU", "Tracked", "Available", "Reserved", "Sold"];

/// Columns of exported orders, as Shopify names them.
pub const ORDERS: [&str; 41] = [
    "Name",
    "Email",
    "Financial Status",
    "Fulfillment Status",
    "Order Status",
    "Currency",
    "Subtotal",
    "Shipping",
    "Taxes",
    "Taxes Included",
    "Total",
    "Refunded Amount",
    "Shipping Method",
    "Created at",
    "Lineitem quantity",
    "Lineitem name",
    "Lineitem price",
    "Lineitem total",
    "Lineitem sku",
    "Billing Name",
    "Billing Company",
    "Billing Address1",
    "Billing Address2",
    "Billing Zip",
    "Billing City",
    "Billing Province",
    "Billing Country",
    "Shipping Name",
    "Shipping Company",
    "Shipping Address1",
    "Shipping Address2",
    "Shipping Zip",
    "Shipping City",
    "Shipping Province",
    "Shipping Country",
    "Phone",
    "VAT Number",
    "Notes",
    "Tracking Number",
    "Payment Method",
    "Id",
];
/// Columns of exported customers.
pub const CUSTOMERS: [&str; 13] = [
    "Customer ID",
    "Name",
    "Email",
    "Email Confirmed",
    "Created at",
    "Address Name",
    "Address Company",
    "Address1",
    "Address2",
    "Zip",
    "City",
    "Province",
    "Country",
];

/// The stock of a variant.
#[derive(Debug, Serialize)]
pub struct Stock {
    handle: String,
    title: String,
    variant_title: String,
    sku: String,
    is_tracked: bool,
    available: u32,
    reserved: u32,
    sold: u32,
}

impl Stock {
    /// The stock of all variants of a product. A SKU without a level has none.
    pub fn of(StockedProduct { product, levels }: &StockedProduct) -> impl Iterator<Item = Self> {
        product.variants.iter().map(|variant| {
            let level = levels.get(&variant.sku);
            Self {
                handle: product.handle.to_string(),
                title: product.title.clone(),
                variant_title: variant.title(),
                sku: variant.sku.to_string(),
                is_tracked: variant.inventory == Inventory::Tracked,
                available: level.map_or(0, |level| level.available),
                reserved: level.map_or(0, |level| level.reserved),
                sold: level.map_or(0, |level| level.sold),
            }
        })
    }

    /// The row of [`STOCK`].
    pub fn row(&self) -> Row {
        let texts = [&self.handle, &self.title, &self.variant_title, &self.sku].map(|text| spreadsheet_text(text));
        let numbers = [self.available, self.reserved, self.sold].map(|units| units.to_string());
        texts.into_iter().chain([self.is_tracked.to_string()]).chain(numbers).collect()
    }
}

/// The rows of [`ORDERS`]: one for each line item. Amounts, states, and addresses are in the first one, as in Shopify's files.
///
/// # Errors
/// If the time of the order cannot be written.
pub fn order_rows(order: &domain::Order) -> anyhow::Result<Vec<Row>> {
    let wire = Order::of(OrderView::from(order.clone()));
    let refunded = Money::new(order.payment.refunded_minor(), order.total.currency);
    let totals = vec![
        name_of(&wire.payment_state)?,
        name_of(&wire.fulfillment)?,
        name_of(&wire.state)?,
        order.total.currency.code().to_owned(),
        order.subtotal.decimal(),
        order.shipping.price.decimal(),
        order.tax_total.decimal(),
        order.prices_include_tax.to_string(),
        order.total.decimal(),
        refunded.decimal(),
        spreadsheet_text(&order.shipping.title),
        order.placed_at.format(&Rfc3339)?,
    ];
    let billing = order.billing_address.as_ref().unwrap_or(&order.shipping_address);
    let tracking = order.tracking.as_ref().and_then(|tracking| tracking.number.as_ref());
    let texts = [&order.phone, &order.vat_number, &order.delivery_note].map(Option::as_ref);
    let texts = texts.into_iter().chain([tracking]).map(|text| spreadsheet_text(text.map_or("", String::as_str)));
    let mut delivery = [address_cells(Some(billing)), address_cells(Some(&order.shipping_address))].concat();
    delivery.extend(texts);
    delivery.push(name_of(&wire.payment_kind)?);
    let row = |(number, line): (usize, &QuoteLine)| {
        let once = |cells: &[String]| if number == 0 { cells.to_vec() } else { vec![String::new(); cells.len()] };
        let title = [line.title.as_str(), line.variant_title.as_str()];
        let title = title.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" - ");
        let item = vec![
            line.quantity.get().to_string(),
            spreadsheet_text(&title),
            line.unit_price.decimal(),
            line.line_total.decimal(),
            spreadsheet_text(line.sku.as_str()),
        ];
        let order_of_row = vec![order.order_number.clone(), spreadsheet_text(order.email.as_str())];
        [order_of_row, once(&totals), item, once(&delivery), vec![order.id.to_string()]].concat()
    };
    Ok(order.lines.iter().map(|line| &line.line).enumerate().map(row).collect())
}

/// The row of [`CUSTOMERS`], with the default address, else the oldest one.
///
/// # Errors
/// If the time of the account cannot be written.
pub fn customer_row(customer: &Customer) -> anyhow::Result<Row> {
    let saved = customer.addresses.iter().find(|saved| saved.is_default).or(customer.addresses.first());
    let mut row = vec![
        customer.id.to_string(),
        spreadsheet_text(&customer.name),
        spreadsheet_text(customer.email.as_str()),
        (customer.email_state == EmailState::Confirmed).to_string(),
        customer.created_at.format(&Rfc3339)?,
    ];
    row.extend(address_cells(saved.map(|saved| &saved.address)));
    Ok(row)
}

fn address_cells(address: Option<&Address>) -> [String; 8] {
    let Some(address) = address else { return Default::default() };
    [
        Some(address.name.as_str()),
        address.company.as_deref(),
        Some(address.line1.as_str()),
        address.line2.as_deref(),
        Some(address.postal_code.as_str()),
        Some(address.city.as_str()),
        address.region.as_deref(),
        Some(address.country.as_str()),
    ]
    .map(|text| spreadsheet_text(text.unwrap_or_default()))
}

/// The name that a state has in the API.
fn name_of(state: &impl Serialize) -> anyhow::Result<String> {
    let name = serde_json::to_value(state)?;
    Ok(name.as_str().context("a state is a name")?.to_owned())
}

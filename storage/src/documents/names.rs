//! Names of states and kinds in documents. They never change, whatever the shop calls its enum variants; a variant
//! added to the shop does not compile until it has a name here.

use serde::{Deserialize, Serialize};
use shopease_shop::domain;

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::OrderState")]
pub(super) enum OrderState {
    #[serde(rename = "pending")]
    Pending,
    #[serde(rename = "paid")]
    Paid,
    #[serde(rename = "cancelled")]
    Cancelled,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::PaymentState")]
pub(super) enum PaymentState {
    #[serde(rename = "pending")]
    Pending,
    #[serde(rename = "requires_action")]
    RequiresAction,
    #[serde(rename = "unknown")]
    Unknown,
    #[serde(rename = "authorized")]
    Authorized,
    #[serde(rename = "captured")]
    Captured,
    #[serde(rename = "partially_refunded")]
    PartiallyRefunded,
    #[serde(rename = "refunded")]
    Refunded,
    #[serde(rename = "declined")]
    Declined,
    #[serde(rename = "voided")]
    Voided,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::RefundState")]
pub(super) enum RefundState {
    #[serde(rename = "requested")]
    Requested,
    #[serde(rename = "succeeded")]
    Succeeded,
    #[serde(rename = "refused")]
    Refused,
    #[serde(rename = "failed")]
    Failed,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::RefundSource")]
pub(super) enum RefundSource {
    #[serde(rename = "shop")]
    Shop,
    #[serde(rename = "provider")]
    Provider,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::DisputeState")]
pub(super) enum DisputeState {
    #[serde(rename = "inquiry")]
    Inquiry,
    #[serde(rename = "open")]
    Open,
    #[serde(rename = "won")]
    Won,
    #[serde(rename = "lost")]
    Lost,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::FulfillmentState")]
pub(super) enum FulfillmentState {
    #[serde(rename = "unfulfilled")]
    Unfulfilled,
    #[serde(rename = "fulfilled")]
    Fulfilled,
    #[serde(rename = "returned")]
    Returned,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::ProductStatus")]
pub(super) enum ProductStatus {
    #[serde(rename = "active")]
    Active,
    #[serde(rename = "draft")]
    Draft,
    #[serde(rename = "archived")]
    Archived,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::Inventory")]
pub(super) enum Inventory {
    #[serde(rename = "tracked")]
    Tracked,
    #[serde(rename = "untracked")]
    Untracked,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::TaxClass")]
pub(super) enum TaxClass {
    #[serde(rename = "standard")]
    Standard,
    #[serde(rename = "reduced")]
    Reduced,
    #[serde(rename = "exempt")]
    Exempt,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::Role")]
pub(super) enum Role {
    #[serde(rename = "customer")]
    Customer,
    #[serde(rename = "operator")]
    Operator,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::EmailState")]
pub(super) enum EmailState {
    #[serde(rename = "pending")]
    Pending,
    #[serde(rename = "unconfirmed")]
    Unconfirmed,
    #[serde(rename = "confirmed")]
    Confirmed,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "domain::MailKind")]
pub(super) enum MailKind {
    #[serde(rename = "account_exists")]
    AccountExists,
    #[serde(rename = "address_verification")]
    AddressVerification,
    #[serde(rename = "email_changed")]
    EmailChanged,
    #[serde(rename = "low_stock")]
    LowStock,
    #[serde(rename = "new_order")]
    NewOrder,
    #[serde(rename = "order_canceled")]
    OrderCanceled,
    #[serde(rename = "order_confirmation")]
    OrderConfirmation,
    #[serde(rename = "order_link")]
    OrderLink,
    #[serde(rename = "order_received")]
    OrderReceived,
    #[serde(rename = "order_refunded")]
    OrderRefunded,
    #[serde(rename = "order_shipped")]
    OrderShipped,
    #[serde(rename = "password_changed")]
    PasswordChanged,
    #[serde(rename = "password_reset")]
    PasswordReset,
    #[serde(rename = "payment_failed")]
    PaymentFailed,
}

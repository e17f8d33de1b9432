//! A shopper's view of one checkout, and whether it is correct.

use serde_json::Value;

use crate::shopper::{Response, Shopper};
use crate::site::Site;

/// A checkout by a shopper who makes no other.
pub struct Attempt {
    pub shopper: Shopper,
    pub key: String,
    pub card: &'static str,
    /// The last response received.
    pub response: Option<Response>,
}

impl Attempt {
    /// The order that the shop confirmed.
    pub fn confirmed(&self) -> Option<&Response> {
        self.response.as_ref().filter(|response| matches!(response.status, 200..300))
    }
}

/// Checks that confirmed orders exist, that no key has two orders, and that money was captured only for paid orders.
/// Returns all orders.
pub async fn check(site: &Site, attempts: &[Attempt]) -> Vec<Value> {
    let shop = site.serve(&[]).await;
    let ledger = site.settled_ledger().await;
    let captures = ledger["captures"].as_array().expect("a list");
    let (mut all, mut paid_orders) = (Vec::new(), 0);
    for attempt in attempts {
        let key = &attempt.key;
        let orders = attempt.shopper.orders(&shop.url).await;
        assert!(orders.len() <= 1, "{key}: {orders:?}");
        if let Some(confirmed) = attempt.confirmed() {
            let paid = confirmed.states().0 == "paid";
            let kept = |order: &Value| order["id"] == *confirmed.order_id() && (order["state"] == "paid" || !paid);
            assert!(orders.iter().any(kept), "{key}: {confirmed:?} was confirmed, but the orders are {orders:?}");
        }
        for order in orders.iter().filter(|order| order["state"] == "paid") {
            paid_orders += 1;
            let rows: Vec<_> = captures.iter().filter(|row| row["order_id"] == order["id"]).collect();
            assert_eq!(rows.len(), 1, "{key}: {rows:?}");
            assert_eq!((&rows[0]["captures"], &rows[0]["captured"]), (&1.into(), &order["total"]), "{key}");
        }
        all.extend(orders);
    }
    assert_eq!(captures.len(), paid_orders, "captured only for paid orders");
    println!("{paid_orders} orders are paid");
    shop.kill();
    all
}

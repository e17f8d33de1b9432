//! What a shopper knows of one checkout, and whether it is true.

use serde_json::Value;

use crate::shopper::{Answer, Shopper};
use crate::site::Site;

/// One checkout by a shopper who makes no other.
pub struct Attempt {
    pub shopper: Shopper,
    pub key: String,
    pub card: &'static str,
    /// The last answer that came.
    pub answer: Option<Answer>,
}

impl Attempt {
    /// The order that the shop said there is.
    pub fn promised(&self) -> Option<&Answer> {
        self.answer.as_ref().filter(|answer| matches!(answer.status, 200..300))
    }
}

/// What was promised is true, nobody has two orders of one key, and money was collected for paid orders alone. Gives all
/// orders.
pub async fn check(site: &Site, attempts: &[Attempt]) -> Vec<Value> {
    let shop = site.serve(&[]).await;
    let ledger = site.settled_ledger().await;
    let captures = ledger["captures"].as_array().expect("a list");
    let (mut all, mut paid_orders) = (Vec::new(), 0);
    for attempt in attempts {
        let key = &attempt.key;
        let orders = attempt.shopper.orders(&shop.url).await;
        assert!(orders.len() <= 1, "{key}: {orders:?}");
        if let Some(promised) = attempt.promised() {
            let paid = promised.states().0 == "paid";
            let kept = |order: &Value| order["id"] == *promised.order_id() && (order["state"] == "paid" || !paid);
            assert!(orders.iter().any(kept), "{key}: {promised:?} was said, there is {orders:?}");
        }
        for order in orders.iter().filter(|order| order["state"] == "paid") {
            paid_orders += 1;
            let rows: Vec<_> = captures.iter().filter(|row| row["order_id"] == order["id"]).collect();
            assert_eq!(rows.len(), 1, "{key}: {rows:?}");
            assert_eq!((&rows[0]["captures"], &rows[0]["captured"]), (&1.into(), &order["total"]), "{key}");
        }
        all.extend(orders);
    }
    assert_eq!(captures.len(), paid_orders, "collected for paid orders alone");
    println!("{paid_orders} orders are paid");
    shop.kill();
    all
}

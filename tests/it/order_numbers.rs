//! Order numbers: unique, and found on both stores in any spelling.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http::StatusCode;
use serde_json::json;
use shopease_shop::ports::IdGenerator;
use shopease_shop::testing::{SeededIds, fixtures};
use ulid::Ulid;

use crate::harness::{Client, TestShop, both_stores, text};

both_stores!(an_order_is_found_by_its_number, orders_that_generate_the_same_number_get_different_ones);

const ORDERS: &str = "/api/v1/admin/orders";

async fn ordered(shop: &TestShop, name: &str) -> (String, String) {
    let mut client = shop.visitor(name);
    client.add("KETTLE", 1).await;
    let order = client.check_out(name, "card_approved").await;
    assert_eq!(order.status, StatusCode::CREATED, "{}", order.text());
    let order = order.json();
    (text(&order["id"]), text(&order["order_number"]))
}

async fn found(operator: &mut Client, number: &str) -> Vec<String> {
    let answer = operator.get(&format!("{ORDERS}?number={}", number.replace(' ', "%20").replace('#', "%23"))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["items"].as_array().expect("orders").iter().map(|order| text(&order["id"])).collect()
}

async fn an_order_is_found_by_its_number(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 50).await;
    let mut operator = shop.operator().await;
    ordered(&shop, "somebody").await;
    shop.clock.advance(time::Duration::seconds(90));
    let (id, number) = ordered(&shop, "ada").await;
    for written in [number.clone(), number.to_lowercase(), number.replace('-', ""), format!(" #{number}")] {
        assert_eq!(found(&mut operator, &written).await, [id.as_str()], "{written}");
    }
    let page = operator.get(&format!("/admin?number={}", number.to_lowercase())).await;
    assert!(page.text().contains(&format!("/admin/orders/{id}")), "{}", page.text());
    assert_eq!(page.text().matches("/admin/orders/ord_").count(), 1);

    assert_eq!(found(&mut operator, "00000-00000").await, [""; 0]);
    let page = operator.get("/admin?number=00000-00000").await;
    assert!(page.text().contains("No order has the number 00000-00000."), "{}", page.text());
    assert_eq!(operator.get(&format!("{ORDERS}?number=12345")).await.rules(), ["invalid_value"]);
    let page = operator.get("/admin?number=12%3Cb%3E").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text().contains(r#"value="12&#60;b&#62;""#), "what was typed stays: {}", page.text());
    assert_eq!(shop.client().get(&format!("{ORDERS}?number={number}")).await.problem().0, 401);
}

/// Seeded IDs, preceded by secrets that a test has set.
struct Scripted(SeededIds, Mutex<VecDeque<[u8; 32]>>);

impl IdGenerator for Scripted {
    fn ulid(&self) -> Ulid {
        self.0.ulid()
    }

    fn secret(&self) -> [u8; 32] {
        self.1.lock().expect("not poisoned").pop_front().unwrap_or_else(|| self.0.secret())
    }
}

async fn orders_that_generate_the_same_number_get_different_ones(shop: TestShop) {
    let ids = Arc::new(Scripted(SeededIds::new(7), Mutex::default()));
    let shop = shop.with_ids(ids.clone());
    shop.sell(&fixtures::product("kettle").build(), 50).await;
    let script =
        |number: u8, access_key: u8| ids.1.lock().expect("not poisoned").extend([[number; 32], [access_key; 32]]);
    script(1, 1);
    let first = ordered(&shop, "ada").await;
    script(1, 2);
    script(1, 3);
    script(2, 4);
    let second = ordered(&shop, "ben").await;
    assert!(first.0 != second.0 && first.1 != second.1, "{first:?} {second:?}");
    assert_eq!(shop.levels("KETTLE").await, (48, 0, 2));
    assert_eq!(shop.topics().await, ["order.placed", "order.paid", "order.placed", "order.paid"]);
    // If the same number is always generated, the checkout fails without an order and the cart is unchanged.
    for _ in 0..9 {
        script(1, 5);
    }
    let mut client = shop.visitor("eve");
    client.add("KETTLE", 1).await;
    let refused = client.check_out("eve", "card_approved").await;
    assert_eq!(refused.problem().0, 409, "{}", refused.text());
    assert_eq!((client.cart().await["units"].clone(), shop.levels("KETTLE").await), (json!(1), (48, 0, 2)));
    shop.assert_books_agree().await;
}

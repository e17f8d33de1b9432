//! Applies the model's transitions to a real shop. A case has its own three variants and three shoppers.

use shopease_payments::fake::Command;
use shopease_payments::sign;
use shopease_shop::ShopError;
use shopease_shop::domain::{
    FulfillmentEvent, Order, OrderId, PageLimit, Quantity, RuleError, Sku, StockChange, StockLevel, Token,
};
use shopease_shop::ports::Clock as _;
use shopease_shop::services::{
    AddLineItem, Caller, CancelOrder, CartView, Carts as _, CheckPayment, Checkout as _, CorrectStock, ListOrders,
    Operations as _, OrderView, PlaceOrder, ReceivePaymentEvent, RecordFulfillment, RefundAmount, RefundOrder,
    ViewCart,
};
use shopease_shop::testing::fixtures;
use time::Duration;

use super::reference::{INITIAL, Model, PRICES, SHOPPERS, Transition, Units, VARIANTS, order_text, work_text};
use crate::harness::{TestShop, WEBHOOK_SECRET};

/// A shop with its operator, who is signed in.
pub struct Shop {
    pub shop: TestShop,
    operator: Caller,
}

impl Shop {
    pub async fn new(shop: TestShop) -> Self {
        let token = Token::parse(&shop.operator().await.token()).expect("a session");
        Self { shop, operator: Caller::new(token) }
    }
}

/// The variants and shoppers of one case in one shop.
pub struct Case {
    name: String,
    skus: Vec<Sku>,
    orders: Vec<OrderId>,
    steps: usize,
}

impl Case {
    pub async fn new(shop: &Shop, name: &str) -> Self {
        let handles: Vec<String> = (0..VARIANTS).map(|variant| format!("{name}-{variant}")).collect();
        for (handle, price) in handles.iter().zip(PRICES) {
            shop.shop.sell(&fixtures::product(handle).price(price).build(), INITIAL).await;
        }
        let skus = handles.iter().map(|handle| fixtures::sku(&handle.to_uppercase())).collect();
        Self { name: name.to_owned(), skus, orders: Vec::new(), steps: 0 }
    }

    fn shopper(&self, shopper: usize) -> Caller {
        Caller::new(fixtures::visitor_token(&format!("{} {shopper}", self.name)))
    }

    fn variant(&self, sku: &Sku) -> usize {
        self.skus.iter().position(|known| known == sku).expect("a variant of this case")
    }

    fn error_text(&self, error: &ShopError) -> String {
        match error {
            ShopError::OutOfStock { sku } => format!("out of {}", self.variant(sku)),
            ShopError::PaymentDeclined { code } => format!("declined: {code}"),
            ShopError::Rules(rules) if rules[..] == [RuleError::EmptyCart] => "empty cart".to_owned(),
            ShopError::Rules(_) => "rules".to_owned(),
            ShopError::VersionChanged => "version changed".to_owned(),
            ShopError::IdempotencyKeyReused => "key reused".to_owned(),
            ShopError::IdempotencyKeyInUse { .. } => IN_USE.to_owned(),
            error => format!("{error:?}"),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "takes the result where the use case is called")]
    fn result_text<T>(&self, result: Result<T, ShopError>, text: impl FnOnce(&T) -> String) -> String {
        result.as_ref().map_or_else(|error| self.error_text(error), text)
    }

    fn cart(&self, cart: &CartView) -> [u32; VARIANTS] {
        let mut units = [0; VARIANTS];
        for line in &cart.lines {
            units[self.variant(&line.line.sku)] = line.line.quantity.get();
        }
        units
    }

    /// Applies a transition. Returns the result as text.
    #[expect(clippy::too_many_lines, reason = "one arm per transition")]
    pub async fn apply(&mut self, shop: &Shop, model: &Model, transition: &Transition) -> String {
        self.steps += 1;
        let key = format!("{}-{}", self.name, self.steps);
        let local = &shop.shop.local;
        // The model was already advanced: a named order existed before the transition.
        let order = |order: usize| (!self.orders.is_empty()).then(|| order % self.orders.len());
        let nothing = || "no such order".to_owned();
        match *transition {
            Transition::Add { shopper, variant, units, again } => {
                let quantity = Quantity::new(units).expect("a quantity");
                let command = || AddLineItem { sku: self.skus[variant].clone(), quantity, client_key: None };
                let caller = self.shopper(shopper);
                let ask = async || {
                    let answer =
                        local.add_line_item(&caller, AddLineItem { client_key: Some(key.clone()), ..command() }).await;
                    self.result_text(answer, |cart| format!("cart {:?}", self.cart(cart)))
                };
                twice(again, ask).await
            }
            Transition::CheckOut { shopper, card, doubled } => {
                self.check_out(shop, shopper, card.token(), &key, doubled).await
            }
            Transition::Repeat { order: number } | Transition::Misuse { order: number } => {
                let Some(place) = order(number) else { return nothing() };
                let (known, model) = (self.find(shop, place).await, &model.orders[place]);
                let mut command = place_order(model.card.token());
                if matches!(transition, Transition::Misuse { .. }) {
                    command.shipping_method = "express".to_owned();
                }
                let answer = local
                    .place_order(
                        &self.shopper(model.shopper),
                        PlaceOrder { client_key: known.client_key.clone(), ..command },
                    )
                    .await;
                self.result_text(answer, view_text)
            }
            Transition::Bank { order: number, approved } => {
                let Some(place) = order(number) else { return nothing() };
                let intent_id = self.find(shop, place).await.payment.intent_id.expect("an intent");
                let said = shop.shop.ledger.execute(&key, Command::Authenticate { intent_id, approved });
                if said.is_ok() { "heard" } else { "refused" }.to_owned()
            }
            Transition::Return { order: number } => {
                let Some(place) = order(number) else { return nothing() };
                let caller = self.shopper(model.orders[place].shopper);
                self.result_text(
                    local
                        .check_payment(&caller, CheckPayment { id: self.orders[place].clone(), access_key: None })
                        .await,
                    view_text,
                )
            }
            Transition::Webhook { order: number } => {
                let Some(place) = order(number) else { return nothing() };
                let events = shop.shop.ledger.events();
                let event = events.iter().rfind(|event| event.data.order_id == self.orders[place]).expect("an event");
                let body = serde_json::to_vec(event).expect("an event");
                let signature = sign(&WEBHOOK_SECRET.into(), shop.shop.clock.now(), &body);
                self.result_text(
                    local
                        .receive_payment_event(ReceivePaymentEvent {
                            signature: Some(signature.clone()),
                            body: axum::body::Bytes::copy_from_slice(&body),
                        })
                        .await,
                    |()| "heard".to_owned(),
                )
            }
            Transition::Work => {
                let report = shop.shop.work().await;
                assert_eq!((report.failed, report.settled, report.undelivered), (0, 0, 0), "{report:?}");
                work_text(report.looked_at, report.paid, report.cancelled, report.still_open)
            }
            Transition::Advance { seconds } => {
                shop.shop.clock.advance(Duration::seconds(seconds));
                String::new()
            }
            Transition::Refund { order: number, amount, key, again } => {
                let Some(place) = order(number) else { return nothing() };
                let command = RefundOrder {
                    id: self.orders[place].clone(),
                    amount: amount.map_or(RefundAmount::All, |minor| RefundAmount::Exactly(fixtures::eur(minor))),
                    client_key: format!("refund-{key}"),
                };
                let ask = async || {
                    let answer = local.refund_order(&shop.operator, command.clone()).await;
                    self.result_text(answer, view_text)
                };
                twice(again, ask).await
            }
            Transition::Cancel { order: number } => {
                let Some(place) = order(number) else { return nothing() };
                self.result_text(
                    local.cancel_order(&shop.operator, CancelOrder { id: self.orders[place].clone() }).await,
                    view_text,
                )
            }
            Transition::Fulfill { order: number, sent } => {
                let Some(place) = order(number) else { return nothing() };
                let event = if sent { FulfillmentEvent::Shipped } else { FulfillmentEvent::Returned };
                let moved = local
                    .record_fulfillment(
                        &shop.operator,
                        RecordFulfillment { id: self.orders[place].clone(), event, tracking: None },
                    )
                    .await;
                self.result_text(moved, view_text)
            }
            Transition::Adjust { variant, units, again } => {
                self.correct(shop, variant, StockChange::Adjust(units), &key, again).await
            }
            Transition::Count { variant, units } => {
                self.correct(shop, variant, StockChange::SetAvailable(units), &key, false).await
            }
        }
    }

    async fn correct(&self, shop: &Shop, variant: usize, change: StockChange, key: &str, again: bool) -> String {
        let ask = async || {
            let command = CorrectStock { sku: self.skus[variant].clone(), change, client_key: None };
            let answer = shop
                .shop
                .local
                .correct_stock(&shop.operator, CorrectStock { client_key: Some(key.to_owned()), ..command })
                .await;
            self.result_text(answer, |level| units(level).text())
        };
        twice(again, ask).await
    }

    async fn check_out(&mut self, shop: &Shop, shopper: usize, card: &str, key: &str, doubled: bool) -> String {
        let caller = self.shopper(shopper);
        let order =
            || shop.shop.local.place_order(&caller, PlaceOrder { client_key: key.to_owned(), ..place_order(card) });
        let (first, second) = if doubled {
            let (first, second) = tokio::join!(order(), order());
            (self.result_text(first, view_text), Some(self.result_text(second, view_text)))
        } else {
            (self.result_text(order().await, view_text), None)
        };
        let answer = match second {
            Some(second) if first == IN_USE => second,
            Some(second) => {
                assert!(second == first || second == IN_USE, "one click got {first:?}, the other {second:?}");
                first
            }
            None => first,
        };
        let limit = PageLimit::new(100).expect("a limit");
        let listed = shop.shop.local.list_orders(&caller, ListOrders { after: None, limit }).await.expect("orders");
        let new: Vec<_> = listed.items.into_iter().map(|row| row.id).filter(|id| !self.orders.contains(id)).collect();
        assert!(new.len() <= 1, "one order at most: {new:?}");
        self.orders.extend(new);
        answer
    }

    async fn find(&self, shop: &Shop, place: usize) -> Order {
        shop.shop.store.find_order(&self.orders[place]).await.expect("an order is read").expect("an order")
    }

    /// Compares everything with the model.
    pub async fn compare(&self, shop: &Shop, model: &Model) {
        for (variant, sku) in self.skus.iter().enumerate() {
            let levels = shop.shop.store.find_stock_levels(std::slice::from_ref(sku)).await.expect("a level");
            assert_eq!(levels.first().map(units), Some(model.stock[variant]), "stock of variant {variant}");
        }
        for shopper in 0..SHOPPERS {
            let cart = shop.shop.local.view_cart(&self.shopper(shopper), ViewCart).await.expect("a cart");
            assert_eq!(self.cart(&cart), model.carts[shopper], "cart of shopper {shopper}");
        }
        assert_eq!(self.orders.len(), model.orders.len(), "orders");
        for (place, order) in model.orders.iter().enumerate() {
            let view = OrderView::from(self.find(shop, place).await);
            assert_eq!(view_text(&view), order.text(), "order {place}");
        }
    }
}

const IN_USE: &str = "key in use";

/// Calls once, or twice with the same result.
async fn twice(again: bool, ask: impl AsyncFn() -> String) -> String {
    let first = ask().await;
    if again {
        assert_eq!(ask().await, first, "the second time");
    }
    first
}

fn units(level: &StockLevel) -> Units {
    assert_eq!(level.available + level.reserved + level.sold, level.received, "{level:?}");
    Units { available: level.available, reserved: level.reserved, sold: level.sold }
}

fn view_text(order: &OrderView) -> String {
    let refunded = order.refunds.iter().map(|refund| refund.amount.amount_minor).sum();
    let (total, refundable) = (order.total.amount_minor, order.refundable.amount_minor);
    order_text(order.state, order.payment_state, order.fulfillment, total, refunded, refundable)
}

fn place_order(card: &str) -> PlaceOrder {
    PlaceOrder {
        email: "ada@example.com".parse().expect("an address"),
        details: fixtures::order_details(),
        shipping_method: "standard".to_owned(),
        payment_method: card.to_owned(),
        expected_total: None,
        terms_version: None,
        client_key: String::new(),
    }
}

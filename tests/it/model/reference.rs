//! The in-memory reference model of the shop: stock, carts, orders, payments, and the result of every use case. Independent of stores,
//! providers and HTTP.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;
use shopease_shop::domain::{FulfillmentState, OrderState, PaymentState};

pub const VARIANTS: usize = 3;
pub const SHOPPERS: usize = 3;
/// Prices per unit, in cents.
pub const PRICES: [i64; VARIANTS] = [1990, 700, 2500];
/// Initial units of each variant.
pub const INITIAL: u32 = 6;

/// A transition of the shop. Orders are numbered; numbers may exceed the existing ones.
#[derive(Debug, Clone)]
pub enum Transition {
    /// A shopper adds units to the cart; with `again`, sends the request twice.
    Add { shopper: usize, variant: usize, units: u32, again: bool },
    /// A shopper orders; with `doubled`, by a double click.
    CheckOut { shopper: usize, card: Card, doubled: bool },
    /// The request that placed an order is repeated.
    Repeat { order: usize },
    /// Another request is sent with the key of an order.
    Misuse { order: usize },
    /// The shopper confirms or rejects on the bank's page.
    Bank { order: usize, approved: bool },
    /// The shopper returns from the bank's page.
    Return { order: usize },
    /// The provider sends a webhook about an order's payment.
    Webhook { order: usize },
    /// The worker runs.
    Work,
    /// Time passes.
    Advance { seconds: i64 },
    /// An operator refunds; with `again`, sends the request twice.
    Refund { order: usize, amount: Option<i64>, key: u8, again: bool },
    /// An operator cancels.
    Cancel { order: usize },
    /// An order is shipped or returned.
    Fulfill { order: usize, sent: bool },
    /// An operator adjusts stock; with `again`, sends the request twice.
    Adjust { variant: usize, units: i32, again: bool },
    /// An operator sets the stock.
    Count { variant: usize, units: u32 },
}

/// The test cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    Approved,
    Declined,
    InsufficientFunds,
    RequiresAction,
    Expires,
}

impl Card {
    pub fn token(self) -> &'static str {
        match self {
            Self::Approved => "card_approved",
            Self::Declined => "card_declined",
            Self::InsufficientFunds => "card_insufficient_funds",
            Self::RequiresAction => "card_requires_action",
            Self::Expires => "card_expires",
        }
    }
}

/// Units of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    pub available: u32,
    pub reserved: u32,
    pub sold: u32,
}

impl Units {
    pub fn text(self) -> String {
        format!("{} available, {} reserved, {} sold", self.available, self.reserved, self.sold)
    }
}

/// The shopper's decision at the bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bank {
    NotAsked,
    Asking,
    Approved,
    Refused,
}

/// An order.
#[derive(Debug, Clone)]
pub struct ModelOrder {
    pub shopper: usize,
    pub units: [u32; VARIANTS],
    pub card: Card,
    pub state: OrderState,
    pub payment: PaymentState,
    pub fulfillment: FulfillmentState,
    placed_s: i64,
    due_s: Option<i64>,
    looks: u32,
    bank: Bank,
    decline: Option<&'static str>,
    refunds: Vec<(u8, i64)>,
    /// Whether its checkout is complete.
    done: bool,
}

/// The key of a cancellation's refund.
const CANCELLATION: u8 = u8::MAX;
const LEASE_S: i64 = 30;
const HOLD_S: i64 = 30 * 60;
const AT_WORK_S: i64 = 60;

impl ModelOrder {
    pub fn total(&self) -> i64 {
        let subtotal: i64 = (0..VARIANTS).map(|variant| PRICES[variant] * i64::from(self.units[variant])).sum();
        // 250 grams per unit.
        let shipping = match self.units.iter().sum::<u32>() * 250 {
            _ if subtotal >= 7500 => 0,
            0..=2000 => 490,
            _ => 790,
        };
        subtotal + shipping
    }

    fn refunded(&self) -> i64 {
        self.refunds.iter().map(|(_, amount)| amount).sum()
    }

    fn is_collected(&self) -> bool {
        self.payment.is_collected()
    }

    pub fn text(&self) -> String {
        let refundable = if self.is_collected() { self.total() - self.refunded() } else { 0 };
        order_text(self.state, self.payment, self.fulfillment, self.total(), self.refunded(), refundable)
    }
}

/// An order as text, for the model and the shops.
pub fn order_text(
    state: OrderState,
    payment: PaymentState,
    fulfillment: FulfillmentState,
    total: i64,
    refunded: i64,
    refundable: i64,
) -> String {
    format!("{state:?} {payment:?} {fulfillment:?}: {total}, {refunded} given back, {refundable} left")
}

/// The shop.
#[derive(Debug, Clone)]
pub struct Model {
    now_s: i64,
    pub stock: [Units; VARIANTS],
    pub carts: [[u32; VARIANTS]; SHOPPERS],
    pub orders: Vec<ModelOrder>,
    /// Expected result of the last transition.
    pub answer: String,
}

const RULES: &str = "rules";
const NOTHING: &str = "no such order";

impl Model {
    /// The order of a transition, if it exists.
    pub fn place(&self, order: usize) -> Option<usize> {
        (!self.orders.is_empty()).then(|| order % self.orders.len())
    }

    fn on_order(&mut self, order: usize, act: impl FnOnce(&mut Self, usize) -> String) -> String {
        match self.place(order) {
            Some(place) => act(self, place),
            None => NOTHING.to_owned(),
        }
    }

    fn add(&mut self, shopper: usize, variant: usize, units: u32) -> String {
        let wanted = self.carts[shopper][variant] + units;
        if self.stock[variant].available < wanted {
            return format!("out of {variant}");
        }
        self.carts[shopper][variant] = wanted;
        format!("cart {:?}", self.carts[shopper])
    }

    fn check_out(&mut self, shopper: usize, card: Card) -> String {
        let units = self.carts[shopper];
        if units == [0; VARIANTS] {
            return "empty cart".to_owned();
        }
        if let Some(short) = (0..VARIANTS).find(|variant| self.stock[*variant].available < units[*variant]) {
            return format!("out of {short}");
        }
        for (stock, units) in self.stock.iter_mut().zip(units) {
            stock.available -= units;
            stock.reserved += units;
        }
        self.carts[shopper] = [0; VARIANTS];
        self.orders.push(ModelOrder {
            shopper,
            units,
            card,
            state: OrderState::Pending,
            payment: PaymentState::RequiresAction,
            fulfillment: FulfillmentState::Unfulfilled,
            placed_s: self.now_s,
            due_s: Some(self.now_s + AT_WORK_S),
            looks: 0,
            bank: Bank::NotAsked,
            decline: None,
            refunds: Vec::new(),
            done: false,
        });
        let place = self.orders.len() - 1;
        match card {
            Card::Approved => self.pay(place),
            Card::Declined => self.cancel_order(place, Some("card_declined")),
            Card::InsufficientFunds => self.cancel_order(place, Some("insufficient_funds")),
            Card::Expires => self.cancel_order(place, Some("authorization_expired")),
            Card::RequiresAction => self.orders[place].bank = Bank::Asking,
        }
        self.answer_of(place)
    }

    fn answer_of(&self, place: usize) -> String {
        let order = &self.orders[place];
        order.decline.map_or_else(|| order.text(), |code| format!("declined: {code}"))
    }

    fn pay(&mut self, place: usize) {
        let order = &mut self.orders[place];
        (order.state, order.payment, order.due_s) = (OrderState::Paid, PaymentState::Captured, None);
        order.done = true;
        for variant in 0..VARIANTS {
            self.stock[variant].reserved -= order.units[variant];
            self.stock[variant].sold += order.units[variant];
        }
    }

    fn cancel_order(&mut self, place: usize, decline: Option<&'static str>) {
        let order = &mut self.orders[place];
        let payment = if decline.is_some() { PaymentState::Declined } else { PaymentState::Voided };
        (order.state, order.payment, order.due_s) = (OrderState::Cancelled, payment, None);
        order.decline = decline;
        order.done = true;
        for variant in 0..VARIANTS {
            self.stock[variant].reserved -= order.units[variant];
            self.stock[variant].available += order.units[variant];
            self.carts[order.shopper][variant] += order.units[variant];
        }
    }

    /// Retrieves the payment from the provider.
    fn poll(&mut self, place: usize) {
        let order = &self.orders[place];
        match order.bank {
            _ if order.state != OrderState::Pending => {}
            Bank::Approved => self.pay(place),
            Bank::Refused => self.cancel_order(place, Some("authentication_failed")),
            Bank::NotAsked | Bank::Asking => {}
        }
    }

    fn repeat(&mut self, place: usize) -> String {
        let order = &self.orders[place];
        if !order.done && order.placed_s + LEASE_S <= self.now_s {
            self.poll(place);
        }
        self.answer_of(place)
    }

    fn bank(&mut self, place: usize, approved: bool) -> String {
        let order = &mut self.orders[place];
        if order.state != OrderState::Pending || order.bank != Bank::Asking {
            return "refused".to_owned();
        }
        order.bank = if approved { Bank::Approved } else { Bank::Refused };
        "heard".to_owned()
    }

    fn work(&mut self) -> String {
        let (mut looked_at, mut paid, mut cancelled, mut still_open) = (0, 0, 0, 0);
        for place in 0..self.orders.len() {
            if self.orders[place].due_s.is_none_or(|due_s| due_s > self.now_s) {
                continue;
            }
            looked_at += 1;
            if self.orders[place].placed_s + HOLD_S <= self.now_s {
                self.cancel_order(place, None);
            } else {
                self.poll(place);
            }
            let order = &mut self.orders[place];
            match order.state {
                OrderState::Paid => paid += 1,
                OrderState::Cancelled => cancelled += 1,
                OrderState::Pending => {
                    still_open += 1;
                    order.due_s = Some(self.now_s + (5 << order.looks.min(16)).min(300));
                    order.looks += 1;
                }
            }
        }
        work_text(looked_at, paid, cancelled, still_open)
    }

    fn refund(&mut self, place: usize, amount: Option<i64>, key: u8) -> String {
        // The provider's report is booked first.
        self.poll(place);
        let order = &self.orders[place];
        if let Some((_, known)) = order.refunds.iter().find(|(known, _)| *known == key) {
            return if amount.is_none_or(|amount| amount == *known) { order.text() } else { "key reused".to_owned() };
        }
        let left = if order.is_collected() { order.total() - order.refunded() } else { 0 };
        let amount = amount.unwrap_or(left);
        if !order.is_collected() || amount <= 0 || amount > left {
            return RULES.to_owned();
        }
        let order = &mut self.orders[place];
        order.refunds.push((key, amount));
        order.payment = if amount == left { PaymentState::Refunded } else { PaymentState::PartiallyRefunded };
        if amount == left && order.fulfillment == FulfillmentState::Unfulfilled {
            order.state = OrderState::Cancelled;
            self.restock(place);
        }
        self.orders[place].text()
    }

    fn restock(&mut self, place: usize) {
        for variant in 0..VARIANTS {
            self.stock[variant].sold -= self.orders[place].units[variant];
            self.stock[variant].available += self.orders[place].units[variant];
        }
    }

    fn cancel(&mut self, place: usize) -> String {
        let order = &self.orders[place];
        if order.state == OrderState::Cancelled || order.fulfillment != FulfillmentState::Unfulfilled {
            return RULES.to_owned();
        }
        if order.state == OrderState::Paid {
            return self.refund(place, None, CANCELLATION);
        }
        self.cancel_order(place, None);
        self.orders[place].text()
    }

    fn fulfill(&mut self, place: usize, sent: bool) -> String {
        let order = &mut self.orders[place];
        let next = match (order.state, order.fulfillment, sent) {
            (OrderState::Paid, FulfillmentState::Unfulfilled, true) => FulfillmentState::Fulfilled,
            (OrderState::Paid, FulfillmentState::Fulfilled, false) => FulfillmentState::Returned,
            _ => return RULES.to_owned(),
        };
        order.fulfillment = next;
        if next == FulfillmentState::Returned {
            self.restock(place);
        }
        self.orders[place].text()
    }

    fn adjust(&mut self, variant: usize, units: i32) -> String {
        match self.stock[variant].available.checked_add_signed(units) {
            Some(available) => self.count(variant, available),
            None => format!("out of {variant}"),
        }
    }

    fn count(&mut self, variant: usize, units: u32) -> String {
        self.stock[variant].available = units;
        self.stock[variant].text()
    }
}

/// A worker run as text, for the model and the shops.
pub fn work_text(looked_at: usize, paid: usize, cancelled: usize, still_open: usize) -> String {
    format!("{looked_at} looked at: {paid} paid, {cancelled} cancelled, {still_open} still open")
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Transition;

    fn init_state() -> BoxedStrategy<Self> {
        let units = Units { available: INITIAL, reserved: 0, sold: 0 };
        let (stock, carts) = ([units; VARIANTS], [[0; VARIANTS]; SHOPPERS]);
        Just(Self { now_s: 0, stock, carts, orders: Vec::new(), answer: String::new() }).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Transition> {
        let (shopper, variant, order) = (0..SHOPPERS, 0..VARIANTS, 0..40_usize);
        let card = prop_oneof![
            3 => Just(Card::Approved),
            1 => Just(Card::Declined),
            1 => Just(Card::InsufficientFunds),
            3 => Just(Card::RequiresAction),
            1 => Just(Card::Expires),
        ];
        let amount = prop_oneof![
            3 => Just(None),
            1 => prop::sample::select(vec![-1_i64, 0, 1, 500, 1190, 2480, 100_000]).prop_map(Some),
        ];
        prop_oneof![
            6 => (shopper.clone(), variant.clone(), 1..4_u32, any::<bool>())
                .prop_map(|(shopper, variant, units, again)| Transition::Add { shopper, variant, units, again }),
            6 => (shopper, card, prop::bool::weighted(0.3))
                .prop_map(|(shopper, card, doubled)| Transition::CheckOut { shopper, card, doubled }),
            2 => order.clone().prop_map(|order| Transition::Repeat { order }),
            1 => order.clone().prop_map(|order| Transition::Misuse { order }),
            4 => (order.clone(), any::<bool>()).prop_map(|(order, approved)| Transition::Bank { order, approved }),
            2 => order.clone().prop_map(|order| Transition::Return { order }),
            2 => order.clone().prop_map(|order| Transition::Webhook { order }),
            2 => Just(Transition::Work),
            3 => prop::sample::select(vec![10_i64, 31, 61, 600, 1900]).prop_map(|seconds| Transition::Advance { seconds }),
            3 => (order.clone(), amount, 0..3_u8, any::<bool>())
                .prop_map(|(order, amount, key, again)| Transition::Refund { order, amount, key, again }),
            2 => order.clone().prop_map(|order| Transition::Cancel { order }),
            3 => (order, any::<bool>()).prop_map(|(order, sent)| Transition::Fulfill { order, sent }),
            2 => (variant.clone(), -4..8_i32, any::<bool>())
                .prop_map(|(variant, units, again)| Transition::Adjust { variant, units, again }),
            1 => (variant, 0..9_u32).prop_map(|(variant, units)| Transition::Count { variant, units }),
        ]
        .boxed()
    }

    fn apply(mut state: Self, transition: &Transition) -> Self {
        state.answer = match *transition {
            // A request repeated with its key has one effect.
            Transition::Add { shopper, variant, units, .. } => state.add(shopper, variant, units),
            Transition::CheckOut { shopper, card, .. } => state.check_out(shopper, card),
            Transition::Repeat { order } => state.on_order(order, Self::repeat),
            Transition::Misuse { order } => state.on_order(order, |_, _| "key reused".to_owned()),
            Transition::Bank { order, approved } => state.on_order(order, |state, place| state.bank(place, approved)),
            Transition::Return { order } => state.on_order(order, |state, place| {
                state.poll(place);
                state.orders[place].text()
            }),
            Transition::Webhook { order } => state.on_order(order, |state, place| {
                state.poll(place);
                "heard".to_owned()
            }),
            Transition::Work => state.work(),
            Transition::Advance { seconds } => {
                state.now_s += seconds;
                String::new()
            }
            Transition::Refund { order, amount, key, .. } => {
                state.on_order(order, |state, place| state.refund(place, amount, key))
            }
            Transition::Cancel { order } => state.on_order(order, Self::cancel),
            Transition::Fulfill { order, sent } => state.on_order(order, |state, place| state.fulfill(place, sent)),
            Transition::Adjust { variant, units, .. } => state.adjust(variant, units),
            Transition::Count { variant, units } => state.count(variant, units),
        };
        state
    }
}

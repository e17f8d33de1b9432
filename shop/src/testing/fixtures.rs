//! Small valid products, carts, orders and keys. A test specifies what it needs; everything else is derived from the names, so that
//! the same names always give the same values.

use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};
use ulid::Ulid;

use super::FixedClock;
use crate::domain::{
    Address, Cart, CartId, CartLine, CartOwner, Category, Currency, Customer, CustomerId, EmailState, FulfillmentState,
    Handle, Image, Inventory, Language, LineItemId, MailId, MailKind, Money, Order, OrderDetails, OrderId, OrderLine,
    OrderState, OutboxMessageId, PageKind, Payment, PaymentId, PaymentState, Product, ProductId, ProductOption,
    ProductStatus, Quantity, QuoteLine, Reservation, Role, SearchTerms, Session, Settings, ShippingMethod,
    ShippingOffer, ShippingRate, ShippingTable, Sku, StockEffect, TaxClass, TaxRate, TaxTable, Token, Tokenizer,
    Variant, VariantId,
};
use crate::ports::{
    Claim, Consumer, Dispatched, IdempotencyKey, IdempotencyRecord, OrderAdvance, OutboxMessage, Placement,
    SettingsVersion, VersionedSettings,
};
use crate::services::TOKEN_LIFETIME_DAYS;

/// Route of the idempotency keys of orders.
pub const CHECKOUT: &str = "checkout";

/// A handle.
pub fn handle(text: &str) -> Handle {
    text.parse().expect("a valid handle")
}

/// A SKU.
pub fn sku(text: &str) -> Sku {
    text.parse().expect("a valid SKU")
}

/// An amount in euro cents.
pub fn eur(amount_minor: i64) -> Money {
    Money::new(amount_minor, Currency::EUR)
}

/// A category whose handle is `text` and whose title is the same.
pub fn category(text: &str) -> Category {
    Category { handle: handle(text), title: text.to_owned() }
}

/// Builds a product; see [`product`].
#[derive(Debug, Clone)]
pub struct ProductBuilder(Product);

/// An active product with one tracked variant for 19.90 EUR: the title is the handle, the SKU the handle in upper
/// case, created at [`FixedClock::START`].
pub fn product(text: &str) -> ProductBuilder {
    let product = Product {
        id: ProductId::derive(text),
        handle: handle(text),
        title: text.to_owned(),
        description_html: String::new(),
        vendor: None,
        category: None,
        tags: Vec::new(),
        options: Vec::new(),
        variants: vec![variant(text, &text.to_uppercase(), 1990)],
        images: Vec::new(),
        status: ProductStatus::Active,
        seo_title: None,
        seo_description: None,
        created_at: FixedClock::START,
    };
    ProductBuilder(product)
}

fn variant(product: &str, code: &str, price_minor: i64) -> Variant {
    Variant {
        id: VariantId::derive(&format!("{product} {code}")),
        sku: sku(code),
        option_values: Vec::new(),
        price: eur(price_minor),
        compare_at_price: None,
        weight_grams: 250,
        requires_shipping: true,
        tax_class: TaxClass::Standard,
        barcode: None,
        image: None,
        inventory: Inventory::Tracked,
    }
}

impl From<Product> for ProductBuilder {
    fn from(product: Product) -> Self {
        Self(product)
    }
}

impl ProductBuilder {
    /// The product.
    pub fn build(self) -> Product {
        self.0
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.0.title);
        self
    }

    /// Sets the category.
    #[must_use]
    pub fn category(mut self, name: &str) -> Self {
        self.0.category = Some(category(name));
        self
    }

    /// Sets the tags.
    #[must_use]
    pub fn tags(mut self, tags: &[&str]) -> Self {
        self.0.tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        self
    }

    /// Sets the price of every variant, in euro cents.
    #[must_use]
    pub fn price(mut self, price_minor: i64) -> Self {
        for variant in &mut self.0.variants {
            variant.price = eur(price_minor);
        }
        self
    }

    /// Replaces the variants by variants without options, from SKUs and prices in euro cents.
    #[must_use]
    pub fn variants(mut self, variants: &[(&str, i64)]) -> Self {
        let name = self.0.handle.as_str().to_owned();
        self.0.variants = variants.iter().map(|(code, price_minor)| variant(&name, code, *price_minor)).collect();
        self
    }

    /// Adds an option with one value per variant.
    #[must_use]
    pub fn option(mut self, name: &str, values: &[&str]) -> Self {
        assert_eq!(values.len(), self.0.variants.len(), "one value per variant");
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        for (variant, value) in self.0.variants.iter_mut().zip(&values) {
            variant.option_values.push(value.clone());
        }
        self.0.options.push(ProductOption { name: name.to_owned(), values });
        self
    }

    /// Does not track the stock of any variant.
    #[must_use]
    pub fn untracked(mut self) -> Self {
        for variant in &mut self.0.variants {
            variant.inventory = Inventory::Untracked;
        }
        self
    }

    /// Adds an image.
    #[must_use]
    pub fn image(mut self, url: &str, alt: &str) -> Self {
        self.0.images.push(Image { url: url.to_owned(), alt: alt.to_owned() });
        self
    }

    /// Sets the status.
    #[must_use]
    pub fn status(mut self, status: ProductStatus) -> Self {
        self.0.status = status;
        self
    }

    /// Sets the time of creation.
    #[must_use]
    pub fn created_at(mut self, created_at: OffsetDateTime) -> Self {
        self.0.created_at = created_at;
        self
    }
}

/// The search terms of a product in an English catalog.
pub fn index(product: &Product) -> SearchTerms {
    Tokenizer::new(Language::English).index(product)
}

/// Terms with their weights.
pub fn terms(weights: &[(&str, u8)]) -> SearchTerms {
    SearchTerms(weights.iter().map(|(term, weight)| ((*term).to_owned(), *weight)).collect())
}

/// A visitor's token, the same for the same name.
pub fn visitor_token(name: &str) -> Token {
    Token::visitor(Sha256::digest(name).into())
}

/// A visitor.
pub fn visitor(name: &str) -> CartOwner {
    CartOwner::visitor(&visitor_token(name))
}

/// A customer with the email address `<name>@example.com`. The password hash matches no password.
pub fn customer(name: &str) -> Customer {
    Customer {
        id: CustomerId::derive(name),
        email: format!("{name}@example.com").parse().expect("a valid email address"),
        email_state: EmailState::Unconfirmed,
        email_change: None,
        name: name.to_owned(),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        role: Role::Customer,
        created_at: FixedClock::START,
        password_changes: 0,
        password_reset: None,
        addresses: Vec::new(),
        version: 1,
    }
}

/// A session of a customer.
pub fn session(customer: &Customer, name: &str, expires_at: OffsetDateTime) -> Session {
    Session {
        token_digest: Token::session(Sha256::digest(name).into()).digest(),
        customer_id: customer.id.clone(),
        password_changes: 0,
        signed_in_at: expires_at - Duration::days(TOKEN_LIFETIME_DAYS),
        device: None,
        expires_at,
    }
}

/// A cart in its first version, 1.
pub fn cart(owner: &CartOwner, lines: &[(&str, u32)]) -> Cart {
    let mut cart = Cart::new(CartId::derive(owner.key()), owner.clone(), FixedClock::START);
    cart.lines = lines.iter().map(|(code, units)| CartLine { sku: sku(code), quantity: quantity(*units) }).collect();
    cart.version = 1;
    cart
}

fn quantity(units: u32) -> Quantity {
    Quantity::new(units).expect("1 to 999 units")
}

/// An idempotency key of the checkout.
pub fn checkout_key(owner: &CartOwner, client_key: &str) -> IdempotencyKey {
    IdempotencyKey::new(owner.clone(), CHECKOUT, client_key).expect("a valid key")
}

/// A claim of a key at `now` for 30 days, with a lease of 30 seconds.
pub fn claim(key: IdempotencyKey, request: &str, now: OffsetDateTime) -> Claim {
    let record = IdempotencyRecord {
        request_hash: request.to_owned(),
        lease_until: now + Duration::seconds(30),
        order_id: None,
        outcome: None,
    };
    Claim { key, record, expires_at: now + Duration::days(30) }
}

/// A pending order placed at [`FixedClock::START`] with reservations for every line, at 10.00 EUR per unit.
pub fn order(owner: &CartOwner, name: &str, lines: &[(&str, u32)]) -> Order {
    let id = OrderId::derive(name);
    let order_number = id.as_str().chars().rev().take(10).collect();
    let mut reservations: Vec<_> =
        lines.iter().map(|(code, units)| Reservation { sku: sku(code), quantity: quantity(*units) }).collect();
    reservations.sort_by(|a, b| a.sku.cmp(&b.sku));
    let subtotal = eur(lines.iter().map(|(_, units)| i64::from(*units) * 1000).sum());
    Order {
        order_number,
        access_key: format!("access to {name}"),
        owner: owner.clone(),
        placed_by: owner.clone(),
        customer_id: None,
        email: "visitor@example.com".parse().expect("a valid email address"),
        shipping_address: address(),
        billing_address: None,
        vat_number: None,
        phone: None,
        delivery_note: None,
        lines: lines.iter().map(|(code, units)| order_line(name, code, *units)).collect(),
        subtotal,
        shipping: ShippingOffer {
            id: "standard".to_owned(),
            title: "Standard".to_owned(),
            delivery_estimate: "2 to 3 days".to_owned(),
            price: eur(490),
        },
        tax_lines: Vec::new(),
        tax_total: eur(0),
        prices_include_tax: true,
        total: subtotal.checked_add(eur(490)).expect("a small amount"),
        reservations,
        state: OrderState::Pending,
        payment: Payment::new(PaymentId::derive(name), "fake", "card_visa".to_owned()),
        terms_version: None,
        client_key: id.to_string(),
        due_at: Some(Order::first_check(FixedClock::START)),
        fulfillment: FulfillmentState::Unfulfilled,
        tracking: None,
        undelivered_mails: Vec::new(),
        version: 1,
        placed_at: FixedClock::START,
        id,
    }
}

fn order_line(order: &str, code: &str, units: u32) -> OrderLine {
    let line = QuoteLine {
        sku: sku(code),
        product_handle: handle("some-product"),
        title: "Some product".to_owned(),
        variant_title: String::new(),
        image: None,
        quantity: quantity(units),
        unit_price: eur(1000),
        line_total: eur(1000 * i64::from(units)),
    };
    OrderLine { id: LineItemId::derive(&format!("{order} {code}")), line }
}

/// An address in Germany.
pub fn address() -> Address {
    Address {
        name: "Ada Lovelace".to_owned(),
        company: None,
        line1: "Hauptstraße 1".to_owned(),
        line2: None,
        city: "Köln".to_owned(),
        region: None,
        postal_code: "50667".to_owned(),
        country: "DE".parse().expect("a country"),
    }
}

/// An order to [`address`], without further details.
pub fn order_details() -> OrderDetails {
    OrderDetails {
        shipping_address: address(),
        billing_address: None,
        vat_number: None,
        phone: None,
        delivery_note: None,
    }
}

/// The ID of a mail about an order.
pub fn mail_id() -> MailId {
    MailId {
        event: OutboxMessageId::derive("event"),
        kind: MailKind::OrderShipped,
        order: Some(OrderId::derive("order")),
    }
}

/// A message about an order. IDs are derived from order and topic, and sort by time.
pub fn message(order: &Order, topic: &str, occurred_at: OffsetDateTime) -> OutboxMessage {
    let occurred_ms = u64::try_from(occurred_at.unix_timestamp_nanos() / 1_000_000).expect("after 1970");
    let digest = Sha256::new().chain_update(order.id.as_str()).chain_update(topic).finalize();
    let random = digest[..10].iter().fold(0_u128, |random, byte| (random << 8) | u128::from(*byte));
    OutboxMessage {
        id: OutboxMessageId::from_ulid(Ulid::from_parts(occurred_ms, random)),
        topic: topic.to_owned(),
        subject: order.id.to_string(),
        occurred_at,
    }
}

/// Messages that leave the outbox, with the consumers that have not accepted them.
pub fn dispatched(messages: &[OutboxMessage], backlogs: &[Consumer]) -> Vec<Dispatched> {
    let backlogs = backlogs.to_vec();
    messages.iter().map(|message| Dispatched { message: message.clone(), backlogs: backlogs.clone() }).collect()
}

/// The placement of an order from version `cart_version` of its owner's cart, with its own key and one message.
pub fn placement(order: &Order, cart_version: u64) -> Placement {
    let mut claim = claim(checkout_key(&order.owner, order.id.as_str()), "request", order.placed_at);
    claim.record.order_id = Some(order.id.clone());
    let outbox = vec![message(order, "order.placed", order.placed_at)];
    Placement { claim, order: order.clone(), cart_version, outbox }
}

/// A step that pays, cancels or just touches an order one second after it was placed.
pub fn advance(order: &Order, stock: StockEffect) -> OrderAdvance {
    let mut next = order.clone();
    next.version += 1;
    let topic = match stock {
        StockEffect::Keep => "order.touched",
        StockEffect::Commit => {
            next.state = OrderState::Paid;
            next.payment.state = PaymentState::Captured;
            next.due_at = None;
            "order.paid"
        }
        StockEffect::Release => {
            next.state = OrderState::Cancelled;
            next.payment.state = PaymentState::Declined;
            next.due_at = None;
            "order.cancelled"
        }
        StockEffect::Restock => {
            next.state = OrderState::Cancelled;
            next.payment.state = PaymentState::Refunded;
            next.due_at = None;
            "order.refunded"
        }
    };
    let outbox = vec![message(order, topic, order.placed_at + Duration::seconds(1))];
    OrderAdvance { stock, outbox, ..OrderAdvance::to(next) }
}

/// Settings with one tax rate, one shipping method and short pages.
pub fn settings() -> Settings {
    let rate = TaxRate {
        country: "DE".parse().expect("a country"),
        region: None,
        class: TaxClass::Standard,
        rate_ppm: 190_000,
        title: "VAT".to_owned(),
    };
    let method = ShippingMethod {
        id: "standard".to_owned(),
        title: "Standard".to_owned(),
        delivery_estimate: "3 days".to_owned(),
        countries: vec!["DE".parse().expect("a country")],
        except_countries: Vec::new(),
        min_weight_grams: 0,
        rate: ShippingRate::Flat { price: [(Currency::EUR, 490)].into() },
        free_from: [(Currency::EUR, 7_500)].into(),
    };
    let tables = (TaxTable { rates: vec![rate] }, ShippingTable { methods: vec![method] });
    let mut settings = Settings::starter(tables.0, tables.1);
    for kind in PageKind::ALL {
        settings.pages.get_mut(*kind).text = format!("The {} page.", kind.as_str());
    }
    settings
}

/// A version of settings, written by an operator at [`FixedClock::START`].
pub fn versioned_settings(version: u64, settings: &Settings) -> VersionedSettings {
    let about = SettingsVersion {
        version,
        changed_at: FixedClock::START,
        changed_by: "operator@example.com".to_owned(),
        sections: vec!["shop".to_owned(), "pages.terms".to_owned()],
    };
    VersionedSettings { about, settings: settings.clone() }
}

/// A PNG file of this width and height with so many bytes of comments. Its pixels cannot be decoded.
pub fn png(width: u32, height: u32, comment_bytes: usize) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], content: &[u8]| {
        let length = u32::try_from(content.len()).expect("a short chunk");
        [&length.to_be_bytes()[..], kind, content, &[0; 4]].concat()
    };
    let header = chunk(b"IHDR", &[&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat());
    let comments = chunk(b"tEXt", &vec![b'x'; comment_bytes]);
    let (pixels, end) = (chunk(b"IDAT", b"pixels"), chunk(b"IEND", b""));
    [&b"\x89PNG\r\n\x1a\n"[..], &header, &comments, &pixels, &end].concat()
}

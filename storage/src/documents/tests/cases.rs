//! The values whose documents each release keeps. A case is never changed or removed: documents of old releases must
//! decode to exactly this value. Additions of a release get a new case; in existing cases they have their serde
//! default.

use std::collections::BTreeMap;

use shopease_shop::domain::{
    Address, AddressId, Cart, Category, Color, Contact, Currency, Customer, Dispute, DisputeState, EmailChange,
    EmailState, FooterLink, FulfillmentState, Image, Inventory, LegalPage, MailKind, Money, Order, OrderState,
    OrderSummary, PasswordReset, PaymentState, Product, ProductOption, ProductStatus, ProductSummary, Quantity, Refund,
    RefundId, RefundSource, RefundState, Role, SavedAddress, Session, Settings, ShippingRate, TaxClass, TaxLine,
    Tracking, UndeliveredMail, UploadedImage, WeightBand,
};
use shopease_shop::ports::OutboxMessage;
use shopease_shop::testing::FixedClock;
use shopease_shop::testing::fixtures::{
    self, address, cart, category, customer, eur, handle, message, order, product, session, sku, visitor,
};
use time::{Duration, OffsetDateTime};

use crate::documents::{Stored, Unreadable, decode};
use crate::dynamodb::tests::documents::{index_document, read_index};

const NOW: OffsetDateTime = FixedClock::START;
/// Text that a careless store might truncate, escape, or normalize.
const UNICODE: &str = "Ünïcödé 東京 👩‍🚀 \"q\" \\ </script>\u{2028}\n\té e\u{301}";

/// The value of a document, with what a test needs to find it in a store.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Order(Order),
    OrderSummary(Order),
    Product(Product),
    ProductSummary(Product),
    Category(Category),
    Customer(Customer),
    Cart(Cart),
    Session(Session),
    OutboxMessage(OutboxMessage),
    Settings(Box<Settings>),
    /// The `DynamoDB` record of the keys under which a product is found.
    ProductIndex(Product),
}

/// A value with the file name of its document.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub name: &'static str,
    pub content: Content,
}

impl Case {
    /// The directory of its document.
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::Order(_) => "order",
            Content::OrderSummary(_) => "order_summary",
            Content::Product(_) => "product",
            Content::ProductSummary(_) => "product_summary",
            Content::Category(_) => "category",
            Content::Customer(_) => "customer",
            Content::Cart(_) => "cart_lines",
            Content::Session(_) => "session",
            Content::OutboxMessage(_) => "outbox_message",
            Content::Settings(_) => "settings",
            Content::ProductIndex(_) => "product_index",
        }
    }

    /// The field that identifies its document, and the field's value.
    pub fn id(&self) -> (&'static str, String) {
        match &self.content {
            Content::Order(order) | Content::OrderSummary(order) => ("id", order.id.to_string()),
            Content::Product(product) | Content::ProductSummary(product) => ("id", product.id.to_string()),
            Content::Category(category) => ("handle", category.handle.to_string()),
            Content::Customer(customer) => ("id", customer.id.to_string()),
            Content::Cart(_) | Content::Settings(_) | Content::ProductIndex(_) => {
                ("none", "without a readable ID".to_owned())
            }
            Content::Session(session) => ("token_digest", session.token_digest.clone()),
            Content::OutboxMessage(message) => ("id", message.id.to_string()),
        }
    }

    /// The document that this release writes.
    pub fn pretty(&self) -> String {
        match &self.content {
            Content::Order(order) => pretty(order),
            Content::OrderSummary(order) => pretty(&order.summary()),
            Content::Product(product) => pretty(product),
            Content::ProductSummary(product) => pretty(&product.summary()),
            Content::Category(category) => pretty(category),
            Content::Customer(customer) => pretty(customer),
            Content::Cart(cart) => pretty(&cart.lines),
            Content::Session(session) => pretty(session),
            Content::OutboxMessage(message) => pretty(message),
            Content::Settings(settings) => pretty(&**settings),
            Content::ProductIndex(product) => index_document(product),
        }
    }

    /// Whether a document can be decoded.
    pub fn decode(&self, text: &str) -> Result<(), Unreadable> {
        match &self.content {
            Content::Order(_) => decode::<Order>(text).map(drop),
            Content::OrderSummary(_) => decode::<OrderSummary>(text).map(drop),
            Content::Product(_) => decode::<Product>(text).map(drop),
            Content::ProductSummary(_) => decode::<ProductSummary>(text).map(drop),
            Content::Category(_) => decode::<Category>(text).map(drop),
            Content::Customer(_) => decode::<Customer>(text).map(drop),
            Content::Cart(_) => decode::<Vec<shopease_shop::domain::CartLine>>(text).map(drop),
            Content::Session(_) => decode::<Session>(text).map(drop),
            Content::OutboxMessage(_) => decode::<OutboxMessage>(text).map(drop),
            Content::Settings(_) => decode::<Settings>(text).map(drop),
            Content::ProductIndex(_) => read_index(text),
        }
    }
}

fn pretty<T: Stored>(value: &T) -> String {
    serde_json::to_string_pretty(&T::Document::from(value)).expect("JSON")
}

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name, content| cases.push(Case { name, content });
    for (name, order) in orders() {
        add(name, Content::Order(order.clone()));
        add(name, Content::OrderSummary(order));
    }
    for (name, product) in products() {
        add(name, Content::Product(product.clone()));
        add(name, Content::ProductIndex(product.clone()));
        // The others are in no listing.
        if product.status == ProductStatus::Active {
            add(name, Content::ProductSummary(product));
        }
    }
    add("plain", Content::Category(category("kitchen")));
    add("unicode", Content::Category(Category { handle: handle("küche-東京"), title: UNICODE.to_owned() }));
    add("shopper", Content::Customer(customer("ada")));
    let reset = PasswordReset { digest: "ab".repeat(32), expires_at: NOW + Duration::hours(1) };
    let forgotten = Customer { password_changes: 2, password_reset: Some(reset), version: 5, ..customer("forgotten") };
    add("password_reset", Content::Customer(forgotten));
    let email = customer("new").email;
    let change = EmailChange { email, digest: Some("cd".repeat(32)), expires_at: NOW + Duration::hours(24) };
    let moving = Customer { email_state: EmailState::Pending, email_change: Some(change), ..customer("pending") };
    add("email_change", Content::Customer(moving));
    let at_home = SavedAddress { id: AddressId::derive("home"), address: address(), is_default: true };
    let office =
        Address { company: Some("Engines & Söner".to_owned()), line2: Some("東京".to_owned()), ..address() };
    let at_work = SavedAddress { id: AddressId::derive("work"), address: office, is_default: false };
    let settled = Customer { addresses: vec![at_home, at_work], ..customer("settled") };
    add("with_addresses", Content::Customer(settled));
    add("operator", Content::Customer(Customer { role: Role::Operator, ..customer("operator") }));
    let foreign = "jürgen@bücher.example".parse().expect("an address");
    add("unicode", Content::Customer(Customer { name: UNICODE.to_owned(), email: foreign, ..customer("unicode") }));
    add("empty", Content::Cart(cart(&visitor("empty cart"), &[])));
    add("several", Content::Cart(cart(&visitor("several lines"), &[("KET-COP-08", 1), ("ÄÖ 東京", 999)])));
    add("signed_in", Content::Session(session(&customer("ada"), "phone", NOW + Duration::days(30))));
    let placed = order(&visitor("message"), "message", &[]);
    let changed = Session { password_changes: 2, ..session(&customer("ada"), "laptop", NOW + Duration::days(30)) };
    add("after_a_change", Content::Session(changed));
    let device = Some("Firefox on Linux".to_owned());
    let known = Session { device, ..session(&customer("ada"), "desktop", NOW + Duration::days(30)) };
    add("on_a_known_device", Content::Session(known));
    add("order_placed", Content::OutboxMessage(message(&placed, "order.placed", NOW)));
    let low = OutboxMessage { subject: "ÄÖ 東京".to_owned(), ..message(&placed, "stock.low", NOW) };
    add("stock_low", Content::OutboxMessage(low));
    add("small", Content::Settings(Box::new(fixtures::settings())));
    add("full", Content::Settings(Box::new(full_settings())));
    cases
}

/// Every optional part, and text of every kind.
fn full_settings() -> Settings {
    let mut settings = fixtures::settings();
    UNICODE.clone_into(&mut settings.shop.name);
    settings.shop.accent_color = Color::new([0x00, 0x3d, 0x99]);
    let logo = [&b"\x89PNG\r\n\x1a\n"[..], &[0, 1, 0xff]].concat();
    settings.shop.logo = UploadedImage::new(logo.clone().into());
    settings.shop.icon = UploadedImage::new(logo.into());
    settings.contact = Contact {
        email: Some("jürgen@bücher.example".parse().expect("an address")),
        phone: Some("+49 30 1234".to_owned()),
        postal_address: Some(UNICODE.to_owned()),
    };
    UNICODE.clone_into(&mut settings.home.text);
    settings.home.image = Some(Image { url: "https://images.example/a.jpg".to_owned(), alt: UNICODE.to_owned() });
    settings.home.featured_categories = vec![handle("küche-東京"), handle("desk")];
    UNICODE.clone_into(&mut settings.footer.text);
    settings.footer.links = vec![FooterLink { title: UNICODE.to_owned(), url: "/pages/terms".to_owned() }];
    settings.pages.terms = LegalPage { text: UNICODE.to_owned(), is_draft: false };
    settings.selling.currency = "JPY".parse().expect("a currency");
    settings.selling.time_zone = "Asia/Tokyo".parse().expect("a time zone");
    settings.selling.prices_include_tax = false;
    settings.selling.countries = ["JP", "US"].map(|code| code.parse().expect("a country")).into();
    settings.selling.low_stock_units = u32::MAX;
    let method = &mut settings.shipping.methods[0];
    method.except_countries = vec!["FR".parse().expect("a country")];
    method.min_weight_grams = u64::MAX;
    let price = BTreeMap::from([(Currency::EUR, i64::MAX), ("JPY".parse().expect("a currency"), 0)]);
    method.free_from.clone_from(&price);
    method.rate = ShippingRate::ByWeight { bands: vec![WeightBand { up_to_grams: u64::MAX, price }] };
    settings.tax.rates[0].region = Some("CA".to_owned());
    settings.tax.rates[0].class = TaxClass::Exempt;
    settings
}

/// A product through which a category is written.
pub(super) fn product_in(category: Category) -> Product {
    let name = format!("in-{}", category.handle);
    Product { category: Some(category), ..product(&name).build() }
}

type States = (OrderState, PaymentState, FulfillmentState);

/// An order of a new visitor in these states; open ones are due.
fn order_in(name: &str, (state, payment, fulfillment): States) -> Order {
    let mut order = order(&visitor(&format!("visitor of {name}")), name, &[("KET-COP-08", 2), ("CUP", 1)]);
    order.state = state;
    order.payment.state = payment;
    order.payment.intent_id = Some(format!("pi_{name}"));
    order.fulfillment = fulfillment;
    order.due_at = (!payment.is_settled()).then_some(NOW + Duration::seconds(65));
    order.version = 4;
    order
}

fn refund(name: &str, amount_minor: i64, state: RefundState) -> Refund {
    Refund {
        id: RefundId::derive(name),
        amount: eur(amount_minor),
        state,
        source: RefundSource::Shop,
        failure_code: None,
        requested_at: NOW + Duration::milliseconds(90_061_001),
    }
}

fn orders() -> Vec<(&'static str, Order)> {
    use FulfillmentState::{Fulfilled, Returned, Unfulfilled};
    use OrderState::{Cancelled, Paid, Pending};

    let minimal = order(&visitor("minimal"), "minimal", &[]);
    let mut terms_accepted = order(&visitor("terms"), "terms_accepted", &[]);
    terms_accepted.terms_version = Some(7);
    let pending = order_in("pending", (Pending, PaymentState::Pending, Unfulfilled));
    let mut requires_action = order_in("requires_action", (Pending, PaymentState::RequiresAction, Unfulfilled));
    requires_action.payment.action_url = Some("https://bank.example/3ds?intent=pi_1&return=%2Forders".to_owned());
    let mut unknown = order_in("unknown", (Pending, PaymentState::Unknown, Unfulfilled));
    unknown.payment.checks = 3;
    let authorized = order_in("authorized", (Pending, PaymentState::Authorized, Unfulfilled));
    let mut canceling = order_in("canceling", (Pending, PaymentState::Authorized, Unfulfilled));
    canceling.payment.canceling = true;
    let paid = order_in("paid", (Paid, PaymentState::Captured, Unfulfilled));
    let fulfilled = order_in("fulfilled", (Paid, PaymentState::Captured, Fulfilled));
    let mut mail_refused = order_in("mail_refused", (Paid, PaymentState::Captured, Unfulfilled));
    mail_refused.undelivered_mails.extend(MailKind::ALL.iter().map(|kind| UndeliveredMail {
        kind: *kind,
        address: "ada@lovelace.example".parse().expect("an address"),
        code: "550".to_owned(),
        refused_at: NOW + Duration::minutes(2),
    }));
    let mut refunding = order_in("partially_refunded", (Paid, PaymentState::PartiallyRefunded, Returned));
    refunding.payment.refunds = vec![
        refund("first", 500, RefundState::Succeeded),
        refund("second", 700, RefundState::Refused),
        refund("third", 990, RefundState::Requested),
    ];
    refunding.due_at = Some(NOW + Duration::days(2));
    let mut refunded = order_in("refunded", (Cancelled, PaymentState::Refunded, Unfulfilled));
    refunded.payment.refunds = vec![refund("whole", refunded.total.amount_minor, RefundState::Succeeded)];
    let mut declined = order_in("declined", (Cancelled, PaymentState::Declined, Unfulfilled));
    declined.payment.decline_code = Some("insufficient_funds".to_owned());
    declined.payment.attempt = 2;
    let voided = order_in("voided", (Cancelled, PaymentState::Voided, Unfulfilled));
    let mut billed = order_in("billed", (Paid, PaymentState::Captured, Unfulfilled));
    billed.shipping_address.company = Some("Växlar & Söner".to_owned());
    billed.billing_address = Some(Address { company: Some(UNICODE.to_owned()), ..address() });
    billed.vat_number = Some("IE1A23456+".to_owned());
    billed.phone = Some("+49 (0)30 123-456".to_owned());
    billed.delivery_note = Some(format!("Ring twice.\n{UNICODE}"));
    let mut tracked = order_in("tracked", (Paid, PaymentState::Captured, Fulfilled));
    tracked.tracking = Some(Tracking {
        carrier: Some(UNICODE.to_owned()),
        number: Some("00340434161094021501".to_owned()),
        url: Some("https://carrier.example/track?id=1".to_owned()),
    });
    vec![
        ("minimal", minimal),
        ("full", full_order()),
        ("pending", pending),
        ("requires_action", requires_action),
        ("unknown", unknown),
        ("authorized", authorized),
        ("canceling", canceling),
        ("paid", paid),
        ("fulfilled", fulfilled),
        ("mail_refused", mail_refused),
        ("partially_refunded", refunding),
        ("refunded", refunded),
        ("declined", declined),
        ("voided", voided),
        ("terms_accepted", terms_accepted),
        ("billed", billed),
        ("tracked", tracked),
        ("reversed", reversed_order()),
        ("large_numbers", order_of_large_numbers()),
    ]
}

/// Refunds of every source and outcome, and a dispute in each state.
fn reversed_order() -> Order {
    let mut order =
        order_in("reversed", (OrderState::Paid, PaymentState::PartiallyRefunded, FulfillmentState::Fulfilled));
    let code = || Some("lost_or_stolen_card".to_owned());
    order.payment.refunds = vec![
        Refund { failure_code: code(), ..refund("returned", 500, RefundState::Failed) },
        Refund { failure_code: code(), ..refund("refused", 500, RefundState::Refused) },
        Refund { source: RefundSource::Provider, ..refund("outside", 700, RefundState::Succeeded) },
    ];
    let states = [DisputeState::Inquiry, DisputeState::Open, DisputeState::Won, DisputeState::Lost];
    let disputes = states.into_iter().zip(1..).map(|(state, number)| Dispute {
        id: format!("dp_{number}"),
        amount: eur(100 * number),
        state,
        reason: "fraudulent".to_owned(),
        opened_at: NOW + Duration::days(number),
    });
    order.payment.disputes = disputes.collect();
    order
}

/// Every optional part, and text of every kind.
fn full_order() -> Order {
    let mut order = order_in("full", (OrderState::Paid, PaymentState::Captured, FulfillmentState::Fulfilled));
    let address = &mut order.shipping_address;
    address.name = UNICODE.to_owned();
    address.line2 = Some("c/o 東京".to_owned());
    address.region = Some("CA".to_owned());
    address.country = "US".parse().expect("a country");
    order.customer_id = Some(customer("ada").id);
    order.lines[0].line.title = UNICODE.to_owned();
    order.lines[0].line.variant_title = "Large / Blå".to_owned();
    order.lines[0].line.image = Some(Image { url: "/assets/kettle.webp".to_owned(), alt: UNICODE.to_owned() });
    order.tax_lines = vec![
        TaxLine { title: "VAT".to_owned(), rate_ppm: 190_000, amount: eur(479) },
        TaxLine { title: "VAT reduced".to_owned(), rate_ppm: 70_000, amount: eur(65) },
    ];
    order.tax_total = eur(544);
    order.prices_include_tax = false;
    order.client_key = "client|key~!".to_owned();
    order.placed_at = NOW + Duration::milliseconds(123);
    order
}

fn order_of_large_numbers() -> Order {
    let mut order =
        order_in("large_numbers", (OrderState::Pending, PaymentState::Unknown, FulfillmentState::Unfulfilled));
    let yen = Money::new(i64::MAX, "JPY".parse().expect("a currency"));
    (order.subtotal, order.total, order.shipping.price) = (yen, yen, yen);
    order.lines[0].line.unit_price = yen;
    order.lines[0].line.quantity = Quantity::new(999).expect("in range");
    order.reservations[1].quantity = Quantity::new(999).expect("in range");
    (order.payment.checks, order.payment.attempt) = (u32::MAX, u32::MAX);
    order.version = u64::try_from(i64::MAX).expect("positive");
    order
}

fn products() -> Vec<(&'static str, Product)> {
    let mut large = product("large-numbers").build();
    large.variants[0].price = Money::new(i64::MAX, Currency::EUR);
    large.variants[0].compare_at_price = Some(Money::new(i64::MAX, "BHD".parse().expect("a currency")));
    large.variants[0].weight_grams = u32::MAX;
    large.variants[0].image = Some(u16::MAX);
    vec![
        ("minimal", product("minimal").build()),
        ("full", full_product()),
        ("untracked", product("untracked").untracked().build()),
        ("draft", product("draft").status(ProductStatus::Draft).build()),
        ("archived", product("archived").status(ProductStatus::Archived).build()),
        ("large_numbers", large),
    ]
}

/// Every optional part, several variants, and text of every kind.
fn full_product() -> Product {
    let variants = [("KET-S", 4900), ("KET-M", 5900), ("ÄÖ 東京", 6900)];
    let mut product = product("kettle-東京")
        .title(UNICODE)
        .category("küche")
        .tags(&["copper", "ÄÖ", ""])
        .variants(&variants)
        .option("Size", &["S", "M", "L"])
        .image("https://images.example/kettle.jpg", "")
        .image("/assets/kettle.webp", UNICODE)
        .created_at(NOW + Duration::nanoseconds(123_456_789))
        .build();
    product.description_html = format!("<p>{UNICODE}</p>");
    product.vendor = Some("Växlar & Söner".to_owned());
    product.seo_title = Some("Kettles".to_owned());
    product.seo_description = Some(UNICODE.to_owned());
    product.options.push(ProductOption { name: "Couleur".to_owned(), values: vec!["bleu".to_owned()] });
    let [small, medium, large] = &mut product.variants[..] else { panic!("three variants") };
    for variant in [&mut *small, &mut *medium, &mut *large] {
        variant.option_values.push("bleu".to_owned());
    }
    small.compare_at_price = Some(eur(5500));
    small.barcode = Some("4006381333931".to_owned());
    medium.tax_class = TaxClass::Reduced;
    medium.image = Some(1);
    large.tax_class = TaxClass::Exempt;
    large.requires_shipping = false;
    large.inventory = Inventory::Untracked;
    large.sku = sku("ÄÖ 東京");
    product
}

//! `RemoteShop` over the API behaves like `LocalShop`: every use case on equal stores gives equal results and equal errors.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use axum::Router;
use secrecy::SecretString;
use shopease_payments::sign;
use shopease_shared::client::RemoteShop;
use shopease_shared::http::{self as shop_http, Problem};
use shopease_shop::domain::{
    Address, AddressId, BrandImage, EmailAddress, FulfillmentEvent, Handle, LineItemId, Money, OrderDetails, OrderId,
    Page, PageKind, PageLimit, ProductDraft, ProductSort, ProductStatus, StockChange, Token, Tracking, UploadedImage,
};
use shopease_shop::ports::{Clock as _, SharedStore};
use shopease_shop::services::{
    AddAddress, AddLineItem, Caller, CancelOrder, CancelUnpaidOrder, ChangeEmail, ChangeName, ChangePassword,
    CheckPayment, ConfirmEmail, CorrectStock, CreateProduct, CurrentCustomer, DeleteAccount, DeleteProduct,
    EndOtherSessions, EndSession, FindAnyProduct, FindBrandImage, FindOrder, FindPage, FindProduct, FindSettings,
    ListAddresses, ListAllOrders, ListAllProducts, ListCategories, ListOrders, ListPaymentOptions, ListProducts,
    ListSessions, ListSettingsVersions, LogIn, LogOut, OrderView, PlaceOrder, ProductStock, QuoteCart,
    ReceivePaymentEvent, RecordFulfillment, RecordTransfer, RefundAmount, RefundOrder, Register, RemoveAddress,
    RemoveDemoCatalog, RemoveLineItem, ReplaceAddress, RequestEmailConfirmation, RequestOrderLink,
    RequestPasswordReset, ResetPassword, RestoreSettings, Services, SetLineItem, SignedIn, UpdateProduct,
    UpdateSettings, UploadPicture, ViewCart, ViewDemoCatalog, ViewSaleTerms, ViewSettings, ViewShop, create_operator,
};
use shopease_shop::testing::fixtures;
use shopease_shop::{ShopError, ShopResult};
use shopease_storage::testing::{on_dynamodb, on_postgres};
use time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::harness::{PASSWORD, TestShop, WEBHOOK_SECRET};
use crate::pictures;

/// An HTTP server for tests.
pub struct Server {
    pub url: String,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub async fn start(router: Router) -> Self {
        let (url, listener) = listen().await;
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, task }
    }

    pub fn shop(&self) -> RemoteShop {
        RemoteShop::new(&self.url).expect("a plain http URL")
    }
}

pub async fn listen() -> (String, TcpListener) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    (format!("http://{}", listener.local_addr().expect("an address")), listener)
}

/// The results of a shop, one line per call.
struct Script<'a> {
    test: &'a TestShop,
    shop: Services,
    lines: Vec<String>,
}

pub fn problem(error: ShopError) -> String {
    let problem = Problem { request_id: None, ..Problem::from(error) };
    serde_json::json!(problem).to_string()
}

impl Script<'_> {
    fn note<T: Debug>(&mut self, call: &str, result: ShopResult<T>) -> Option<T> {
        match result {
            Ok(value) => {
                self.lines.push(format!("{call}: {value:?}"));
                Some(value)
            }
            Err(error) => {
                self.lines.push(format!("{call}: {}", problem(error)));
                None
            }
        }
    }

    /// Including fields that `Debug` hides.
    fn note_session(&mut self, call: &str, result: ShopResult<SignedIn>) -> Option<SignedIn> {
        let signed_in = self.note(call, result)?;
        self.lines.push(format!("{} {}", signed_in.token, signed_in.cart_units));
        Some(signed_in)
    }

    fn note_page<T: Debug>(&mut self, call: &str, result: ShopResult<Page<T>>) -> Option<String> {
        let page = result.map(|page| (page.items, page.next));
        self.note(call, page).and_then(|(_, next)| next)
    }
}

pub fn caller(name: &str) -> Caller {
    Caller::new(fixtures::visitor_token(name))
}

pub fn add(sku: &str, units: u32) -> AddLineItem {
    AddLineItem { sku: fixtures::sku(sku), quantity: units.try_into().expect("1 to 999"), client_key: None }
}

pub fn order(card: &str) -> PlaceOrder {
    PlaceOrder {
        email: "ada+täst@example.com".parse().expect("an address"),
        details: OrderDetails {
            shipping_address: Address { company: Some("Engines & Söhne".to_owned()), ..fixtures::address() },
            billing_address: Some(Address { name: "Accounting".to_owned(), ..fixtures::address() }),
            vat_number: Some("DE 123456789".to_owned()),
            phone: Some("+49 30 123456".to_owned()),
            delivery_note: Some("Ring twice.\nThen wait.".to_owned()),
        },
        shipping_method: "standard".to_owned(),
        payment_method: card.to_owned(),
        expected_total: None,
        terms_version: None,
        client_key: String::new(),
    }
}

pub fn listing(q: Option<&str>, category: Option<&str>, sort: Option<ProductSort>, limit: u16) -> ListProducts {
    ListProducts {
        q: q.map(str::to_owned),
        category: category.map(fixtures::handle),
        sort,
        after: None,
        limit: PageLimit::new(limit).expect("1 to 100"),
    }
}

async fn browse(script: &mut Script<'_>) {
    let shop = script.shop.clone();
    for sort in [None, Some(ProductSort::Newest), Some(ProductSort::PriceDescending)] {
        for (q, category) in [
            (None, None),
            (Some(""), None),
            (Some(" "), None),
            (Some("drev"), None),
            (Some("växel & drev=100% +#é/?"), None),
            (Some("東京"), Some("küche-東京")),
            (Some("---"), None),
            (None, Some("küche-東京")),
            (None, Some("none")),
        ] {
            script.note_page(
                &format!("list {q:?} {category:?} {sort:?}"),
                shop.catalog.list_products(listing(q, category, sort, 100)).await,
            );
        }
    }
    let long = "ä".repeat(201);
    script.note_page("list too long", shop.catalog.list_products(listing(Some(&long), None, None, 1)).await);
    script.note_page(
        "list relevance",
        shop.catalog.list_products(listing(None, None, Some(ProductSort::Relevance), 1)).await,
    );
    for (q, sort) in [
        (None, Some(ProductSort::Title)),
        (Some("drev"), None),
        (None, None),
        (Some(""), Some(ProductSort::PriceAscending)),
    ] {
        let mut command = listing(q, None, sort, 1);
        for number in 0..9 {
            command.after =
                script.note_page(&format!("page {number} {q:?}"), shop.catalog.list_products(command.clone()).await);
            if command.after.is_none() {
                break;
            }
        }
    }
    for handle in ["växel-東京", "va\u{308}xel-東京", "none", "🫖", "a.b_c~d!*'()"] {
        let handle: Result<Handle, _> = handle.parse();
        if let Ok(handle) = handle {
            script.note(
                &format!("find {handle}"),
                shop.catalog.find_product(FindProduct { handle: handle.clone() }).await,
            );
        }
    }
    script.note("categories", shop.catalog.list_categories(ListCategories).await);
    script.note("terms", shop.catalog.view_sale_terms(ViewSaleTerms).await);
    script.note("shop", shop.catalog.view_shop(ViewShop).await);
    for image in [BrandImage::Logo, BrandImage::Icon] {
        script.note("image", shop.catalog.find_brand_image(FindBrandImage { image }).await);
    }
    for kind in PageKind::ALL {
        for version in [None, Some(1), Some(9)] {
            script.note("page", shop.catalog.find_page(FindPage { kind: *kind, version }).await);
        }
    }
}

async fn fill_carts(script: &mut Script<'_>) {
    let (shop, ada, bob) = (script.shop.clone(), caller("ada"), caller("bob"));
    script.note("empty cart", shop.carts.view_cart(&ada, ViewCart).await);
    script.note("add", shop.carts.add_line_item(&ada, add("KETTLE", 2)).await);
    for (key, units) in [("k", 1), ("k", 1), ("k", 2), ("!\"#$%&'()*+-./:;<=>?@[\\]^_`{|}~", 1)] {
        script.note(
            "add once",
            shop.carts
                .add_line_item(&ada, AddLineItem { client_key: Some(key.to_owned()), ..add("KETTLE", units) })
                .await,
        );
    }
    let long = "k".repeat(256);
    for key in ["", " ", "two words", " k", "k ", "clé", "a\nb", "a\0b", "🔑", &long] {
        script.note(
            &format!("add under {key:?}"),
            shop.carts.add_line_item(&ada, AddLineItem { client_key: Some(key.to_owned()), ..add("KETTLE", 1) }).await,
        );
        script.note(
            &format!("order under {key:?}"),
            shop.checkout.place_order(&ada, PlaceOrder { client_key: key.to_owned(), ..order("card_approved") }).await,
        );
    }
    script.note(
        "same key of another",
        shop.carts.add_line_item(&bob, AddLineItem { client_key: Some("k".to_owned()), ..add("DREV/1 ü#?%", 2) }).await,
    );
    script.note("out of stock", shop.carts.add_line_item(&ada, add("KETTLE", 999)).await);
    script.note("never sold", shop.carts.add_line_item(&ada, add("🫖 & <b>", 1)).await);
    script.note("too many", shop.carts.add_line_item(&ada, add("KETTLE", 997)).await);
    let (kettle, none) = (LineItemId::derive("KETTLE"), LineItemId::derive("none"));
    let set =
        |id: &LineItemId, units: u32| SetLineItem { id: id.clone(), quantity: units.try_into().expect("1 to 999") };
    script.note("set", shop.carts.set_line_item(&ada, set(&kettle, 3)).await);
    script.note("set out of stock", shop.carts.set_line_item(&ada, set(&kettle, 999)).await);
    script.note("set none", shop.carts.set_line_item(&ada, set(&none, 1)).await);
    script.note("remove none", shop.carts.remove_line_item(&ada, RemoveLineItem { id: none.clone() }).await);
    script.note("add another", shop.carts.add_line_item(&ada, add("DREV/1 ü#?%", 1)).await);
    script.note(
        "remove",
        shop.carts.remove_line_item(&ada, RemoveLineItem { id: LineItemId::derive("DREV/1 ü#?%") }).await,
    );
    script.note("cart", shop.carts.view_cart(&ada, ViewCart).await);
}

async fn check_out(script: &mut Script<'_>) -> Option<OrderView> {
    let (shop, ada) = (script.shop.clone(), caller("ada"));
    for (country, region, method) in [
        ("DE", None, None),
        ("US", Some("CA"), None),
        ("DE", None, Some("tele port/ü")),
        ("XK", None, Some("standard")),
    ] {
        let request = QuoteCart {
            country: country.parse().expect("a country"),
            region: region.map(str::to_owned),
            shipping_method: method.map(str::to_owned),
        };
        script.note(&format!("quote {country}"), shop.checkout.quote(&ada, request).await);
    }
    for (key, card) in
        [("d", "card_declined"), ("d", "card_declined"), ("d", "card_approved"), ("f", "card_insufficient_funds")]
    {
        script.note(
            &format!("order {card}"),
            shop.checkout.place_order(&ada, PlaceOrder { client_key: key.to_owned(), ..order(card) }).await,
        );
    }
    let mut wrong = order("card_approved");
    wrong.details.shipping_address.city = " ".to_owned();
    wrong.details.shipping_address.name = "x\u{0}".to_owned();
    script.note(
        "order to nowhere",
        shop.checkout.place_order(&ada, PlaceOrder { client_key: "w".to_owned(), ..wrong }).await,
    );
    let cheap = PlaceOrder { expected_total: Some(fixtures::eur(1)), ..order("card_approved") };
    script.note(
        "order for a cent",
        shop.checkout.place_order(&ada, PlaceOrder { client_key: "w".to_owned(), ..cheap }).await,
    );
    script.note(
        "order with no card",
        shop.checkout.place_order(&ada, PlaceOrder { client_key: "w".to_owned(), ..order("4242 ü") }).await,
    );
    let placed = script.note(
        "order",
        shop.checkout.place_order(&ada, PlaceOrder { client_key: "k".to_owned(), ..order("card_approved") }).await,
    );
    script.note(
        "order again",
        shop.checkout.place_order(&ada, PlaceOrder { client_key: "k".to_owned(), ..order("card_approved") }).await,
    );
    script.note(
        "order nothing",
        shop.checkout.place_order(&ada, PlaceOrder { client_key: "n".to_owned(), ..order("card_approved") }).await,
    );
    script.note("cart", shop.carts.view_cart(&ada, ViewCart).await);
    placed
}

async fn look_at_orders(script: &mut Script<'_>, placed: &OrderView) {
    let (shop, ada, bob) = (script.shop.clone(), caller("ada"), caller("bob"));
    let garbage = "a&key=b c=é#/?%00+";
    for (who, caller) in [("ada", &ada), ("bob", &bob)] {
        for key in [None, Some(""), Some(placed.access_key.as_str()), Some(garbage)] {
            script.note(
                &format!("order of {who} {key:?}"),
                shop.checkout
                    .find_order(caller, FindOrder { id: placed.id.clone(), access_key: key.map(str::to_owned) })
                    .await,
            );
        }
        script.note(
            "no order",
            shop.checkout.find_order(caller, FindOrder { id: OrderId::derive("none"), access_key: None }).await,
        );
    }
    for number in 0..3 {
        script.test.clock.advance(Duration::seconds(1));
        script.note("add", shop.carts.add_line_item(&ada, add("KETTLE", 1)).await);
        script.note(
            "order",
            shop.checkout
                .place_order(&ada, PlaceOrder { client_key: format!("more-{number}"), ..order("card_approved") })
                .await,
        );
    }
    let limit = PageLimit::new(2).expect("a page size");
    let mut after = None;
    for number in 0..4 {
        after = script
            .note_page(&format!("orders {number}"), shop.checkout.list_orders(&ada, ListOrders { after, limit }).await);
        if after.is_none() {
            break;
        }
    }
    script.note_page("orders of bob", shop.checkout.list_orders(&bob, ListOrders { after: None, limit }).await);
}

async fn save_addresses(script: &mut Script<'_>, session: &Caller) {
    let addresses = script.shop.addresses.clone();
    let add = |name: &str| AddAddress {
        address: Address { name: name.to_owned(), company: Some("Ö".to_owned()), ..fixtures::address() },
        is_default: false,
    };
    script.note("address of a visitor", addresses.add_address(&caller("bob"), add("Bob")).await);
    script.note("wrong address", addresses.add_address(session, add(" ")).await);
    let saved = script.note("save an address", addresses.add_address(session, add("Bob")).await);
    script.note("save another", addresses.add_address(session, add("Bob's office")).await);
    for id in saved.map(|saved| saved.id).into_iter().chain([AddressId::derive("none")]) {
        let AddAddress { address, .. } = add("Bobby");
        let command = ReplaceAddress { id: id.clone(), address, is_default: true };
        script.note("replace an address", addresses.replace_address(session, command).await);
        script.note("addresses", addresses.list_addresses(session, ListAddresses).await);
        script.note("remove an address", addresses.remove_address(session, RemoveAddress { id }).await);
    }
    script.note("addresses", addresses.list_addresses(session, ListAddresses).await);
}

async fn change_account(script: &mut Script<'_>, session: &Caller) {
    let (accounts, password) = (script.shop.accounts.clone(), PASSWORD.to_owned());
    let request = accounts.request_email_confirmation(session, RequestEmailConfirmation).await;
    script.note("no address to confirm", request);
    script.note("rename", accounts.change_name(session, ChangeName { name: "Bob King".to_owned() }).await);
    let email = "b@example.com".parse().expect("an address");
    let command = ChangeEmail { email, password: "wrong".to_owned() };
    script.note("wrong password", accounts.change_email(session, command.clone()).await);
    script.note("the same address", accounts.change_email(session, ChangeEmail { password, ..command }).await);
    let command = ChangePassword { password: PASSWORD.to_owned(), new_password: "short".to_owned() };
    script.note_session("short password", accounts.change_password(session, command).await);
    let command = DeleteAccount { password: "wrong".to_owned() };
    script.note("delete", accounts.delete_account(session, command).await);
}

async fn end_sessions(script: &mut Script<'_>, session: &Caller) {
    let accounts = script.shop.accounts.clone();
    let phone = Caller { device: Some("Safari on iPhone".to_owned()), ..caller("phone") };
    let email: EmailAddress = "b@example.com".parse().expect("an address");
    let log_in = LogIn { email, password: PASSWORD.to_owned() };
    script.note_session("on a phone", accounts.log_in(&phone, log_in).await);
    let found = script.note("sessions", accounts.list_sessions(session, ListSessions).await);
    let phone = found.into_iter().flatten().find(|session| session.device == phone.device).expect("a phone").id;
    for _ in 0..2 {
        script.note("end", accounts.end_session(session, EndSession { id: phone.clone() }).await);
    }
    script.note("end the others", accounts.end_other_sessions(session, EndOtherSessions).await);
    script.note("nobody", accounts.end_other_sessions(&caller("bob"), EndOtherSessions).await);
    script.note("nobody", accounts.list_sessions(&caller("bob"), ListSessions).await);
    script.note("nobody", accounts.end_session(&caller("bob"), EndSession { id: phone }).await);
}

async fn sign_in(script: &mut Script<'_>) {
    let (shop, bob) = (script.shop.clone(), caller("bob"));
    let register = |email: &str, name: &str, password: &str| Register {
        email: email.parse().expect("an address"),
        name: name.to_owned(),
        password: password.to_owned(),
    };
    script.note("who", shop.accounts.current_customer(&bob, CurrentCustomer).await);
    script.note_session("register", shop.accounts.register(&bob, register("b@example.com", " \n", "short")).await);
    let signed_in = script.note_session(
        "register",
        shop.accounts.register(&bob, register("B@example.com", "Bob Ö. <b>", PASSWORD)).await,
    );
    script
        .note_session("register again", shop.accounts.register(&bob, register("b@example.com", "Bob", PASSWORD)).await);
    let Some(token) = signed_in.and_then(|signed_in| Token::parse(&signed_in.token)) else { return };
    let session = Caller::new(token);
    script.note("who", shop.accounts.current_customer(&session, CurrentCustomer).await);
    script.note("merged cart", shop.carts.view_cart(&session, ViewCart).await);
    let log_in = |email: &str, password: &str| LogIn {
        email: email.parse().expect("an address"),
        password: password.to_owned(),
    };
    script.note_session("wrong password", shop.accounts.log_in(&bob, log_in("b@example.com", "wrong")).await);
    script.note_session("unknown", shop.accounts.log_in(&bob, log_in("nobody@example.com", "wrong")).await);
    let email = "b@example.com".parse().expect("an address");
    let request = RequestPasswordReset { email };
    let number = "0GXB7-65C6F".parse().expect("a number");
    let order_link = RequestOrderLink { number, email: request.email.clone() };
    script.note("request a link to an order", shop.checkout.request_order_link(&bob, order_link).await);
    script.note("request a link", shop.accounts.request_password_reset(&bob, request).await);
    let command = ResetPassword { token: "cus_0.invalid".to_owned(), password: PASSWORD.to_owned() };
    script.note("an invalid link", shop.accounts.reset_password(&bob, command).await);
    let command = ConfirmEmail { token: "cus_0.invalid".to_owned(), password: PASSWORD.to_owned() };
    script.note_session("an invalid confirmation", shop.accounts.confirm_email(&bob, command).await);
    save_addresses(script, &session).await;
    change_account(script, &session).await;
    end_sessions(script, &session).await;
    let again = script.note_session("log in", shop.accounts.log_in(&session, log_in("b@example.com", PASSWORD)).await);
    script.note("the former session", shop.accounts.current_customer(&session, CurrentCustomer).await);
    let Some(token) = again.and_then(|signed_in| Token::parse(&signed_in.token)) else { return };
    let session = Caller::new(token);
    let limit = PageLimit::DEFAULT;
    script.note_page(
        "not an operator",
        shop.operations.list_all_orders(&session, ListAllOrders { number: None, after: None, limit }).await,
    );
    script.note(
        "not an operator",
        shop.operations.product_stock(&session, ProductStock { handle: fixtures::handle("kettle") }).await,
    );
    let more = CorrectStock { sku: fixtures::sku("KETTLE"), change: StockChange::Adjust(1), client_key: None };
    script.note("not an operator", shop.operations.correct_stock(&session, more).await);
    script.note("not an operator", shop.operations.view_demo_catalog(&session, ViewDemoCatalog).await);
    script.note("not an operator", shop.operations.remove_demo_catalog(&session, RemoveDemoCatalog).await);
    script.note("log out", shop.accounts.log_out(&session, LogOut).await);
    script.note("log out again", shop.accounts.log_out(&session, LogOut).await);
    script.note("signed out", shop.accounts.current_customer(&session, CurrentCustomer).await);
}

async fn operate(script: &mut Script<'_>) {
    let (shop, test) = (script.shop.clone(), script.test);
    let email = "operator@example.com".parse().expect("an address");
    create_operator(&*test.store, &test.clock, &*test.ids, email, PASSWORD.to_owned()).await.expect("an operator");
    let (visitor, limit) = (caller("olga"), PageLimit::new(2).expect("a page size"));
    script.note_page(
        "nobody",
        shop.operations.list_all_orders(&visitor, ListAllOrders { number: None, after: None, limit }).await,
    );
    let log_in = LogIn { email: "operator@example.com".parse().expect("an address"), password: PASSWORD.to_owned() };
    let Some(signed_in) = script.note_session("log in", shop.accounts.log_in(&visitor, log_in).await) else { return };
    let operator = Caller::new(Token::parse(&signed_in.token).expect("a token"));
    let mut after = None;
    for number in 0..6 {
        after = script.note_page(
            &format!("all orders {number}"),
            shop.operations.list_all_orders(&operator, ListAllOrders { number: None, after, limit }).await,
        );
        if after.is_none() {
            break;
        }
    }
    for handle in ["växel-東京", "kettle", "none", "🫖"] {
        script.note(
            &format!("stock of {handle}"),
            shop.operations.product_stock(&operator, ProductStock { handle: fixtures::handle(handle) }).await,
        );
    }
    for (sku, change, key) in [
        ("KETTLE", StockChange::Adjust(5), Some("k")),
        ("KETTLE", StockChange::Adjust(5), Some("k")),
        ("KETTLE", StockChange::Adjust(6), Some("k")),
        ("KETTLE", StockChange::Adjust(5), Some("ü")),
        ("KETTLE", StockChange::SetAvailable(3), None),
        ("KETTLE", StockChange::Adjust(-4), None),
        ("KETTLE", StockChange::SetAvailable(u32::MAX), None),
        ("DREV/1 ü#?%", StockChange::Adjust(1), None),
        ("VOUCHER", StockChange::Adjust(1), None),
        ("🫖", StockChange::Adjust(1), None),
    ] {
        let command = CorrectStock { sku: fixtures::sku(sku), change, client_key: None };
        script.note(
            &format!("correct {sku} {change:?}"),
            shop.operations
                .correct_stock(&operator, CorrectStock { client_key: key.map(str::to_owned), ..command })
                .await,
        );
    }
    script.note("demo catalog", shop.operations.view_demo_catalog(&operator, ViewDemoCatalog).await);
    script.note("remove it", shop.operations.remove_demo_catalog(&operator, RemoveDemoCatalog).await);
    change_settings(script, &operator).await;
    change_products(script, &operator).await;
    after_sale(script, &operator).await;
    test.clock.advance(Duration::days(31));
    script.note("the session has expired", shop.accounts.current_customer(&operator, CurrentCustomer).await);
    script.note("ready", shop.readiness.ready().await);
}

/// Shipments, their tracking, and returns.
async fn record_shipments(script: &mut Script<'_>, caller: &Caller, who: &str, id: &OrderId) {
    let shop = script.shop.clone();
    let tracking = Some(Tracking { carrier: Some("DHL".to_owned()), number: Some("0034".to_owned()), url: None });
    let bad = Tracking { carrier: Some("x".repeat(61)), number: None, url: Some("http://carrier.example".to_owned()) };
    for (event, tracking) in [
        (FulfillmentEvent::Returned, None),
        (FulfillmentEvent::Shipped, Some(bad)),
        (FulfillmentEvent::Shipped, tracking.clone()),
        (FulfillmentEvent::Shipped, None),
        (FulfillmentEvent::TrackingChanged, None),
        (FulfillmentEvent::TrackingChanged, tracking.clone()),
        (FulfillmentEvent::Returned, tracking),
    ] {
        let command = RecordFulfillment { id: id.clone(), event, tracking };
        let moved = shop.operations.record_fulfillment(caller, command).await;
        script.note(&format!("{who}: {event:?}"), moved);
    }
}

async fn change_products(script: &mut Script<'_>, operator: &Caller) {
    let products = script.shop.products.clone();
    let (nobody, limit) = (caller("zoe"), PageLimit::new(2).expect("a page size"));
    let draft = ProductDraft::of(&fixtures::product("växel-12").variants(&[("V/1 ü#?%", 990)]).build());
    let mut written = Vec::new();
    for (caller, handle) in [(&nobody, "växel-12"), (operator, "växel-12"), (operator, "växel-12"), (operator, "a/b")]
    {
        let command = CreateProduct { handle: handle.to_owned(), draft: draft.clone() };
        let created = products.create_product(caller, command).await.map(|mut created| {
            // The stores count versions in their own ways.
            written.push(std::mem::take(&mut created.version));
            created
        });
        script.note(&format!("create {handle}"), created);
    }
    for (caller, file) in
        [(&nobody, pictures::file(40, 30)), (operator, b"GIF89a".to_vec()), (operator, pictures::file(40, 30))]
    {
        script.note("picture", products.upload_picture(caller, UploadPicture { file: file.into() }).await);
    }
    let mut after = None;
    for status in [None, Some(ProductStatus::Draft)] {
        let command = ListAllProducts { status, after: after.clone(), limit };
        after = script.note_page("all products", products.list_all_products(operator, command).await);
    }
    let version = written.first().copied().unwrap_or_default();
    for (handle, version) in [("växel-12", version + 50), ("växel-12", version), ("none", 1), ("växel-12", version)]
    {
        let handle = fixtures::handle(handle);
        let found = products.find_any_product(operator, FindAnyProduct { handle: handle.clone() }).await;
        script.note("find", found.map(|found| found.product));
        let mut draft = draft.clone();
        draft.title = "Växel".to_owned();
        draft.status = ProductStatus::Archived;
        let command = UpdateProduct { handle, version, draft };
        let updated = products.update_product(operator, command).await.map(|updated| {
            written.push(updated.version);
            updated.product
        });
        script.note("update", updated);
    }
    let version = written.last().copied().unwrap_or_default();
    for version in [version + 1, version, version] {
        let command = DeleteProduct { handle: fixtures::handle("växel-12"), version };
        script.note("delete", products.delete_product(operator, command).await);
    }
}

/// Orders after the checkout, and webhooks.
async fn change_settings(script: &mut Script<'_>, operator: &Caller) {
    let shop = script.shop.clone();
    let nobody = caller("zoe");
    let found = script.note("settings", shop.settings.view_settings(operator, ViewSettings).await).expect("settings");
    script.note("settings", shop.settings.view_settings(&nobody, ViewSettings).await);
    for (expected_version, name) in [(1, "Kettles"), (1, "Pots"), (2, "Kettles")] {
        let mut settings = found.settings.clone();
        name.clone_into(&mut settings.shop.name);
        settings.shop.logo = UploadedImage::new(fixtures::png(40, 40, 0).into());
        settings.shop.icon = UploadedImage::new(fixtures::png(32, 32, 0).into());
        let command = UpdateSettings { expected_version, settings };
        script.note("update", shop.settings.update_settings(operator, command).await);
    }
    for image in [BrandImage::Logo, BrandImage::Icon] {
        script.note("image", shop.catalog.find_brand_image(FindBrandImage { image }).await);
    }
    script.note("versions", shop.settings.list_settings_versions(operator, ListSettingsVersions).await);
    for version in [1, 2, 9] {
        script.note("version", shop.settings.find_settings(operator, FindSettings { version }).await);
        let command = RestoreSettings { version, expected_version: 2 };
        script.note("restore", shop.settings.restore_settings(operator, command).await);
    }
}

async fn after_sale(script: &mut Script<'_>, operator: &Caller) {
    let (shop, test) = (script.shop.clone(), script.test);
    let (zoe, none) = (caller("zoe"), OrderId::derive("none"));
    test.stock("KETTLE", 20).await;
    let mut placed = Vec::new();
    for card in ["card_approved", "card_approved", "card_requires_action", "card_expires"] {
        script.note("add", shop.carts.add_line_item(&zoe, add("KETTLE", 2)).await);
        let key = format!("after-sale-{}", placed.len());
        placed.extend(
            script.note(
                card,
                shop.checkout.place_order(&zoe, PlaceOrder { client_key: key.clone(), ..order(card) }).await,
            ),
        );
    }
    let [paid, sent, asked] = &placed[..] else { panic!("three orders: {placed:?}") };
    let part = Some(Money { amount_minor: 100, currency: paid.total.currency });
    let too_much = Some(Money { amount_minor: i64::MAX, currency: paid.total.currency });
    for (who, caller) in [("nobody", &zoe), ("operator", operator)] {
        for (id, amount, key) in [
            (&paid.id, part, "1"),
            (&paid.id, part, "1"),
            (&paid.id, None, "ü"),
            (&paid.id, too_much, "2"),
            (&paid.id, Some(paid.total), "1"),
            (&asked.id, None, "3"),
            (&none, None, "3"),
            (&paid.id, None, "4"),
            (&paid.id, None, "5"),
        ] {
            let amount = amount.map_or(RefundAmount::All, RefundAmount::Exactly);
            let command = RefundOrder { id: id.clone(), amount, client_key: key.to_owned() };
            let refunded = shop.operations.refund_order(caller, command).await;
            script.note(&format!("{who} refunds {amount:?} under {key}"), refunded);
        }
        record_shipments(script, caller, who, &sent.id).await;
        script.note("ways to pay", shop.checkout.list_payment_options(ListPaymentOptions { total: paid.total }).await);
        for id in [&paid.id, &none] {
            let recorded = shop.operations.record_transfer(caller, RecordTransfer { id: id.clone() }).await;
            script.note(&format!("{who} records a transfer"), recorded);
        }
        for id in [&sent.id, &paid.id, &none] {
            script.note(
                &format!("{who} cancels"),
                shop.operations.cancel_order(caller, CancelOrder { id: id.clone() }).await,
            );
        }
    }
    for (id, key) in [(&none, None), (&asked.id, Some("wrong")), (&asked.id, Some(&*asked.access_key))] {
        script.note(
            "check",
            shop.checkout
                .check_payment(&caller("bob"), CheckPayment { id: id.clone(), access_key: key.map(str::to_owned) })
                .await,
        );
    }
    for (id, key) in [(&none, None), (&paid.id, Some(&*paid.access_key)), (&asked.id, Some("wrong"))] {
        let command = CancelUnpaidOrder { id: id.clone(), access_key: key.map(str::to_owned) };
        script.note("cancel unpaid", shop.checkout.cancel_unpaid_order(&caller("bob"), command).await);
    }
    let event = test.ledger.events().into_iter().find(|event| event.data.order_id == asked.id).expect("an event");
    let body = serde_json::to_vec(&event).expect("an event");
    let now = test.clock.now();
    let (right, wrong) = (SecretString::from(WEBHOOK_SECRET), SecretString::from("wrong"));
    for (secret, body, at) in [
        (&wrong, &body[..], now),
        (&right, &body[..], now - Duration::minutes(6)),
        (&right, b"{}", now),
        (&right, &body[..], now),
    ] {
        let signature = sign(secret, at, body);
        script.note(
            "webhook",
            shop.checkout
                .receive_payment_event(ReceivePaymentEvent {
                    signature: Some(signature.clone()),
                    body: axum::body::Bytes::copy_from_slice(body),
                })
                .await,
        );
    }
    script.note(
        "webhook",
        shop.checkout
            .receive_payment_event(ReceivePaymentEvent {
                signature: None,
                body: axum::body::Bytes::copy_from_slice(&body),
            })
            .await,
    );
    script.note("asked", shop.operations.cancel_order(operator, CancelOrder { id: asked.id.clone() }).await);
}

/// Runs every use case on the local shop, or on a remote shop on top of it. Returns the results.
async fn play(store: SharedStore, remotely: bool) -> Vec<String> {
    let test = TestShop::new(store);
    test.sell(&fixtures::product("kettle").category("kitchen").build(), 30).await;
    let gear = fixtures::product("växel-東京").title("Växel 東京 / Drev").category("küche-東京").tags(&["a&b", "<i>"]);
    test.sell(&gear.variants(&[("DREV/1 ü#?%", 4900), ("DREV/2", 5900)]).option("Größe", &["S", "L"]).build(), 9).await;
    test.sell(&fixtures::product("drev").price(100).build(), 0).await;
    test.sell(&fixtures::product("voucher").untracked().build(), 0).await;
    let server = Server::start(shop_http::backend(test.app.clone())).await;
    let shop = if remotely { Services::of(server.shop()) } else { Services::of(test.local.clone()) };
    let mut script = Script { test: &test, shop, lines: Vec::new() };
    browse(&mut script).await;
    fill_carts(&mut script).await;
    let placed = check_out(&mut script).await.expect("the order is placed");
    look_at_orders(&mut script, &placed).await;
    sign_in(&mut script).await;
    operate(&mut script).await;
    script.lines
}

type Played = Arc<Mutex<Vec<String>>>;

async fn play_into(played: Played, store: SharedStore, remotely: bool) {
    let lines = play(store, remotely).await;
    *played.lock().expect("not poisoned") = lines;
}

fn assert_equal(expected: &Played, found: &Played) {
    let (expected, found) = (expected.lock().expect("not poisoned"), found.lock().expect("not poisoned"));
    let differing = expected.iter().zip(found.iter()).filter(|(expected, found)| expected != found);
    let differing: Vec<_> = differing.map(|(expected, found)| format!("- {expected}\n+ {found}")).collect();
    assert!(differing.is_empty(), "{} calls differ:\n{}", differing.len(), differing.join("\n"));
    assert_eq!(expected.len(), found.len());
    assert!(expected.len() > 150, "the whole script was played: {}", expected.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_remote_shop_behaves_like_the_local_one() {
    let (local, remote) = (Played::default(), Played::default());
    on_dynamodb(|store| play_into(Arc::clone(&local), store, false)).await;
    on_dynamodb(|store| play_into(Arc::clone(&remote), store, true)).await;
    assert_equal(&local, &remote);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_remote_shop_on_postgres_behaves_like_the_local_one_on_dynamodb() {
    let (local, remote) = (Played::default(), Played::default());
    on_postgres("remote on PostgreSQL", |store| play_into(Arc::clone(&remote), store, true)).await;
    if remote.lock().expect("not poisoned").is_empty() {
        return;
    }
    on_dynamodb(|store| play_into(Arc::clone(&local), store, false)).await;
    assert_equal(&local, &remote);
}

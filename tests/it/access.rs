//! Records how each function accesses the table while the tests of its use cases run. The policies of the functions' roles are
//! generated from the result, `functions/access.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http::StatusCode;
use serde_json::{Value, json};
use shopease_process::ambient::{Env as _, ProcessEnv};
use shopease_shared::http as shop_http;
use shopease_shared::http::listener_rules::owner;
use shopease_shared::http::routes::{self, Area};
use shopease_shop::testing::fixtures;
use shopease_storage::testing::AccessRecorder;
use tower::ServiceExt as _;

use crate::harness::{PASSWORD, TestShop};
use crate::{
    accounts, addresses, bad_forms, cart, catalog, checkout, checkout_resumed, first_run, mails, operator_pages,
    order_cancellation, order_links, own_account, password_reset, payments, pictures, product_pages, products,
    security, settings, settings_pages, ways_to_pay, worker,
};

/// If set to `1`, the test writes the file.
const WRITE: &str = "SHOPEASE_TEST_WRITE_ACCESS";
/// A directory in which the test writes the accesses of this release alone; set by `cargo xtask release`.
const RECORD: &str = "SHOPEASE_TEST_RECORD_ACCESS";
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions/access.json");
const RELEASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../releases");
const WORKER: &str = "worker";

/// Tests that need a worker in the same process, a demo catalog or a shop of another configuration, and so do not run as functions.
const IN_ONE_PROCESS: [&str; 4] = [
    "a_checkout_wakes_an_idle_worker",
    "a_shop_without_a_place_for_pictures_says_so",
    first_run::WITH_DEMO[0],
    first_run::WITH_DEMO[1],
];

/// Routes of a shop that writes its mails to files, which no function does.
const ON_A_LAPTOP: [&str; 3] = ["/admin/mails", "/admin/mails/{name}", "/admin/mails/{name}/html"];

/// Routes that have responded successfully.
type Served = Arc<Mutex<BTreeSet<(&'static str, &'static str)>>>;

/// The functions of a shop, each with its own store, behind the rules of the load balancer.
async fn deploy(recorder: &AccessRecorder, served: &Served, sends_mail: bool) -> TestShop {
    let (store, mut stores) = recorder.table().await;
    let shop = TestShop::new(store);
    let shop = if sends_mail { shop.with_mail() } else { shop };
    let mut function = |name: &str, seed| shop.function(stores.remove(name).expect("a store for each function"), seed);
    let (worker, _) = function(WORKER, 10);
    // As at the start of the function.
    worker.prepare_settings().await.expect("the settings are stored");
    let routers: BTreeMap<Area, Router> = (11..)
        .zip(Area::ALL)
        .map(|(seed, area)| (area, shop_http::area(function(area.name(), seed).1, area)))
        .collect();
    for router in routers.values() {
        // A load balancer checks the health of each function.
        let ready = router.clone().oneshot(Request::get("/readyz").body(Body::empty()).expect("a request")).await;
        assert_eq!(ready.expect("routers do not fail").status(), StatusCode::OK);
    }
    let served = Arc::clone(served);
    let balancer = Router::new().fallback(move |request: Request| {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let function = routers[&owner(&path).0].clone();
        let served = Arc::clone(&served);
        async move {
            let response = function.oneshot(request).await;
            if response.as_ref().is_ok_and(|response| response.status() < StatusCode::BAD_REQUEST) {
                let routes = routes::at(&path).iter().filter(|route| route.method == method);
                served.lock().expect("not poisoned").extend(routes.map(|route| (route.method.as_str(), route.path)));
            }
            response
        }
    });
    shop.with_functions(balancer, worker)
}

/// Actions that the other tests only perform through the API.
async fn every_form_is_submitted(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 5).await;
    let mut shopper = shop.client();
    let csrf = shopper.get("/products/kettle").await.hidden("csrf");
    let added = shopper.form("/cart/line-items", &[("csrf", &csrf), ("sku", "KETTLE"), ("quantity", "2")]).await;
    assert_eq!(added.status, StatusCode::SEE_OTHER);
    let csrf = shopper.get("/register").await.hidden("csrf");
    let account = [("csrf", &*csrf), ("name", "Ada"), ("email", "ada@example.com"), ("password", PASSWORD)];
    assert_eq!(shopper.form("/register", &account).await.status, StatusCode::SEE_OTHER);

    let mut operator = shop.operator().await;
    let page = operator.get("/admin/stock/kettle").await;
    let (csrf, key) = (page.hidden("csrf"), page.hidden("idempotency_key"));
    let correction =
        [("csrf", &*csrf), ("idempotency_key", &key), ("sku", "KETTLE"), ("change", "set_available"), ("units", "7")];
    assert_eq!(operator.form("/admin/stock/kettle", &correction).await.status, StatusCode::SEE_OTHER);
}

/// What search engines read.
async fn a_search_engine_reads_the_sitemap(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").category("kitchen").build(), 5).await;
    for path in ["/robots.txt", "/sitemap.xml", "/sitemap-pages.xml", "/sitemap-products.xml"] {
        assert_eq!(shop.client().get(path).await.status, StatusCode::OK, "{path}");
    }
}

/// Branches of use cases that the other tests do not cover.
async fn an_operator_searches_and_is_rejected(shop: TestShop) {
    shop.sell(&fixtures::product("kettle").build(), 5).await;
    let mut operator = shop.operator().await;
    assert!(operator.get("/admin/stock?q=kettle").await.text().contains("/admin/stock/kettle"));
    let too_many = json!({ "sku": "KETTLE", "change": "adjust", "units": -6 });
    let refused = operator.post_once("/api/v1/admin/stock-corrections", "k", &too_many).await;
    assert_eq!(refused.problem(), (409, "out-of-stock".to_owned()));
}

/// Statements of a policy, which group the actions on the same keys.
fn statements(accesses: &BTreeMap<String, BTreeSet<String>>) -> Value {
    let mut by_keys: BTreeMap<&BTreeSet<String>, Vec<&String>> = BTreeMap::new();
    for (action, keys) in accesses {
        by_keys.entry(keys).or_default().push(action);
    }
    let mut statements: Vec<_> = by_keys.into_iter().map(|(keys, actions)| (actions, keys)).collect();
    statements.sort();
    statements.into_iter().map(|(actions, keys)| json!({ "actions": actions, "keys": keys })).collect()
}

/// The actions of each function, with the patterns of their keys.
type Functions = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Accesses of the previous release: its functions run with the same roles until the deployment has finished.
fn accesses_of_the_last_release() -> Functions {
    let number = |name: &str| name.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>();
    let releases = fs::read_dir(RELEASES).expect("releases").map(|entry| entry.expect("an entry").file_name());
    let releases = releases.filter_map(|name| number(name.to_str()?).map(|number| (number, name)));
    let last = releases.filter(|(release, _)| Some(release) < number(env!("CARGO_PKG_VERSION")).as_ref()).max();
    let text = last.map(|(_, name)| fs::read_to_string(Path::new(RELEASES).join(name).join("access.json")));
    let text = text.map_or_else(|| "{}".to_owned(), |text| text.expect("the accesses of the last release"));
    let functions: BTreeMap<String, Vec<Statement>> = serde_json::from_str(&text).expect("statements");
    let of = |statements: Vec<Statement>| {
        statements.into_iter().flat_map(|Statement { actions, keys }| {
            actions.into_iter().map(move |action| (action, keys.clone())).collect::<Vec<_>>()
        })
    };
    functions.into_iter().map(|(name, statements)| (name, of(statements).collect())).collect()
}

/// A statement of the file.
#[derive(serde::Deserialize)]
struct Statement {
    actions: Vec<String>,
    keys: BTreeSet<String>,
}

/// The file, one statement per line.
fn document(functions: &Functions) -> String {
    let functions = functions.iter().map(|(name, accesses)| {
        let statements = statements(accesses);
        let lines: Vec<_> = statements.as_array().into_iter().flatten().map(|line| format!("    {line}")).collect();
        format!("  {name:?}: [\n{}\n  ]", lines.join(",\n"))
    });
    format!("{{\n{}\n}}\n", functions.collect::<Vec<_>>().join(",\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_has_the_table_access_of_its_use_cases() {
    let names = Area::ALL.iter().map(|area| area.name()).chain([WORKER]);
    let (recorder, served) = (AccessRecorder::new(names), Served::default());
    let scenarios = [
        catalog::SCENARIOS,
        cart::SCENARIOS,
        checkout::SCENARIOS,
        checkout_resumed::SCENARIOS,
        payments::SCENARIOS,
        operator_pages::SCENARIOS,
        ways_to_pay::SCENARIOS,
        worker::SCENARIOS,
        mails::SCENARIOS,
        password_reset::SCENARIOS,
        own_account::SCENARIOS,
        order_links::SCENARIOS,
        order_cancellation::SCENARIOS,
        accounts::SCENARIOS,
        addresses::SCENARIOS,
        security::SCENARIOS,
        settings::SCENARIOS,
        settings_pages::SCENARIOS,
        products::SCENARIOS,
        product_pages::SCENARIOS,
        pictures::SCENARIOS,
        bad_forms::SCENARIOS,
        first_run::SCENARIOS,
        &[
            ("every_form_is_submitted", |shop| Box::pin(every_form_is_submitted(shop))),
            ("a_search_engine_reads_the_sitemap", |shop| Box::pin(a_search_engine_reads_the_sitemap(shop))),
            ("an_operator_searches_and_is_rejected", |shop| Box::pin(an_operator_searches_and_is_rejected(shop))),
        ],
    ];
    let with_mail = [&own_account::WITH_MAIL[..], &order_links::WITH_MAIL].concat();
    for (name, scenario) in scenarios.into_iter().flatten().filter(|(name, _)| !IN_ONE_PROCESS.contains(name)) {
        println!("{name}");
        scenario(deploy(&recorder, &served, with_mail.contains(name)).await).await;
    }
    let served = served.lock().expect("not poisoned").clone();
    let all = routes::all().map(|route| (route.method.as_str(), route.path));
    let unserved: Vec<_> = all.filter(|route| !served.contains(route) && !ON_A_LAPTOP.contains(&route.1)).collect();
    assert!(unserved.is_empty(), "no test covers these routes, so their accesses are unknown: {unserved:?}");

    let recorded = recorder.accesses();
    let mut needed = recorded.clone();
    for (name, accesses) in accesses_of_the_last_release() {
        for (action, keys) in accesses {
            needed.entry(name.clone()).or_default().entry(action).or_default().extend(keys);
        }
    }
    if ProcessEnv.var(WRITE).is_some_and(|write| write == "1") {
        fs::write(FILE, document(&needed)).expect("written");
    }
    if let Some(release) = ProcessEnv.var(RECORD) {
        fs::write(Path::new(&release).join("access.json"), document(&recorded)).expect("written");
    }
    let committed = fs::read_to_string(Path::new(FILE)).unwrap_or_default();
    assert_eq!(
        committed,
        document(&needed),
        "write functions/access.json with {WRITE}=1, then run cargo xtask generate"
    );
}

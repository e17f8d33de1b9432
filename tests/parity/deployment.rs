//! A site of real processes on one store, with all its front doors.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use front_door::alb::{Balancer, Pair, Settings, Weights};
use front_door::event::http_api::Front;
use front_door::gateway::Gateway;
use front_door::live::Live;
use front_door::site::{Binaries, Fargate, Options, Site, Store};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::client::{Call, Client};

/// Password of all accounts.
pub const PASSWORD: &str = "correct horse battery";
/// Email address of the operator.
pub const OPERATOR: &str = "operator@parity.test";

/// Secret of the payment provider's webhooks.
pub const WEBHOOK_SECRET: &str = "whsec_parity";

/// The front door with a stage in its paths.
pub const STAGE: &str = "HTTP API with a stage";

/// A front door.
pub struct Door {
    pub name: &'static str,
    pub letter: char,
    pub client: Client,
    /// The operator, signed in.
    pub operator: String,
}

/// A running site.
pub struct Deployment {
    pub store: &'static str,
    pub doors: Vec<Door>,
    /// A product that is never bought, so that its page does not change.
    pub handle: String,
    /// A variant of another product, for buying.
    pub sku: String,
    site: Site,
    _servers: JoinSet<()>,
    _data: TempDir,
}

impl Deployment {
    pub async fn on_embedded_dynamodb() -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let store = Store::Embedded(data.path().join("shop"));
        Self::start("DynamoDB", store, data, &[]).await
    }

    pub async fn on_postgres(url: &str) -> Self {
        Self::start("PostgreSQL", Store::Postgres(url.to_owned()), tempfile::tempdir().expect("a directory"), &[]).await
    }

    /// A site that is paid at Stripe, here at its double; on PostgreSQL if there is a URL, else on DynamoDB.
    pub async fn paid_at_stripe(postgres_url: Option<&str>, stripe_url: &str) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let store = match postgres_url {
            Some(url) => Store::Postgres(url.to_owned()),
            None => Store::Embedded(data.path().join("shop")),
        };
        let payments = [
            ("SHOPEASE_PAYMENT_PROVIDER", "stripe"),
            ("SHOPEASE_STRIPE_SECRET_KEY", "sk_test_double"),
            ("SHOPEASE_STRIPE_PUBLISHABLE_KEY", "pk_test_double"),
            ("SHOPEASE_STRIPE_URL", stripe_url),
            ("SHOPEASE_PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ];
        Self::start("a store", store, data, &payments).await
    }

    async fn start(name: &'static str, store: Store, data: TempDir, payments: &[(&str, &str)]) -> Self {
        let binaries = Binaries::at(directory_of_binaries()).expect("cargo has built the binaries");
        let options = Options {
            public_url: "http://shop.test".to_owned(),
            store,
            fargate: Fargate::One,
            memory_mb: 256,
            concurrency: 50,
            timeout: Duration::from_secs(29),
            idle_expiry: Duration::from_mins(5),
            freeze: true,
            variables: [
                ("SHOPEASE_CATALOG_CACHE_SECONDS", "0"),
                // A machine that freezes for a second must not look like a difference between runtimes.
                ("SHOPEASE_DATABASE_ACQUIRE_TIMEOUT_MS", "30000"),
            ]
            .iter()
            .chain(payments)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        };
        let all_to = |fargate, lambda| Arc::new(Weights::new(Pair { fargate, lambda }));
        let live = || Arc::new(Live::new(name.to_owned(), all_to(1, 1), false));
        let site = Site::start(options, &binaries, live()).await.expect("the site starts");
        let mut servers = JoinSet::new();
        let direct = site.frontend().expect("the server has an address");
        let mut addresses = vec![("the server", direct)];
        for (name, weights) in [("ALB to Fargate", all_to(1, 0)), ("ALB to Lambda", all_to(0, 1))] {
            let (listener, address) = listen().await;
            let balancer =
                Balancer::new(Settings::default(), address.port(), weights, site.targets(), site.functions(), live());
            servers.spawn(Arc::new(balancer).serve(listener));
            addresses.push((name, address));
        }
        for (name, front) in
            [("HTTP API", Front::HttpApi), (STAGE, Front::HttpApiStage("prod")), ("Function URL", Front::FunctionUrl)]
        {
            let (listener, address) = listen().await;
            servers.spawn(Arc::new(Gateway::new(front, address.port(), site.functions(), live())).serve(listener));
            addresses.push((name, address));
        }
        make_operator(&site, &binaries).await;
        let mut doors = Vec::new();
        for ((name, address), letter) in addresses.into_iter().zip('a'..) {
            let client = Client::new(address, letter);
            let customer = format!("shopper-door-{letter}@parity.test");
            let account = serde_json::json!({ "email": customer, "password": PASSWORD, "name": "Ada Lovelace" });
            let made =
                client.send(&Call::new("POST", "/api/v1/accounts").body("application/json", account.to_string())).await;
            let made = made.expect("an answer");
            assert_eq!(made.status, 201, "{name}: {made:?}");
            let operator = log_in(&client, OPERATOR).await;
            doors.push(Door { name, letter, client, operator });
        }
        let products = doors[0].client.send(&Call::get("/api/v1/products?limit=50")).await.expect("products").raw;
        let products: Value = serde_json::from_str(&products).expect("JSON");
        let handle = |at: usize| products["items"][at]["handle"].as_str().expect("a handle").to_owned();
        let product =
            doors[0].client.send(&Call::get(&format!("/api/v1/products/{}", handle(1)))).await.expect("a product").raw;
        let product: Value = serde_json::from_str(&product).expect("JSON");
        let sku = product["variants"][0]["sku"].as_str().expect("a SKU").to_owned();
        Self { store: name, doors, handle: handle(0), sku, site, _servers: servers, _data: data }
    }

    pub async fn stop(self) {
        self.site.stop().await;
    }
}

/// Signs in and returns the token from the cookie.
async fn log_in(client: &Client, email: &str) -> String {
    let credentials = serde_json::json!({ "email": email, "password": PASSWORD });
    let answer =
        client.send(&Call::new("POST", "/api/v1/sessions").body("application/json", credentials.to_string())).await;
    let answer = answer.expect("an answer");
    assert!(answer.status < 300, "{answer:?}");
    let session: Value = serde_json::from_str(&answer.raw).unwrap_or_default();
    session["token"].as_str().map_or_else(|| panic!("a session has a token: {}", answer.raw), str::to_owned)
}

async fn make_operator(site: &Site, binaries: &Binaries) {
    let variables: BTreeMap<_, _> = site.variables().iter().cloned().collect();
    let mut command = Command::new(binaries.shopease());
    let mut child = command
        .args(["operator", OPERATOR])
        .envs(variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("its input").write_all(PASSWORD.as_bytes()).await.expect("it reads");
    assert!(child.wait().await.expect("it ends").success());
}

pub async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Cargo places the workspace's binaries one directory above its tests.
pub fn directory_of_binaries() -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    test.ancestors().nth(2).map(Path::to_owned).expect("a target directory")
}

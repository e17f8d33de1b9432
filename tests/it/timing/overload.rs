//! Overload and slow dependencies: every response is in time, excess requests are rejected early, the others are served as well as
//! before, and the shop recovers within seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use futures_util::StreamExt as _;
use http::Request;
use serde_json::json;
use shopease_process::config::Reader;
use shopease_shared::client::RemoteShop;
use shopease_shared::config::HttpConfig;
use shopease_shared::http::{self as shop_http, App};
use shopease_shop::ShopResult;
use shopease_shop::ports::{PaymentError, ProcessEnv, SystemIds};
use shopease_shop::services::{Readiness, Services};
use shopease_shop::testing::{MapEnv, SeededIds, Stopwatch, fixtures};
use shopease_storage::StoreConfig;
use shopease_storage::embedded::EmbeddedPort;
use shopease_storage::testing::on_dynamodb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, interval, sleep};

use crate::fronted::{Before, Fronted};
use crate::harness::{Answer, Client, TestShop};
use crate::remote::{Server, listen};

/// A shop with its own limits.
fn app(services: Services, limits: &MapEnv) -> App {
    let mut reader = Reader::new(limits);
    let http = HttpConfig::read(&mut reader);
    reader.finish().expect("the limits are right");
    App::new(services, Arc::new(SeededIds::new(8)), http)
}

/// A proxy that can be slowed down: every request is delayed, with a limited number at a time, in order of arrival, even if the client
/// has disconnected.
struct SlowProxy {
    address: String,
    delay_ms: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for SlowProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SlowProxy {
    async fn to(target: String, at_once: usize) -> Self {
        let (url, listener) = listen().await;
        let delay_ms = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(relay(listener, target, Arc::clone(&delay_ms), Arc::new(Semaphore::new(at_once))));
        Self { address: url, delay_ms, task }
    }

    fn delay(&self, delay: Duration) {
        self.delay_ms.store(delay.as_millis().try_into().expect("a short time"), Ordering::SeqCst);
    }
}

async fn relay(listener: TcpListener, target: String, delay_ms: Arc<AtomicU64>, turns: Arc<Semaphore>) {
    while let Ok((near, _)) = listener.accept().await {
        let far = TcpStream::connect(&target).await.expect("the target accepts connections");
        let (delay_ms, turns) = (Arc::clone(&delay_ms), Arc::clone(&turns));
        let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
        tokio::spawn(async move {
            let mut chunk = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = near_in.read(&mut chunk).await {
                let turn = turns.acquire().await.expect("never closed");
                // Ends early when the delay is removed.
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_millis(delay_ms.load(Ordering::SeqCst)) {
                    sleep(Duration::from_millis(10)).await;
                }
                drop(turn);
                if far_out.write_all(&chunk[..count]).await.is_err() {
                    return;
                }
            }
        });
        tokio::spawn(async move { drop(tokio::io::copy(&mut far_in, &mut near_out).await) });
    }
}

/// Results of requests.
#[derive(Debug, Default)]
struct Tally {
    good: u32,
    refused: u32,
    late: u32,
    longest: Duration,
    longest_refusal: Duration,
}

impl Tally {
    fn note(&mut self, answer: &Answer, took: Duration) {
        self.longest = self.longest.max(took);
        if answer.status.is_success() {
            self.good += 1;
            return;
        }
        let (status, kind) = answer.problem();
        assert_eq!(status, 503, "{}", answer.text());
        let seconds: u32 = answer.header("retry-after").parse().expect("Retry-After in seconds");
        assert!((1..=3).contains(&seconds), "{seconds}");
        if kind == "overloaded" {
            self.refused += 1;
            self.longest_refusal = self.longest_refusal.max(took);
        } else {
            self.late += 1;
        }
    }
}

async fn timed(mut client: Client, path: &str) -> (Answer, Duration) {
    let stopwatch = Stopwatch::start();
    let answer = client.get(path).await;
    (answer, stopwatch.elapsed())
}

const PRODUCT: &str = "/api/v1/products/kettle";

/// Closed loop: a number of clients, each sending the next request as soon as it has a response.
async fn closed_loop(router: &Router, clients: usize, time: Duration) -> Tally {
    let (end, mut all) = (Instant::now() + time, JoinSet::new());
    for _ in 0..clients {
        let client = Client::new(router.clone());
        all.spawn(async move {
            let mut answers = Vec::new();
            while Instant::now() < end {
                answers.push(timed(client.clone(), PRODUCT).await);
            }
            answers
        });
    }
    let mut tally = Tally::default();
    while let Some(answers) = all.join_next().await {
        // Responses after the end belong to requests before it; as many from before the start are missing.
        answers.expect("a client").iter().for_each(|(answer, took)| tally.note(answer, *took));
    }
    tally
}

/// Open loop: a rate of requests per second, regardless of their results.
async fn open_loop(router: &Router, per_second: f64, time: Duration) -> Tally {
    let (end, mut all) = (Instant::now() + time, JoinSet::new());
    let mut ticks = interval(Duration::from_secs_f64(1.0 / per_second));
    while Instant::now() < end {
        ticks.tick().await;
        all.spawn(timed(Client::new(router.clone()), PRODUCT));
    }
    let mut tally = Tally::default();
    while let Some(answer) = all.join_next().await {
        let (answer, took) = answer.expect("a client");
        tally.note(&answer, took);
    }
    tally
}

/// Probes four times per second until stopped. Probes must always get a response. Returns the times at which the shop was not ready.
fn watch_probes(router: Router, stop: Arc<AtomicBool>) -> JoinHandle<Vec<Duration>> {
    tokio::spawn(async move {
        let (begun, mut unready) = (Instant::now(), Vec::new());
        while !stop.load(Ordering::SeqCst) {
            let (healthy, took) = timed(Client::new(router.clone()), "/healthz").await;
            assert_eq!(healthy.status, 200);
            assert!(took < Duration::from_millis(500), "a health probe waited {took:?}");
            let probe = tokio::spawn(timed(Client::new(router.clone()), "/readyz"));
            if probe.await.expect("an answer").0.status == 503 {
                unready.push(begun.elapsed());
            }
            sleep(Duration::from_millis(250)).await;
        }
        unready
    })
}

/// Time until the shop is ready and serves 20 consecutive requests without delay.
async fn recovery(router: &Router, path: &str) -> Duration {
    let begun = Stopwatch::start();
    let mut good = 0;
    while good < 20 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not recover");
        let ready = Client::new(router.clone()).get("/readyz").await.status == 200;
        let (answer, took) = timed(Client::new(router.clone()), path).await;
        good = if ready && answer.status == 200 && took < Duration::from_millis(500) { good + 1 } else { 0 };
        sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

/// Rates of a shop whose backend takes 2 s per request, with 24 requests at a time.
#[tokio::test(flavor = "multi_thread")]
async fn at_twice_the_load_the_goodput_stays_the_same() {
    const AT_ONCE: usize = 24;
    // With a limit of 100,000 requests, the goodput was 29% of the peak: the backend worked for clients that had disconnected.
    const PLACES: &str = "32";
    on_dynamodb(|store| async {
        let backend = TestShop::new(store);
        backend.sell(&fixtures::product("kettle").build(), 5).await;
        let server = Server::start(backend.router()).await;
        let proxy = SlowProxy::to(server.url.trim_start_matches("http://").to_owned(), AT_ONCE).await;
        let limits = MapEnv::new([("SHOPEASE_REQUESTS_IN_FLIGHT", PLACES), ("SHOPEASE_REQUEST_TIMEOUT_MS", "5000")]);
        let router = shop_http::all(app(Services::of(RemoteShop::new(&proxy.address).expect("a URL")), &limits));
        assert_eq!(Client::new(router.clone()).get(PRODUCT).await.status, 200);

        proxy.delay(Duration::from_secs(2));
        let begun = Instant::now();
        let peak = closed_loop(&router, AT_ONCE, Duration::from_secs(7)).await;
        let peak_rate = f64::from(peak.good) / begun.elapsed().as_secs_f64();
        assert_eq!((peak.refused, peak.late), (0, 0), "{peak:?}");

        let stop = Arc::new(AtomicBool::new(false));
        let probes = watch_probes(router.clone(), Arc::clone(&stop));
        let begun = Instant::now();
        let double = open_loop(&router, peak_rate * 2.0, Duration::from_secs(16)).await;
        let double_rate = f64::from(double.good) / begun.elapsed().as_secs_f64();
        proxy.delay(Duration::ZERO);
        let recovered = recovery(&router, PRODUCT).await;
        stop.store(true, Ordering::SeqCst);
        let unready = probes.await.expect("the probes are answered");

        let goodput = double_rate / peak_rate;
        println!("peak {peak_rate:.1}/s: {peak:?}");
        println!("twice the load: goodput {:.0} % of the peak: {double:?}", goodput * 100.0);
        println!("not ready from {:?} to {:?}; recovered in {recovered:?}", unready.first(), unready.last());
        assert!(goodput >= 0.8, "{goodput}");
        assert!(double.longest < Duration::from_millis(5_500), "the deadline of 5 s is kept: {:?}", double.longest);
        assert!(double.longest_refusal < Duration::from_millis(600), "refused early: {:?}", double.longest_refusal);
        assert!(unready.first().is_some_and(|first| *first > Duration::from_secs(3)), "a short burst does not count");
        assert!(recovered < Duration::from_secs(5), "{recovered:?}");
    })
    .await;
}

/// Unfinished bodies of 250 KB, with requests of other visitors at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn large_unfinished_bodies_are_bounded_and_do_not_block_forms() {
    on_dynamodb(|store| async move {
        let test = TestShop::new(store);
        test.sell(&fixtures::product("kettle").build(), 5).await;
        let router = shop_http::all(app(Services::of(test.local.clone()), &MapEnv::default()));
        let mut held = JoinSet::new();
        for _ in 0..300 {
            let mut client = Client::new(router.clone());
            let begun = futures_util::stream::once(async { Ok::<_, std::io::Error>(vec![b' '; 250_000]) });
            let body = Body::from_stream(begun.chain(futures_util::stream::pending()));
            let request = Request::post("/api/v1/cart/line-items").header("content-type", "application/json");
            let request = request.body(body).expect("a request");
            held.spawn(async move { client.send(request).await });
        }
        let mut refused = 0;
        while let Ok(Some(answer)) = tokio::time::timeout(Duration::from_secs(3), held.join_next()).await {
            let answer = answer.expect("an answer");
            assert_eq!((answer.status.as_u16(), answer.header("connection")), (503, "close"), "{}", answer.text());
            refused += 1;
        }
        assert!((150..300).contains(&refused), "{refused} of 300 were refused: the others have 32 MiB");
        let mut client = Client::new(router.clone());
        let added = client.add("KETTLE", 1).await;
        assert_eq!(added.status, 201, "{}", added.text());
        let padded = format!("{}{}", json!({"sku": "KETTLE", "quantity": 1}), " ".repeat(10_000));
        let request = Request::post("/api/v1/cart/line-items").header("content-type", "application/json");
        let added = client.send(request.body(Body::from(padded)).expect("a request")).await;
        assert_eq!(added.status, 201, "{}", added.text());
        drop(held);
    })
    .await;
}

/// Counts store checks.
struct Probed(AtomicU64);

#[async_trait]
impl Readiness for Probed {
    async fn ready(&self) -> ShopResult<()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_millis(50)).await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_probes_check_the_store_once_a_second() {
    on_dynamodb(|store| async move {
        let test = TestShop::new(store);
        let probed = Arc::new(Probed(AtomicU64::new(0)));
        let services = Services { readiness: probed.clone(), ..Services::of(test.local.clone()) };
        let router = shop_http::all(app(services, &MapEnv::default()));
        let began = Stopwatch::start();
        let mut all = JoinSet::new();
        for _ in 0..300 {
            let mut client = Client::new(router.clone());
            all.spawn(async move { client.get("/readyz").await.status });
        }
        while let Some(status) = all.join_next().await {
            assert_eq!(status.expect("an answer"), 200);
        }
        let (asked, seconds) = (probed.0.load(Ordering::SeqCst), began.elapsed().as_secs());
        assert!(asked <= 1 + seconds, "{asked} times in {seconds} s");
    })
    .await;
}

/// The whole path from the page to a store that takes 2 s per response.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_slow_store_every_request_ends_by_its_deadline() {
    let directory = tempfile::tempdir().expect("a directory");
    let embedded = StoreConfig::Embedded {
        directory: directory.path().to_owned(),
        port: Some(EmbeddedPort { number: 0, access_key: "test".to_owned() }),
    };
    let engine = shopease_storage::open(embedded, &ProcessEnv, Arc::new(SystemIds)).await.expect("it opens");
    let endpoint = engine.embedded_endpoint().expect("an address");
    let proxy = SlowProxy::to(endpoint.trim_start_matches("http://test@").to_owned(), 1_000).await;
    let env = MapEnv::new([("SHOPEASE_STORE", "dynamodb"), ("SHOPEASE_CATALOG_CACHE_SECONDS", "0")])
        .with("SHOPEASE_DYNAMODB_ENDPOINT", &proxy.address.replace("http://", "http://test@"));
    let mut reader = Reader::new(&env);
    let config = StoreConfig::read(&mut reader, "dynamodb").expect("a store");
    let store = shopease_storage::open(config, &env, Arc::new(SystemIds)).await.expect("it opens");
    let test = TestShop::new(Arc::clone(&store.store));
    test.sell(&fixtures::product("kettle").build(), 5).await;
    let router = shop_http::all(app(Services::of(test.local.clone()), &env));

    proxy.delay(Duration::from_secs(2));
    let mut all = JoinSet::new();
    for path in ["/", "/products/kettle", "/cart", PRODUCT, "/api/v1/products", "/api/v1/cart", "/readyz"] {
        let mut client = Client::new(router.clone());
        client.carry(&fixtures::visitor_token("ada"));
        all.spawn(async move { (path, timed(client, path).await) });
    }
    while let Some(answer) = all.join_next().await {
        let (path, (answer, took)) = answer.expect("an answer");
        println!("{path}: {} after {took:.1?}", answer.status);
        assert!(took < Duration::from_millis(10_500), "{path}: {took:?}");
        let patient = answer.status == 503 && !answer.header("retry-after").is_empty();
        assert!(answer.status == 200 || patient, "{path}: {}", answer.text());
    }
    proxy.delay(Duration::ZERO);
    let recovered = recovery(&router, PRODUCT).await;
    println!("recovered in {recovered:?}");
    assert!(recovered < Duration::from_secs(5), "{recovered:?}");
}

/// Makes the provider take 15 s per step while enabled.
struct Slow {
    ill: AtomicBool,
}

#[async_trait]
impl Before for Slow {
    async fn before(&self, _: &'static str, _: &str) -> Result<(), PaymentError> {
        let begun = Instant::now();
        while self.ill.load(Ordering::SeqCst) && begun.elapsed() < Duration::from_secs(15) {
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_provider_delays_only_orders_and_within_their_deadline() {
    const BUYERS: u32 = 24;
    const PLACES: u32 = 8;
    on_dynamodb(|store| async {
        let mut slow = None;
        let test = TestShop::with_payments(store, |provider| {
            let provider = Arc::new(Fronted { front: Slow { ill: AtomicBool::new(false) }, provider });
            slow = Some(provider.clone());
            provider
        });
        let payments = slow.expect("the shop has a provider");
        test.sell(&fixtures::product("kettle").build(), 100).await;
        let limits = MapEnv::new([("SHOPEASE_CHECKOUTS_IN_FLIGHT", "8"), ("SHOPEASE_CHECKOUT_TIMEOUT_MS", "4000")]);
        let app = app(Services::of(test.local.clone()), &limits);
        let router = shop_http::all(app.clone());
        let mut buyers = Vec::new();
        for number in 0..=BUYERS {
            let mut buyer = Client::new(router.clone());
            buyer.carry(&fixtures::visitor_token(&format!("buyer {number}")));
            let added = buyer.post("/api/v1/cart/line-items", &json!({"sku": "KETTLE", "quantity": 1})).await;
            assert_eq!(added.status, 201);
            buyers.push(buyer);
        }
        let mut last = buyers.pop().expect("a buyer");

        payments.front.ill.store(true, Ordering::SeqCst);
        let mut orders = JoinSet::new();
        for mut buyer in buyers {
            orders.spawn(async move {
                let stopwatch = Stopwatch::start();
                (buyer.check_out("k", "card_approved").await, stopwatch.elapsed())
            });
        }
        let (mut tally, mut reads) = (Tally::default(), 0);
        while !orders.is_empty() {
            tokio::select! {
                Some(order) = orders.join_next() => {
                    let (answer, took) = order.expect("an answer");
                    tally.note(&answer, took);
                }
                () = sleep(Duration::from_millis(50)) => {
                    let (answer, took) = timed(Client::new(router.clone()), PRODUCT).await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    assert!(took < Duration::from_millis(500), "the catalog took {took:?} because of the provider");
                    reads += 1;
                }
            }
        }
        println!("{tally:?}, {reads} reads beside them");
        assert_eq!(tally.refused, BUYERS - PLACES, "{tally:?}");
        assert_eq!(tally.late + tally.good, PLACES, "{tally:?}");
        assert!(tally.longest < Duration::from_millis(4_500), "the deadline of 4 s is kept: {tally:?}");
        assert_eq!(last.get("/readyz").await.status, 200, "pages are served: it is ready");
        // The visitors have responses, but the checkouts are still running and keep their permits.
        assert_eq!(last.check_out("k", "card_approved").await.problem(), (503, "overloaded".to_owned()));

        payments.front.ill.store(false, Ordering::SeqCst);
        let begun = Stopwatch::start();
        while last.check_out("k", "card_approved").await.status != 201 {
            assert!(begun.elapsed() < Duration::from_secs(5), "it does not recover");
            sleep(Duration::from_millis(100)).await;
        }
        println!("recovered in {:?}", begun.elapsed());
        app.checkouts_ended().await;
        assert_eq!(test.levels("KETTLE").await, (91, 0, 9), "the orders in flight were completed");
    })
    .await;
}

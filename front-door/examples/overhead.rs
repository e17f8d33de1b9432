//! Measures what the front door adds to a request, compared with the same request without it:
//! `cargo run --profile measure -p front-door --example overhead`.
//!
//! ECS services: a tiny server in its own thread, requested directly and through the load balancer. Lambda: an
//! invocation through a minimal Runtime API, compared with one through the host, with and without freezing between
//! invocations, and one through the load balancer. One request at a time on one connection; the variants alternate in
//! every round, so that a machine that slows down slows all of them.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement that fails must stop")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use front_door::alb::{Address, Balancer, Pair, Settings, Targets, Weights};
use front_door::lambda::{self, Function, Invocation, Observer, Outcome, Report};
use front_door::live::Live;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};
use shopease_shared::http::routes::Area;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::{Mutex, mpsc};

const ROUNDS: usize = 21;
const REQUESTS: u32 = 200;

/// Ignores all reports.
struct Ignore;

impl Observer for Ignore {
    fn report(&self, _: &Report) {}
    fn line(&self, _: &str, _: u64, _: &str) {}
}

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // The host starts this same program as the function.
    if std::env::vars().any(|(name, _)| name == "AWS_LAMBDA_RUNTIME_API") {
        let handler = |_: LambdaEvent<Value>| async { Ok::<_, Error>(json!({ "statusCode": 200, "body": "ok" })) };
        return runtime.block_on(lambda_runtime::run(lambda_runtime::service_fn(handler)));
    }
    runtime.block_on(measure())
}

async fn measure() -> Result<(), Error> {
    let directory = tempfile::tempdir()?;
    let program = std::env::current_exe()?;
    let target = target()?;
    let host = |name: &str, freeze| {
        let function = Function::new(settings(name, freeze, directory.path()), Arc::new(Ignore));
        function.deploy(&program).map(|()| Arc::new(function))
    };
    let (frozen, running, behind) = (host("frozen", true)?, host("running", false)?, host("behind", true)?);
    let to_fargate = door(Pair { fargate: 1, lambda: 0 }, target, &behind).await?;
    let to_lambda = door(Pair { fargate: 0, lambda: 1 }, target, &behind).await?;
    let mut bare = Bare::start(&program).await?;

    let (mut direct, mut through) = (TcpStream::connect(target).await?, TcpStream::connect(to_fargate).await?);
    let mut function = TcpStream::connect(to_lambda).await?;
    for socket in [&direct, &through, &function] {
        socket.set_nodelay(true)?;
    }
    let mut times: [Vec<f64>; 6] = Default::default();
    // The first round warms up connections, environments, and caches.
    for round in 0..=ROUNDS {
        let mut took = [0.0; 6];
        for way in (0..6).map(|way| (way + round) % 6) {
            let begun = Instant::now();
            for _ in 0..REQUESTS {
                match way {
                    0 => request(&mut direct).await?,
                    1 => request(&mut through).await?,
                    2 => bare.invoke().await?,
                    3 => invoke(&running).await,
                    4 => invoke(&frozen).await,
                    _ => request(&mut function).await?,
                }
            }
            took[way] = begun.elapsed().as_secs_f64() * 1e6 / f64::from(REQUESTS);
        }
        if round > 0 {
            times.iter_mut().zip(took).for_each(|(times, took)| times.push(took));
        }
    }
    println!("{ROUNDS} alternating rounds of {REQUESTS} requests, one at a time; medians per request\n");
    println!("target directly              {:>8.1} us", median(times[0].clone()));
    print_comparison("through the load balancer", &times[1], &times[0]);
    println!("\nbare Runtime API             {:>8.1} us", median(times[2].clone()));
    print_comparison("host, not frozen", &times[3], &times[2]);
    print_comparison("host, frozen between", &times[4], &times[2]);
    print_comparison("through the load balancer", &times[5], &times[2]);
    Ok(())
}

fn print_comparison(name: &str, times: &[f64], floor: &[f64]) {
    let ratios = times.iter().zip(floor).map(|(time, floor)| time / floor).collect();
    let added = times.iter().zip(floor).map(|(time, floor)| time - floor).collect();
    let (time, ratio, added) = (median(times.to_vec()), median(ratios), median(added));
    println!("{name:<28} {time:>8.1} us   x {ratio:.2}   + {added:.1} us");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn settings(name: &str, freeze: bool, directory: &Path) -> lambda::Settings {
    lambda::Settings {
        name: name.to_owned(),
        variables: Vec::new(),
        memory_mb: 128,
        timeout: Duration::from_secs(10),
        concurrency: 10,
        idle_expiry: Duration::from_mins(10),
        freeze,
        directory: directory.to_owned(),
    }
}

/// A load balancer with these weights, on its own port.
async fn door(pair: Pair, target: SocketAddr, function: &Arc<Function>) -> Result<SocketAddr, Error> {
    let registered = Arc::new(Address::default());
    registered.set(Some(target));
    let weights = Arc::new(Weights::new(pair));
    let live = Arc::new(Live::new("none".to_owned(), Arc::clone(&weights), false));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let functions = BTreeMap::from([(Area::Storefront, Arc::clone(function))]);
    let targets = Targets::new(Arc::clone(&registered), registered);
    let balancer = Balancer::new(Settings::default(), address.port(), weights, targets, functions, live);
    tokio::spawn(Arc::new(balancer).serve(listener));
    Ok(address)
}

/// A server that answers everything with two bytes, in a thread with its own runtime.
fn target() -> Result<SocketAddr, Error> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).expect("a listener");
            serve(listener, |_| async { Response::new(Full::from("ok")) }).await;
        });
    });
    Ok(address)
}

async fn serve<F, A>(listener: TcpListener, response: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    while let Ok((socket, _)) = listener.accept().await {
        let _ = socket.set_nodelay(true);
        let response = response.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let response = response(request);
                async move { Ok::<_, Infallible>(response.await) }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// One request on a persistent connection.
async fn request(socket: &mut TcpStream) -> Result<(), Error> {
    socket.write_all(b"GET /products HTTP/1.1\r\nHost: shop.example\r\n\r\n").await?;
    let (mut buffer, mut read) = ([0; 4096], 0);
    loop {
        match socket.read(&mut buffer[read..]).await? {
            0 => return Err("the connection has ended".into()),
            more => read += more,
        }
        if buffer[..read].ends_with(b"\r\n\r\nok") {
            let is_ok = buffer.starts_with(b"HTTP/1.1 200");
            return if is_ok { Ok(()) } else { Err("not 200".into()) };
        }
        if buffer[..read].ends_with(b"</h1>\n") {
            return Err(String::from_utf8_lossy(&buffer[..read]).into());
        }
    }
}

fn event() -> Bytes {
    json!({ "httpMethod": "GET", "path": "/products", "multiValueHeaders": { "host": ["shop.example"] } })
        .to_string()
        .into()
}

async fn invoke(function: &Function) {
    let invoked = function.invoke(Invocation { payload: event(), trace_id: "Root=1-2-3".to_owned() }).await;
    assert!(matches!(invoked.expect("an invocation").outcome, Outcome::Response(_)));
}

/// A minimal Runtime API: hands out an event, takes the response.
struct Bare {
    events: mpsc::Sender<Bytes>,
    responses: mpsc::Receiver<Bytes>,
    _process: tokio::process::Child,
}

impl Bare {
    async fn start(program: &Path) -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (events, waiting) = mpsc::channel(1);
        let (sender, responses) = mpsc::channel(1);
        let waiting = Arc::new(Mutex::new(waiting));
        tokio::spawn(serve(listener, move |request| {
            let (waiting, sender) = (Arc::clone(&waiting), sender.clone());
            async move {
                if request.uri().path().ends_with("/next") {
                    let event: Option<Bytes> = waiting.lock().await.recv().await;
                    return Response::builder()
                        .header("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000")
                        .header("lambda-runtime-deadline-ms", "9999999999999")
                        .header("lambda-runtime-invoked-function-arn", "arn")
                        .header("lambda-runtime-trace-id", "Root=1-2-3")
                        .body(Full::from(event.unwrap_or_default()))
                        .expect("a response");
                }
                let body = request.into_body().collect().await.expect("a response").to_bytes();
                let _ = sender.send(body).await;
                Response::builder().status(202).body(Full::default()).expect("a response")
            }
        }));
        let process = Command::new(program)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "bare")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "bare")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "bare")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { events, responses, _process: process })
    }

    async fn invoke(&mut self) -> Result<(), Error> {
        self.events.send(event()).await?;
        self.responses.recv().await.map(drop).ok_or_else(|| "the minimal Runtime API has ended".into())
    }
}

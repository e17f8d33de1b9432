//! A load balancer, an HTTP API, and Function URLs in front of the same targets, each on its own port.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use front_door::alb::{Address, Balancer, Pair, Settings, Targets, Weights};
use front_door::event::http_api::Front;
use front_door::gateway::Gateway;
use front_door::lambda::{self, Function};
use front_door::live::Live;
use shopease_shared::http::routes::Area;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{Target, eventually, example, settings};

/// Options of a door.
pub struct Options {
    pub weights: Pair,
    pub balancer: Settings,
    /// Changes the functions' settings.
    pub function: fn(&mut lambda::Settings),
}

impl Default for Options {
    fn default() -> Self {
        Self { weights: Pair { fargate: 1, lambda: 0 }, balancer: Settings::default(), function: |_| {} }
    }
}

impl Options {
    /// Sends everything to Lambda.
    pub fn lambda() -> Self {
        Self { weights: Pair { fargate: 0, lambda: 1 }, ..Self::default() }
    }
}

pub struct Door {
    /// Address of the load balancer.
    pub address: SocketAddr,
    pub http_api: SocketAddr,
    pub function_url: SocketAddr,
    pub target: Target,
    /// Address where the balancer finds the target.
    pub registered: Arc<Address>,
    pub targets: Targets,
    pub weights: Arc<Weights>,
    pub live: Arc<Live>,
    pub function: Arc<Function>,
    /// Directory of the functions' code.
    _directory: TempDir,
}

impl Door {
    /// Storefront and cart have a function, the conforming one; the other areas have none.
    pub async fn start(options: Options) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let target = Target::start().await;
        let registered = Arc::new(Address::default());
        registered.set(Some(target.address));
        let targets = Targets::new(Arc::clone(&registered), Arc::clone(&registered));
        let weights = Arc::new(Weights::new(options.weights));
        let live = Arc::new(Live::new("none".to_owned(), Arc::clone(&weights), false));
        let function = |area: Area| {
            let mut settings = settings(area.name(), &directory);
            (options.function)(&mut settings);
            let function = Function::new(settings, Arc::clone(&live) as _);
            function.deploy(&example("bootstrap")).expect("a copy");
            Arc::new(function)
        };
        let functions: BTreeMap<_, _> =
            [Area::Storefront, Area::Cart].into_iter().map(|area| (area, function(area))).collect();
        live.watch_functions(functions.clone());
        let (listener, address) = listen().await;
        let balancer = Balancer::new(
            options.balancer,
            address.port(),
            Arc::clone(&weights),
            targets.clone(),
            functions.clone(),
            Arc::clone(&live),
        );
        tokio::spawn(Arc::new(balancer).serve(listener));
        let mut gateways = Vec::new();
        for front in [Front::HttpApi, Front::FunctionUrl] {
            let (listener, address) = listen().await;
            tokio::spawn(
                Arc::new(Gateway::new(front, address.port(), functions.clone(), Arc::clone(&live))).serve(listener),
            );
            gateways.push(address);
        }
        let function = Arc::clone(&functions[&Area::Storefront]);
        let (http_api, function_url) = (gateways[0], gateways[1]);
        Self {
            address,
            http_api,
            function_url,
            target,
            registered,
            targets,
            weights,
            live,
            function,
            _directory: directory,
        }
    }
}

impl Door {
    /// Waits until the storefront's environments are idle: a client gets its response a moment earlier.
    pub async fn idle(&self) {
        eventually("no environment is busy", || self.function.environments().busy == 0).await;
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

//! A network with planned faults: a TCP proxy on loopback in front of any port.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shopease_shop::testing::SeededRandom;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What happens to a message from a client. A message is what arrives at once: on loopback, and with a client that
/// waits for its responses, that is one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed; the server never receives the message.
    LostBefore,
    /// The server receives the message and responds; the connection is closed before the client receives the response.
    LostAfter,
    /// The message arrives later.
    Delayed(Duration),
    /// The message and everything after it are dropped; the connection looks open.
    BlackHole,
}

/// Which faults happen, and how often.
#[derive(Debug, Clone)]
pub struct FaultPlan {
    /// Seed of the random choices. Tests print it.
    pub seed: u64,
    /// One in this many messages is affected.
    pub one_in: usize,
    /// The possible faults.
    pub faults: Vec<Fault>,
    /// After this many faults, the network works normally.
    pub at_most: usize,
}

/// Counters of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultCounts {
    /// Connections from clients.
    pub connections: u64,
    /// Client messages without a fault.
    pub forwarded: u64,
    /// [`Fault::LostBefore`].
    pub lost_before: u64,
    /// [`Fault::LostAfter`].
    pub lost_after: u64,
    /// [`Fault::Delayed`].
    pub delayed: u64,
    /// [`Fault::BlackHole`], and messages on connections that [`FaultProxy::black_hole`] has silenced.
    pub black_holed: u64,
}

impl FaultCounts {
    /// Total number of faults.
    pub fn faults(&self) -> u64 {
        self.lost_before + self.lost_after + self.delayed + self.black_holed
    }
}

/// The proxy. Dropping it closes its connections.
pub struct FaultProxy {
    address: SocketAddr,
    network: Arc<Network>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Network {
    plan: Mutex<Option<(FaultPlan, SeededRandom)>>,
    planned: AtomicUsize,
    /// Connections up to this number are silent permanently.
    silent_to: AtomicU64,
    refuses: AtomicBool,
    connections: AtomicU64,
    forwarded: AtomicU64,
    lost_before: AtomicU64,
    lost_after: AtomicU64,
    delayed: AtomicU64,
    black_holed: AtomicU64,
}

impl FaultProxy {
    /// Starts a proxy without faults for a server on a loopback port.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn start(server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let network = Arc::new(Network::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server_port, network.clone()));
        Self { address, network, _tasks: tasks }
    }

    /// The port for clients.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of the server, through this proxy.
    ///
    /// # Panics
    /// If the URL has no `//`.
    pub fn url(&self, server_url: &str) -> String {
        let (scheme, rest) = server_url.split_once("//").expect("a URL");
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let login = authority.rsplit_once('@').map(|(login, _)| format!("{login}@")).unwrap_or_default();
        format!("{scheme}//{login}{}{path}", self.address)
    }

    /// Injects faults from now on, until the plan's number is reached.
    ///
    /// # Panics
    /// Never.
    pub fn follow(&self, plan: FaultPlan) {
        let random = SeededRandom::new(plan.seed);
        self.network.planned.store(0, Ordering::SeqCst);
        *self.network.plan.lock().expect("not poisoned") = Some((plan, random));
    }

    /// Ends all faults for new connections and for those that are not silent.
    ///
    /// # Panics
    /// Never.
    pub fn heal(&self) {
        *self.network.plan.lock().expect("not poisoned") = None;
        self.network.refuses.store(false, Ordering::SeqCst);
    }

    /// Silences every open connection, in both directions and permanently; new ones work.
    pub fn black_hole(&self) {
        let open = self.network.connections.load(Ordering::SeqCst);
        self.network.silent_to.store(open, Ordering::SeqCst);
    }

    /// Closes new connections at once, until [`FaultProxy::heal`].
    pub fn refuse(&self) {
        self.network.refuses.store(true, Ordering::SeqCst);
    }

    /// The counters so far.
    pub fn counts(&self) -> FaultCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        let network = &self.network;
        FaultCounts {
            connections: count(&network.connections),
            forwarded: count(&network.forwarded),
            lost_before: count(&network.lost_before),
            lost_after: count(&network.lost_after),
            delayed: count(&network.delayed),
            black_holed: count(&network.black_holed),
        }
    }
}

impl Network {
    /// Chooses and counts what happens to the next message.
    fn next(&self) -> Option<Fault> {
        let fault = self.planned_fault();
        let counter = match fault {
            None => &self.forwarded,
            Some(Fault::LostBefore) => &self.lost_before,
            Some(Fault::LostAfter) => &self.lost_after,
            Some(Fault::Delayed(_)) => &self.delayed,
            Some(Fault::BlackHole) => &self.black_holed,
        };
        counter.fetch_add(1, Ordering::SeqCst);
        fault
    }

    fn planned_fault(&self) -> Option<Fault> {
        let mut plan = self.plan.lock().expect("not poisoned");
        let (plan, random) = plan.as_mut()?;
        if random.below(plan.one_in) != 0 || self.planned.load(Ordering::SeqCst) >= plan.at_most {
            return None;
        }
        self.planned.fetch_add(1, Ordering::SeqCst);
        Some(random.pick(&plan.faults))
    }

    fn is_silent(&self, number: u64) -> bool {
        number <= self.silent_to.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, server_port: u16, network: Arc<Network>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let number = network.connections.fetch_add(1, Ordering::SeqCst) + 1;
        if !network.refuses.load(Ordering::SeqCst) {
            connections.spawn(forward(client, server_port, number, network.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Forwards messages between one client and the server, until either side closes or a fault occurs.
async fn forward(mut client: TcpStream, server_port: u16, number: u64, network: Arc<Network>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server_port)).await else { return };
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let (mut request, mut response) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let from_client = tokio::select! {
            read = client.read(&mut request) => Some(read),
            read = server.read(&mut response) => match read {
                Ok(1..) if network.is_silent(number) => return std::future::pending().await,
                Ok(length @ 1..) if client.write_all(&response[..length]).await.is_ok() => None,
                _ if network.is_silent(number) => return std::future::pending().await,
                _ => return,
            },
        };
        let Some(read) = from_client else { continue };
        let Ok(length @ 1..) = read else { return };
        if network.is_silent(number) {
            network.black_holed.fetch_add(1, Ordering::SeqCst);
            return std::future::pending().await;
        }
        match network.next() {
            None => {}
            Some(Fault::LostBefore) => return,
            Some(Fault::LostAfter) => {
                if server.write_all(&request[..length]).await.is_ok() {
                    let _ = server.read(&mut response).await;
                }
                return;
            }
            Some(Fault::Delayed(by)) => tokio::time::sleep(by).await,
            Some(Fault::BlackHole) => return std::future::pending().await,
        }
        if server.write_all(&request[..length]).await.is_err() {
            return;
        }
    }
}

//! Waiting in an M/M/c queue (Erlang C): Poisson arrivals, exponential service times, `c` equal servers, one queue.
//!
//! The probability of waiting is Erlang's second formula, computed by the stable recursion of the first:
//! `B(0) = 1`, `B(n) = a B(n-1) / (n + a B(n-1))`, `C = c B / (c - a (1 - B))` with `a` the offered load in erlangs
//! (Gross and Harris, Fundamentals of Queueing Theory, section on M/M/c).

use serde::Deserialize;

/// A queue in its steady state: it offers less load than it has servers.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    pub arrivals_per_s: f64,
    pub service_s: f64,
    pub servers: u32,
    /// What a wait is compared with, s.
    pub target_s: Option<f64>,
}

impl Queue {
    /// Offered load, erlangs: the mean number of busy servers.
    pub fn offered_erlangs(&self) -> f64 {
        self.arrivals_per_s * self.service_s
    }

    /// Probability that an arrival waits.
    pub fn waiting_probability(&self) -> f64 {
        let (offered, servers) = (self.offered_erlangs(), f64::from(self.servers));
        assert!(offered < servers, "{self:?} grows without end");
        let blocked = (1..=self.servers).fold(1.0, |blocked, n| {
            let load = offered * blocked;
            load / (f64::from(n) + load)
        });
        servers * blocked / (servers - offered * (1.0 - blocked))
    }

    /// Mean wait of all arrivals, s.
    pub fn mean_wait_s(&self) -> f64 {
        self.waiting_probability() / self.spare_per_s()
    }

    /// Share of arrivals that wait at most `seconds`.
    pub fn served_within(&self, seconds: f64) -> f64 {
        1.0 - self.waiting_probability() * (-self.spare_per_s() * seconds).exp()
    }

    fn spare_per_s(&self) -> f64 {
        f64::from(self.servers) / self.service_s - self.arrivals_per_s
    }
}

#[test]
fn one_server_waits_as_often_as_it_is_busy() {
    let queue = Queue { arrivals_per_s: 0.7, service_s: 1.0, servers: 1, target_s: None };
    assert!((queue.waiting_probability() - 0.7).abs() < 1e-12);
    assert!((queue.mean_wait_s() - 0.7 / 0.3).abs() < 1e-9);
}

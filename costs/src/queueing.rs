//! Waiting in an M/M/c queue (Erlang C): Poisson arrivals, exponential service times, `c` equal servers, one queue.
//!
//! The probability of waiting is Erlang's second formula, computed by the stable recursion of the first:
//! `B(0) = 1`, `B(n) = a B(n-1) / (n + a B(n-1))`, `C = c B / (c - a (1 - B))` with `a` the offered load in erlangs
//! (Gross and Harris, Fundamentals of Queueing Theory, section on M/M/c). No money here: floats are fine.

use thiserror::Error;

/// A queue in its steady state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Queue {
    /// Arrivals per second.
    pub arrivals_per_s: f64,
    /// Mean service time, s.
    pub service_s: f64,
    /// Servers.
    pub servers: u32,
}

/// Why there is no steady state.
#[derive(Debug, Error, PartialEq)]
pub enum QueueError {
    /// More arrives than can be served.
    #[error("{servers} servers are not enough for {offered} erlangs: the queue grows without end")]
    Unstable {
        /// Servers.
        servers: u32,
        /// Offered load.
        offered: f64,
    },
    /// A rate or time that is none.
    #[error("arrivals and service time are positive and finite, and there is at least one server")]
    Invalid,
}

impl Queue {
    /// Offered load, erlangs: the mean number of busy servers.
    pub fn offered_erlangs(&self) -> f64 {
        self.arrivals_per_s * self.service_s
    }

    /// Share of time that a server is busy.
    pub fn utilization(&self) -> f64 {
        self.offered_erlangs() / f64::from(self.servers)
    }

    /// Probability that an arrival waits.
    ///
    /// # Errors
    /// [`QueueError`] when the queue has no steady state.
    pub fn waiting_probability(&self) -> Result<f64, QueueError> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        if !positive(self.arrivals_per_s) || !positive(self.service_s) || self.servers == 0 {
            return Err(QueueError::Invalid);
        }
        let (offered, servers) = (self.offered_erlangs(), f64::from(self.servers));
        if offered >= servers {
            return Err(QueueError::Unstable { servers: self.servers, offered });
        }
        let blocked = (1..=self.servers).fold(1.0, |blocked, n| {
            let load = offered * blocked;
            load / (f64::from(n) + load)
        });
        Ok(servers * blocked / (servers - offered * (1.0 - blocked)))
    }

    /// Mean wait of all arrivals, s.
    ///
    /// # Errors
    /// [`QueueError`] when the queue has no steady state.
    pub fn mean_wait_s(&self) -> Result<f64, QueueError> {
        let spare = f64::from(self.servers) / self.service_s - self.arrivals_per_s;
        Ok(self.waiting_probability()? / spare)
    }

    /// Share of arrivals that wait at most `seconds`.
    ///
    /// # Errors
    /// [`QueueError`] when the queue has no steady state.
    pub fn served_within(&self, seconds: f64) -> Result<f64, QueueError> {
        let spare = f64::from(self.servers) / self.service_s - self.arrivals_per_s;
        Ok(1.0 - self.waiting_probability()? * (-spare * seconds).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_waits_as_often_as_it_is_busy() {
        let queue = Queue { arrivals_per_s: 0.7, service_s: 1.0, servers: 1 };
        assert!((queue.waiting_probability().unwrap() - 0.7).abs() < 1e-12);
        assert!((queue.mean_wait_s().unwrap() - 0.7 / 0.3).abs() < 1e-9);
    }

    #[test]
    fn too_much_load_is_an_error_and_not_a_number() {
        let queue = Queue { arrivals_per_s: 10.0, service_s: 1.0, servers: 10 };
        assert_eq!(queue.waiting_probability(), Err(QueueError::Unstable { servers: 10, offered: 10.0 }));
        assert_eq!(Queue { service_s: f64::NAN, ..queue }.waiting_probability(), Err(QueueError::Invalid));
    }
}

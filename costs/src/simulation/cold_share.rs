//! The share of cold starts without a simulation: what `costs estimate` bills INIT by.
//!
//! Requests come at random (Poisson), each environment serves one, and of several idle ones the same are used first. The environment
//! after the first `k` then gets what finds all `k` busy, a share `B(k)` of the requests (Erlang's loss formula), and is gone when none
//! of them came for as long as an idle environment stays: `exp(-rate B(k) stay)`. Summed over `k`, with the `B(k) - B(k + 1)` that are
//! served there. Where requests are rare that is exact. Where several environments are at work the overflow comes in bursts and not at
//! random, so the share, a tenth of a percent then, may be two fifths too low: tests hold it against the simulation.

/// Environments beyond which the share is below what a bill shows: at an offered load of so many the chance of a cold start is
/// under one in a million.
const MOST: u32 = 64;

/// Share of requests that start an environment. `service_s` is the mean time of a request, `stay_s` how long an idle environment
/// stays.
pub fn cold_share(rate: f64, service_s: f64, stay_s: f64) -> f64 {
    let offered = rate * service_s;
    if !(rate > 0.0 && offered.is_finite()) || offered > f64::from(MOST) / 2.0 {
        return if rate > 0.0 { 0.0 } else { 1.0 };
    }
    let (mut share, mut busy) = (0.0, 1.0);
    for environments in 1..=MOST {
        let next = offered * busy / (f64::from(environments) + offered * busy);
        share += (busy - next) * (-rate * busy * stay_s).exp();
        busy = next;
        if busy < 1e-9 {
            break;
        }
    }
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_steady_states_are_met() {
        // SimFaaS, README: 0.0014; its own runs: 0.000604, 7.55e-5 and 0.000165.
        for (rate, service_s, published) in
            [(0.9, 1.991, 0.0014), (1.0, 0.05, 0.000_604), (10.0, 0.05, 7.55e-5), (10.0, 0.5, 0.000_165)]
        {
            let share = cold_share(rate, service_s, 600.0);
            assert!((share / published - 1.0).abs() < 0.4, "{rate}/s: {share}, published {published}");
        }
    }

    #[test]
    fn nobody_is_always_cold_and_a_crowd_never() {
        let share = |rate| cold_share(rate, 0.05, 600.0);
        assert!((share(0.0) - 1.0).abs() < f64::EPSILON && (share(1e-9) - 1.0).abs() < 1e-5);
        assert!(share(1e-3) > 0.5 && share(1e-2) < 0.01 && share(100.0) < 2e-5 && share(1e6) < 1e-6);
        assert!(share(0.01) > cold_share(0.01, 0.05, 1200.0));
    }
}

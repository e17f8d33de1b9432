//! A whole site (shop, worker, payment provider, store) whose processes are killed and whose provider misbehaves.
//! Afterwards, stock, orders, keys, messages, and payments must be consistent.
//!
//! `SHOPEASE_TEST_SCALE` multiplies the random rounds (default 1; a nightly run uses 10).

#![expect(clippy::expect_used, reason = "a test that cannot continue must fail")]

mod attempt;
mod crowd;
mod mail_kills;
mod points;
mod postgres_kills;
mod postgres_network;
mod provider_faults;
mod random_kills;
mod receiver;
mod shopper;
mod site;

/// Multiplier of the random rounds.
fn scale() -> u32 {
    use shopease_shop::ports::{Env as _, ProcessEnv};
    ProcessEnv.var("SHOPEASE_TEST_SCALE").map_or(1, |text| text.parse().expect("SHOPEASE_TEST_SCALE is a number"))
}

/// A new random seed, which is printed.
fn seed() -> u64 {
    use shopease_shop::ports::{IdGenerator as _, SystemIds};
    let seed = u64::from_be_bytes(SystemIds.secret()[..8].try_into().expect("eight"));
    println!("seed {seed}");
    seed
}

/// Runs a test on a site with an embedded store and on one with PostgreSQL.
macro_rules! both_stores {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::site::Store::embedded()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(store) = $crate::site::Store::postgres(concat!(module_path!(), "::", stringify!($name))).await {
                    super::$name(store).await;
                }
            })+
        }
    };
}
use both_stores;

//! The AWS services (and Datadog) that a shop is billed for. The usage of a service is a struct; what it charges is a
//! [`Statement`], and nothing else computes amounts.

mod account;
mod quantity;
mod statement;

pub mod alb;
pub mod api_gateway;
pub mod cloudfront;
pub mod dynamodb;
pub mod fargate;
pub mod lambda;
pub mod network;
pub mod rds;
pub mod small;

use rust_decimal::{Decimal, dec};
use schemars::JsonSchema;
use serde::Deserialize;

pub use account::Account;
pub use quantity::Quantity;
pub use statement::Statement;

use crate::price_book::{Key, Prices};

/// Hours of a month unless a profile or request says otherwise: 365 x 24 / 12, as AWS's calculator counts.
pub const MONTH_HOURS: Decimal = dec!(730);

pub const HOUR_SECONDS: Decimal = dec!(3600);

/// Usage of a service, which knows what it costs.
pub trait Service {
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()>;
}

words! {
    /// Processor of functions and tasks.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
    Architecture {
        /// Intel or AMD.
        #[default]
        #[serde(rename = "x86_64")]
        X86 = "x86_64",
        /// Graviton.
        #[serde(rename = "arm64")]
        Arm64 = "arm64",
    }
}

/// Prices and conventions of a bill, and what its account has used so far.
#[derive(Debug)]
pub struct Context<'a> {
    pub prices: Prices<'a>,
    /// Whether monthly allowances are taken off.
    pub free_tier: bool,
    pub month_hours: Decimal,
    /// Tiers and allowances that earlier parts of the bill have used.
    pub account: Account,
}

impl<'a> Context<'a> {
    /// A month of 730 h, no free tier, an account that has used nothing.
    pub fn new(prices: Prices<'a>) -> Self {
        Self { prices, free_tier: false, month_hours: MONTH_HOURS, account: Account::default() }
    }

    /// The hours that are given, else those of the month.
    pub fn hours(&self, given: Option<Quantity>) -> Quantity {
        given.unwrap_or_else(|| Quantity::declared(self.month_hours))
    }

    /// What the free tier leaves of `quantity`.
    pub fn after_allowance(&self, quantity: Quantity, allowance: Key<'_>) -> anyhow::Result<Quantity> {
        if !self.free_tier {
            return Ok(quantity);
        }
        let free = self.prices.allowance(allowance)?;
        let used = self.account.advance(self.prices.region(), allowance, quantity.value);
        Ok(quantity.above((free - used).max(Decimal::ZERO)))
    }
}

/// `; did you mean "memory_mb"? (known: ...)` for an error about an unknown name.
pub fn closest(name: &str, known: &[&str]) -> String {
    let score = |candidate: &&&str| {
        let similarity = strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
        (similarity * 1000.0).round()
    };
    let best = known.iter().filter(|candidate| score(candidate) >= 820.0);
    let best = best.max_by(|a, b| score(a).total_cmp(&score(b)));
    let guess = best.map(|best| format!("; did you mean {best:?}?")).unwrap_or_default();
    format!("{guess} (known: {})", known.join(", "))
}

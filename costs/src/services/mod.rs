//! The AWS services (and Datadog) that a shop is billed for, one file each. A service declares the usage fields and prices it
//! knows and turns usage into a [`Statement`]; nothing else computes amounts.

mod account;
mod statement;
mod usage;

pub mod alb;
pub mod api_gateway;
pub mod aurora;
pub mod cloudfront;
pub mod cloudwatch;
pub mod data_transfer;
pub mod datadog;
pub mod dynamodb;
pub mod fargate;
pub mod lambda;
pub mod metered;
pub mod network;
pub mod rds;
pub mod route53;
pub mod small;
pub mod ssm;

use rust_decimal::{Decimal, dec};
use thiserror::Error;

pub use account::Account;
pub use statement::Statement;
pub use usage::{Field, Kind, Usage, Value, closest};

use crate::price_book::{Key, PriceError, Prices};

/// Months have this many hours unless told otherwise: 365 x 24 / 12, as AWS's calculator counts.
pub const MONTH_HOURS: Decimal = dec!(730);

/// Seconds of an hour.
pub const HOUR_SECONDS: Decimal = dec!(3600);

/// Most that any quantity may be: far above any bill, far below what the arithmetic holds.
const MOST: Decimal = dec!(1_000_000_000_000_000_000_000_000);

/// One service that appears on a bill.
#[derive(Debug)]
pub struct Service {
    /// Name in requests: `lambda`.
    pub name: &'static str,
    /// Other names of it.
    pub also: &'static [&'static str],
    /// What it is, for `costs evaluate --fields`.
    pub about: &'static str,
    /// Usage that it understands.
    pub fields: &'static [Field],
    /// Prices that it needs; also the allowances of the free tier.
    pub prices: &'static [Key],
    /// Totals that it answers with, besides `total`.
    pub totals: &'static [&'static str],
    /// The bill.
    pub bill: fn(&Usage, &Context<'_>) -> Result<Statement, ServiceError>,
}

/// Every service.
pub const SERVICES: &[&Service] = &[
    &lambda::SERVICE,
    &fargate::SERVICE,
    &alb::SERVICE,
    &api_gateway::SERVICE,
    &dynamodb::SERVICE,
    &rds::SERVICE,
    &rds::PROXY,
    &aurora::SERVICE,
    &network::NAT,
    &network::ENDPOINT,
    &network::IPV4,
    &data_transfer::SERVICE,
    &cloudwatch::SERVICE,
    &small::XRAY,
    &datadog::SERVICE,
    &small::S3,
    &cloudfront::SERVICE,
    &route53::SERVICE,
    &ssm::SERVICE,
    &small::SECRETS,
    &small::KMS,
    &small::ECR,
    &small::EKS,
    &small::SQS,
    &small::EVENTBRIDGE,
    &small::CLOUD_MAP,
    &small::ACM,
];

/// The service with this name or other name; case, blanks and `aws`/`amazon` in front do not matter.
pub fn find(name: &str) -> Option<&'static Service> {
    let wanted = plain(name);
    let named = |service: &&&Service| {
        std::iter::once(service.name).chain(service.also.iter().copied()).any(|known| plain(known) == wanted)
    };
    SERVICES.iter().find(named).copied()
}

/// Letters and digits of a name in lower case, without the vendor's.
pub fn plain(name: &str) -> String {
    let text: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    text.strip_prefix("aws").or_else(|| text.strip_prefix("amazon")).unwrap_or(&text).to_owned()
}

/// Whether a GB made of KB or bytes is 1,000 based or 1,024 based.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gigabyte {
    /// 1,024-based, as AWS meters.
    #[default]
    Binary,
    /// 1,000-based, as many published examples compute.
    Decimal,
}

impl Gigabyte {
    /// KB in a GB.
    pub fn kilobytes(self) -> Decimal {
        match self {
            Self::Binary => dec!(1_048_576),
            Self::Decimal => dec!(1_000_000),
        }
    }

    /// MB in a GB.
    pub fn megabytes(self) -> Decimal {
        match self {
            Self::Binary => dec!(1024),
            Self::Decimal => dec!(1000),
        }
    }
}

/// Prices and conventions of a calculation.
#[derive(Debug)]
pub struct Context<'a> {
    /// Prices of the region.
    pub prices: Prices<'a>,
    /// Whether monthly allowances are taken off; they belong to the account, not to one application.
    pub free_tier: bool,
    /// Hours that a month has where usage does not say how long.
    pub month_hours: Decimal,
    /// How KB become GB.
    pub gigabyte: Gigabyte,
    /// What other parts of the bill have used of the account's tiers and allowances; none when there are no others.
    pub account: Option<&'a Account>,
}

impl<'a> Context<'a> {
    /// A month of 730 h, no free tier, 1,024-based GB, an account of its own.
    pub fn new(prices: Prices<'a>) -> Self {
        Self { prices, free_tier: false, month_hours: MONTH_HOURS, gigabyte: Gigabyte::default(), account: None }
    }

    /// What the free tier leaves of `quantity`.
    ///
    /// # Errors
    /// When the free tier is on and nobody knows the allowance.
    pub fn after_allowance(&self, quantity: Decimal, allowance: &'static Key) -> Result<Decimal, ServiceError> {
        if !self.free_tier {
            return Ok(quantity);
        }
        let free = self.prices.allowance(allowance)?;
        let region = self.prices.region();
        let used = self.account.map_or(Decimal::ZERO, |account| account.advance(region, allowance.into(), quantity));
        Ok((quantity - (free - used).max(Decimal::ZERO)).max(Decimal::ZERO))
    }
}

/// Why there is no bill.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ServiceError {
    /// A price is missing or wrong.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// Usage that does not fit together.
    #[error("{service}: {problem}")]
    Usage {
        /// Name in requests.
        service: &'static str,
        /// What is wrong, with the field's name.
        problem: String,
    },
    /// A quantity beyond any bill.
    #[error("a quantity is larger than 10^24: {0}")]
    TooLarge(String),
}

impl ServiceError {
    /// Usage that does not fit together.
    pub fn usage(service: &'static str, problem: impl Into<String>) -> Self {
        Self::Usage { service, problem: problem.into() }
    }
}

/// The product of `factors`.
///
/// # Errors
/// [`ServiceError::TooLarge`] above 10^24.
pub fn product(factors: &[Decimal]) -> Result<Decimal, ServiceError> {
    let all = factors.iter().try_fold(Decimal::ONE, |product, factor| product.checked_mul(*factor));
    all.filter(|product| *product <= MOST)
        .ok_or_else(|| ServiceError::TooLarge(factors.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")))
}

//! `costs evaluate`: the bill for usage that is given in JSON. The request is a struct for each service and nothing is guessed: what
//! is not in `docs/costs-evaluate.schema.json`, which is generated from these structs, is an error.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail, ensure};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::line::{Line, total};
use crate::price_book::{GivenPrice, PriceBook, Prices};
use crate::services::{Context, MONTH_HOURS, Quantity, Service, Statement, closest};
use crate::services::{alb, api_gateway, cloudfront, dynamodb, fargate, lambda, network, rds, small};

/// Declares the services of a request, each as a list of parts.
macro_rules! usage {
    ($($name:ident: $usage:ty),* $(,)?) => {
        /// Usage of a month. Parts of one service share the account's tiers and allowances.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct Usage {
            $($name: Vec<$usage>,)*
        }

        impl Usage {
            /// All parts, each with the name of its service.
            fn parts(&self) -> Vec<(&'static str, &dyn Service)> {
                let mut parts: Vec<(&'static str, &dyn Service)> = Vec::new();
                $(parts.extend(self.$name.iter().map(|part| (stringify!($name), part as &dyn Service)));)*
                parts
            }
        }
    };
}

usage! {
    lambda: lambda::Lambda,
    lambda_features: small::LambdaFeatures,
    fargate: fargate::Fargate,
    alb: alb::Alb,
    http_api: api_gateway::HttpApi,
    rest_api: api_gateway::RestApi,
    websocket_api: api_gateway::WebsocketApi,
    dynamodb: dynamodb::Dynamodb,
    rds: rds::Rds,
    rds_proxy: rds::RdsProxy,
    aurora: rds::Aurora,
    nat: network::Nat,
    interface_endpoints: network::InterfaceEndpoints,
    public_ipv4: network::PublicIpv4,
    data_transfer: network::DataTransfer,
    cloudfront: cloudfront::Cloudfront,
    cloudwatch: small::Cloudwatch,
    xray: small::Xray,
    datadog: small::Datadog,
    s3: small::S3,
    route53: small::Route53,
    acm: small::Acm,
    cloud_map: small::CloudMap,
    ecr: small::Ecr,
    eks: small::Eks,
    kms: small::Kms,
    parameter_store: small::ParameterStore,
    secrets_manager: small::SecretsManager,
    sqs: small::Sqs,
    eventbridge: small::Eventbridge,
    stated: small::Stated,
}

/// A request for a bill.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// AWS Region of the prices.
    pub region: String,
    /// What is used.
    pub usage: Usage,
    /// Prices that replace those of the price book, by service and item of the book: `Lambda / duration arm64`.
    #[serde(default)]
    pub prices: BTreeMap<String, GivenPrice>,
    /// Whether monthly allowances of the account are taken off.
    #[serde(default)]
    pub free_tier: bool,
    /// Hours of a month; 730 when not given.
    pub month_hours: Option<Quantity>,
    /// Region whose prices stand in for missing ones, marked as unverified.
    pub fallback_region: Option<String>,
    /// Share of the total that is added as tax.
    pub tax_rate: Option<Quantity>,
}

/// The bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Region of the prices.
    pub region: String,
    /// Sum of all lines, USD before tax.
    #[serde(serialize_with = "crate::number::shortest")]
    pub total_usd: Decimal,
    /// The same with tax, where the request has a rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_with_tax_usd: Option<Decimal>,
    /// The bill of each part.
    pub parts: Vec<Part>,
}

/// The bill of a part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// As the request names it.
    pub service: &'static str,
    /// USD before tax.
    #[serde(serialize_with = "crate::number::shortest")]
    pub total_usd: Decimal,
    /// Quantities that lead to those of the lines.
    pub figures: BTreeMap<&'static str, Decimal>,
    /// One line per price and tier.
    pub lines: Vec<Line>,
    /// What is left out, and what decides.
    pub notes: Vec<String>,
}

impl Request {
    /// Reads JSON.
    ///
    /// # Errors
    /// What is wrong and where, and for an unknown name what may have been meant.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        serde_json::from_str(text).map_err(|error| anyhow!(with_guess(error.to_string())))
    }

    /// The bill.
    ///
    /// # Errors
    /// When usage is missing or does not fit together, a price is missing, or a given price is not needed.
    pub fn evaluate(&self, book: &PriceBook) -> anyhow::Result<Evaluation> {
        let prices = self.prices.iter().map(|(name, given)| Ok((name.clone(), given.price(name)?)));
        let given = prices.collect::<anyhow::Result<BTreeMap<_, _>>>()?;
        let prices = Prices::of(book, &self.region).with_given(&given).with_fallback(self.fallback_region.as_deref());
        let month_hours = self.month_hours.map_or(MONTH_HOURS, |hours| hours.value);
        let context = Context { free_tier: self.free_tier, month_hours, ..Context::new(prices) };
        let mut parts = Vec::new();
        for (service, usage) in self.usage.parts() {
            let Statement { lines, figures, notes, .. } = Statement::of(usage, &context)?;
            ensure!(!lines.is_empty(), "{service}: no usage is given");
            parts.push(Part { service, total_usd: total(&lines), figures, lines, notes });
        }
        ensure!(!parts.is_empty(), "no usage is given");
        let used = context.account.prices();
        if let Some(name) = given.keys().find(|name| !used.contains(name)) {
            let used: Vec<&str> = used.iter().map(String::as_str).collect();
            bail!("nothing in the request uses the price {name:?}{}", closest(name, &used));
        }
        let total_usd = parts.iter().map(|part| part.total_usd).sum();
        let with_tax = |rate: Quantity| Quantity::declared(total_usd).times(rate.map(|rate| rate + Decimal::ONE));
        let total_with_tax_usd = self.tax_rate.map(with_tax).transpose()?.map(|total| total.value);
        Ok(Evaluation { region: self.region.clone(), total_usd, total_with_tax_usd, parts })
    }
}

/// Adds the closest of the names that serde expected: ``unknown field `memry_mb`, expected one of `memory_mb`, ...``.
fn with_guess(message: String) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next().filter(|_| message.starts_with("unknown ")).map(str::to_owned);
    let known: Vec<&str> = names.collect();
    match unknown {
        Some(unknown) => {
            let place =
                message.rsplit_once(" at line ").map(|(_, place)| format!(" at line {place}")).unwrap_or_default();
            let kind = message.split('`').next().unwrap_or_default();
            format!("{kind}{unknown:?}{place}{}", closest(&unknown, &known))
        }
        None => message,
    }
}

/// The JSON Schema of a request, as it is committed.
pub fn schema() -> String {
    format!("{:#}\n", schemars::schema_for!(Request).to_value())
}

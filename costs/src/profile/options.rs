//! What neither traffic nor Terraform says: how often somebody deploys, how clients connect, what is known of Lambda.

use rust_decimal::{Decimal, dec};
use serde::{Deserialize, Serialize};

use crate::services::MONTH_HOURS;

/// Assumptions of a bill, with what is usual where a profile says nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Share of invocations that start an environment, where somebody measured it; else it follows from the load of each
    /// function in each hour of the day, as the simulation has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cold_start_share: Option<Decimal>,
    /// How long Lambda keeps an idle environment, s. AWS does not publish it.
    pub idle_environment_s: Decimal,
    /// Load of the busiest minute over that of its hour.
    pub burst: Decimal,
    /// Requests on one connection to the load balancer.
    pub requests_per_connection: Decimal,
    /// How long a connection stays open, s.
    pub connection_s: Decimal,
    /// Deployments a month of each environment.
    pub deploys_per_month: Decimal,
    /// Minutes that old and new tasks run beside each other.
    pub deploy_overlap_minutes: Decimal,
    /// Whether the account's monthly allowances are taken off each environment's bill.
    pub free_tier: bool,
    /// Hours of a month.
    pub month_hours: Decimal,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cold_start_share: None,
            idle_environment_s: dec!(600),
            burst: dec!(2),
            requests_per_connection: dec!(5),
            connection_s: dec!(30),
            deploys_per_month: dec!(20),
            deploy_overlap_minutes: dec!(10),
            free_tier: false,
            month_hours: MONTH_HOURS,
        }
    }
}

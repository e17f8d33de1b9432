//! AWS WAF: a web ACL, its rules and rule groups, and the requests that it inspects.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, ServiceError, Statement};
use crate::price_book::Key;

/// A web ACL. Prices are the same in all regions; managed rule groups of AWS count as one rule each.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebAcl {
    /// Web ACLs, by the month.
    pub acl_months: Quantity,
    /// Rules and rule groups, by the month.
    pub rule_months: Quantity,
    /// Requests inspected.
    pub requests_per_month: Quantity,
}

impl Service for WebAcl {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let key = |item, unit| Key::new("WAF", item, unit);
        statement.charge("acl", "Web ACL", key("web ACL", "acl-month"), self.acl_months)?;
        statement.charge("rules", "Rules of the web ACL", key("rule", "rule-month"), self.rule_months)?;
        statement.charge("requests", "Requests inspected", key("request", "request"), self.requests_per_month)
    }
}

//! Application Load Balancer: its hours, and the load balancer capacity units (LCU) of the dimension that needs most.
//!
//! One LCU is 25 new connections/s, 3,000 active connections (1,500 with mutual TLS), 1 GB/h to instances, addresses and
//! containers or 0.4 GB/h to functions, or 1,000 rule evaluations/s beyond the first ten rules; fractions count (ELB pricing
//! page, "LCU details"). An internet-facing balancer has one public IPv4 address in each of at least two AZs.

use rust_decimal::{Decimal, dec};

use super::network::{ADDRESS, ADDRESSES, HOURS};
use super::{Context, Field, HOUR_SECONDS, Kind, Service, ServiceError, Statement, Usage, product};
use crate::price_book::Key;

const NEW_PER_LCU: Decimal = dec!(25);
const ACTIVE_PER_LCU: Decimal = dec!(3000);
const ACTIVE_PER_LCU_MUTUAL: Decimal = dec!(1500);
const GB_PER_LCU: Decimal = dec!(1);
const LAMBDA_GB_PER_LCU: Decimal = dec!(0.4);
const RULES_PER_LCU: Decimal = dec!(1000);
const FREE_RULES: Decimal = dec!(10);
/// Traffic of a balancer is stated in 1,000-based KB (the pricing page's own examples: 300 KB/s are 1.08 GB/h).
const KB_PER_GB: Decimal = dec!(1_000_000);

/// Load balancers.
pub const COUNT: Field = Field::number("count", &["albs", "load_balancers"], "load balancers; 1 when not given");
/// New connections.
pub const NEW: Field =
    Field::number("new_connections_per_s", &["new_connections_per_second", "connections_per_s"], "new connections/s");
/// Open connections.
pub const ACTIVE: Field = Field::number(
    "active_connections",
    &["active_connections_per_minute", "concurrent_connections"],
    "connections open at once, instead of the time each lasts",
);
const MINUTES: Field = Field::number("connection_minutes", &[], "minutes that a connection lasts");
const SECONDS: Field = Field::number("connection_seconds", &["connection_s"], "seconds that a connection lasts");
/// Requests.
pub const REQUESTS_PER_S: Field =
    Field::number("requests_per_s", &["rps", "requests_per_second"], "requests/s, for rule evaluations");
const REQUESTS_PER_CONNECTION: Field = Field::number(
    "requests_per_s_per_connection",
    &[],
    "requests/s for each new connection/s, as the pricing page counts",
);
/// Data to and from containers.
pub const GB_PER_HOUR: Field = Field::number("gb_per_hour", &["processed_gb_per_hour"], "GB/h through the balancer");
/// Data to and from functions.
pub const LAMBDA_GB_PER_HOUR: Field =
    Field::number("lambda_gb_per_hour", &[], "GB/h to and from Lambda targets, besides gb_per_hour");
const KB_PER_S: Field = Field::number("kb_per_s", &["kb_per_second"], "KB/s (1,000-based) instead of gb_per_hour");
const KB_PER_S_PER_CONNECTION: Field = Field::number(
    "kb_per_s_per_connection",
    &[],
    "KB/s for each new connection/s; used when nothing else gives the bytes",
);
/// Listener rules.
pub const RULES: Field = Field::number("rules", &["rules_per_request"], "rules evaluated per request; 10 are free");
const EVALUATIONS: Field =
    Field::number("rule_evaluations_per_s", &[], "rule evaluations/s, instead of rules and requests");
const TARGETS: Field = Field {
    name: "targets",
    also: &["target", "target_type"],
    kind: Kind::Choice(&[&["ip", "instance", "ec2", "container", "containers", "fargate"], &["lambda", "function"]]),
    about: "ip (default) or lambda: what gb_per_hour goes to",
};
const MUTUAL_TLS: Field = Field::flag("mutual_tls", &["mtls"], "mutual TLS halves the connections of an LCU");
/// LCUs.
pub const LCU: Field = Field::number("lcu", &["lcus"], "average LCUs, instead of traffic");
/// LCU-hours.
pub const LCU_HOURS: Field = Field::number("lcu_hours", &[], "LCU-hours, instead of traffic");
const LCU_CHARGE: Field = Field::number("lcu_charge", &["lcu_usd"], "USD for LCUs, instead of traffic");

const ALB_HOUR: Key =
    Key { name: "alb_hour", also: &["hour", "lb_hour"], service: "ALB", item: "load balancer", unit: "hour" };
const LCU_HOUR: Key = Key { name: "lcu_hour", also: &["lcu"], item: "LCU", unit: "LCU-hour", ..ALB_HOUR };

/// Application Load Balancer.
pub const SERVICE: Service = Service {
    name: "alb",
    also: &["elb", "elbv2", "load balancer", "application load balancer"],
    about: "Application Load Balancer: hours, LCUs, public addresses",
    fields: &[
        COUNT,
        HOURS,
        NEW,
        ACTIVE,
        MINUTES,
        SECONDS,
        REQUESTS_PER_S,
        REQUESTS_PER_CONNECTION,
        GB_PER_HOUR,
        LAMBDA_GB_PER_HOUR,
        KB_PER_S,
        KB_PER_S_PER_CONNECTION,
        RULES,
        EVALUATIONS,
        TARGETS,
        MUTUAL_TLS,
        LCU,
        LCU_HOURS,
        LCU_CHARGE,
        ADDRESSES,
    ],
    prices: &[ALB_HOUR, LCU_HOUR, ADDRESS],
    totals: &["lcu_new", "lcu_active", "lcu_bytes", "lcu_rules", "lcu", "lcu_hours", "alb", "lcu_charge", "ipv4"],
    bill,
};

/// The bill of one or more balancers with the same traffic each.
///
/// # Errors
/// When a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let hours =
        product(&[usage.given(&COUNT).unwrap_or(Decimal::ONE), usage.given(&HOURS).unwrap_or(context.month_hours)])?;
    let known = usage.known_of(&[&COUNT, &HOURS]);
    statement.charge("alb", "Load balancer hours", &ALB_HOUR, hours, known, context)?;
    charge_capacity(&mut statement, hours, usage, context)?;
    if let Some(addresses) = usage.given(&ADDRESSES) {
        let address_hours = product(&[addresses, hours])?;
        statement.charge("ipv4", "Public IPv4 of the load balancer", &ADDRESS, address_hours, known, context)?;
    } else {
        statement
            .note("public IPv4 addresses are not included: public_ipv4 is not given (2 or more when internet-facing)");
    }
    Ok(statement)
}

fn charge_capacity(
    statement: &mut Statement,
    hours: Decimal,
    usage: &Usage,
    context: &Context<'_>,
) -> Result<(), ServiceError> {
    if let Some(amount) = usage.given(&LCU_CHARGE) {
        statement.declared("ALB", "lcu_charge", "LCUs", amount);
        return Ok(());
    }
    let lcu_hours = match (usage.given(&LCU_HOURS), usage.given(&LCU)) {
        (Some(lcu_hours), _) => lcu_hours,
        (None, Some(lcu)) => {
            statement.quantity("lcu", lcu);
            product(&[lcu, hours])?
        }
        (None, None) => {
            let dimensions = dimensions(usage)?;
            if dimensions.iter().all(|(_, lcu)| lcu.is_none()) {
                statement.note("LCUs are not included: no traffic is given");
                return Ok(());
            }
            for (name, lcu) in dimensions {
                statement.quantity(name, lcu.unwrap_or_default());
            }
            let most = dimensions.iter().max_by_key(|(_, lcu)| lcu.unwrap_or_default());
            let (binding, lcu) = most.map_or(("", Decimal::ZERO), |(name, lcu)| (*name, lcu.unwrap_or_default()));
            statement.note(format!("{binding} decides the LCUs"));
            statement.quantity("lcu", lcu);
            product(&[lcu, hours])?
        }
    };
    statement.quantity("lcu_hours", lcu_hours);
    statement.charge("lcu_charge", "LCUs", &LCU_HOUR, lcu_hours, usage.known(), context)?;
    Ok(())
}

/// LCUs of the dimension that needs most.
///
/// # Errors
/// When a quantity is beyond any bill.
pub fn capacity(usage: &Usage) -> Result<Decimal, ServiceError> {
    Ok(dimensions(usage)?.into_iter().filter_map(|(_, lcu)| lcu).max().unwrap_or_default())
}

/// LCUs that each dimension needs; `None` where nothing is said about it.
fn dimensions(usage: &Usage) -> Result<[(&'static str, Option<Decimal>); 4], ServiceError> {
    let new = usage.given(&NEW);
    let lasts = usage.given(&SECONDS).or(usage.given(&MINUTES).map(|minutes| minutes * dec!(60)));
    let active = match (usage.given(&ACTIVE), new, lasts) {
        (Some(active), ..) => Some(active),
        (None, Some(new), Some(seconds)) => Some(product(&[new, seconds])?),
        _ => None,
    };
    let per_lcu = if usage.flag(&MUTUAL_TLS) { ACTIVE_PER_LCU_MUTUAL } else { ACTIVE_PER_LCU };
    Ok([
        ("lcu_new", new.map(|new| new / NEW_PER_LCU)),
        ("lcu_active", active.map(|active| active / per_lcu)),
        ("lcu_bytes", byte_capacity(usage)?),
        ("lcu_rules", rule_capacity(usage)?),
    ])
}

fn byte_capacity(usage: &Usage) -> Result<Option<Decimal>, ServiceError> {
    let per_hour = |kb_per_s: Decimal| product(&[kb_per_s, HOUR_SECONDS]).map(|kb| kb / KB_PER_GB);
    let each = usage.given(&KB_PER_S_PER_CONNECTION).zip(usage.given(&NEW));
    let gb = match (usage.given(&GB_PER_HOUR), usage.given(&KB_PER_S), each) {
        (Some(gb), ..) => Some(gb),
        (None, Some(kb), _) => Some(per_hour(kb)?),
        (None, None, Some((kb, new))) => Some(per_hour(product(&[kb, new])?)?),
        (None, None, None) => None,
    };
    let per_lcu = if usage.text(&TARGETS) == Some("lambda") { LAMBDA_GB_PER_LCU } else { GB_PER_LCU };
    let lambda = usage.given(&LAMBDA_GB_PER_HOUR).map(|gb| gb / LAMBDA_GB_PER_LCU);
    Ok(match (gb, lambda) {
        (None, None) => None,
        (gb, lambda) => Some(gb.unwrap_or_default() / per_lcu + lambda.unwrap_or_default()),
    })
}

fn rule_capacity(usage: &Usage) -> Result<Option<Decimal>, ServiceError> {
    if let Some(evaluations) = usage.given(&EVALUATIONS) {
        return Ok(Some(evaluations / RULES_PER_LCU));
    }
    let each = usage.given(&REQUESTS_PER_CONNECTION).zip(usage.given(&NEW));
    let requests = match (usage.given(&REQUESTS_PER_S), each) {
        (Some(requests), _) => Some(requests),
        (None, Some((each, new))) => Some(product(&[each, new])?),
        (None, None) => None,
    };
    let beyond = usage.given(&RULES).map(|rules| (rules - FREE_RULES).max(Decimal::ZERO));
    match (requests, beyond) {
        (Some(requests), Some(beyond)) => Ok(Some(product(&[requests, beyond])? / RULES_PER_LCU)),
        _ => Ok(None),
    }
}

//! Aurora PostgreSQL: Serverless v2 capacity or instances, storage, I/O.

use rust_decimal::Decimal;

use super::network::HOURS;
use super::{Context, Field, Kind, Service, ServiceError, Statement, Usage, metered, product};
use crate::price_book::Key;
use metered::Meter;

/// Average capacity.
pub const ACU: Field =
    Field::number("acu", &["avg_acu", "average_acu"], "average Aurora capacity units of Serverless v2");
const MIN_ACU: Field =
    Field::number("min_acu", &["minimum_acu"], "the idle floor in ACU, shown beside; not in the total");
const MAX_ACU: Field =
    Field::number("max_acu", &["maximum_acu"], "the most that capacity may grow to, shown beside; not in the total");
/// ACU-hours.
pub const ACU_HOURS: Field = Field::number("acu_hours", &[], "ACU-hours, instead of acu x hours");
const INSTANCE: Field = Field {
    name: "instance",
    also: &["instance_class", "class"],
    kind: Kind::Text,
    about: "class of a provisioned instance, as in db.r6g.large",
};
const COUNT: Field = Field::number("count", &["instances"], "instances of that class; 1 when not given");
const OPTIMIZED: Field =
    Field::flag("io_optimized", &["i_o_optimized"], "I/O-Optimized: dearer capacity, no I/O charge");
/// Stored data.
pub const STORAGE_GB: Field = Field::number("storage_gb", &[], "GB stored");
/// I/O.
pub const IO_REQUESTS: Field = Field::number("io_requests", &["ios", "io"], "I/O requests (Standard only)");
/// Backups.
pub const BACKUP_GB: Field = Field::number("backup_gb", &[], "GB-months of backups beyond the retention that is free");

const ACU_HOUR: Key =
    Key { name: "acu_hour", also: &["acu"], service: "Aurora Serverless v2", item: "ACU Standard", unit: "ACU-hour" };
const INSTANCE_HOUR: Key = Key {
    name: "aurora_instance_hour",
    also: &["instance_hour", "hour"],
    service: "Aurora",
    item: "instance",
    unit: "hour",
};
const STORAGE: Key = Key {
    name: "aurora_storage_gb",
    also: &["storage_gb", "storage"],
    item: "storage Standard",
    unit: "GB-month",
    ..INSTANCE_HOUR
};
const IO: Key =
    Key { name: "io_request", also: &["io", "io_requests"], item: "I/O request", unit: "request", ..INSTANCE_HOUR };
const BACKUP: Key = Key {
    name: "aurora_backup_gb",
    also: &["backup_gb", "backup"],
    item: "backup storage",
    unit: "GB-month",
    ..INSTANCE_HOUR
};

const METERS: &[Meter] =
    &[Meter { field: BACKUP_GB, key: "backup", name: "Aurora backups", price: &BACKUP, allowance: None }];

/// Aurora.
pub const SERVICE: Service = Service {
    name: "aurora",
    also: &["aurora serverless", "aurora serverless v2", "aurora postgresql", "rds aurora"],
    about: "Aurora PostgreSQL, Serverless v2 or instances",
    fields: &[ACU, MIN_ACU, MAX_ACU, ACU_HOURS, HOURS, INSTANCE, COUNT, OPTIMIZED, STORAGE_GB, IO_REQUESTS, BACKUP_GB],
    prices: &[ACU_HOUR, INSTANCE_HOUR, STORAGE, IO, BACKUP],
    totals: &["acu_hours", "acu_charge", "min_acu_charge", "max_acu_charge", "instance", "storage", "io", "backup"],
    bill,
};

/// The bill of one cluster.
///
/// # Errors
/// When a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let class = if usage.flag(&OPTIMIZED) { "I/O-Optimized" } else { "Standard" };
    let hours = usage.given(&HOURS).unwrap_or(context.month_hours);
    let known = usage.known();
    let acu_hours = match (usage.given(&ACU_HOURS), usage.given(&ACU)) {
        (Some(acu_hours), _) => Some(acu_hours),
        (None, Some(acu)) => Some(product(&[acu, hours])?),
        (None, None) => None,
    };
    let item = format!("ACU {class}");
    if let Some(acu_hours) = acu_hours {
        statement.quantity("acu_hours", acu_hours);
        let name = format!("Serverless v2 capacity, {class}");
        statement.charge("acu_charge", &name, ACU_HOUR.of(&item), acu_hours, known, context)?;
    }
    for (field, name) in [(&MIN_ACU, "min_acu_charge"), (&MAX_ACU, "max_acu_charge")] {
        let Some(end) = usage.given(field) else { continue };
        let alone = Context { prices: context.prices.at(context.prices.region()), account: None, ..*context };
        let quantity = product(&[end, hours])?;
        let amount = Statement::default().charge("end", "All month", ACU_HOUR.of(&item), quantity, known, &alone)?;
        statement.quantity(name, amount);
    }
    if let Some(instance) = usage.text(&INSTANCE) {
        let item = format!("{} {class}", instance.trim().to_lowercase());
        let quantity = product(&[usage.given(&COUNT).unwrap_or(Decimal::ONE), hours])?;
        statement.charge("instance", &format!("Instance {item}"), INSTANCE_HOUR.of(&item), quantity, known, context)?;
    }
    if let Some(gb) = usage.given(&STORAGE_GB) {
        let item = format!("storage {class}");
        statement.charge("storage", &format!("Aurora {item}"), STORAGE.of(&item), gb, known, context)?;
    }
    match (usage.given(&IO_REQUESTS), usage.flag(&OPTIMIZED)) {
        (Some(requests), false) => {
            statement.charge("io", "I/O requests", &IO, requests, known, context)?;
        }
        (None, false) if usage.has(&STORAGE_GB) => statement.note("I/O is not included: io_requests is not given"),
        _ => {}
    }
    metered::charge(&mut statement, METERS, usage, context)?;
    Ok(statement)
}

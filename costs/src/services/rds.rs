//! RDS for PostgreSQL and RDS Proxy.
//!
//! Multi-AZ is a price of its own, not twice Single-AZ (RDS price list). The proxy bills the vCPU of its target, at least two,
//! or Aurora capacity units, at least eight (RDS Proxy pricing page).

use rust_decimal::{Decimal, dec};

use super::network::HOURS;
use super::{Context, Field, Kind, Service, ServiceError, Statement, Usage, product};
use crate::price_book::Key;

/// Class of the instance.
pub const INSTANCE: Field = Field {
    name: "instance",
    also: &["instance_class", "class", "db_instance", "instance_type"],
    kind: Kind::Text,
    about: "class, as in db.t4g.micro; \"db.t4g.micro Multi-AZ + 20 GB gp3\" is understood",
};
/// Instances.
pub const COUNT: Field = Field::number("count", &["instances"], "instances; 1 when not given");
/// A standby in another AZ.
pub const MULTI_AZ: Field = Field::flag("multi_az", &[], "a standby in another AZ");
const ENGINE: Field = Field {
    name: "engine",
    also: &["database", "db_engine"],
    kind: Kind::Choice(&[&["postgres", "postgresql", "pg"]]),
    about: "postgres",
};
const DEPLOYMENT: Field = Field {
    name: "deployment",
    also: &["deployment_option", "availability"],
    kind: Kind::Choice(&[&["single-az", "single az", "single"], &["multi-az", "multi az", "multi"]]),
    about: "single-az (default) or multi-az, instead of multi_az",
};
const STORAGE_TYPE: Field = Field {
    name: "storage_type",
    also: &["volume_type"],
    kind: Kind::Choice(&[&["gp3", "ssd", "general purpose"]]),
    about: "gp3; others are not in the price book",
};
/// Allocated storage.
pub const STORAGE_GB: Field = Field::number("storage_gb", &["gp3_gb", "allocated_storage_gb"], "gp3 storage, GB");
/// Backups beyond it.
pub const BACKUP_GB: Field =
    Field::number("backup_gb", &["backup_storage_gb"], "GB-months of backups beyond the allocated storage");
const IOPS: Field = Field::number("iops", &["extra_iops"], "gp3 IOPS above the included 3,000 (12,000 from 400 GB)");
const THROUGHPUT: Field = Field::number("throughput_mbps", &["extra_throughput_mbps"], "gp3 MB/s above the included");
const CREDITS: Field =
    Field::number("cpu_credit_vcpu_hours", &["cpu_credits"], "vCPU-hours beyond the credits of a t class");
const SUPPORT: Field =
    Field::number("extended_support_vcpu_hours", &[], "vCPU-hours in the first year of extended support");
/// vCPU behind the proxy.
pub const PROXY_VCPU: Field =
    Field::number("vcpu", &["vcpus", "proxy_vcpu"], "vCPU of the target; at least 2 are billed");
const PROXY_ACU: Field = Field::number("acu", &["acus"], "Aurora capacity units of the target; at least 8 are billed");
const PROXIES: Field = Field::number("count", &["proxies"], "proxies; 1 when not given");

const INSTANCE_HOUR: Key = Key {
    name: "instance_hour",
    also: &["rds_hour", "rds_instance_hour", "db_hour", "hour"],
    service: "RDS PostgreSQL",
    item: "instance",
    unit: "hour",
};
const STORAGE: Key = Key {
    name: "gp3_gb",
    also: &["storage_gb", "storage", "gp3_gb_month", "rds_storage_gb"],
    item: "gp3 storage",
    unit: "GB-month",
    ..INSTANCE_HOUR
};
const BACKUP: Key = Key {
    name: "rds_backup_gb",
    also: &["backup_gb", "backup"],
    item: "backup storage",
    unit: "GB-month",
    ..INSTANCE_HOUR
};
const IOPS_MONTH: Key =
    Key { name: "iops", also: &["iops_month"], item: "gp3 IOPS Single-AZ", unit: "IOPS-month", ..INSTANCE_HOUR };
const THROUGHPUT_MONTH: Key = Key {
    name: "throughput_mbps",
    also: &["throughput"],
    item: "gp3 throughput Single-AZ",
    unit: "MBps-month",
    ..INSTANCE_HOUR
};
const CREDIT: Key = Key {
    name: "cpu_credit_vcpu_hour",
    also: &["cpu_credit"],
    item: "CPU credits",
    unit: "vCPU-hour",
    ..INSTANCE_HOUR
};
const SUPPORT_HOUR: Key = Key {
    name: "extended_support_vcpu_hour",
    also: &[],
    item: "extended support, year 1",
    unit: "vCPU-hour",
    ..INSTANCE_HOUR
};
const PROXY_HOUR: Key = Key {
    name: "proxy_vcpu_hour",
    also: &["vcpu_hour", "proxy_hour"],
    service: "RDS Proxy",
    item: "proxy vCPU",
    unit: "vCPU-hour",
};
const PROXY_ACU_HOUR: Key =
    Key { name: "proxy_acu_hour", also: &["acu_hour"], item: "proxy ACU", unit: "ACU-hour", ..PROXY_HOUR };

/// RDS for PostgreSQL.
pub const SERVICE: Service = Service {
    name: "rds",
    also: &["rds postgresql", "rds postgres", "postgres", "postgresql"],
    about: "RDS for PostgreSQL",
    fields: &[
        INSTANCE,
        COUNT,
        MULTI_AZ,
        DEPLOYMENT,
        ENGINE,
        STORAGE_TYPE,
        HOURS,
        STORAGE_GB,
        BACKUP_GB,
        IOPS,
        THROUGHPUT,
        CREDITS,
        SUPPORT,
    ],
    prices: &[INSTANCE_HOUR, STORAGE, BACKUP, IOPS_MONTH, THROUGHPUT_MONTH, CREDIT, SUPPORT_HOUR],
    totals: &["instance", "storage", "backup", "iops", "throughput", "cpu_credits", "extended_support"],
    bill,
};

/// RDS Proxy.
pub const PROXY: Service = Service {
    name: "rds-proxy",
    also: &["proxy"],
    about: "RDS Proxy",
    fields: &[PROXY_VCPU, PROXY_ACU, PROXIES, HOURS],
    prices: &[PROXY_HOUR, PROXY_ACU_HOUR],
    totals: &["proxy", "billed_vcpu", "billed_acu"],
    bill: proxy,
};

/// The bill of instances of one class.
///
/// # Errors
/// When the class has no price.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let described = usage.text(&INSTANCE).map(Described::read).transpose()?;
    let multi = usage.flag(&MULTI_AZ)
        || usage.text(&DEPLOYMENT) == Some("multi-az")
        || described.as_ref().is_some_and(|said| said.multi_az);
    let azs = if multi { "Multi-AZ" } else { "Single-AZ" };
    let count = usage.given(&COUNT).unwrap_or(Decimal::ONE);
    let said_gb = described.as_ref().and_then(|said| said.storage_gb);
    if said_gb.is_some() && usage.has(&STORAGE_GB) {
        return Err(ServiceError::usage("rds", "storage is given in instance and in storage_gb"));
    }
    if let Some(Described { class, .. }) = described {
        let item = format!("{class} {azs}");
        let hours = product(&[count, usage.given(&HOURS).unwrap_or(context.month_hours)])?;
        let known = usage.known_of(&[&INSTANCE, &COUNT, &HOURS]);
        statement.charge(
            "instance",
            &format!("Instance {class} {azs}"),
            INSTANCE_HOUR.of(&item),
            hours,
            known,
            context,
        )?;
    } else if !usage.has(&STORAGE_GB) && !usage.has(&BACKUP_GB) {
        return Err(ServiceError::usage(
            "rds",
            "the class of the instance is needed, as in \"instance\": \"db.t4g.micro\"",
        ));
    }
    if let Some(gb) = usage.given(&STORAGE_GB).or(said_gb) {
        let item = format!("gp3 storage {azs}");
        let known = usage.known_of(&[&STORAGE_GB, &COUNT]);
        statement.charge("storage", &item, STORAGE.of(&item), product(&[count, gb])?, known, context)?;
    }
    if let Some(gb) = usage.given(&BACKUP_GB) {
        statement.charge(
            "backup",
            "Backups beyond the storage",
            &BACKUP,
            gb,
            usage.known_of(&[&BACKUP_GB]),
            context,
        )?;
    }
    // Multi-AZ pays IOPS and throughput on both copies (RDS price list).
    let copies = if multi { Decimal::TWO } else { Decimal::ONE };
    let extras = [
        (&IOPS, "iops", "gp3 IOPS", &IOPS_MONTH, copies),
        (&THROUGHPUT, "throughput", "gp3 throughput", &THROUGHPUT_MONTH, copies),
        (&CREDITS, "cpu_credits", "CPU credits", &CREDIT, Decimal::ONE),
        (&SUPPORT, "extended_support", "Extended support", &SUPPORT_HOUR, Decimal::ONE),
    ];
    for (field, key, name, price, copies) in extras {
        let Some(quantity) = usage.given(field) else { continue };
        statement.charge(key, name, price, product(&[quantity, copies])?, usage.known_of(&[field]), context)?;
    }
    Ok(statement)
}

fn proxy(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let hours =
        product(&[usage.given(&PROXIES).unwrap_or(Decimal::ONE), usage.given(&HOURS).unwrap_or(context.month_hours)])?;
    let known = usage.known();
    if let Some(acu) = usage.given(&PROXY_ACU) {
        let billed = acu.max(dec!(8));
        statement.quantity("billed_acu", billed);
        statement.charge("proxy", "RDS Proxy", &PROXY_ACU_HOUR, product(&[billed, hours])?, known, context)?;
        return Ok(statement);
    }
    let billed = usage.number(&PROXY_VCPU).max(Decimal::TWO);
    statement.quantity("billed_vcpu", billed);
    statement.charge("proxy", "RDS Proxy", &PROXY_HOUR, product(&[billed, hours])?, known, context)?;
    Ok(statement)
}

/// An instance in words: `db.t4g.micro Multi-AZ + 20 GB gp3`.
struct Described {
    class: String,
    multi_az: bool,
    storage_gb: Option<Decimal>,
}

impl Described {
    /// # Errors
    /// For words that are not understood: what is not read would be free.
    fn read(text: &str) -> Result<Self, ServiceError> {
        let wrong = |word: &str| ServiceError::usage("rds", format!("instance {text:?}: {word:?} is not understood"));
        let text = text.to_lowercase().replace(['+', ',', '(', ')'], " ").replace("gb", " gb ");
        let mut words = text.split_whitespace();
        let class = words.next().ok_or_else(|| wrong(""))?;
        let class = if class.starts_with("db.") { class.to_owned() } else { format!("db.{class}") };
        let mut described = Self { class, multi_az: false, storage_gb: None };
        while let Some(word) = words.next() {
            match word {
                "multi-az" | "multi_az" | "multiaz" => described.multi_az = true,
                "single-az" | "single_az" | "singleaz" | "gp3" | "postgres" | "postgresql" => {}
                number => {
                    let gb =
                        crate::number::parse(number).filter(|gb| *gb >= Decimal::ZERO && *gb < dec!(1_000_000_000));
                    described.storage_gb =
                        Some(gb.filter(|_| words.next() == Some("gb")).ok_or_else(|| wrong(number))?);
                }
            }
        }
        Ok(described)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_understood_in_words_or_refused() {
        let said = Described::read("db.t4g.small Multi-AZ + 20 GB gp3").unwrap();
        assert_eq!((&*said.class, said.multi_az, said.storage_gb), ("db.t4g.small", true, Some(dec!(20))));
        assert!(Described::read("db.t4g.small + 20 TB").is_err());
        assert!(Described::read("").is_err());
    }
}

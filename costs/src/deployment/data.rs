//! The store of an environment.

use rust_decimal::{Decimal, dec};

use super::demand::Demand;
use super::{Part, Path, Sheet, Store};
use crate::line::Known;
use crate::profile::Relational;
use crate::services::{ServiceError, Usage, aurora, dynamodb, network, rds};

/// Read units of a round of the worker that finds nothing: sixteen partitions of what is due (ADR 12).
const WORKER_READ_UNITS: Decimal = dec!(16);
/// vCPU behind the proxy: every t4g class and the smallest m7g have two.
const PROXY_VCPU: Decimal = dec!(2);
/// I/O requests of a statement on Aurora that misses its cache, on average.
const IO_PER_STATEMENT: Decimal = dec!(0.1);

pub fn charge(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    match (sheet.deployment.store, sheet.profile.options.relational) {
        (Store::Dynamodb, _) => charge_table(sheet, demand),
        (Store::Postgresql, Relational::Rds) => charge_instance(sheet),
        (Store::Postgresql, Relational::AuroraServerless) => charge_aurora(sheet, demand),
    }?;
    let proxied = sheet.profile.options.proxy
        && (sheet.deployment.store, sheet.deployment.path) == (Store::Postgresql, Path::Lambda);
    if proxied {
        let usage = Usage::new().with(&rds::PROXY_VCPU, PROXY_VCPU, Known::Derived).with(
            &network::HOURS,
            sheet.hours(),
            Known::Declared,
        );
        sheet.add(Part::Store, &rds::PROXY, &usage)?;
    }
    Ok(())
}

fn charge_table(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let known = sheet.counted_known();
    let idle_reads = sheet.hours() * dec!(60) * WORKER_READ_UNITS;
    // Every environment has the catalog; orders and carts grow with the load.
    let stored = sheet.profile.data_gb * sheet.environment.load.max(dec!(0.1)) * sheet.months();
    let mut usage = Usage::new()
        .with(&dynamodb::WRITE_UNITS, demand.write_units, known)
        .with(&dynamodb::READ_UNITS, demand.read_units + idle_reads, known)
        .with(&dynamodb::STORAGE_GB, stored, Known::Declared);
    if sheet.environment.backups {
        usage = usage.with(&dynamodb::PITR_GB, stored, Known::Declared);
    }
    sheet.add(Part::Store, &dynamodb::SERVICE, &usage)
}

fn charge_instance(sheet: &mut Sheet<'_>) -> Result<(), ServiceError> {
    let environment = sheet.environment;
    let mut usage = Usage::new()
        .with_text(&rds::INSTANCE, &environment.instance)
        .with_flag(&rds::MULTI_AZ, environment.multi_az)
        .with(&network::HOURS, sheet.hours(), Known::Declared)
        .with(&rds::STORAGE_GB, environment.storage_gb * sheet.months(), Known::Declared);
    if environment.backups {
        // As much as is allocated is free; what changes within the retention is above it.
        usage = usage.with(&rds::BACKUP_GB, sheet.profile.data_gb * sheet.months(), Known::Assumed);
    }
    sheet.add(Part::Store, &rds::SERVICE, &usage)
}

fn charge_aurora(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let options = &sheet.profile.options;
    let known = sheet.counted_known();
    let days = sheet.hours() / dec!(24);
    let mut acu_hours = Decimal::ZERO;
    if !days.is_zero() {
        let of_a_day = demand.sql_statements / days / dec!(3600) * options.burst / options.statements_per_acu;
        for share in &sheet.day {
            let needed = of_a_day * share;
            // Capacity moves in steps of half an ACU.
            let steps = (needed * Decimal::TWO).ceil() / Decimal::TWO;
            acu_hours += steps.max(options.minimum_acu) * days;
        }
    }
    let instances = if sheet.environment.multi_az { Decimal::TWO } else { Decimal::ONE };
    let mut usage = Usage::new()
        .with(&aurora::ACU_HOURS, acu_hours * instances, known)
        .with(&aurora::STORAGE_GB, sheet.profile.data_gb * sheet.months(), Known::Declared)
        .with(&aurora::IO_REQUESTS, demand.sql_statements * IO_PER_STATEMENT, Known::Assumed);
    if sheet.environment.backups {
        usage = usage.with(&aurora::BACKUP_GB, sheet.profile.data_gb * sheet.months(), Known::Assumed);
    }
    sheet.add(Part::Store, &aurora::SERVICE, &usage)
}

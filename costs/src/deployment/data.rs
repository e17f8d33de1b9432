//! The store of an environment.

use rust_decimal::{Decimal, dec};

use super::demand::Demand;
use super::{Part, Sheet, Store};
use crate::line::Known;
use crate::services::{ServiceError, Usage, dynamodb, network, rds};

/// Read units of a round of the worker that finds nothing: sixteen partitions of what is due (ADR 12).
const WORKER_READ_UNITS: Decimal = dec!(16);
pub fn charge(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    match sheet.deployment.store {
        Store::Dynamodb => charge_table(sheet, demand),
        Store::Postgresql => charge_instance(sheet),
    }
}

fn charge_table(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let known = sheet.counted_known();
    let idle_reads = sheet.hours() * dec!(60) * WORKER_READ_UNITS;
    let stored = sheet.data_gb() * sheet.months();
    let mut usage = Usage::new()
        .with(&dynamodb::WRITE_UNITS, demand.write_units, known)
        .with(&dynamodb::READ_UNITS, demand.read_units + idle_reads, known)
        .with(&dynamodb::STORAGE_GB, stored, Known::Declared);
    if sheet.environment.stack.modules.point_in_time_recovery {
        usage = usage.with(&dynamodb::PITR_GB, stored, Known::Declared);
    }
    sheet.add(Part::Store, &dynamodb::SERVICE, &usage)
}

fn charge_instance(sheet: &mut Sheet<'_>) -> Result<(), ServiceError> {
    let database = &sheet.environment.stack.environment.database;
    // RDS extends the storage when the data needs more.
    let storage = database.storage_gb.max(sheet.data_gb());
    // As much as is allocated is free; what changes within the retention is above it.
    let changed = sheet.data_gb() * dec!(0.02) * database.backup_days + sheet.data_gb() - storage;
    let usage = Usage::new()
        .with_text(&rds::INSTANCE, &database.class)
        .with_flag(&rds::MULTI_AZ, database.multi_az)
        .with(&network::HOURS, sheet.hours(), Known::Declared)
        .with(&rds::STORAGE_GB, storage * sheet.months(), Known::Declared)
        .with(&rds::BACKUP_GB, changed.max(Decimal::ZERO) * sheet.months(), Known::Assumed);
    sheet.add(Part::Store, &rds::SERVICE, &usage)
}

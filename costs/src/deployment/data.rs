//! The store of an environment.

use rust_decimal::{Decimal, dec};

use super::demand::Load;
use super::{Part, Sheet, Store};
use crate::services::Quantity;
use crate::services::dynamodb::Dynamodb;
use crate::services::rds::Rds;

/// Read units of a round of the worker that finds nothing: sixteen partitions of due work (ADR 12).
const WORKER_READ_UNITS: Decimal = dec!(16);
/// Share of the data that changes in a day, and is kept by backups.
const CHANGED_PER_DAY: Decimal = dec!(0.02);

pub fn charge(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    match sheet.deployment.store {
        Store::Dynamodb => charge_table(sheet, load),
        Store::Postgresql => charge_instance(sheet),
    }
}

fn charge_table(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    let known = sheet.counted_known();
    let idle_reads = sheet.worker_rounds() * WORKER_READ_UNITS;
    let stored = Quantity::declared(sheet.data_gb() * sheet.months());
    let table = Dynamodb {
        write_units: Some(Quantity::new(load.all.write_units, known)),
        read_units: Some(Quantity::new(load.all.read_units + idle_reads, known)),
        items: None,
        provisioned: None,
        storage_gb_months: Some(stored),
        pitr_gb_months: sheet.environment.stack.modules.point_in_time_recovery.then_some(stored),
        backup_gb_months: None,
        restored_gb: None,
        exported_gb: None,
        stream_reads_per_month: None,
        change_data_units: None,
    };
    sheet.add(Part::Store, &table)
}

fn charge_instance(sheet: &mut Sheet<'_>) -> anyhow::Result<()> {
    let database = &sheet.environment.stack.environment.database;
    let data = sheet.data_gb();
    // RDS extends the storage when the data needs more.
    let storage = database.storage_gb.max(data);
    // Backups up to the allocated storage are free.
    let backups = data + data * CHANGED_PER_DAY * database.backup_days - storage;
    let instance = Rds {
        instance_class: database.class.clone(),
        multi_az: database.multi_az,
        hours: Some(Quantity::declared(sheet.hours())),
        storage_gb_months: Some(Quantity::declared(storage * sheet.months())),
        extra_iops: None,
        extra_throughput_mbps: None,
        backup_gb_months: Some(Quantity::assumed(backups.max(Decimal::ZERO) * sheet.months())),
    };
    sheet.add(Part::Store, &instance)
}

//! The store of an environment.

use rust_decimal::{Decimal, dec};

use super::demand::Demand;
use super::{Part, Path, Sheet, Store};
use crate::profile::Relational;
use crate::services::aurora::Aurora;
use crate::services::dynamodb::{Dynamodb, TableClass};
use crate::services::rds::{Rds, RdsProxy};
use crate::services::{Quantity, ServiceError};

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
        let proxy = RdsProxy {
            vcpu: Some(Quantity::derived(PROXY_VCPU)),
            acu: None,
            hours: Some(Quantity::declared(sheet.hours())),
        };
        sheet.add(Part::Store, &proxy)?;
    }
    Ok(())
}

fn charge_table(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let known = sheet.counted_known();
    let idle_reads = sheet.hours() * dec!(60) * WORKER_READ_UNITS;
    // Every environment has the catalog; orders and carts grow with the load.
    let stored = sheet.profile.data_gb * sheet.environment.load.max(dec!(0.1)) * sheet.months();
    let table = Dynamodb {
        write_units: Some(Quantity::new(demand.write_units, known)),
        read_units: Some(Quantity::new(demand.read_units + idle_reads, known)),
        items: None,
        provisioned: None,
        storage_gb_months: Some(Quantity::declared(stored)),
        table_class: TableClass::Standard,
        pitr_gb_months: sheet.environment.backups.then(|| Quantity::declared(stored)),
        backup_gb_months: None,
        restored_gb: None,
        exported_gb: None,
        stream_reads: None,
        change_data_units: None,
    };
    sheet.add(Part::Store, &table)
}

fn charge_instance(sheet: &mut Sheet<'_>) -> Result<(), ServiceError> {
    let environment = sheet.environment;
    let instance = Rds {
        instance_class: environment.instance.clone(),
        multi_az: environment.multi_az,
        hours: Some(Quantity::declared(sheet.hours())),
        storage_gb_months: Some(Quantity::declared(environment.storage_gb * sheet.months())),
        backup_gb_months: backups(sheet),
        extra_iops: None,
        extra_throughput_mbps: None,
        cpu_credit_vcpu_hours: None,
        extended_support_vcpu_hours: None,
    };
    sheet.add(Part::Store, &instance)
}

/// As much as is allocated is free; what changes within the retention is above it.
fn backups(sheet: &Sheet<'_>) -> Option<Quantity> {
    sheet.environment.backups.then(|| Quantity::assumed(sheet.profile.data_gb * sheet.months()))
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
    let cluster = Aurora {
        acu_hours: Some(Quantity::new(acu_hours * instances, known)),
        instance_class: None,
        instance_hours: None,
        io_optimized: false,
        storage_gb_months: Some(Quantity::declared(sheet.profile.data_gb * sheet.months())),
        io_requests: Some(Quantity::assumed(demand.sql_statements * IO_PER_STATEMENT)),
        backup_gb_months: backups(sheet),
    };
    sheet.add(Part::Store, &cluster)
}

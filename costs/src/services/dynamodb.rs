//! DynamoDB: request units or provisioned capacity, storage, backups, streams.
//!
//! A write unit is 1 KB, a read unit 4 KB read strongly consistently; eventually consistent reads take half, transactions
//! twice of both (DynamoDB developer guide, "Read/write capacity").

use rust_decimal::{Decimal, dec};

use super::network::HOURS;
use super::{Context, Field, Kind, Service, ServiceError, Statement, Usage, metered, product};
use crate::price_book::Key;
use metered::Meter;

const WRITE_KB: Decimal = dec!(1);
const READ_KB: Decimal = dec!(4);

/// Write units.
pub const WRITE_UNITS: Field =
    Field::number("write_units", &["wru", "wrus", "write_request_units", "wru_count"], "on-demand write request units");
/// Read units.
pub const READ_UNITS: Field =
    Field::number("read_units", &["rru", "rrus", "read_request_units", "rru_count"], "on-demand read request units");
const WRITES: Field = Field::number("writes", &["write_requests"], "writes of item_kb each, instead of write_units");
const READS: Field = Field::number("reads", &["read_requests"], "reads of item_kb each, instead of read_units");
const ITEM_KB: Field = Field::number("item_kb", &["item_size_kb"], "size of an item, KB");
const CONSISTENCY: Field = Field {
    name: "consistency",
    also: &["mode", "read_consistency"],
    kind: Kind::Choice(&[&["strong"], &["eventual"], &["transactional", "transaction"]]),
    about: "strong (default), eventual or transactional: units of reads, and of writes when transactional",
};
const TRANSACTIONAL: Field = Field::flag("transactional", &["transactions"], "the same as consistency transactional");
const EVENTUAL: Field = Field::flag("eventually_consistent", &["eventual"], "the same as consistency eventual");
const INDEXES: Field = Field::number(
    "indexes",
    &["gsi_count", "gsis", "secondary_indexes"],
    "secondary indexes that every write of writes changes, too: one more write each",
);
const WCU: Field =
    Field::number("wcu", &["provisioned_wcu", "write_capacity_units"], "provisioned write capacity units");
const RCU: Field = Field::number("rcu", &["provisioned_rcu", "read_capacity_units"], "provisioned read capacity units");
/// Stored data.
pub const STORAGE_GB: Field =
    Field::number("storage_gb", &["storage_gb_avg", "stored_gb"], "GB stored, average of the month");
const FREE_STORAGE: Field =
    Field::number("free_storage_gb", &[], "GB of it that are free, whatever the free tier switch");
/// Continuous backups.
pub const PITR_GB: Field = Field::number("pitr_gb", &[], "GB under point-in-time recovery");
const BACKUP_GB: Field = Field::number("backup_gb", &["backup_gb_months"], "GB-months of on-demand backups");
const RESTORE_GB: Field = Field::number("restore_gb", &[], "GB restored");
const EXPORT_GB: Field = Field::number("export_gb", &[], "GB exported to S3");
/// Reads of Streams.
pub const STREAM_READS: Field = Field::number("streams_reads", &["stream_reads"], "GetRecords calls on Streams");
const CDC_UNITS: Field = Field::number("cdc_units", &["change_data_units"], "change data capture units for Kinesis");
const TABLE_CLASS: Field = Field {
    name: "table_class",
    also: &["class", "storage_class"],
    kind: Kind::Choice(&[&["standard"], &["standard-ia", "ia", "infrequent access"]]),
    about: "standard (default) or standard-ia",
};

const WRU: Key = Key {
    name: "wru",
    also: &["write_unit", "write_units", "write_request_unit"],
    service: "DynamoDB",
    item: "on-demand write unit",
    unit: "WRU",
};
const RRU: Key = Key {
    name: "rru",
    also: &["read_unit", "read_units", "read_request_unit"],
    item: "on-demand read unit",
    unit: "RRU",
    ..WRU
};
const WCU_HOUR: Key = Key {
    name: "wcu_hour",
    also: &["write_capacity_hour"],
    item: "provisioned write capacity",
    unit: "WCU-hour",
    ..WRU
};
const RCU_HOUR: Key =
    Key { name: "rcu_hour", also: &["read_capacity_hour"], item: "provisioned read capacity", unit: "RCU-hour", ..WRU };
const STORAGE: Key = Key {
    name: "storage_gb",
    also: &["storage", "storage_gb_month"],
    item: "Standard table storage",
    unit: "GB-month",
    ..WRU
};
const PITR: Key = Key { name: "pitr_gb", also: &["pitr"], item: "point-in-time recovery", unit: "GB-month", ..WRU };
const BACKUP: Key = Key { name: "backup_gb", also: &["backup"], item: "on-demand backup", unit: "GB-month", ..WRU };
const RESTORE: Key = Key { name: "restore_gb", also: &["restore"], item: "restore", unit: "GB", ..WRU };
const EXPORT: Key = Key { name: "export_gb", also: &["export"], item: "export to S3", unit: "GB", ..WRU };
const STREAM_READ: Key =
    Key { name: "streams_read", also: &["stream_read"], item: "Streams read", unit: "request", ..WRU };
const CDC: Key = Key { name: "cdc_unit", also: &["cdc"], item: "change data capture unit", unit: "unit", ..WRU };
const FREE_GB: Key = Key { name: "free_storage_gb", also: &["free_gb"], item: "free storage", unit: "GB-month", ..WRU };
const FREE_WRITES: Key =
    Key { name: "free_wcu", also: &["free_capacity"], item: "free provisioned capacity", unit: "WCU and RCU", ..WRU };
const FREE_READ_CAPACITY: Key = Key { name: "free_rcu", ..FREE_WRITES };
const FREE_READS: Key =
    Key { name: "free_streams_reads", also: &[], item: "free Streams reads", unit: "request", ..WRU };

const METERS: &[Meter] = &[
    Meter { field: PITR_GB, key: "pitr", name: "Point-in-time recovery", price: &PITR, allowance: None },
    Meter { field: BACKUP_GB, key: "backup", name: "On-demand backups", price: &BACKUP, allowance: None },
    Meter { field: RESTORE_GB, key: "restore", name: "Restores", price: &RESTORE, allowance: None },
    Meter { field: EXPORT_GB, key: "export", name: "Export to S3", price: &EXPORT, allowance: None },
    Meter {
        field: STREAM_READS,
        key: "streams",
        name: "Streams reads",
        price: &STREAM_READ,
        allowance: Some(&FREE_READS),
    },
    Meter { field: CDC_UNITS, key: "cdc", name: "Change data capture", price: &CDC, allowance: None },
];

/// DynamoDB.
pub const SERVICE: Service = Service {
    name: "dynamodb",
    also: &["ddb", "dynamo"],
    about: "tables on demand or provisioned, storage, backups, streams",
    fields: &[
        WRITE_UNITS,
        READ_UNITS,
        WRITES,
        READS,
        ITEM_KB,
        CONSISTENCY,
        TRANSACTIONAL,
        EVENTUAL,
        INDEXES,
        WCU,
        RCU,
        HOURS,
        STORAGE_GB,
        FREE_STORAGE,
        PITR_GB,
        BACKUP_GB,
        RESTORE_GB,
        EXPORT_GB,
        STREAM_READS,
        CDC_UNITS,
        TABLE_CLASS,
    ],
    prices: &[
        WRU,
        RRU,
        WCU_HOUR,
        RCU_HOUR,
        STORAGE,
        PITR,
        BACKUP,
        RESTORE,
        EXPORT,
        STREAM_READ,
        CDC,
        FREE_GB,
        FREE_WRITES,
        FREE_READ_CAPACITY,
        FREE_READS,
    ],
    totals: &[
        "write_units",
        "read_units",
        "writes",
        "reads",
        "storage",
        "billable_storage_gb",
        "pitr",
        "backup",
        "restore",
        "export",
        "streams",
        "cdc",
        "strong",
        "eventual",
        "transactional",
        "write",
        "transactional_write",
    ],
    bill,
};

/// Read units of one read of `kb`: strong, eventual, transactional.
pub fn read_units(kb: Decimal) -> [Decimal; 3] {
    let strong = (kb / READ_KB).ceil().max(Decimal::ONE);
    [strong, strong / Decimal::TWO, strong * Decimal::TWO]
}

/// Write units of one write of `kb`: plain, transactional.
pub fn write_units(kb: Decimal) -> [Decimal; 2] {
    let plain = (kb / WRITE_KB).ceil().max(Decimal::ONE);
    [plain, plain * Decimal::TWO]
}

/// The bill of one table.
///
/// # Errors
/// When usage is incomplete or a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let (writes, reads) = units(&mut statement, usage)?;
    let infrequent = usage.text(&TABLE_CLASS) == Some("standard-ia");
    let item = |standard: &'static str, ia: &'static str| if infrequent { ia } else { standard };
    if let Some(units) = writes {
        let key = WRU.of(item(WRU.item, "Standard-IA write unit"));
        let known = usage.known_of(&[&WRITE_UNITS, &WRITES, &ITEM_KB]);
        statement.quantity("write_units", units);
        statement.charge("writes", "On-demand write units", key, units, known, context)?;
    }
    if let Some(units) = reads {
        let key = RRU.of(item(RRU.item, "Standard-IA read unit"));
        let known = usage.known_of(&[&READ_UNITS, &READS, &ITEM_KB]);
        statement.quantity("read_units", units);
        statement.charge("reads", "On-demand read units", key, units, known, context)?;
    }
    charge_provisioned(&mut statement, usage, context)?;
    if let Some(stored) = usage.given(&STORAGE_GB) {
        let key = STORAGE.of(item(STORAGE.item, "Standard-IA storage"));
        let after = (stored - usage.number(&FREE_STORAGE)).max(Decimal::ZERO);
        let free_tier = !infrequent && !usage.has(&FREE_STORAGE);
        let billed = if free_tier { context.after_allowance(after, &FREE_GB)? } else { after };
        statement.quantity("billable_storage_gb", billed);
        statement.charge("storage", "Table storage", key, billed, usage.known_of(&[&STORAGE_GB]), context)?;
    }
    metered::charge(&mut statement, METERS, usage, context)?;
    Ok(statement)
}

fn charge_provisioned(statement: &mut Statement, usage: &Usage, context: &Context<'_>) -> Result<(), ServiceError> {
    let hours = usage.given(&HOURS).unwrap_or(context.month_hours);
    let kinds = [
        (&WCU, "writes", "Provisioned write capacity", &WCU_HOUR, &FREE_WRITES),
        (&RCU, "reads", "Provisioned read capacity", &RCU_HOUR, &FREE_READ_CAPACITY),
    ];
    for (field, key, name, price, free) in kinds {
        let Some(units) = usage.given(field) else { continue };
        let billed = context.after_allowance(units, free)?;
        let unit_hours = product(&[billed, hours])?;
        statement.charge(key, name, price, unit_hours, usage.known_of(&[field, &HOURS]), context)?;
    }
    Ok(())
}

/// Write and read units on demand; names the units of one item.
fn units(statement: &mut Statement, usage: &Usage) -> Result<(Option<Decimal>, Option<Decimal>), ServiceError> {
    let (writes, reads) = (usage.given(&WRITES), usage.given(&READS));
    let Some(kb) = usage.given(&ITEM_KB) else {
        if writes.is_some() || reads.is_some() {
            return Err(ServiceError::usage(
                "dynamodb",
                "writes and reads need item_kb; or give write_units and read_units",
            ));
        }
        return Ok((usage.given(&WRITE_UNITS), usage.given(&READ_UNITS)));
    };
    let [strong, eventual, transactional] = read_units(kb);
    let [write, transactional_write] = write_units(kb);
    let names = ["strong", "eventual", "transactional", "write", "transactional_write"];
    for (name, units) in names.into_iter().zip([strong, eventual, transactional, write, transactional_write]) {
        statement.quantity(name, units);
    }
    let said = usage.text(&CONSISTENCY);
    let (read, write) = match (said, usage.flag(&EVENTUAL), usage.flag(&TRANSACTIONAL)) {
        (Some("transactional"), false, _) | (None, false, true) => (transactional, transactional_write),
        (Some("eventual"), _, false) | (None, true, false) => (eventual, write),
        (_, false, false) => (strong, write),
        _ => return Err(ServiceError::usage("dynamodb", "reads are of one consistency")),
    };
    let write = product(&[write, Decimal::ONE + usage.number(&INDEXES)])?;
    let all = |count: Option<Decimal>, each, given| match count {
        Some(count) => product(&[count, each]).map(Some),
        None => Ok(given),
    };
    Ok((all(writes, write, usage.given(&WRITE_UNITS))?, all(reads, read, usage.given(&READ_UNITS))?))
}

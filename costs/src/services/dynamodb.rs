//! DynamoDB: request units or provisioned capacity, storage, backups, streams.
//!
//! A write unit is 1 KB, a read unit 4 KB read strongly consistently; eventually consistent reads take half, transactions
//! twice of both (DynamoDB developer guide, "Read/write capacity").

use rust_decimal::{Decimal, dec};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, ServiceError, Statement};
use crate::price_book::Key;

const WRITE_KB: Decimal = dec!(1);
const READ_KB: Decimal = dec!(4);

/// A table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dynamodb {
    /// On-demand write request units.
    pub write_units: Option<Quantity>,
    /// On-demand read request units.
    pub read_units: Option<Quantity>,
    /// Requests on demand, instead of their units.
    pub items: Option<Items>,
    /// Provisioned capacity.
    pub provisioned: Option<Capacity>,
    /// Data stored, average of the month.
    pub storage_gb_months: Option<Quantity>,
    /// Class of the table.
    #[serde(default)]
    pub table_class: TableClass,
    /// Data under point-in-time recovery.
    pub pitr_gb_months: Option<Quantity>,
    /// On-demand backups.
    pub backup_gb_months: Option<Quantity>,
    /// Data restored.
    pub restored_gb: Option<Quantity>,
    /// Data exported to S3.
    pub exported_gb: Option<Quantity>,
    /// `GetRecords` calls on Streams.
    pub stream_reads: Option<Quantity>,
    /// Change data capture units for Kinesis.
    pub change_data_units: Option<Quantity>,
}

/// Requests on demand for items of one size.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Items {
    /// Size of an item.
    pub item_kb: Quantity,
    /// Writes.
    pub writes_per_month: Quantity,
    /// Reads.
    pub reads_per_month: Quantity,
    /// Secondary indexes that every write changes: one more write each.
    pub indexes: Quantity,
    /// Consistency of reads, and of writes when transactional.
    pub consistency: Consistency,
}

/// Consistency of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// Strongly consistent reads.
    Strong,
    /// Eventually consistent reads: half the units.
    Eventual,
    /// Transactions: twice the units of reads and writes.
    Transactional,
}

/// Provisioned capacity.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Write capacity units.
    pub write_units: Quantity,
    /// Read capacity units.
    pub read_units: Quantity,
    /// Hours; the month when not given.
    pub hours: Option<Quantity>,
}

/// Class of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableClass {
    /// Standard.
    #[default]
    Standard,
    /// Standard-Infrequent Access.
    InfrequentAccess,
}

const fn key(item: &'static str, unit: &'static str) -> Key<'static> {
    Key::new("DynamoDB", item, unit)
}

const FREE_CAPACITY: Key<'_> = key("free provisioned capacity", "WCU and RCU");

impl Items {
    /// Write and read units.
    fn units(&self) -> Result<[Quantity; 2], ServiceError> {
        let (write, read) = match self.consistency {
            Consistency::Strong => (Decimal::ONE, Decimal::ONE),
            Consistency::Eventual => (Decimal::ONE, dec!(0.5)),
            Consistency::Transactional => (Decimal::TWO, Decimal::TWO),
        };
        let copies = self.indexes.map(|indexes| indexes + Decimal::ONE);
        Ok([
            self.writes_per_month.times(self.item_kb.steps(WRITE_KB))?.times(write)?.times(copies)?,
            self.reads_per_month.times(self.item_kb.steps(READ_KB))?.times(read)?,
        ])
    }
}

impl Service for Dynamodb {
    fn bill(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let infrequent = self.table_class == TableClass::InfrequentAccess;
        self.charge_requests(statement, infrequent)?;
        self.charge_capacity(statement)?;
        if infrequent {
            let price = key("Standard-IA storage", "GB-month");
            statement.charge("storage", "Table storage", price, self.storage_gb_months)?;
        } else {
            let (free, price) = (key("free storage", "GB-month"), key("Standard table storage", "GB-month"));
            statement.charge_after(free, "storage", "Table storage", price, self.storage_gb_months)?;
        }
        let pitr = key("point-in-time recovery", "GB-month");
        statement.charge("pitr", "Point-in-time recovery", pitr, self.pitr_gb_months)?;
        let backup = key("on-demand backup", "GB-month");
        statement.charge("backup", "On-demand backups", backup, self.backup_gb_months)?;
        statement.charge("restore", "Restores", key("restore", "GB"), self.restored_gb)?;
        statement.charge("export", "Export to S3", key("export to S3", "GB"), self.exported_gb)?;
        let (free, price) = (key("free Streams reads", "request"), key("Streams read", "request"));
        statement.charge_after(free, "streams", "Streams reads", price, self.stream_reads)?;
        statement.charge("cdc", "Change data capture", key("change data capture unit", "unit"), self.change_data_units)
    }
}

impl Dynamodb {
    fn charge_requests(&self, statement: &mut Statement<'_>, infrequent: bool) -> Result<(), ServiceError> {
        let (writes, reads) = match self.items {
            None => (self.write_units, self.read_units),
            Some(_) if self.write_units.is_some() || self.read_units.is_some() => {
                return Err(ServiceError::usage("dynamodb", "items and units of requests are both given"));
            }
            Some(items) => {
                let [writes, reads] = items.units()?;
                (Some(writes), Some(reads))
            }
        };
        let item = |standard, other| if infrequent { other } else { standard };
        let write = key(item("on-demand write unit", "Standard-IA write unit"), "WRU");
        statement.charge("writes", "On-demand write units", write, writes)?;
        let read = key(item("on-demand read unit", "Standard-IA read unit"), "RRU");
        statement.charge("reads", "On-demand read units", read, reads)
    }

    fn charge_capacity(&self, statement: &mut Statement<'_>) -> Result<(), ServiceError> {
        let Some(Capacity { write_units, read_units, hours }) = self.provisioned else { return Ok(()) };
        let hours = statement.context.hours(hours);
        let (write, read) =
            (key("provisioned write capacity", "WCU-hour"), key("provisioned read capacity", "RCU-hour"));
        // Writes and reads have an allowance each, of the same size.
        let free_reads = Key { unit: "RCU", ..FREE_CAPACITY };
        for (name, line, price, free, units) in [
            ("writes", "Provisioned write capacity", write, FREE_CAPACITY, write_units),
            ("reads", "Provisioned read capacity", read, free_reads, read_units),
        ] {
            let unit_hours = statement.context.after_allowance(units, free)?.times(hours)?;
            statement.charge(name, line, price, unit_hours)?;
        }
        Ok(())
    }
}

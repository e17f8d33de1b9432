//! DynamoDB: request units or provisioned capacity, storage, backups.
//!
//! A write unit is 1 KB, a read unit 4 KB read strongly consistently; eventually consistent reads take half, transactions
//! twice of both (DynamoDB developer guide, "Read/write capacity").

use anyhow::bail;
use rust_decimal::{Decimal, dec};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Quantity, Service, Statement};
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
    /// Data under point-in-time recovery.
    pub pitr_gb_months: Option<Quantity>,
    /// On-demand backups.
    pub backup_gb_months: Option<Quantity>,
    /// Data restored.
    pub restored_gb: Option<Quantity>,
    /// Data exported to S3.
    pub exported_gb: Option<Quantity>,
    /// Reads of DynamoDB Streams, except those of Lambda triggers, which are free.
    pub stream_reads_per_month: Option<Quantity>,
    /// Changes captured for Kinesis Data Streams, 1 KB each.
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

const fn key(item: &'static str, unit: &'static str) -> Key<'static> {
    Key::new("DynamoDB", item, unit)
}

impl Items {
    /// Write and read units.
    fn units(&self) -> anyhow::Result<[Quantity; 2]> {
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
    fn bill(&self, statement: &mut Statement<'_>) -> anyhow::Result<()> {
        let [writes, reads] = match self.items {
            None => [self.write_units, self.read_units],
            Some(_) if self.write_units.is_some() || self.read_units.is_some() => {
                bail!("dynamodb: items and units of requests are both given");
            }
            Some(items) => items.units()?.map(Some),
        };
        statement.charge("writes", "On-demand write units", key("on-demand write unit", "WRU"), writes)?;
        statement.charge("reads", "On-demand read units", key("on-demand read unit", "RRU"), reads)?;
        if let Some(Capacity { write_units, read_units, hours }) = self.provisioned {
            let hours = statement.context.hours(hours);
            // Writes and reads have an allowance each, of the same size.
            for (name, line, item, unit, free, units) in [
                ("writes", "Provisioned write capacity", "provisioned write capacity", "WCU-hour", "WCU", write_units),
                ("reads", "Provisioned read capacity", "provisioned read capacity", "RCU-hour", "RCU", read_units),
            ] {
                let billed = statement.context.after_allowance(units, key("free provisioned capacity", free))?;
                statement.charge(name, line, key(item, unit), billed.times(hours)?)?;
            }
        }
        let (free, price) = (key("free storage", "GB-month"), key("Standard table storage", "GB-month"));
        statement.charge_after(free, "storage", "Table storage", price, self.storage_gb_months)?;
        let pitr = key("point-in-time recovery", "GB-month");
        statement.charge("pitr", "Point-in-time recovery", pitr, self.pitr_gb_months)?;
        let backup = key("on-demand backup", "GB-month");
        statement.charge("backup", "On-demand backups", backup, self.backup_gb_months)?;
        statement.charge("restore", "Restores", key("restore", "GB"), self.restored_gb)?;
        statement.charge("export", "Exports to S3", key("export to S3", "GB"), self.exported_gb)?;
        let (free, read) = (key("free Streams reads", "request"), key("Streams read", "request"));
        statement.charge_after(free, "streams", "Reads of streams", read, self.stream_reads_per_month)?;
        statement.charge("cdc", "Changes captured", key("change data capture unit", "unit"), self.change_data_units)
    }
}

//! Logs, alarms, keys, parameters and secrets of an environment.

use rust_decimal::{Decimal, dec};

use super::demand::{Demand, gigabytes};
use super::fargate_path::task_hours;
use super::{Part, Path, Sheet, Store};
use crate::profile::Observability;
use crate::services::cloudwatch::{Cloudwatch, LogClass};
use crate::services::datadog::{Datadog, Plan};
use crate::services::small::{Kms, ParameterStore, SecretsManager};
use crate::services::{Quantity, ServiceError};

/// Bytes of the START, END and REPORT lines that Lambda writes about every invocation.
const PLATFORM_LOG_BYTES: Decimal = dec!(350);
/// Bytes of one log event, to count those that Datadog indexes.
const LOG_EVENT_BYTES: Decimal = dec!(400);
/// What is left of a log after compression, which is how CloudWatch keeps it (CloudWatch pricing page: about 0.15 per byte).
const COMPRESSION: Decimal = dec!(0.15);
/// Decryptions of a starting process: the payment provider's key and the database's secret.
const DECRYPTIONS: Decimal = dec!(2);

pub fn charge(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    charge_logs(sheet, demand)?;
    charge_secrets(sheet, demand)
}

fn charge_logs(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let (options, known) = (&sheet.profile.options, sheet.counted_known());
    let platform = match sheet.deployment.path {
        Path::Fargate => Decimal::ZERO,
        Path::Lambda => (demand.requests + dec!(60) * sheet.hours()) * PLATFORM_LOG_BYTES,
    };
    let own = gigabytes(demand.log_bytes);
    let platform = gigabytes(platform);
    let alarms = options.alarms * sheet.months();
    // Lambda's own lines always go to CloudWatch.
    let (taken, alarms) = match options.observability {
        Observability::Cloudwatch => (own + platform, alarms),
        Observability::Datadog => (platform, Decimal::ZERO),
    };
    let logs = Cloudwatch {
        ingested_gb: Some(Quantity::new(taken, known)),
        stored_gb_months: Some(Quantity::derived(taken * COMPRESSION * options.log_months)),
        scanned_gb: None,
        log_class: LogClass::Standard,
        metrics: None,
        alarms: Some(Quantity::declared(alarms)),
        high_resolution_alarms: None,
        dashboards: None,
    };
    sheet.add(Part::Observability, &logs)?;
    if options.observability == Observability::Datadog {
        charge_datadog(sheet, demand, own)?;
    }
    Ok(())
}

fn charge_datadog(sheet: &mut Sheet<'_>, demand: &Demand, logs_gb: Decimal) -> Result<(), ServiceError> {
    let known = sheet.counted_known();
    let mut datadog = Datadog {
        tasks: None,
        apm_tasks: None,
        plan: Plan::Annual,
        functions: None,
        traced_invocations_per_month: None,
        hosts: None,
        apm_hosts: None,
        ingested_gb: Some(Quantity::new(logs_gb, known)),
        indexed_events_15_days: Some(Quantity::assumed(demand.log_bytes / LOG_EVENT_BYTES)),
        indexed_events_30_days: None,
    };
    match sheet.deployment.path {
        Path::Fargate => {
            let tasks = task_hours(sheet, demand) / sheet.profile.options.month_hours;
            let tasks = Some(Quantity::new(tasks, sheet.measured_known()));
            (datadog.tasks, datadog.apm_tasks) = (tasks, tasks);
        }
        Path::Lambda => {
            let functions = Decimal::from(demand.functions.len() + 1) * sheet.months();
            datadog.functions = Some(Quantity::derived(functions));
            datadog.traced_invocations_per_month = Some(Quantity::new(demand.requests, known));
        }
    }
    sheet.add(Part::Observability, &datadog)
}

fn charge_secrets(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let options = &sheet.profile.options;
    let starts = match sheet.deployment.path {
        Path::Fargate => options.deploys_per_month * sheet.environment.minimum_tasks * options.services,
        Path::Lambda => sheet.cold_starts(demand),
    };
    let key = Kms {
        key_months: Quantity::declared(sheet.months()),
        requests_per_month: Quantity::derived(starts * DECRYPTIONS),
    };
    sheet.add(Part::Secrets, &key)?;
    let parameters = ParameterStore {
        standard_parameters: Some(Quantity::declared(options.parameters)),
        advanced_parameter_months: None,
        calls_per_month: None,
    };
    sheet.add(Part::Secrets, &parameters)?;
    if sheet.deployment.store == Store::Postgresql {
        let secret = SecretsManager {
            secret_months: Quantity::declared(sheet.months()),
            calls_per_month: Quantity::derived(starts),
        };
        sheet.add(Part::Secrets, &secret)?;
    }
    Ok(())
}

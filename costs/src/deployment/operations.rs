//! Logs, alarms, keys, parameters and secrets of an environment.

use rust_decimal::{Decimal, dec};

use super::demand::{Demand, gigabytes};
use super::fargate_path::task_hours;
use super::{Part, Path, Sheet, Store};
use crate::line::Known;
use crate::profile::Observability;
use crate::services::{ServiceError, Usage, cloudwatch, datadog, small, ssm};

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
    let logs = Usage::new()
        .with(&cloudwatch::INGEST_GB, taken, known)
        .with(&cloudwatch::STORED_GB, taken * COMPRESSION * options.log_months, Known::Derived)
        .with(&cloudwatch::ALARMS, alarms, Known::Declared);
    sheet.add(Part::Observability, &cloudwatch::SERVICE, &logs)?;
    if options.observability == Observability::Datadog {
        charge_datadog(sheet, demand, own)?;
    }
    Ok(())
}

fn charge_datadog(sheet: &mut Sheet<'_>, demand: &Demand, logs_gb: Decimal) -> Result<(), ServiceError> {
    let known = sheet.counted_known();
    let mut usage = Usage::new().with(&datadog::LOG_GB, logs_gb, known).with(
        &datadog::LOG_EVENTS,
        demand.log_bytes / LOG_EVENT_BYTES,
        Known::Assumed,
    );
    match sheet.deployment.path {
        Path::Fargate => {
            let tasks = task_hours(sheet, demand) / sheet.profile.options.month_hours;
            let known = sheet.measured_known();
            usage = usage.with(&datadog::TASKS, tasks, known).with(&datadog::APM_TASKS, tasks, known);
        }
        Path::Lambda => {
            let functions = Decimal::from(demand.functions.len() + 1) * sheet.months();
            usage = usage.with(&datadog::FUNCTIONS, functions, Known::Derived).with(
                &datadog::TRACED,
                demand.requests,
                known,
            );
        }
    }
    sheet.add(Part::Observability, &datadog::SERVICE, &usage)
}

fn charge_secrets(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let options = &sheet.profile.options;
    let starts = match sheet.deployment.path {
        Path::Fargate => options.deploys_per_month * sheet.environment.minimum_tasks * options.services,
        Path::Lambda => sheet.cold_starts(demand),
    };
    let key = Usage::new().with(&small::KMS_KEYS, sheet.months(), Known::Declared).with(
        &small::KMS_REQUESTS,
        starts * DECRYPTIONS,
        Known::Derived,
    );
    sheet.add(Part::Secrets, &small::KMS, &key)?;
    let parameters = Usage::new().with(&ssm::STANDARD, options.parameters, Known::Declared);
    sheet.add(Part::Secrets, &ssm::SERVICE, &parameters)?;
    if sheet.deployment.store == Store::Postgresql {
        let secret = Usage::new().with(&small::SECRETS_COUNT, sheet.months(), Known::Declared).with(
            &small::SECRETS_CALLS,
            starts,
            Known::Derived,
        );
        sheet.add(Part::Secrets, &small::SECRETS, &secret)?;
    }
    Ok(())
}

//! Logs, alarms, keys, parameters and secrets of an environment.

use rust_decimal::{Decimal, dec};

use super::demand::{Demand, gigabytes};
use super::{Part, Path, Sheet, Store};
use crate::line::Known;
use crate::terraform::{LogDestination, PaymentProvider};
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
    let (stack, known) = (&sheet.environment.stack, sheet.counted_known());
    let lambda = sheet.deployment.path == Path::Lambda;
    let platform = if lambda { (demand.requests + dec!(60) * sheet.hours()) * PLATFORM_LOG_BYTES } else { Decimal::ZERO };
    let own = gigabytes(demand.log_bytes);
    // Only tasks have a log router; lines of functions always go to CloudWatch.
    let router = !lambda && stack.log_destination == LogDestination::Datadog;
    let taken = if router { Decimal::ZERO } else { own + gigabytes(platform) };
    let stored = taken * COMPRESSION * stack.environment.log_retention_days / dec!(30);
    let logs = Usage::new()
        .with(&cloudwatch::INGEST_GB, taken, known)
        .with(&cloudwatch::STORED_GB, stored, Known::Derived)
        .with(&cloudwatch::ALARMS, alarms(sheet) * sheet.months(), Known::Declared);
    sheet.add(Part::Observability, &cloudwatch::SERVICE, &logs)?;
    if router {
        let usage = Usage::new().with(&datadog::LOG_GB, own, known).with(
            &datadog::LOG_EVENTS,
            demand.log_bytes / LOG_EVENT_BYTES,
            Known::Assumed,
        );
        sheet.add(Part::Observability, &datadog::SERVICE, &usage)?;
    }
    Ok(())
}

/// Alarms of the modules: two of the load balancer, four of a service, four of the database, two of the table, two of a function.
fn alarms(sheet: &Sheet<'_>) -> Decimal {
    let path = match sheet.deployment.path {
        Path::Fargate => 4 * sheet.environment.services().len(),
        Path::Lambda => 2 * sheet.environment.stack.modules.function_memory_mb.len(),
    };
    let store = if sheet.deployment.store == Store::Postgresql { 4 } else { 2 };
    Decimal::from(2 + path + store)
}

fn charge_secrets(sheet: &mut Sheet<'_>, demand: &Demand) -> Result<(), ServiceError> {
    let options = &sheet.profile.options;
    let starts = match sheet.deployment.path {
        Path::Fargate => options.deploys_per_month * sheet.environment.least_tasks(),
        Path::Lambda => sheet.cold_starts(demand).values().sum(),
    };
    let key = Usage::new().with(&small::KMS_KEYS, sheet.months(), Known::Declared).with(
        &small::KMS_REQUESTS,
        starts * DECRYPTIONS,
        Known::Derived,
    );
    sheet.add(Part::Secrets, &small::KMS, &key)?;
    // Key and webhook secret of the payment provider.
    let stripe = sheet.environment.stack.payment_provider == PaymentProvider::Stripe;
    let parameters = if stripe { Decimal::TWO } else { Decimal::ZERO };
    let parameters = Usage::new().with(&ssm::STANDARD, parameters, Known::Declared);
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

//! Logs, metrics, alarms, keys, parameters and secrets of an environment.

use rust_decimal::{Decimal, dec};

use super::demand::{Load, gigabytes};
use super::sheet::float;
use super::{Front, Part, Sheet, Store};
use crate::services::Quantity;
use crate::services::small::{Cloudwatch, Datadog, Kms, ParameterStore, SecretsManager};
use crate::terraform::{LogDestination, PaymentProvider};

/// Bytes of the START, END and REPORT lines that Lambda writes about every invocation.
const PLATFORM_LOG_BYTES: Decimal = dec!(350);
/// Bytes of one log event, to count those that Datadog indexes.
const LOG_EVENT_BYTES: Decimal = dec!(400);
/// What is left of a log after compression, which is how CloudWatch keeps it (CloudWatch pricing page: about 0.15 per byte).
const COMPRESSION: Decimal = dec!(0.15);
/// Decryptions of a starting process: the payment provider's key and the database's secret.
const DECRYPTIONS: Decimal = dec!(2);
/// Metrics of Container Insights for the cluster, and for each service with its task definition; they are billed as custom metrics
/// (CloudWatch user guide, "Amazon ECS Container Insights metrics").
const INSIGHTS_METRICS: [usize; 2] = [8, 17];
/// Bytes of the performance events that Container Insights writes each minute about a task and its containers.
const INSIGHTS_BYTES: Decimal = dec!(4096);
/// Bytes that RDS writes each minute for enhanced monitoring.
const MONITORING_BYTES: Decimal = dec!(6144);
/// Rejected connections that a public address attracts in a month, in GB of flow log.
const FLOW_LOG_GB: Decimal = dec!(0.05);
/// The shop's own metrics, all areas and outcomes together (docs/observability.md).
const SHOP_METRICS: Decimal = dec!(40);
/// Share of the requests that the web ACL counts or blocks, and so logs, and the bytes of such an event.
const WEB_ACL_LOGGED: [Decimal; 2] = [dec!(0.01), dec!(1500)];

pub fn charge(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    charge_logs(sheet, load)?;
    charge_secrets(sheet, load)
}

fn charge_logs(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    let (stack, known) = (&sheet.environment.stack, sheet.counted_known());
    let router = stack.log_destination == LogDestination::Datadog;
    let invocations = if sheet.worker_is_function() { sheet.worker_rounds() } else { Decimal::ZERO };
    let platform = (load.lambda.requests + invocations) * PLATFORM_LOG_BYTES;
    // Lines of functions always go to CloudWatch.
    let of_tasks = if router { Decimal::ZERO } else { load.tasks.log_bytes };
    let shop = gigabytes(of_tasks + load.lambda.log_bytes + platform);
    let around = surroundings_gb(sheet, load);
    let months = stack.environment.log_retention_days / dec!(30);
    let logs = Cloudwatch {
        ingested_infrequent_gb: None,
        ingested_gb: Some(Quantity::new(shop, known)),
        stored_gb_months: Some(Quantity::derived((shop + around) * COMPRESSION * months)),
        scanned_gb: None,
        metrics: None,
        alarms: Some(Quantity::declared(Decimal::from(alarms(sheet)) * sheet.months())),
        dashboards: Some(Quantity::declared(sheet.months())),
    };
    sheet.add(Part::Observability, &logs)?;
    let metrics = Cloudwatch {
        ingested_gb: Some(Quantity::assumed(around)),
        metrics: Some(Quantity::assumed(metrics(sheet, load))),
        stored_gb_months: None,
        alarms: None,
        dashboards: None,
        ..logs
    };
    sheet.add(Part::Observability, &metrics)?;
    if router && sheet.tasks() {
        let datadog = Datadog {
            functions: None,
            traced_invocations_per_month: None,
            tasks: None,
            apm_tasks: None,
            ingested_gb: Some(Quantity::new(gigabytes(load.tasks.log_bytes), known)),
            indexed_events_15_days: Some(Quantity::assumed(load.tasks.log_bytes / LOG_EVENT_BYTES)),
        };
        sheet.add(Part::Observability, &datadog)?;
    }
    Ok(())
}

/// What the modules log beside the shop, GB: performance events of Container Insights, the network's rejected connections, enhanced
/// monitoring of the database, requests that the web ACL counts or blocks.
fn surroundings_gb(sheet: &Sheet<'_>, load: &Load) -> Decimal {
    let stack = &sheet.environment.stack;
    let minutes = sheet.hours() * dec!(60);
    let (balancer, database) = (sheet.deployment.front == Front::Alb, sheet.deployment.store == Store::Postgresql);
    let when = |is: bool, gb: Decimal| if is { gb } else { Decimal::ZERO };
    let insights = gigabytes(sheet.environment.least_tasks() * minutes * INSIGHTS_BYTES);
    let addresses = when(balancer, stack.modules.zones) + stack.egress.nat_gateways;
    let [logged, bytes] = WEB_ACL_LOGGED;
    when(sheet.tasks() && stack.modules.container_insights, insights)
        + when(balancer || sheet.tasks() || database, addresses * FLOW_LOG_GB * sheet.months())
        + when(database, gigabytes(minutes * MONITORING_BYTES))
        + when(balancer && stack.environment.web_acl, gigabytes(load.all.requests * logged * bytes))
}

/// Custom metrics. Those of the shop cost in hours in which they get values.
fn metrics(sheet: &Sheet<'_>, load: &Load) -> Decimal {
    let stack = &sheet.environment.stack;
    let [cluster, service] = INSIGHTS_METRICS.map(Decimal::from);
    let services = Decimal::from(sheet.services());
    let insights =
        if sheet.tasks() && stack.modules.container_insights { cluster + service * services } else { Decimal::ZERO };
    let shop =
        [load.lambda.requests, load.tasks.requests].into_iter().map(|requests| SHOP_METRICS * busy(sheet, requests));
    insights * sheet.months() + shop.sum::<Decimal>() * sheet.months()
}

/// Share of the hours in which a metric gets a value, when each request feeds one of all.
fn busy(sheet: &Sheet<'_>, requests: Decimal) -> Decimal {
    let days = sheet.hours() / dec!(24);
    let per_day = float(requests.checked_div(days * SHOP_METRICS).unwrap_or_default());
    sheet.over_a_day(|share| -(-(per_day * share)).exp_m1() / 24.0)
}

/// Metrics in alarms of the modules: two of the load balancer, five of a service, four of the database, two of the table and of a
/// function, two of a function behind a load balancer, one of the HTTP API, and those of what the shop counts: four of the worker,
/// two of each process that changes orders. The service of the test payments has no alarms of CPU and memory. The shift between
/// paths has an alarm on the responses of all services, two on those and the failures of all functions, each beside the requests, one
/// on the tasks of each service, and one on itself.
fn alarms(sheet: &Sheet<'_>) -> usize {
    let stack = &sheet.environment.stack;
    let functions = stack.modules.function_memory_mb.len() - usize::from(!sheet.worker_is_function());
    let areas = stack.modules.function_memory_mb.len() - 1;
    let services = sheet.environment.services().len();
    let database = sheet.deployment.store == Store::Postgresql;
    let table = !database || (sheet.tasks() && sheet.functions());
    let api = sheet.deployment.front == Front::HttpApi || (stack.http_api && sheet.tasks() && sheet.functions());
    let when = |is: bool, alarms: usize| if is { alarms } else { 0 };
    when(sheet.deployment.front == Front::Alb, 2)
        + when(sheet.tasks(), 5 * services + 3 * (sheet.services() - services))
        + 4
        + when(sheet.tasks(), 2)
        + when(sheet.functions(), 2 * functions + 2 * 2)
        + when(sheet.functions() && sheet.deployment.front == Front::Alb, 2 * areas)
        + when(
            sheet.tasks() && sheet.functions() && stack.path_shift.is_some(),
            (services + 1) + 2 * (areas + 1) + services + 1,
        )
        + when(database, 4)
        + when(table, 2)
        + when(api, 1)
}

fn charge_secrets(sheet: &mut Sheet<'_>, load: &Load) -> anyhow::Result<()> {
    let deploys = sheet.profile.options.deploys_per_month * sheet.months();
    let of_tasks = if sheet.tasks() { deploys * sheet.environment.least_tasks() } else { Decimal::ZERO };
    let starts = of_tasks + sheet.cold_starts(load).values().sum::<Decimal>();
    let key = Kms {
        key_months: Quantity::declared(sheet.months()),
        requests_per_month: Quantity::derived(starts * DECRYPTIONS),
    };
    sheet.add(Part::Secrets, &key)?;
    // Key and webhook secret of the payment provider, for each component that opens it.
    let stripe = sheet.environment.stack.payment_provider == PaymentProvider::Stripe;
    let parameters = ParameterStore {
        standard_parameters: Some(Quantity::declared(if stripe { 2_usize } else { 0 })),
        advanced_parameter_months: None,
        calls_per_month: None,
    };
    sheet.add(Part::Secrets, &parameters)?;
    if sheet.deployment.store == Store::Postgresql {
        // The master password; tasks and functions log in by IAM.
        let secret = SecretsManager {
            secret_months: Quantity::declared(sheet.months()),
            calls_per_month: Quantity::declared(Decimal::ZERO),
        };
        sheet.add(Part::Secrets, &secret)?;
    }
    Ok(())
}

//! Fargate: vCPU and memory by the second, at least a minute a task, and storage above 20 GB.
//!
//! AWS bills from the start of the image pull to the end of the task, per second with a minimum of one minute on Linux, and
//! includes 20 GB of storage in every task (Fargate pricing page).

use rust_decimal::{Decimal, dec};

use super::lambda::ARCHITECTURES;
use super::network::{ADDRESS, ADDRESS_HOURS, ADDRESSES};
use super::{Context, Field, HOUR_SECONDS, Kind, Service, ServiceError, Statement, Usage, product};
use crate::price_book::Key;

/// Storage that every task has without charge, GB.
const INCLUDED_STORAGE_GB: Decimal = dec!(20);
/// CPU units of a vCPU and MiB of a GB in a task definition.
const UNITS: Decimal = dec!(1024);
/// The largest task (ECS developer guide, "Task size").
const MOST_VCPU: Decimal = dec!(16);
const MOST_GB: Decimal = dec!(120);
/// Shortest billed time of a task, s.
const LEAST_SECONDS: Decimal = dec!(60);

/// Tasks at once, or task starts when seconds are given.
pub const TASKS: Field =
    Field::number("tasks", &["task_count", "fargate_tasks", "desired_count", "count"], "tasks; 1 when not given");
/// How long each runs, hours.
pub const HOURS: Field = Field::number(
    "hours",
    &["hours_each", "hours_per_task"],
    "hours that each task runs; the month when nothing is given",
);
const SECONDS: Field = Field::number(
    "seconds_per_task",
    &["seconds", "duration_s", "task_seconds_each"],
    "seconds that each task runs, at least 60 are billed; with days, on each day",
);
const MINUTES: Field =
    Field::number("minutes_per_task", &["minutes"], "minutes that each task runs, instead of seconds");
const DAYS: Field = Field::number("days", &[], "days on which the tasks run for seconds_per_task; 1 when not given");
/// Hours of all tasks.
pub const TASK_HOURS: Field = Field::number("task_hours", &[], "hours of all tasks together, instead of tasks x hours");
/// vCPU of one task.
pub const VCPU: Field = Field::number("vcpu", &["vcpus", "cpu"], "vCPU of a task");
/// Memory of one task.
pub const MEMORY_GB: Field = Field::number("gb", &["memory_gb", "memory"], "memory of a task, GB");
const MEMORY_MB: Field = Field::number("memory_mb", &["mb"], "memory of a task, MB, instead of gb");
const CPU_UNITS: Field =
    Field::number("cpu_units", &[], "vCPU of a task as task definitions write it, instead of vcpu: 1,024 are one");
const VCPU_HOURS: Field = Field::number("vcpu_hours", &[], "vCPU-hours, instead of tasks, hours and vcpu");
const GB_HOURS: Field = Field::number("gb_hours", &["memory_gb_hours"], "GB-hours of memory");
/// Storage of one task.
pub const EPHEMERAL_GB: Field =
    Field::number("ephemeral_gb", &["ephemeral_storage_gb", "storage_gb"], "storage of a task, GB; 20 are included");
/// Processor.
pub const ARCH: Field =
    Field { name: "arch", also: &["architecture"], kind: ARCHITECTURES, about: "x86_64 (default) or arm64" };
/// Spot capacity.
pub const SPOT: Field = Field::flag("spot", &["fargate_spot"], "Fargate Spot, whose price floats");
const SYSTEM: Field = Field {
    name: "os",
    also: &["operating_system"],
    kind: Kind::Choice(&[&["linux"]]),
    about: "linux; Windows is not in the price book",
};
const PLAN: Field = Field {
    name: "savings_plan",
    also: &["plan"],
    kind: Kind::Choice(&[&["none"], &["1y", "1-year"], &["3y", "3-year"]]),
    about: "none, 1y or 3y: Compute Savings Plan without upfront payment",
};

const VCPU_HOUR: Key = Key {
    name: "vcpu_hour",
    also: &["fargate_vcpu_hour", "cpu_hour"],
    service: "Fargate",
    item: "Linux x86_64 vCPU",
    unit: "vCPU-hour",
};
const GB_HOUR: Key = Key {
    name: "gb_hour",
    also: &["fargate_gb_hour", "memory_gb_hour"],
    service: "Fargate",
    item: "Linux x86_64 memory",
    unit: "GB-hour",
};
const STORAGE_HOUR: Key =
    Key { name: "ephemeral_gb_hour", also: &["storage_gb_hour"], item: "ephemeral storage above 20 GB", ..GB_HOUR };

/// Fargate.
pub const SERVICE: Service = Service {
    name: "fargate",
    also: &["ecs", "ecs fargate", "fargate spot"],
    about: "tasks on ECS Fargate, Linux",
    fields: &[
        TASKS,
        HOURS,
        SECONDS,
        MINUTES,
        DAYS,
        TASK_HOURS,
        VCPU,
        MEMORY_GB,
        MEMORY_MB,
        CPU_UNITS,
        VCPU_HOURS,
        GB_HOURS,
        EPHEMERAL_GB,
        ARCH,
        SPOT,
        PLAN,
        SYSTEM,
        ADDRESSES,
        ADDRESS_HOURS,
    ],
    prices: &[VCPU_HOUR, GB_HOUR, STORAGE_HOUR, ADDRESS],
    totals: &["task_hours", "vcpu_hours", "gb_hours", "vcpu", "memory", "compute", "ephemeral", "ipv4"],
    bill,
};

/// The bill of tasks of one size.
///
/// # Errors
/// When usage is incomplete or a price is missing.
pub fn bill(usage: &Usage, context: &Context<'_>) -> Result<Statement, ServiceError> {
    let mut statement = Statement::default();
    let task_hours = task_hours(usage, context)?;
    let (vcpu, memory_gb) = size(&mut statement, usage)?;
    let sized = !vcpu.is_zero() || !memory_gb.is_zero();
    if sized && (vcpu.is_zero() || memory_gb.is_zero()) {
        return Err(ServiceError::usage("fargate", "a task has both vcpu and gb"));
    }
    if !sized && !usage.has(&VCPU_HOURS) && !usage.has(&GB_HOURS) && !usage.has(&EPHEMERAL_GB) {
        return Err(ServiceError::usage("fargate", "vcpu and gb of a task are needed, or vcpu_hours and gb_hours"));
    }
    let vcpu_hours = match usage.given(&VCPU_HOURS) {
        Some(hours) => hours,
        None => product(&[task_hours, vcpu])?,
    };
    let gb_hours = match usage.given(&GB_HOURS) {
        Some(hours) => hours,
        None => product(&[task_hours, memory_gb])?,
    };
    for (name, quantity) in [("task_hours", task_hours), ("vcpu_hours", vcpu_hours), ("gb_hours", gb_hours)] {
        statement.quantity(name, quantity);
    }
    let known = usage.known();
    if sized || usage.has(&VCPU_HOURS) || usage.has(&GB_HOURS) {
        let [vcpu_item, memory_item] = items(usage)?;
        let vcpu = statement.charge("vcpu", &vcpu_item, VCPU_HOUR.of(&vcpu_item), vcpu_hours, known, context)?;
        let memory = statement.charge("memory", &memory_item, GB_HOUR.of(&memory_item), gb_hours, known, context)?;
        statement.quantity("compute", vcpu + memory);
    }
    if let Some(storage) = usage.given(&EPHEMERAL_GB) {
        let extra = (storage - INCLUDED_STORAGE_GB).max(Decimal::ZERO);
        let gb_hours = product(&[task_hours, extra])?;
        statement.charge("ephemeral", "Storage above 20 GB", &STORAGE_HOUR, gb_hours, known, context)?;
    }
    let address_hours = match (usage.given(&ADDRESS_HOURS), usage.given(&ADDRESSES)) {
        (Some(hours), _) => hours,
        (None, Some(each)) => product(&[task_hours, each])?,
        (None, None) => return Ok(statement),
    };
    statement.charge("ipv4", "Public IPv4 of tasks", &ADDRESS, address_hours, known, context)?;
    Ok(statement)
}

/// vCPU and GB of a task. Task definitions write both 1,024 times as large, and no task has so much.
fn size(statement: &mut Statement, usage: &Usage) -> Result<(Decimal, Decimal), ServiceError> {
    let units = usage.given(&CPU_UNITS).map(|units| units / UNITS);
    let vcpu = units.unwrap_or(usage.number(&VCPU));
    let gb = usage.given(&MEMORY_GB).unwrap_or(usage.number(&MEMORY_MB) / UNITS);
    let mut plain = |name: &str, given: Decimal, most: Decimal, least_units: Decimal| {
        if given >= least_units && given <= most * UNITS {
            statement
                .note(format!("{name} {given} is taken as that of a task definition: {}", (given / UNITS).normalize()));
            return Ok(given / UNITS);
        }
        let too_large = format!("no task has {name} {given}, at most {most}");
        if given > most { Err(ServiceError::usage("fargate", too_large)) } else { Ok(given) }
    };
    Ok((plain("vcpu", vcpu, MOST_VCPU, dec!(128))?, plain("gb", gb, MOST_GB, dec!(256))?))
}

fn task_hours(usage: &Usage, context: &Context<'_>) -> Result<Decimal, ServiceError> {
    let tasks = usage.given(&TASKS).unwrap_or(Decimal::ONE);
    let seconds = usage.given(&SECONDS).or(usage.given(&MINUTES).map(|minutes| minutes * dec!(60)));
    match (usage.given(&TASK_HOURS), seconds) {
        (Some(hours), _) => Ok(hours),
        (None, Some(seconds)) => {
            let days = usage.given(&DAYS).unwrap_or(Decimal::ONE);
            Ok(product(&[tasks, seconds.max(LEAST_SECONDS), days])? / HOUR_SECONDS)
        }
        (None, None) => {
            let days = usage.given(&DAYS).map(|days| days * dec!(24));
            product(&[tasks, usage.given(&HOURS).or(days).unwrap_or(context.month_hours)])
        }
    }
}

/// Items of vCPU and memory in the price book.
fn items(usage: &Usage) -> Result<[String; 2], ServiceError> {
    let arch = usage.text(&ARCH).unwrap_or("x86_64");
    let offer = match (usage.flag(&SPOT), usage.text(&PLAN)) {
        (true, Some("1y" | "3y")) => {
            return Err(ServiceError::usage("fargate", "a savings plan does not cover Spot"));
        }
        (true, _) => "Spot".to_owned(),
        (false, Some(years @ ("1y" | "3y"))) => format!("Compute Savings Plan {years} no upfront"),
        (false, _) => "Linux".to_owned(),
    };
    Ok(["vCPU", "memory"].map(|what| format!("{offer} {arch} {what}")))
}

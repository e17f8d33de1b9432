//! Bills of one service or of several: finds which service each usage field and each given price belongs to, then adds up.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::request::{Options, Request};
use super::{EvaluateError, Evaluation, calculation, unknown_service, wrong};
use crate::line::{Line, total};
use crate::price_book::{Key, PriceBook, Prices, is_price_name, names_same};
use crate::services::{self, Context, MONTH_HOURS, SERVICES, Service, Statement, Usage, closest, plain, product};

/// Whether a price of a service may be meant by a name.
type Same = fn(&Key, &str) -> bool;

/// A part of a bill.
struct Component {
    /// Name of its totals.
    name: String,
    service: &'static Service,
    fields: Map<String, Value>,
    prices: BTreeMap<String, Value>,
}

/// Answers a request for a service or a bill.
///
/// # Errors
/// For names that are not known, usage that does not fit, and missing prices.
pub fn evaluate(request: &Request, book: &PriceBook) -> Result<Evaluation, EvaluateError> {
    let mut evaluation = evaluate_part(request, book)?;
    if let Some(rate) = request.options.tax_rate {
        let total = evaluation.totals.get("total").copied().unwrap_or_default();
        evaluation.totals.insert("tax".to_owned(), product(&[total, rate])?);
        evaluation.totals.insert("total_with_tax".to_owned(), product(&[total, Decimal::ONE + rate])?);
    }
    Ok(evaluation)
}

/// The same, before tax.
///
/// # Errors
/// For names that are not known, usage that does not fit, and missing prices.
pub fn evaluate_part(request: &Request, book: &PriceBook) -> Result<Evaluation, EvaluateError> {
    let mut parts = Parts::read(request)?;
    parts.take_prices(&request.prices)?;
    let mut statements = Vec::new();
    for component in &parts.components {
        statements.push(component.bill(request, book)?);
    }
    Ok(add_up(request, &parts, statements))
}

/// Given prices that no service of this bill knows.
///
/// # Errors
/// For usage that is not known.
pub fn foreign_prices(request: &Request) -> Result<Vec<String>, EvaluateError> {
    let parts = Parts::read(request)?;
    let foreign = |name: &&String| parts.places(name).is_err() && !parts.components.iter().any(|c| c.knows_price(name));
    Ok(request.prices.keys().filter(foreign).cloned().collect())
}

struct Parts<'a> {
    own: Option<&'static Service>,
    options: &'a Options,
    components: Vec<Component>,
    declared: Vec<(String, Decimal)>,
}

impl<'a> Parts<'a> {
    fn new(own: Option<&'static Service>, options: &'a Options) -> Self {
        let mut parts = Self { own, options, components: Vec::new(), declared: Vec::new() };
        if let Some(service) = own {
            parts.of(service);
        }
        parts
    }

    /// Finds the components of a request, with their usage.
    fn read(request: &'a Request) -> Result<Self, EvaluateError> {
        let own = match services::find(&request.service) {
            Some(service) => Some(service),
            None if calculation(&request.service) == Some("bill") => None,
            None => return Err(unknown_service(&request.service)),
        };
        let mut parts = Self::new(own, &request.options);
        parts.take_components(&request.components)?;
        parts.take_usage(&request.usage)?;
        Ok(parts)
    }

    /// The component of a service, made when there is none.
    fn of(&mut self, service: &'static Service) -> &mut Component {
        let at = self.components.iter().position(|component| component.service.name == service.name);
        let at = at.unwrap_or_else(|| {
            self.components.push(Component::new(service.name.replace('-', "_"), service));
            self.components.len() - 1
        });
        &mut self.components[at]
    }

    fn take_components(&mut self, given: &[Value]) -> Result<(), EvaluateError> {
        for part in given {
            let text = |name: &str| part.get(name).and_then(Value::as_str);
            let name = text("service").ok_or_else(|| wrong("a component has a \"service\""))?;
            let service = services::find(name).ok_or_else(|| unknown_service(name))?;
            let title = text("name").unwrap_or(service.name).replace([' ', '-'], "_");
            if self.components.iter().any(|component| component.name == title) {
                return Err(wrong(format!("two components are called {title:?}; give each a \"name\"")));
            }
            let part = json!({"service": name, "usage": part.get("usage"), "prices": part.get("prices")});
            let part = Request::read(&part)?;
            let mut component = Component::new(title, service);
            let mut usage = part.usage;
            expand_rates(&mut usage, service, self.options)?;
            (component.fields, component.prices) = (usage, part.prices);
            self.components.push(component);
        }
        Ok(())
    }

    fn take_usage(&mut self, usage: &Map<String, Value>) -> Result<(), EvaluateError> {
        let mut usage = usage.clone();
        match self.own {
            Some(own) => expand_rates(&mut usage, own, self.options)?,
            None => expand_rates(&mut usage, &services::lambda::SERVICE, self.options)?,
        }
        let mut shared = Vec::new();
        for (name, value) in usage {
            if self.own.is_some_and(|own| own.fields.iter().any(|field| field.is(&name))) {
                let Some(own) = self.own else { continue };
                self.of(own).put(name, value)?;
            } else if !self.take_foreign(&name, &value)? {
                shared.push((name, value));
            }
        }
        for (name, value) in shared {
            self.take_shared(&name, &value)?;
        }
        Ok(())
    }

    /// Takes a field that says itself which service it belongs to.
    fn take_foreign(&mut self, name: &str, value: &Value) -> Result<bool, EvaluateError> {
        if let Some(service) = services::find(name) {
            return self.take_named(service, name, value).map(|()| true);
        }
        if let Some((service, field)) = prefixed(name) {
            self.of(service).put(field, value.clone())?;
            return Ok(true);
        }
        if let Some(key) = name.strip_suffix("_usd") {
            let amount = crate::number::from_json(value).filter(|amount| *amount >= Decimal::ZERO);
            let amount = amount.filter(|amount| *amount <= Decimal::from(1_000_000_000_000_i64));
            let amount = amount.ok_or_else(|| wrong(format!("{name:?}: {value} is not an amount of USD")))?;
            self.declared.push((key.to_owned(), amount));
            return Ok(true);
        }
        let knowing: Vec<_> = knowing(name);
        match knowing.as_slice() {
            [service] => self.of(service).put(name.to_owned(), value.clone()).map(|()| true),
            _ => Ok(false),
        }
    }

    /// `"lambda": {...}`, `"alb": 1`, `"rds": "db.t4g.micro"`.
    fn take_named(&mut self, service: &'static Service, name: &str, value: &Value) -> Result<(), EvaluateError> {
        if let Value::Object(fields) = value {
            let mut fields = fields.clone();
            expand_rates(&mut fields, service, self.options)?;
            let component = self.of(service);
            return fields.into_iter().try_for_each(|(name, value)| component.put(name, value));
        }
        let own = |field: &&services::Field| field.is(name) || field.is("count") || field.is("instance");
        let text = value.is_string();
        let fits = |field: &&services::Field| text == (field.kind == services::Kind::Text);
        let field = service.fields.iter().filter(own).find(fits);
        let field = field.ok_or_else(|| wrong(format!("{name:?} is an object: the usage of {}", service.name)))?;
        self.of(service).put(field.name.to_owned(), value.clone())
    }

    /// Gives a field that several services know to those that are on the bill.
    fn take_shared(&mut self, name: &str, value: &Value) -> Result<(), EvaluateError> {
        let takes = |component: &Component| component.service.fields.iter().any(|field| field.is(name));
        if self.own.is_none() && self.components.iter().any(takes) {
            let components = self.components.iter_mut().filter(|component| takes(component));
            // What a component says itself goes before what is said for all.
            return components
                .into_iter()
                .filter(|component| !component.has(name))
                .try_for_each(|component| component.put(name.to_owned(), value.clone()));
        }
        let known: Vec<&str> = match self.own {
            Some(own) => own.fields.iter().map(|field| field.name).collect(),
            None => super::service_names(),
        };
        let places: Vec<_> = knowing(name).iter().map(|service| format!("{}.{name}", service.name)).collect();
        let (subject, hint) = match (self.own, places.is_empty()) {
            (Some(own), _) => (own.name, closest(name, &known)),
            (None, false) => {
                ("the bill", format!("; it could be {}: write {{\"service\": {{...}}}}", places.join(", ")))
            }
            (None, true) => ("the bill", closest(name, &known)),
        };
        Err(wrong(format!("{subject} has no usage field {name:?}{hint}")))
    }

    /// Gives each price to the components that it is meant for.
    fn take_prices(&mut self, prices: &BTreeMap<String, Value>) -> Result<(), EvaluateError> {
        for (name, value) in prices {
            let (places, name) = self.places(name)?;
            for place in places {
                if let Some(component) = self.components.get_mut(place) {
                    component.prices.entry(name.to_owned()).or_insert_with(|| value.clone());
                }
            }
        }
        for component in &self.components {
            if let Some(name) = component.prices.keys().find(|name| !component.knows_price(name)) {
                let known: Vec<_> = component.service.prices.iter().map(|key| key.name).collect();
                return Err(wrong(format!(
                    "{} has no price {name:?}{}",
                    component.service.name,
                    closest(name, &known)
                )));
            }
        }
        Ok(())
    }

    /// Positions of the components that a price belongs to, and its name there.
    fn places<'n>(&self, name: &'n str) -> Result<(Vec<usize>, &'n str), EvaluateError> {
        if let Some((service, rest)) = name.split_once('.') {
            let of = |component: &Component| {
                plain(&component.name) == plain(service)
                    || services::find(service).is_some_and(|found| found.name == component.service.name)
            };
            let places = positions(&self.components, of);
            if places.is_empty() {
                return Err(wrong(format!("price {name:?}: {service:?} is not on the bill")));
            }
            return Ok((places, rest));
        }
        // Its own name, another name, its own name in other units, another name in other units: the closest is meant.
        let closeness: [Same; 3] = [
            |key, name| key.name == name,
            |key, name| key.also.contains(&name),
            |key, name| names_same(name, key.name),
        ];
        let of = |same: &Same| {
            positions(&self.components, |component| component.service.prices.iter().any(|key| same(key, name)))
        };
        if let Some(places) = of_first(&closeness[..1], of) {
            return Ok((places, name));
        }
        let places = of_first(&closeness[1..], of)
            .unwrap_or_else(|| positions(&self.components, |component| component.knows_price(name)));
        match places.as_slice() {
            [] => {
                let known: Vec<_> =
                    self.components.iter().flat_map(|component| component.service.prices).map(|key| key.name).collect();
                Err(wrong(format!("there is no price {name:?} on this bill{}", closest(name, &known))))
            }
            [_] => Ok((places, name)),
            several => {
                let names: Vec<_> = several
                    .iter()
                    .filter_map(|place| self.components.get(*place))
                    .map(|component| format!("{}.{name}", component.name))
                    .collect();
                Err(wrong(format!("price {name:?} could be {}: write one of them", names.join(" or "))))
            }
        }
    }
}

fn of_first<T>(all: &[T], of: impl Fn(&T) -> Vec<usize>) -> Option<Vec<usize>> {
    all.iter().map(of).find(|places| !places.is_empty())
}

fn positions(components: &[Component], wanted: impl Fn(&Component) -> bool) -> Vec<usize> {
    components.iter().enumerate().filter(|(_, component)| wanted(component)).map(|(place, _)| place).collect()
}

impl Component {
    fn new(name: String, service: &'static Service) -> Self {
        Self { name, service, fields: Map::new(), prices: BTreeMap::new() }
    }

    fn has(&self, name: &str) -> bool {
        let same = self.service.fields.iter().find(|field| field.is(name));
        same.is_some_and(|field| self.fields.keys().any(|given| field.is(given)))
    }

    fn put(&mut self, name: String, value: Value) -> Result<(), EvaluateError> {
        if self.has(&name) {
            return Err(wrong(format!("{}: {name:?} is given twice", self.name)));
        }
        self.fields.insert(name, value);
        Ok(())
    }

    fn knows_price(&self, name: &str) -> bool {
        is_price_name(name, self.service.prices)
    }

    fn bill(&self, request: &Request, book: &PriceBook) -> Result<Statement, EvaluateError> {
        let mut usage = Usage::new();
        for (name, value) in &self.fields {
            usage.read(self.service, name, value).map_err(wrong)?;
        }
        let options = &request.options;
        let prices = Prices::of(book, &request.region)
            .with_given(self.prices.clone(), options.tier_bounds)
            .with_fallback(options.fallback_region.as_deref());
        let context = Context {
            prices,
            free_tier: options.free_tier,
            month_hours: options.month_hours.unwrap_or(MONTH_HOURS),
            gigabyte: options.gigabyte,
        };
        let mut statement = (self.service.bill)(&usage, &context)?;
        if statement.lines.is_empty() && statement.totals.values().all(Decimal::is_zero) {
            let known: Vec<_> = self.service.fields.iter().map(|field| field.name).collect();
            return Err(wrong(format!("{}: no usage is given (known: {})", self.name, known.join(", "))));
        }
        for name in context.prices.unused() {
            statement.note(format!("{}: the given price {name:?} was not needed", self.name));
        }
        Ok(statement)
    }
}

/// The service and its field in `nat_gb`; the longest name of a service wins.
fn prefixed(name: &str) -> Option<(&'static Service, String)> {
    let mut found: Option<(usize, &'static Service, String)> = None;
    for service in SERVICES.iter().copied() {
        for prefix in std::iter::once(service.name).chain(service.also.iter().copied()) {
            let prefix = prefix.replace([' ', '-'], "_");
            let Some(rest) = name.strip_prefix(&prefix).and_then(|rest| rest.strip_prefix('_')) else { continue };
            let longer = found.as_ref().is_none_or(|(length, ..)| prefix.len() > *length);
            if longer && service.fields.iter().any(|field| field.is(rest)) {
                found = Some((prefix.len(), service, rest.to_owned()));
            }
        }
    }
    found.map(|(_, service, field)| (service, field))
}

/// Services that know a field. AWS goes before Datadog, whose fields have the same names.
fn knowing(name: &str) -> Vec<&'static Service> {
    let knows = |service: &&&'static Service| service.fields.iter().any(|field| field.is(name));
    let all: Vec<_> = SERVICES.iter().filter(knows).copied().collect();
    let aws: Vec<_> = all.iter().copied().filter(|service| service.name != "datadog").collect();
    if aws.is_empty() { all } else { aws }
}

/// Hours of the units that rates are given in.
const RATES: [(&str, &str); 4] =
    [("s", "3600"), ("minute", "60"), ("hour", "1"), ("day", "0.041666666666666666666667")];

/// Turns `requests_per_hour` with `hours` or `days` into `requests`, and `requests_millions` into `requests`, where the service
/// counts and does not know the rate itself.
fn expand_rates(
    usage: &mut Map<String, Value>,
    service: &'static Service,
    options: &Options,
) -> Result<(), EvaluateError> {
    let knows = |name: &str| service.fields.iter().any(|field| field.is(name));
    let names: Vec<String> = usage.keys().cloned().collect();
    for name in names.into_iter().filter(|name| !knows(name)) {
        let million = name.strip_suffix("_millions").or_else(|| name.strip_suffix("_million"));
        let (base, factor) = match (million, rate(&name)) {
            (Some(base), _) => (base.to_owned(), Decimal::from(1_000_000)),
            (None, Some((base, per_hour))) => {
                let number = |name: &str| usage.get(name).and_then(crate::number::from_json);
                let hours = number("hours").or(number("days").map(|days| days * Decimal::from(24)));
                let month = options.month_hours.unwrap_or(MONTH_HOURS);
                (base, product(&[hours.unwrap_or(month), per_hour])?)
            }
            (None, None) => continue,
        };
        if !knows(&base) {
            continue;
        }
        let Some(value) = usage.remove(&name) else { continue };
        let number = crate::number::from_json(&value).filter(|number| *number >= Decimal::ZERO);
        let number = number.ok_or_else(|| wrong(format!("{name:?}: {value} is not a number of zero or more")))?;
        if usage.contains_key(&base) {
            return Err(wrong(format!("{name:?} and {base:?} are both given")));
        }
        usage.insert(base, Value::String(product(&[number, factor])?.normalize().to_string()));
        for length in ["hours", "days"].iter().filter(|length| !knows(length)) {
            usage.remove(*length);
        }
    }
    Ok(())
}

/// The counted name in a rate and its hours: `requests_per_minute`, `rps`.
fn rate(name: &str) -> Option<(String, Decimal)> {
    let name = match name {
        "rps" | "requests_per_second" => "requests_per_s",
        "rpm" | "requests_per_min" => "requests_per_minute",
        other => other,
    };
    let (base, unit) = name.rsplit_once("_per_")?;
    let unit = match unit {
        "second" | "sec" => "s",
        "min" => "minute",
        other => other,
    };
    let (_, factor) = RATES.iter().find(|(known, _)| *known == unit)?;
    Some((base.to_owned(), factor.parse().ok()?))
}

fn add_up(request: &Request, parts: &Parts<'_>, statements: Vec<Statement>) -> Evaluation {
    let alone = parts.own.is_some() && statements.len() == 1;
    let mut totals = BTreeMap::new();
    let mut lines: Vec<Line> = Vec::new();
    let mut notes = Vec::new();
    // Names that two components use are only there with the component's name in front.
    let mut bare: BTreeMap<String, Option<Decimal>> = BTreeMap::new();
    for (component, statement) in parts.components.iter().zip(statements) {
        let sum = amount(&statement.lines, request.options.round_lines);
        for (name, number) in &statement.totals {
            if !alone {
                totals.insert(format!("{}_{name}", component.name), *number);
            }
            bare.entry(name.clone()).and_modify(|seen| *seen = None).or_insert(Some(*number));
        }
        if alone {
            bare.entry(component.name.clone()).or_insert(Some(sum));
        } else {
            totals.insert(component.name.clone(), sum);
        }
        notes.extend(statement.notes);
        lines.extend(statement.lines);
    }
    for (name, number) in bare {
        if let Some(number) = number {
            totals.entry(name).or_insert(number);
        }
    }
    let mut declared = Statement::default();
    for (key, amount) in &parts.declared {
        declared.declared("stated", key, key, *amount);
        totals.insert(key.clone(), *amount);
    }
    lines.extend(declared.lines);
    totals.insert("total".to_owned(), amount(&lines, request.options.round_lines));
    Evaluation { service: request.service.clone(), region: request.region.clone(), totals, lines, notes }
}

fn amount(lines: &[Line], rounded: bool) -> Decimal {
    if rounded { lines.iter().map(|line| line.amount.round_dp(2)).sum() } else { total(lines) }
}

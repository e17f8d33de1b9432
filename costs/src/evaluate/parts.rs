//! Finds which service each usage field and each given price of a request belongs to.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use super::component::Component;
use super::phrase::Measures;
use super::request::{Options, Request};
use super::{EvaluateError, calculation, rates, unknown_service, vocabulary, words, wrong};
use crate::line::Known;
use crate::price_book::{Key, names_same};
use crate::services::{self, Kind, SERVICES, Service, closest, plain};

/// Whether a price of a service may be meant by a name.
type Same = fn(&Key, &str) -> bool;

/// What a bill may be for; they are not billed, the total is also told for one of them.
const COUNTED: [&str; 7] = ["orders", "events", "visitors", "customers", "sessions", "journeys", "page_views"];

/// Addresses of a load balancer that the internet reaches: one in each of two AZs, the fewest that it can have.
const LEAST_ADDRESSES: u32 = 2;

/// The parts of a request.
#[derive(Debug)]
pub struct Parts {
    /// The service that the request names; none for a bill.
    pub own: Option<&'static Service>,
    /// One for each service, or for each part that has a name.
    pub components: Vec<Component>,
    /// Amounts that are known already, USD.
    pub declared: Vec<(String, Decimal)>,
    /// What the bill is for, and how many.
    pub counted: Vec<(String, Decimal)>,
    /// What was taken for granted.
    pub notes: Vec<String>,
    measures: Measures,
}

impl Parts {
    /// Finds the components of a request, with their usage; prices are taken by [`Self::take_prices`].
    ///
    /// # Errors
    /// For names that are not known, and values that do not fit.
    pub fn read(request: &Request) -> Result<Self, EvaluateError> {
        let own = services::find(&request.service);
        let is_bill = own.is_none() && calculation(&request.service).is_some();
        let mut parts = Self {
            own,
            components: Vec::new(),
            declared: Vec::new(),
            counted: Vec::new(),
            notes: Vec::new(),
            measures: request.options.measures(),
        };
        if let Some(service) = own {
            parts.of(service);
        }
        let taken = parts.take_components(&request.components).and_then(|()| parts.take_usage(&request.usage));
        if own.is_none() && !is_bill {
            // A name of its own for a bill whose fields all say what they belong to; else it was meant as a service.
            let is_like_one = closest(&request.service, &super::service_names()).contains("did you mean");
            if is_like_one || taken.is_err() || parts.components.is_empty() {
                return Err(unknown_service(&request.service));
            }
            parts.notes.push(format!("{:?} is no service: taken as the name of a bill", request.service));
        }
        taken?;
        // A service that is only the title of its parts.
        if parts.components.len() > 1 {
            parts.components.retain(|part| !part.is_empty() || part.said.is_some());
        }
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
            let name = part.get("service").and_then(Value::as_str).or(self.own.map(|own| own.name));
            let name = name.ok_or_else(|| wrong("a component has a \"service\""))?;
            let service = services::find(name).ok_or_else(|| unknown_service(name))?;
            let title = part.get("name").and_then(Value::as_str).unwrap_or(service.name);
            let part = json!({"service": name, "usage": part.get("usage"), "prices": part.get("prices")});
            let part = Request::read(&part)?;
            if part.options != Options::default() {
                return Err(wrong(format!("component {title:?}: options are those of the whole request")));
            }
            self.add(title, service, &Value::Object(part.usage), part.prices)?;
        }
        Ok(())
    }

    /// Adds a part with a name of its own.
    fn add(
        &mut self,
        title: &str,
        service: &'static Service,
        usage: &Value,
        prices: BTreeMap<String, Value>,
    ) -> Result<(), EvaluateError> {
        let title = title.replace([' ', '-'], "_");
        if self.components.iter().any(|component| component.name == title && !component.is_empty()) {
            return Err(wrong(format!("two components are called {title:?}; give each a \"name\"")));
        }
        self.components.retain(|component| component.name != title);
        let mut component = Component::new(title, service);
        component.put_all(usage, self.measures)?;
        for (name, value) in prices {
            component.take_price(&name, &value, self.measures);
        }
        self.components.push(component);
        Ok(())
    }

    fn take_usage(&mut self, usage: &Map<String, Value>) -> Result<(), EvaluateError> {
        let mut usage = usage.clone();
        for service in [self.own, self.own.is_none().then_some(&services::lambda::SERVICE)].into_iter().flatten() {
            rates::expand(&mut usage, service, self.measures)?;
        }
        let mut shared = Vec::new();
        for (name, value) in &usage {
            let own = self.own.filter(|own| vocabulary::field(own, name, self.measures).is_some());
            match own {
                Some(own) => {
                    let measures = self.measures;
                    self.of(own).put(name, value, measures)?;
                }
                None if self.take_foreign(name, value)? => {}
                None => shared.push((name, value)),
            }
        }
        for (name, value) in shared {
            self.take_shared(name, value)?;
        }
        Ok(())
    }

    /// Takes a field that says itself which service it belongs to.
    fn take_foreign(&mut self, name: &str, value: &Value) -> Result<bool, EvaluateError> {
        let measures = self.measures;
        if let Some(parts) = value.as_array() {
            return self.take_list(name, parts).map(|()| true);
        }
        if let Some(service) = services::find(name) {
            return self.take_named(service, name, value).map(|()| true);
        }
        if let Some((service, field)) = prefixed(name, measures) {
            self.of(service).put(&field, value, measures)?;
            return Ok(true);
        }
        if let Some(key) = name.strip_suffix("_usd") {
            let amount = crate::number::from_json(value).filter(|amount| *amount >= Decimal::ZERO);
            let amount = amount.filter(|amount| *amount <= Decimal::from(1_000_000_000_000_i64));
            let amount = amount.ok_or_else(|| wrong(format!("{name:?}: {value} is not an amount of USD")))?;
            self.declared.push((key.to_owned(), amount));
            return Ok(true);
        }
        if let ("path", Value::String(text)) = (name, value) {
            return self.take_path(text).map(|()| true);
        }
        let counted = crate::number::from_json(value).filter(|count| COUNTED.contains(&name) && *count > Decimal::ZERO);
        if let Some(count) = counted {
            self.counted.push((name.to_owned(), count));
            return Ok(true);
        }
        match knowing(name, measures).as_slice() {
            // With a service named, a field that is not its own says whose it is; else it was a mistake.
            [service] if self.own.is_none() => self.of(service).put(name, value, measures).map(|()| true),
            _ => Ok(false),
        }
    }

    /// `"functions": [{...}, {...}]`, `"lambda": [{...}, "512 MB 200 ms"]`: parts of one service.
    fn take_list(&mut self, name: &str, parts: &[Value]) -> Result<(), EvaluateError> {
        let service = services::find(name).or(self.own);
        let service = service.ok_or_else(|| wrong(format!("{name:?} is a list, but of no service")))?;
        for (place, part) in parts.iter().enumerate() {
            let mut part = part.clone();
            let title = part.as_object_mut().and_then(|fields| fields.remove("name"));
            let title = title.as_ref().and_then(Value::as_str).map(str::to_owned);
            let title = title.unwrap_or_else(|| format!("{}_{}", service.name.replace('-', "_"), place + 1));
            self.add(&title, service, &part, BTreeMap::new())?;
        }
        Ok(())
    }

    /// `"lambda": {...}`, `"alb": 1`, `"rds": "db.t4g.micro"`, `"fargate": "1 vCPU 2 GB, one task"`.
    fn take_named(&mut self, service: &'static Service, name: &str, value: &Value) -> Result<(), EvaluateError> {
        let measures = self.measures;
        let said = name.to_owned();
        let component = self.of(service);
        if component.name != said {
            component.said = Some(said);
        }
        if value.is_object() {
            return component.put_all(value, measures);
        }
        let own = |field: &&services::Field| field.is(name) || field.is("count") || field.is("instance");
        let text = value.is_string() && crate::number::from_json(value).is_none();
        let fits = |field: &&services::Field| text == (field.kind == Kind::Text);
        match service.fields.iter().filter(own).find(fits) {
            Some(field) => component.put(field.name, value, measures),
            None if text => component.put_all(value, measures),
            None => Err(wrong(format!("{name:?} is an object: the usage of {}", service.name))),
        }
    }

    /// What stands on the way of a request. Sizes that the words leave open are those that profiles have when they say none.
    fn take_path(&mut self, text: &str) -> Result<(), EvaluateError> {
        let measures = self.measures;
        for (place, hop) in words::path(text, measures)?.into_iter().enumerate() {
            let mut assumed = Vec::new();
            let component = self.of(hop.service);
            component.said.get_or_insert(hop.said);
            for (name, value) in &hop.usage {
                component.put(name, value, measures)?;
            }
            let sizes = match hop.service.name {
                "fargate" => {
                    vec![("vcpu", json!("0.25")), ("gb", json!("0.5"))]
                }
                "rds" => {
                    vec![("instance", json!("db.t4g.micro")), ("storage_gb", json!("20"))]
                }
                "alb" if place == 0 => vec![("public_ipv4", json!(LEAST_ADDRESSES))],
                _ => Vec::new(),
            };
            for (name, value) in sizes.iter().filter(|(name, _)| !component.has(name, measures)).collect::<Vec<_>>() {
                component.put_known(name, value, measures, Known::Assumed)?;
                assumed.push(format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
            }
            if !assumed.is_empty() {
                let note = format!("{}: assumed, as the path does not say: {}", hop.service.name, assumed.join(", "));
                self.notes.push(note);
            }
        }
        Ok(())
    }

    /// Gives a field that several services know to those that are on the bill.
    fn take_shared(&mut self, name: &str, value: &Value) -> Result<(), EvaluateError> {
        let measures = self.measures;
        if self.own.is_none() && self.components.iter().any(|component| component.takes(name, measures)) {
            // What a component says itself goes before what is said for all.
            for component in self.components.iter_mut().filter(|component| component.takes(name, measures)) {
                if !component.has(name, measures) {
                    component.put(name, value, measures)?;
                }
            }
            return Ok(());
        }
        let requests = crate::number::from_json(value).filter(|count| name == "requests" && *count > Decimal::ZERO);
        if let (None, Some(requests), false) = (self.own, requests, self.components.is_empty()) {
            self.counted.push((name.to_owned(), requests));
            self.notes.push("no part of the bill is charged by request".to_owned());
            return Ok(());
        }
        let known: Vec<&str> = match self.own {
            Some(own) => own.fields.iter().map(|field| field.name).collect(),
            None => super::service_names(),
        };
        let places: Vec<_> = knowing(name, measures).iter().map(|service| format!("{}.{name}", service.name)).collect();
        let (subject, hint) = match (self.own, places.is_empty()) {
            (Some(own), true) => (own.name, closest(name, &known)),
            (Some(own), false) => (
                own.name,
                format!("; {} is one: write {{\"service\": {{...}}}}{}", places.join(", "), closest(name, &known)),
            ),
            (None, false) => {
                ("the bill", format!("; it could be {}: write {{\"service\": {{...}}}}", places.join(", ")))
            }
            (None, true) => ("the bill", closest(name, &known)),
        };
        Err(wrong(format!("{subject} has no usage field {name:?}{hint}")))
    }

    /// Gives each price to the components that it is meant for.
    ///
    /// # Errors
    /// For a price that no component knows, or several do.
    pub fn take_prices(&mut self, prices: &BTreeMap<String, Value>) -> Result<(), EvaluateError> {
        let measures = self.measures;
        for (name, value) in prices {
            let (places, name) = self.places(name)?;
            for place in places {
                if let Some(component) = self.components.get_mut(place) {
                    component.take_price(name, value, measures);
                }
            }
        }
        for component in &self.components {
            if let Some(name) = component.prices.keys().find(|name| !component.knows_price(name, measures)) {
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
    ///
    /// # Errors
    /// For a price that no component knows, or several do.
    pub fn places<'n>(&self, name: &'n str) -> Result<(Vec<usize>, &'n str), EvaluateError> {
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
        let declared = of_first(&closeness[1..], of)
            .or_else(|| Some(positions(&self.components, |one| vocabulary::knows_price(one.service, name))))
            .filter(|places| !places.is_empty());
        let places = declared
            .unwrap_or_else(|| positions(&self.components, |component| component.knows_price(name, self.measures)));
        let services: std::collections::BTreeSet<_> =
            places.iter().filter_map(|place| self.components.get(*place)).map(|one| one.service.name).collect();
        match services.len() {
            0 => {
                let known: Vec<_> =
                    self.components.iter().flat_map(|component| component.service.prices).map(|key| key.name).collect();
                Err(wrong(format!("there is no price {name:?} on this bill{}", closest(name, &known))))
            }
            1 => Ok((places, name)),
            _ => {
                let names: Vec<_> = services.iter().map(|service| format!("{service}.{name}")).collect();
                Err(wrong(format!("price {name:?} could be {}: write one of them", names.join(" or "))))
            }
        }
    }

    /// Given prices that no part of this bill knows.
    pub fn foreign_prices(&self, prices: &BTreeMap<String, Value>) -> Vec<String> {
        let known = |name: &String| self.components.iter().any(|component| component.knows_price(name, self.measures));
        prices.keys().filter(|name| self.places(name).is_err() && !known(name)).cloned().collect()
    }

    /// The services whose own price this is: one of their names, with or without other units.
    pub fn services_with_price(name: &str) -> Vec<&'static Service> {
        SERVICES.iter().copied().filter(|service| vocabulary::is_own_price(service, name)).collect()
    }
}

fn of_first<T>(all: &[T], of: impl Fn(&T) -> Vec<usize>) -> Option<Vec<usize>> {
    all.iter().map(of).find(|places| !places.is_empty())
}

fn positions(components: &[Component], wanted: impl Fn(&Component) -> bool) -> Vec<usize> {
    components.iter().enumerate().filter(|(_, component)| wanted(component)).map(|(place, _)| place).collect()
}

/// The service and its field in `nat_gb`; the longest name of a service wins.
fn prefixed(name: &str, measures: Measures) -> Option<(&'static Service, String)> {
    let mut found: Option<(usize, &'static Service, String)> = None;
    for service in SERVICES.iter().copied() {
        for prefix in std::iter::once(service.name).chain(service.also.iter().copied()) {
            let Some(rest) = vocabulary::strip_words(name, prefix) else { continue };
            let longer = found.as_ref().is_none_or(|(length, ..)| prefix.len() > *length);
            if longer && vocabulary::field(service, &rest, measures).is_some() {
                found = Some((prefix.len(), service, rest));
            }
        }
    }
    found.map(|(_, service, field)| (service, field))
}

/// Services that know a field, by a declared name if one does. AWS goes before Datadog, whose fields have the same names.
fn knowing(name: &str, measures: Measures) -> Vec<&'static Service> {
    let declared = |service: &&&'static Service| service.fields.iter().any(|field| field.is(name));
    let meant = |service: &&&'static Service| vocabulary::field(service, name, measures).is_some();
    let mut all: Vec<_> = SERVICES.iter().filter(declared).copied().collect();
    if all.is_empty() {
        all = SERVICES.iter().filter(meant).copied().collect();
    }
    let aws: Vec<_> = all.iter().copied().filter(|service| service.name != "datadog").collect();
    if aws.is_empty() { all } else { aws }
}

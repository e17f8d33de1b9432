//! Which field or price of a service a name means: its own name or another declared one, else a name that says the same in
//! other words or units. What could be two things is none.

use rust_decimal::Decimal;

use super::phrase::{Measures, Phrase};
use crate::price_book::{Key, names_same};
use crate::services::{Field, Service};

/// A field, and what numbers are multiplied by to be in its unit.
pub type Meant = (&'static Field, Decimal);

/// The field of `service` that `name` means.
pub fn field(service: &'static Service, name: &str, measures: Measures) -> Option<Meant> {
    if let Some(field) = service.fields.iter().find(|field| field.is(name)) {
        return Some((field, Decimal::ONE));
    }
    // Without the name of the service, which says nothing new within it.
    let bare = own_names(service).find_map(|own| strip_words(name, own));
    [Some(name.to_owned()), bare].into_iter().flatten().find_map(|name| {
        let declared = service.fields.iter().find(|field| field.is(&name));
        declared.map(|field| (field, Decimal::ONE)).or_else(|| by_phrase(service, &name, measures))
    })
}

fn by_phrase(service: &'static Service, name: &str, measures: Measures) -> Option<Meant> {
    let given = Phrase::of(name);
    if given.is_empty() {
        return None;
    }
    let mut best: Option<(usize, Meant)> = None;
    let mut tied = false;
    for field in service.fields {
        for known in std::iter::once(field.name).chain(field.also.iter().copied()).map(Phrase::of) {
            let Some(factor) = given.factor(&known, measures).filter(|_| !known.is_empty()) else { continue };
            let common = given.common_units(&known);
            match best {
                Some((most, (other, _))) if most == common => tied |= other.name != field.name,
                Some((most, _)) if most > common => {}
                _ => (best, tied) = (Some((common, (field, factor))), false),
            }
        }
    }
    match best {
        Some((_, meant)) => Some(meant).filter(|_| !tied),
        None => by_description(service, &given, measures),
    }
}

/// The field whose name is a part of what is given, where the rest only repeats the field's description: `image_storage_gb` of
/// `storage_gb`, "GB of images in private repositories".
fn by_description(service: &'static Service, given: &Phrase, measures: Measures) -> Option<Meant> {
    let mut found: Option<(usize, Meant)> = None;
    let mut tied = false;
    for field in service.fields {
        let about = Phrase::of(field.about).stems;
        let names = std::iter::once(field.name).chain(field.also.iter().copied()).map(Phrase::of);
        let fits = |known: Phrase| {
            let (own, rest): (Vec<_>, Vec<_>) = given.stems.iter().partition(|stem| known.stems.contains(stem));
            let all = own.len() == known.stems.len()
                && !known.is_empty()
                && rest.iter().all(|stem| about.contains(stem) && !stem.starts_with("per "));
            Some((own.len(), given.unit_factor(&known, measures).filter(|_| all)?))
        };
        let Some((own, factor)) = names.filter_map(fits).max_by_key(|(own, _)| *own) else { continue };
        match found {
            Some((most, _)) if most == own => tied = true,
            Some((most, _)) if most > own => {}
            _ => (found, tied) = (Some((own, (field, factor))), false),
        }
    }
    found.filter(|_| !tied).map(|(_, meant)| meant)
}

/// The first field in units of this kind: in words, `0.2 s` of a function is its duration.
pub fn field_in_unit(service: &'static Service, name: &str, measures: Measures) -> Option<Meant> {
    let given = Phrase::of(name);
    let alone = given.stems.is_empty() && given.has_units();
    let of = |field: &'static Field| {
        let mut names = std::iter::once(field.name).chain(field.also.iter().copied()).map(Phrase::of);
        Some((field, names.find_map(|known| given.factor(&known, measures).filter(|_| known.has_units()))?))
    };
    service.fields.iter().filter(|_| alone).find_map(of)
}

/// Whether two names are names of one quantity, whatever their units: a memory in MB and in GB.
pub fn same_quantity(a: &Field, b: &Field, measures: Measures) -> bool {
    let names = |field: &Field| std::iter::once(field.name).chain(field.also.iter().copied()).collect::<Vec<_>>();
    names(a).iter().any(|a| {
        let a = Phrase::of(a);
        !a.is_empty() && names(b).iter().any(|b| a.factor(&Phrase::of(b), measures).is_some())
    })
}

/// The name of a price of `service` that `name` means, and what the given price is multiplied by.
pub fn price(service: &'static Service, name: &str, measures: Measures) -> Option<(&'static str, Decimal)> {
    let given = price_phrase(name);
    if given.is_empty() {
        return None;
    }
    let free = given.stems.iter().any(|stem| stem == "free");
    let keys = || service.prices.iter().filter(|key| free || !key.item.starts_with("free"));
    // A name that says the same goes before one that only says a part of what is sold.
    let named = keys().filter_map(|key| Some((key, 0, says_the_same(key, &given, measures)?)));
    let described = keys().filter_map(|key| {
        let (missing, factor) = describes(service, key, &given, measures)?;
        Some((key, missing, factor))
    });
    [named.collect::<Vec<_>>(), described.collect()].into_iter().find_map(common_name)
}

/// The name that the closest prices share, as those of the two processors do.
fn common_name(found: Vec<(&'static Key, usize, Decimal)>) -> Option<(&'static str, Decimal)> {
    let least = found.iter().map(|(_, missing, _)| *missing).min()?;
    let closest: Vec<_> = found.into_iter().filter(|(_, missing, _)| *missing == least).collect();
    let (first, _, factor) = closest.first()?;
    let mut names = std::iter::once(first.name).chain(first.also.iter().copied());
    let shared = names.find(|name| closest.iter().all(|(key, ..)| key.name == *name || key.also.contains(name)));
    shared.map(|name| (name, *factor))
}

fn says_the_same(key: &Key, given: &Phrase, measures: Measures) -> Option<Decimal> {
    let names = std::iter::once(key.name).chain(key.also.iter().copied()).map(price_phrase);
    let factor = names.filter(|known| !known.is_empty()).find_map(|known| given.factor(&known, measures));
    factor.filter(|factor| !factor.is_zero()).map(|factor| Decimal::ONE / factor)
}

/// How many words of what is sold the given name leaves out, and the factor; `None` when it says something else.
fn describes(service: &Service, key: &Key, given: &Phrase, measures: Measures) -> Option<(usize, Decimal)> {
    let unit = price_phrase(key.unit);
    let factor = given.unit_factor(&unit, measures).filter(|factor| !factor.is_zero())?;
    let mut own = [price_phrase(key.item).stems, price_phrase(key.name).stems].concat();
    own.sort();
    own.dedup();
    let around = [price_phrase(key.service).stems, price_phrase(service.name).stems, unit.stems].concat();
    let known = given.stems.iter().all(|stem| own.contains(stem) || around.contains(stem));
    let missing = own.iter().filter(|stem| !given.stems.contains(stem)).count();
    (known && missing < own.len()).then_some((missing, Decimal::ONE / factor))
}

/// A price's name without the words that every price has.
fn price_phrase(name: &str) -> Phrase {
    let dull = ["price", "prices", "usd", "cost", "rate", "fee", "charge", "unit", "per", "dollar", "dollars", "month"];
    let words: Vec<_> = super::phrase::words(name).into_iter().filter(|word| !dull.contains(&&**word)).collect();
    Phrase::of(&words.join("_"))
}

/// Whether a given price is one of `service`, under any name.
pub fn knows_price(service: &'static Service, name: &str) -> bool {
    crate::price_book::is_price_name(name, service.prices)
}

/// Whether it is so by a name of its own, perhaps in other units.
pub fn is_own_price(service: &Service, name: &str) -> bool {
    service.prices.iter().any(|key| names_same(name, key.name))
}

/// All names of a service as words.
fn own_names(service: &'static Service) -> impl Iterator<Item = &'static str> {
    std::iter::once(service.name).chain(service.also.iter().copied())
}

/// `name` without the words of `prefix` at its beginning.
pub fn strip_words(name: &str, prefix: &str) -> Option<String> {
    let (words, prefix) = (super::phrase::words(name), super::phrase::words(prefix));
    let rest = words.strip_prefix(&*prefix).filter(|rest| !rest.is_empty() && !prefix.is_empty())?;
    Some(rest.join("_"))
}

//! Weights of the two target groups of every area's rules; they can change at any time.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shopease_shared::http::routes::Area;

use crate::Runtime;

/// Weights of one rule: 0 to 999 each, as in ALB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pair {
    /// Weight of the ECS service.
    pub fargate: u16,
    /// Weight of the function.
    pub lambda: u16,
}

/// Invalid weights.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} are not valid weights; expected fargate=90,lambda=10, each from 0 to 999")]
pub struct InvalidWeights(String);

impl FromStr for Pair {
    type Err = InvalidWeights;

    fn from_str(text: &str) -> Result<Self, InvalidWeights> {
        let invalid = || InvalidWeights(text.to_owned());
        let (mut fargate, mut lambda) = (None, None);
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').ok_or_else(invalid)?;
            let weight = weight.trim().parse().map_err(|_| invalid())?;
            let place = match name.trim() {
                "fargate" => &mut fargate,
                "lambda" => &mut lambda,
                _ => return Err(invalid()),
            };
            if place.replace(weight).is_some() {
                return Err(invalid());
            }
        }
        let pair = Self { fargate: fargate.unwrap_or(0), lambda: lambda.unwrap_or(0) };
        pair.valid().then_some(pair).ok_or_else(invalid)
    }
}

impl Pair {
    /// Whether ALB accepts them.
    pub fn valid(self) -> bool {
        self.fargate <= 999 && self.lambda <= 999
    }
}

/// The weights of all areas.
#[derive(Debug)]
pub struct Weights(Mutex<BTreeMap<Area, State>>);

#[derive(Debug)]
struct State {
    pair: Pair,
    /// Each group's credit. It makes the distribution even over any series of requests, not only in the long run.
    owed: [i32; 2],
}

impl Weights {
    /// The same weights for every area.
    pub fn new(pair: Pair) -> Self {
        Self(Mutex::new(Area::ALL.iter().map(|area| (*area, State { pair, owed: [0; 2] })).collect()))
    }

    /// Changes one area, or all of them.
    ///
    /// # Errors
    /// If a weight is above 999.
    pub fn set(&self, area: Option<Area>, pair: Pair) -> Result<(), InvalidWeights> {
        if !pair.valid() {
            return Err(InvalidWeights(format!("fargate={},lambda={}", pair.fargate, pair.lambda)));
        }
        for (_, state) in self.states().iter_mut().filter(|(each, _)| area.is_none_or(|area| area == **each)) {
            *state = State { pair, owed: [0; 2] };
        }
        Ok(())
    }

    /// The weights of an area.
    pub fn get(&self, area: Area) -> Pair {
        self.states().get(&area).map_or(Pair { fargate: 0, lambda: 0 }, |state| state.pair)
    }

    /// Chooses a target group; `None` if both weights are 0.
    pub fn choose(&self, area: Area) -> Option<Runtime> {
        let mut states = self.states();
        let State { pair, owed } = states.get_mut(&area)?;
        let weights = [i32::from(pair.fargate), i32::from(pair.lambda)];
        let total: i32 = weights.iter().sum();
        if total == 0 {
            return None;
        }
        owed[0] += weights[0];
        owed[1] += weights[1];
        let chosen = usize::from(owed[1] > owed[0]);
        owed[chosen] -= total;
        Some(Runtime::ALL[chosen])
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<Area, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_divided_by_weight() {
        for (fargate, lambda) in [(90, 10), (1, 1), (100, 0), (0, 5), (2, 1)] {
            let weights = Weights::new(Pair { fargate, lambda });
            let rounds = (u32::from(fargate) + u32::from(lambda)) * 7;
            let to_fargate = (0..rounds).filter(|_| weights.choose(Area::Cart) == Some(Runtime::Fargate)).count();
            assert_eq!(to_fargate, usize::from(fargate) * 7);
        }
        assert_eq!(Weights::new(Pair { fargate: 0, lambda: 0 }).choose(Area::Cart), None);
    }

    #[test]
    fn one_area_or_all_change() {
        let (old, new) = (Pair { fargate: 1, lambda: 0 }, Pair { fargate: 0, lambda: 1 });
        let weights = Weights::new(old);
        weights.set(Some(Area::Cart), new).expect("valid");
        assert_eq!((weights.get(Area::Cart), weights.get(Area::Admin)), (new, old));
        weights.set(None, new).expect("valid");
        assert_eq!(weights.get(Area::Admin), new);
        assert!(weights.set(None, Pair { fargate: 1000, lambda: 0 }).is_err());
    }

    #[test]
    fn options_are_read() {
        assert_eq!("fargate=90,lambda=10".parse(), Ok(Pair { fargate: 90, lambda: 10 }));
        assert_eq!(" lambda=1".parse(), Ok(Pair { fargate: 0, lambda: 1 }));
        for text in ["", "fargate", "fargate=1000", "fargate=-1", "fargate=1,fargate=2", "ec2=1", "fargate=1;lambda=2"]
        {
            assert!(text.parse::<Pair>().is_err(), "{text}");
        }
    }
}

//! The load at which the cheaper of two deployments changes, for several sets of lines, with a band from what is not known
//! well, and the lines that decide it.

use std::collections::BTreeMap;

use rust_decimal::{Decimal, dec};
use serde::Serialize;

use crate::deployment::{BillLine, Deployment, Inputs, Part, monthly_lines};
use crate::sensitivity;

/// Fewest orders a month that are looked at.
const FEWEST: Decimal = dec!(10);
/// Steps of a decade in the search; between two steps a change of the cheaper side is found to 0.5 %.
const STEP: Decimal = dec!(1.467799);
/// Steps from ten to about a hundred million orders a month.
const STEPS: usize = 42;
/// How close a break-even is found, as a share of it.
const CLOSE: Decimal = dec!(0.005);
/// Lines that are named as deciding.
const DECIDING: usize = 5;

words! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
    #[serde(rename_all = "kebab-case")]
    LineSet {
        /// Tasks against functions, production only.
        Compute = "compute only, prod",
        /// Compute and the front door, production only.
        ComputeAndFront = "compute and front door, prod",
        /// Every line of production.
        Production = "whole bill, prod",
        /// Every line of every environment.
        Whole = "whole bill, all environments",
    }
}

impl LineSet {
    fn has(self, environment: &str, part: Part) -> bool {
        match self {
            Self::Whole => true,
            Self::Production => environment == "prod",
            Self::ComputeAndFront => environment == "prod" && matches!(part, Part::Compute | Part::FrontDoor),
            Self::Compute => environment == "prod" && part == Part::Compute,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Crossing {
    pub orders_per_month: Decimal,
    pub below: String,
    pub above: String,
    /// Where it is when one input is as low or as high as it may be: lowest; none when it is below every load looked at.
    pub lowest: Option<Decimal>,
    /// The highest; none when an input can make it vanish.
    pub highest: Option<Decimal>,
    /// The input that moves it most.
    pub moved_by: Option<&'static str>,
    /// Largest differences between the two bills at this load, USD a month, first minus second.
    pub deciding: Vec<Difference>,
}

/// A line that is dearer on one side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Service and name of the total.
    pub line: String,
    /// USD a month, first minus second.
    pub amount: Decimal,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    pub lines: LineSet,
    /// Changes of the cheaper side, by load.
    pub crossings: Vec<Crossing>,
    /// The cheaper side at the smallest load, and at every load when there is no crossing.
    pub cheaper_at_first: String,
}

/// Compares two deployments at every load, in some sets of lines.
pub fn break_even(
    sets: &[LineSet],
    [first, second]: [Deployment; 2],
    inputs: Inputs<'_>,
) -> anyhow::Result<Vec<Comparison>> {
    sensitivity::check(inputs.profile)?;
    let pair = Pair { first, second };
    let central = pair.scan(inputs)?;
    let varied = on_all_cores(&sensitivity::variations(inputs), |(input, profile, measured)| {
        Ok((*input, pair.changes(sets, Inputs { profile, measured, ..inputs })?))
    })?;
    let mut comparisons = Vec::new();
    for lines in sets.iter().copied() {
        let changes = pair.changes_of(lines, &central, inputs)?;
        let first_cheaper = central.first().is_some_and(|(_, totals)| totals[&lines] <= Decimal::ZERO);
        let name = |cheaper: bool| if cheaper { first.name() } else { second.name() };
        let mut crossings = Vec::new();
        for (place, change) in changes.iter().enumerate() {
            let rises = change.first_cheaper_below;
            let others: Vec<_> = varied.iter().map(|(input, all)| (*input, nth(&all[&lines], rises, place))).collect();
            let found = || others.iter().filter_map(|(_, orders)| *orders);
            let far = |orders: Option<Decimal>| orders.map_or(Decimal::MAX, |orders| (orders - change.orders).abs());
            crossings.push(Crossing {
                orders_per_month: change.orders,
                below: name(rises),
                above: name(!rises),
                lowest: found().min().map(|low| low.min(change.orders)),
                highest: if others.iter().all(|(_, orders)| orders.is_some()) {
                    found().max().map(|high| high.max(change.orders))
                } else {
                    None
                },
                moved_by: others.iter().max_by_key(|(_, orders)| far(*orders)).map(|(input, _)| *input),
                deciding: pair.deciding(lines, change.orders, inputs)?,
            });
        }
        comparisons.push(Comparison { lines, crossings, cheaper_at_first: name(first_cheaper) });
    }
    Ok(comparisons)
}

/// Does the same to all of `things`, in their order, each core a part of them; the first error ends it.
pub fn on_all_cores<T: Sync, R: Send>(
    things: &[T],
    work: impl Fn(&T) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let part = things.len().div_ceil(cores).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let parts: Vec<_> = things
            .chunks(part)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<anyhow::Result<Vec<R>>>()))
            .collect();
        let mut all = Vec::with_capacity(things.len());
        for part in parts {
            match part.join() {
                Ok(done) => all.extend(done?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(all)
    })
}

/// The change at the same place and in the same direction, else the first in this direction.
fn nth(changes: &[Change], rises: bool, place: usize) -> Option<Decimal> {
    let same = |change: &&Change| change.first_cheaper_below == rises;
    changes.get(place).filter(same).or_else(|| changes.iter().find(same)).map(|change| change.orders)
}

/// First minus second, USD a month, for each set of lines.
type Totals = BTreeMap<LineSet, Decimal>;

struct Change {
    orders: Decimal,
    first_cheaper_below: bool,
}

struct Pair {
    first: Deployment,
    second: Deployment,
}

impl Pair {
    fn lines(&self, orders: Decimal, inputs: Inputs<'_>) -> anyhow::Result<[Vec<(String, BillLine)>; 2]> {
        let mut profile = inputs.profile.clone();
        profile.orders_per_month = orders;
        let inputs = Inputs { profile: &profile, ..inputs };
        Ok([monthly_lines(self.first, inputs)?, monthly_lines(self.second, inputs)?])
    }

    fn difference(&self, orders: Decimal, inputs: Inputs<'_>) -> anyhow::Result<Totals> {
        let [first, second] = self.lines(orders, inputs)?;
        let total = |set: LineSet, lines: &[(String, BillLine)]| -> Decimal {
            lines.iter().filter(|(name, line)| set.has(name, line.part)).map(|(_, line)| line.line.amount).sum()
        };
        Ok(LineSet::ALL.iter().map(|set| (*set, total(*set, &first) - total(*set, &second))).collect())
    }

    fn scan(&self, inputs: Inputs<'_>) -> anyhow::Result<Vec<(Decimal, Totals)>> {
        let mut orders = FEWEST;
        let mut scan = Vec::new();
        for _ in 0..STEPS {
            scan.push((orders, self.difference(orders, inputs)?));
            orders = (orders * STEP).round();
        }
        Ok(scan)
    }

    fn changes(&self, sets: &[LineSet], inputs: Inputs<'_>) -> anyhow::Result<BTreeMap<LineSet, Vec<Change>>> {
        let scan = self.scan(inputs)?;
        sets.iter().copied().map(|set| Ok((set, self.changes_of(set, &scan, inputs)?))).collect()
    }

    fn changes_of(&self, set: LineSet, scan: &[(Decimal, Totals)], inputs: Inputs<'_>) -> anyhow::Result<Vec<Change>> {
        let mut changes = Vec::new();
        for pair in scan.windows(2) {
            let [(below, at_below), (above, at_above)] = pair else { continue };
            let first_cheaper_below = at_below[&set] <= Decimal::ZERO;
            if first_cheaper_below != (at_above[&set] <= Decimal::ZERO) {
                let orders = self.bisect(set, [*below, *above], first_cheaper_below, inputs)?;
                changes.push(Change { orders, first_cheaper_below });
            }
        }
        Ok(changes)
    }

    fn bisect(
        &self,
        set: LineSet,
        [mut below, mut above]: [Decimal; 2],
        first_cheaper_below: bool,
        inputs: Inputs<'_>,
    ) -> anyhow::Result<Decimal> {
        while above - below > (above * CLOSE).max(Decimal::ONE) {
            let middle = ((below + above) / Decimal::TWO).round();
            if (self.difference(middle, inputs)?[&set] <= Decimal::ZERO) == first_cheaper_below {
                below = middle;
            } else {
                above = middle;
            }
        }
        Ok(above)
    }

    fn deciding(&self, set: LineSet, orders: Decimal, inputs: Inputs<'_>) -> anyhow::Result<Vec<Difference>> {
        let mut amounts: BTreeMap<String, Decimal> = BTreeMap::new();
        let sides = self.lines(orders, inputs)?.into_iter().zip([Decimal::ONE, -Decimal::ONE]);
        for (lines, sign) in sides {
            for (_, BillLine { line, .. }) in lines.iter().filter(|(name, line)| set.has(name, line.part)) {
                *amounts.entry(format!("{}: {}", line.service, line.key)).or_default() += sign * line.amount;
            }
        }
        let mut deciding: Vec<_> = amounts.into_iter().map(|(line, amount)| Difference { line, amount }).collect();
        deciding.sort_by_key(|difference| std::cmp::Reverse(difference.amount.abs()));
        deciding.truncate(DECIDING);
        deciding.retain(|difference| !difference.amount.is_zero());
        Ok(deciding)
    }
}

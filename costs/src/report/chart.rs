//! Charts as inline SVG with labels in HTML: the drawing stretches with the page, the letters do not, so that a chart reads the
//! same on a phone, a desktop and paper. Each carries its figures as a table. An own module, because the chart crates draw
//! letters into the picture, take no colors from the page's style and know no text equivalents.

use std::fmt::Write as _;

use super::scale::Scale;

/// A line on a chart.
#[derive(Debug, Clone)]
pub struct Series {
    /// What it shows.
    pub name: String,
    /// Style class, which sets color and dashes.
    pub class: &'static str,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
    /// Lower and upper edge of what is uncertain, at each of some places.
    pub band: Vec<(f64, f64, f64)>,
}

/// A place on the horizontal axis that matters.
#[derive(Debug, Clone)]
pub struct Mark {
    /// Where.
    pub at: f64,
    /// Its lowest and highest estimate.
    pub band: Option<(f64, f64)>,
    /// What it is.
    pub label: String,
}

/// What to draw.
#[derive(Debug, Clone)]
pub struct LineChart {
    /// Id on the page.
    pub id: &'static str,
    /// What it shows, in a sentence with its main figures: all that a screen reader gets of the drawing.
    pub text: String,
    /// Name and unit of the horizontal axis.
    pub x_name: String,
    /// Name and unit of the vertical axis.
    pub y_name: String,
    /// The horizontal axis.
    pub x: Scale,
    /// The vertical axis.
    pub y: Scale,
    /// How values are written on the horizontal axis.
    pub x_text: fn(f64) -> String,
    /// How values are written on the vertical axis.
    pub y_text: fn(f64) -> String,
    /// How values are written in the table.
    pub cell_text: fn(f64) -> String,
    /// The lines.
    pub series: Vec<Series>,
    /// The places.
    pub marks: Vec<Mark>,
}

/// A label beside an axis, at a percentage of its length.
#[derive(Debug)]
pub struct Tick {
    /// 0 to 100, from left or from above.
    pub at: f64,
    /// What it says.
    pub text: String,
    /// `first`, `last` or nothing: labels at the ends stay within the drawing.
    pub place: &'static str,
}

impl LineChart {
    /// Labels below.
    pub fn x_ticks(&self) -> Vec<Tick> {
        let ticks = self.x.ticks();
        let last = ticks.len() - 1;
        let place = |n: usize| {
            if n == 0 {
                "first"
            } else if n == last {
                "last"
            } else {
                ""
            }
        };
        ticks
            .into_iter()
            .enumerate()
            .map(|(n, value)| Tick { at: self.x.at(value), text: (self.x_text)(value), place: place(n) })
            .collect()
    }

    /// Labels at the left; the topmost and lowest lines need none when they are the chart's edges.
    pub fn y_ticks(&self) -> Vec<Tick> {
        self.y
            .ticks()
            .into_iter()
            .map(|value| Tick { at: 100.0 - self.y.at(value), text: (self.y_text)(value), place: "" })
            .collect()
    }

    /// The lines behind everything.
    pub fn grid(&self) -> String {
        let mut path = String::new();
        for tick in self.y_ticks() {
            let _ = write!(path, "M0 {:.2}H100", tick.at);
        }
        for tick in self.x_ticks() {
            let _ = write!(path, "M{:.2} 0V100", tick.at);
        }
        path
    }

    /// A line through the points of a series.
    pub fn line(&self, series: &Series) -> String {
        let (mut path, mut pen) = (String::new(), 'M');
        for (x, y) in &series.points {
            if y.is_finite() {
                let _ = write!(path, "{pen}{:.2} {:.2}", self.x.at(*x), 100.0 - self.y.at(*y));
            }
            // What is unknown leaves a gap.
            pen = if y.is_finite() { 'L' } else { 'M' };
        }
        path
    }

    /// The area of what is uncertain; empty without one.
    pub fn area(&self, series: &Series) -> String {
        let mut path = String::new();
        let there = series.band.iter().map(|(x, low, _)| (x, low));
        let back = series.band.iter().rev().map(|(x, _, high)| (x, high));
        for (index, (x, y)) in there.chain(back).enumerate() {
            let _ =
                write!(path, "{}{:.2} {:.2}", if index == 0 { 'M' } else { 'L' }, self.x.at(*x), 100.0 - self.y.at(*y));
        }
        if !path.is_empty() {
            path.push('Z');
        }
        path
    }

    /// Percentages of a mark: itself, and its band's begin and width.
    pub fn place(&self, mark: &Mark) -> (f64, f64, f64) {
        let at = self.x.at(mark.at);
        mark.band.map_or((at, at, 0.0), |(low, high)| (at, self.x.at(low), self.x.at(high) - self.x.at(low)))
    }

    /// The figures, a row for each place that the first series has.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let places: Vec<f64> =
            self.series.first().map(|first| first.points.iter().map(|point| point.0).collect()).unwrap_or_default();
        let each = places.len().div_ceil(15).max(1);
        let row = |x: f64| {
            let at = |series: &Series| {
                series.points.iter().find(|point| (point.0 - x).abs() <= x.abs() * 1e-9).map(|point| point.1)
            };
            let cells =
                self.series.iter().map(|series| at(series).map_or_else(|| "unknown".to_owned(), self.cell_text));
            std::iter::once((self.x_text)(x)).chain(cells).collect()
        };
        places.into_iter().step_by(each).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::scale::{short, usd};
    use super::*;

    #[test]
    fn a_chart_draws_and_tells_the_same_points() {
        let series = Series {
            name: "Lambda".into(),
            class: "lambda",
            points: vec![(1.0, 0.0), (10.0, 50.0), (100.0, 100.0)],
            band: vec![(1.0, 0.0, 10.0), (100.0, 90.0, 100.0)],
        };
        let chart = LineChart {
            id: "cost",
            text: String::new(),
            x_name: "load".into(),
            y_name: "USD".into(),
            x: Scale::Log(1.0, 100.0),
            y: Scale::Linear(0.0, 100.0),
            x_text: short,
            y_text: usd,
            cell_text: usd,
            series: vec![series],
            marks: vec![Mark { at: 10.0, band: Some((1.0, 100.0)), label: "break-even".into() }],
        };
        assert_eq!(chart.line(&chart.series[0]), "M0.00 100.00L50.00 50.00L100.00 0.00");
        assert_eq!(chart.area(&chart.series[0]), "M0.00 100.00L100.00 10.00L100.00 0.00L0.00 90.00Z");
        assert_eq!(chart.rows(), [["1", "$0"], ["10", "$50.00"], ["100", "$100.00"]]);
        let (at, begin, width) = chart.place(&chart.marks[0]);
        assert!((at - 50.0).abs() + begin.abs() + (width - 100.0).abs() < 1e-9);
    }
}

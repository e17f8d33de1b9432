//! Charts as inline SVG with labels in HTML: the drawing stretches with the page, the letters do not, so that a chart reads the
//! same on a phone, a desktop and paper. Each carries its figures as a table. An own module, because the chart crates draw
//! letters into the picture, take no colors from the page's style and know no text equivalents.

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
    pub band: (f64, f64),
    /// What it is.
    pub label: String,
}

/// What to draw.
#[derive(Debug, Clone)]
pub struct LineChart {
    /// Id on the page.
    pub id: &'static str,
    /// `Cost against load`.
    pub heading: &'static str,
    /// What to read from it.
    pub reading: String,
    /// What it shows, in a sentence with its main figures: all that a screen reader gets of the drawing.
    pub text: String,
    /// Name and unit of the horizontal axis.
    pub x_name: &'static str,
    /// Name and unit of the vertical axis.
    pub y_name: &'static str,
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

impl LineChart {
    /// Labels below, each with its distance from the left, percent.
    pub fn x_ticks(&self) -> Vec<(f64, String)> {
        self.x.ticks().into_iter().map(|value| (self.x.at(value), (self.x_text)(value))).collect()
    }

    /// Labels at the left, each with its distance from above, percent.
    pub fn y_ticks(&self) -> Vec<(f64, String)> {
        self.y.ticks().into_iter().map(|value| (100.0 - self.y.at(value), (self.y_text)(value))).collect()
    }

    /// The lines behind everything.
    pub fn grid(&self) -> String {
        let across = self.y_ticks().into_iter().map(|(at, _)| format!("M0 {at:.2}H100"));
        across.chain(self.x_ticks().into_iter().map(|(at, _)| format!("M{at:.2} 0V100"))).collect()
    }

    fn step(&self, pen: char, x: f64, y: f64) -> String {
        format!("{pen}{:.2} {:.2}", self.x.at(x), 100.0 - self.y.at(y))
    }

    /// A line through the points of a series. What is unknown leaves a gap.
    pub fn line(&self, series: &Series) -> String {
        let mut before = false;
        let mut step = |(x, y): &(f64, f64)| {
            let pen = if std::mem::replace(&mut before, y.is_finite()) { 'L' } else { 'M' };
            if y.is_finite() { self.step(pen, *x, *y) } else { String::new() }
        };
        series.points.iter().map(&mut step).collect()
    }

    /// The area of what is uncertain; empty without one.
    pub fn area(&self, series: &Series) -> String {
        let there = series.band.iter().map(|(x, low, _)| (x, low));
        let back = series.band.iter().rev().map(|(x, _, high)| (x, high));
        let steps = there.chain(back).enumerate();
        let path: String = steps.map(|(n, (x, y))| self.step(if n == 0 { 'M' } else { 'L' }, *x, *y)).collect();
        if path.is_empty() { path } else { path + "Z" }
    }

    /// Percentages of a mark: itself, and its band's begin and width.
    pub fn place(&self, mark: &Mark) -> (f64, f64, f64) {
        let [at, low, high] = [mark.at, mark.band.0, mark.band.1].map(|value| self.x.at(value));
        (at, low, high - low)
    }

    /// The figures, a row for each place that the first series has.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let places: Vec<f64> =
            self.series.iter().take(1).flat_map(|first| &first.points).map(|point| point.0).collect();
        let each = places.len().div_ceil(15).max(1);
        let row = |x: f64| {
            let at =
                |series: &Series| series.points.iter().find(|point| (point.0 - x).abs() <= x.abs() * 1e-9).copied();
            let cell =
                |series: &Series| at(series).map_or_else(|| "unknown".to_owned(), |point| (self.cell_text)(point.1));
            std::iter::once((self.x_text)(x)).chain(self.series.iter().map(cell)).collect()
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
            points: vec![(1.0, 1.0), (10.0, 10.0), (100.0, 100.0)],
            band: vec![(1.0, 1.0, 10.0), (100.0, 10.0, 100.0)],
        };
        let chart = LineChart {
            id: "cost",
            heading: "",
            reading: String::new(),
            text: String::new(),
            x_name: "load",
            y_name: "USD",
            x: Scale(1.0, 100.0),
            y: Scale(1.0, 100.0),
            x_text: short,
            y_text: usd,
            cell_text: usd,
            series: vec![series],
            marks: vec![Mark { at: 10.0, band: (1.0, 100.0), label: "break-even".into() }],
        };
        assert_eq!(chart.line(&chart.series[0]), "M0.00 100.00L50.00 50.00L100.00 0.00");
        assert_eq!(chart.area(&chart.series[0]), "M0.00 100.00L100.00 50.00L100.00 0.00L0.00 50.00Z");
        assert_eq!(chart.rows(), [["1", "$1.00"], ["10", "$10.00"], ["100", "$100.00"]]);
        let (at, begin, width) = chart.place(&chart.marks[0]);
        assert!((at - 50.0).abs() + begin.abs() + (width - 100.0).abs() < 1e-9);
    }
}

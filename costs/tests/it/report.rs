//! The page: whole, self-contained, and every sum can be opened down to its lines.

use costs::deployment::{BillLine, Part};
use costs::line::{Known, Line};
use costs::price_book::{Confidence, Provenance};
use costs::report::chart::{LineChart, Mark, Series};
use costs::report::scale::{Scale, short, usd};
use costs::report::{Group, InputGroup, Pair, Report, Side, Swing, Swings, content, page};
use rust_decimal::Decimal;

fn line(service: &str, name: &str, quantity: i64, unit: &str, micro_usd: i64) -> Line {
    let (quantity, unit_price) = (Decimal::from(quantity), Decimal::new(micro_usd, 6));
    Line {
        service: service.into(),
        key: "any".into(),
        name: name.into(),
        quantity,
        unit: unit.into(),
        unit_price,
        amount: quantity * unit_price,
        price: Provenance {
            date: "2026-09-01".into(),
            source: "price list <of AWS>".into(),
            confidence: Confidence::High,
        },
        known: Known::Derived,
    }
}

fn fargate() -> Vec<Line> {
    vec![
        line("Fargate", "vCPU x86_64", 1460, "vCPU-hour", 40_480),
        line("Fargate", "Memory x86_64", 2920, "GB-hour", 4_445),
        line("RDS PostgreSQL", "db.t4g.small, Multi-AZ", 730, "hour", 65_000),
        line("ALB", "Load balancer", 730, "hour", 22_500),
        line("NAT gateway", "Two gateways", 1460, "hour", 45_000),
        line("CloudWatch Logs", "Ingested", 12, "GB", 500_000),
        line("Secrets Manager", "Secrets", 2, "secret", 400_000),
    ]
}

fn lambda() -> Vec<Line> {
    vec![
        line("Lambda", "Requests", 25_920_000, "request", 0).with_price(2, 7),
        line("Lambda", "Duration arm64", 64_800, "GB-second", 0).with_price(133_334, 10),
        line("DynamoDB", "Reads", 40_000_000, "request", 0).with_price(125, 9),
        line("ALB", "Load balancer", 730, "hour", 22_500),
        line("CloudWatch Logs", "Ingested", 20, "GB", 500_000),
    ]
}

fn bill(lines: Vec<Line>) -> Vec<(String, BillLine)> {
    let part = |service: &str| match service {
        "Fargate" | "Lambda" => Part::Compute,
        "ALB" => Part::FrontDoor,
        "NAT gateway" => Part::Network,
        "CloudWatch Logs" => Part::Observability,
        "Secrets Manager" => Part::Secrets,
        _ => Part::Store,
    };
    lines.into_iter().map(|line| ("prod".to_owned(), BillLine { part: part(&line.service), line })).collect()
}

trait WithPrice {
    fn with_price(self, digits: i64, scale: u32) -> Self;
}
impl WithPrice for Line {
    fn with_price(mut self, digits: i64, scale: u32) -> Self {
        self.unit_price = Decimal::new(digits, scale);
        self.amount = self.quantity * self.unit_price;
        self
    }
}

fn report() -> Report {
    let loads = [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0];
    let series = |name: &str, class, at: fn(f64) -> f64, spread: f64| Series {
        name: name.into(),
        class,
        points: loads.iter().map(|x| (*x, at(*x))).collect(),
        band: loads.iter().map(|x| (*x, at(*x) / spread, at(*x) * spread)).collect(),
    };
    let chart = LineChart {
        id: "by-load",
        heading: "Cost against load",
        reading: "Both on log scales.".into(),
        text: "Cost a month by load: Fargate begins at $200, Lambda at $20; they meet at 38 requests a second.".into(),
        x_name: "requests a second",
        y_name: "USD a month",
        x: Scale(0.01, 1000.0),
        y: Scale(10.0, 10_000.0),
        x_text: short,
        y_text: usd,
        cell_text: usd,
        series: vec![
            series("Fargate", "fargate", |x| 200.0 + x, 1.1),
            series("Lambda", "lambda", |x| 20.0 + x * 4.8, 1.3),
        ],
        marks: vec![Mark { at: 38.0, band: (22.0, 70.0), label: "break-even 38/s (22 to 70)".into() }],
    };
    let group = |name: &str, lines: Vec<Line>| Group { name: name.into(), lines };
    Report {
        subject: "Fargate + PostgreSQL or Lambda + DynamoDB".into(),
        facts: vec![["Region".into(), "us-east-1".into()]],
        verdict: "Lambda + DynamoDB costs 4.1 times less at this load.".into(),
        winner: "lambda",
        sides: [
            Side::new("Fargate + PostgreSQL", "2 tasks of 1 vCPU and 2 GB behind an ALB.", bill(fargate())),
            Side::new("Lambda + DynamoDB", "6 functions of 256 to 512 MB behind an ALB.", bill(lambda())),
        ],
        journeys: vec![Pair {
            name: "checkout".into(),
            groups: [
                group("Fargate + PostgreSQL", vec![line("Fargate", "vCPU", 1, "vCPU-hour", 40_480)]),
                group("Lambda + DynamoDB", vec![]),
            ],
        }],
        idle: vec![Pair {
            name: "dev".into(),
            groups: [group("Fargate + PostgreSQL", fargate()), group("Lambda + DynamoDB", lambda())],
        }],
        charts: vec![chart],
        swings: Some(Swings {
            of: "Break-even, requests a second".into(),
            base: 38.0,
            inputs: vec![
                Swing {
                    input: "CPU time of a request".into(),
                    low: ("3 ms".into(), 70.0),
                    high: ("9 ms".into(), 22.0),
                },
                Swing { input: "Log bytes".into(), low: ("200 B".into(), 36.0), high: ("2 kB".into(), 45.0) },
            ],
        }),
        inputs: vec![InputGroup {
            name: "Load".into(),
            rows: vec![["Requests".into(), "10 a second".into(), "declared".into()]],
        }],
    }
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = page(&report(), None).unwrap();
    std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/report.html"), &page).unwrap();
    for outside in ["http://", "https://", "//cdn", "@import", "url(", "<script", "<link rel=\"stylesheet\""] {
        assert!(!page.contains(outside), "the page refers to something outside: {outside}");
    }
    assert!(page.contains("price list &#60;of AWS&#62;"), "text is escaped");
}

#[test]
fn every_sum_opens_to_its_lines() {
    let report = report();
    let page = content(&report).unwrap();
    for line in fargate().iter().chain(&lambda()) {
        for text in
            [&*line.name, &*line.unit, &*line.unit_price.normalize().to_string(), line.known.word(), &*line.price.date]
        {
            assert!(page.contains(text), "{text} of {} is missing", line.name);
        }
    }
    let sums: f64 = report.sides[0].families.iter().map(costs::report::Family::amount).sum();
    assert!((sums - report.sides[0].amount()).abs() < 1e-9);
    assert!(page.contains(&usd(report.sides[0].amount())));
}

/// What has no figure is said to be unknown, and is not drawn as zero.
#[test]
fn what_is_unknown_is_not_free() {
    let mut report = report();
    report.charts[0].series[0].points[2].1 = f64::NAN;
    let page = content(&report).unwrap();
    assert!(page.contains("<td>unknown</td>"));
    assert!(!page.contains("$0<") && !page.contains("NaN"));
}

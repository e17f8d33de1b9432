//! Checks CloudWatch's embedded metric format against its specification:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;

use serde_json::Value;

/// The CloudWatch units that the shop uses.
const UNITS: [&str; 2] = ["Count", "Milliseconds"];

/// The contents of a metrics line.
#[derive(Debug, Clone, PartialEq)]
pub struct EmfLine {
    /// Namespace of the metrics.
    pub namespace: String,
    /// Dimensions of all metrics in the line.
    pub dimensions: BTreeMap<String, String>,
    /// Values by name.
    pub metrics: BTreeMap<String, Vec<f64>>,
}

impl EmfLine {
    /// Parses a line; `None` if it is not a metrics line.
    ///
    /// # Panics
    /// If it breaks a rule of the format: `CloudWatch` would silently drop it or count something else.
    pub fn read(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let aws = line.get("_aws")?;
        // Milliseconds since 1970: neither seconds nor a string. CloudWatch accepts two weeks in the past and two hours
        // in the future.
        let timestamp = aws["Timestamp"].as_u64().expect("a timestamp");
        assert!((1_700_000_000_000..4_000_000_000_000).contains(&timestamp), "{line}");
        let [directive] = list(&aws["CloudWatchMetrics"]) else { panic!("one directive: {line}") };
        let namespace = text(&directive["Namespace"]);
        assert!((1..=255).contains(&namespace.len()) && !namespace.starts_with("AWS/"), "{line}");
        let [names] = list(&directive["Dimensions"]) else { panic!("one set of dimensions: {line}") };
        assert!(list(names).len() <= 30, "{line}");
        let dimensions = list(names).iter().map(|name| {
            let (name, value) = (text(name), text(&line[text(name)]));
            assert!((1..=250).contains(&name.len()) && (1..=1024).contains(&value.len()), "{line}");
            (name.to_owned(), value.to_owned())
        });
        let defined = list(&directive["Metrics"]);
        assert!((1..=100).contains(&defined.len()), "{line}");
        let metrics = defined.iter().map(|metric| {
            assert!(UNITS.contains(&text(&metric["Unit"])), "{metric}");
            let (name, value) = (text(&metric["Name"]), &line[text(&metric["Name"])]);
            let values: Vec<_> = match value.as_array() {
                Some(values) => values.iter().map(number).collect(),
                None => vec![number(value)],
            };
            assert!((1..=100).contains(&values.len()), "{line}");
            (name.to_owned(), values)
        });
        Some(Self { namespace: namespace.to_owned(), dimensions: dimensions.collect(), metrics: metrics.collect() })
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn number(value: &Value) -> f64 {
    value.as_f64().filter(|number| number.is_finite()).expect("a number")
}

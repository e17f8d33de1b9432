//! How a shopper follows a shipment at its carrier.

use super::line::line;
use super::settings::is_web_address;
use super::{Field, Format, RuleError};

/// Longest name of a carrier, and longest tracking number, in characters.
const MAX_CHARS: usize = 60;

/// How a shopper follows a shipment at its carrier. At least one part is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    /// Name of the carrier, 1 to 60 characters.
    pub carrier: Option<String>,
    /// The carrier's number of the shipment, 1 to 60 characters.
    pub number: Option<String>,
    /// `https` URL of the carrier's page about the shipment.
    pub url: Option<String>,
}

impl Tracking {
    /// Validates the parts and drops empty ones; `None` if nothing is left.
    ///
    /// # Errors
    /// Every part that is too long or has unprintable characters, and a URL that is not an `https` URL.
    pub fn validated(self) -> Result<Option<Self>, Vec<RuleError>> {
        let mut problems = Vec::new();
        let mut part = |field: Field, text: Option<String>| match line(&text?, 0, MAX_CHARS) {
            Ok(text) => Some(text).filter(|text| !text.is_empty()),
            Err(rule) => {
                problems.push(RuleError::invalid(field, rule));
                None
            }
        };
        let carrier = part(Field::TrackingCarrier, self.carrier);
        let number = part(Field::TrackingNumber, self.number);
        let url = self.url.map(|url| url.trim().to_owned()).filter(|url| !url.is_empty());
        if url.as_ref().is_some_and(|url| url.starts_with('/') || !is_web_address(url, &["https:"])) {
            problems.push(RuleError::malformed(Field::TrackingUrl, Format::HttpsAddress));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let is_known = carrier.is_some() || number.is_some() || url.is_some();
        Ok(is_known.then_some(Self { carrier, number, url }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ValueRule;

    fn tracking(carrier: &str, number: &str, url: &str) -> Tracking {
        let some = |text: &str| Some(text.to_owned());
        Tracking { carrier: some(carrier), number: some(number), url: some(url) }
    }

    #[test]
    fn every_part_is_optional() {
        let known = tracking(" DHL ", "00340434161094021501", "https://carrier.example/t?id=1").validated();
        assert_eq!(known, Ok(Some(tracking("DHL", "00340434161094021501", "https://carrier.example/t?id=1"))));
        let number_only = Tracking { carrier: None, number: Some("1Z".to_owned()), url: None };
        assert_eq!(tracking(" ", "1Z", "").validated(), Ok(Some(number_only)));
        assert_eq!(tracking("", " ", "\t").validated(), Ok(None));
    }

    #[test]
    fn every_problem_is_reported() {
        let long = "x".repeat(MAX_CHARS + 1);
        let line = ValueRule::Line { min: 0, max: MAX_CHARS };
        let url = RuleError::malformed(Field::TrackingUrl, Format::HttpsAddress);
        let all = vec![
            RuleError::invalid(Field::TrackingCarrier, line.clone()),
            RuleError::invalid(Field::TrackingNumber, line),
            url.clone(),
        ];
        assert_eq!(tracking(&long, "1\n2", "http://carrier.example").validated(), Err(all));
        for address in ["/track", "carrier.example", "javascript:alert(1)", "https://", "https://a b"] {
            assert_eq!(tracking("", "", address).validated(), Err(vec![url.clone()]), "{address}");
        }
    }
}

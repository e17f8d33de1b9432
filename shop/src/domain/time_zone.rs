//! Time zones of the IANA database, such as `Europe/Berlin`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset};

use super::{Format, RuleError, ValueRule};

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone(jiff::tz::TimeZone);

impl TimeZone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(jiff::tz::TimeZone::UTC);

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The local time at a moment, and the abbreviation of the zone then, such as `CET`.
    pub fn local(&self, at: OffsetDateTime) -> (OffsetDateTime, String) {
        // Jiff's range of years is smaller than that of `time`; no order is that old.
        let Ok(timestamp) = Timestamp::from_nanosecond(at.unix_timestamp_nanos()) else {
            return (at.to_offset(UtcOffset::UTC), "UTC".to_owned());
        };
        let zone = self.0.to_offset_info(timestamp);
        let offset = UtcOffset::from_whole_seconds(zone.offset().seconds()).unwrap_or(UtcOffset::UTC);
        (at.to_offset(offset), zone.abbreviation().to_owned())
    }

    /// All names, sorted.
    pub fn names() -> Vec<String> {
        TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect()
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TimeZone {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let zone = TimeZoneDatabase::bundled().get(text.trim());
        zone.map(Self).map_err(|_| RuleError::setting("selling.time_zone", ValueRule::Format(Format::TimeZone)))
    }
}

impl TryFrom<String> for TimeZone {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<TimeZone> for String {
    fn from(zone: TimeZone) -> Self {
        zone.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn local_time_follows_daylight_saving() {
        let berlin: TimeZone = "Europe/Berlin".parse().expect("a zone");
        let local = |at| {
            let (local, zone) = berlin.local(at);
            (local.hour(), local.minute(), zone)
        };
        assert_eq!(local(datetime!(2026-03-29 00:59 UTC)), (1, 59, "CET".to_owned()));
        assert_eq!(local(datetime!(2026-03-29 01:00 UTC)), (3, 0, "CEST".to_owned()));
    }

    #[test]
    fn only_names_of_the_database_are_zones() {
        for name in ["UTC", "Europe/Berlin", "america/new_york", " Asia/Kolkata "] {
            name.parse::<TimeZone>().expect(name);
        }
        for name in ["", "Berlin", "Europe/Munich", "UTC+1", "../etc/passwd", "CET "] {
            let found = name.parse::<TimeZone>();
            assert_eq!(found.is_ok(), name.trim() == "CET", "{name}");
        }
        assert!(TimeZone::names().contains(&"Europe/Berlin".to_owned()));
    }
}

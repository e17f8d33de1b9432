//! Selects the lines to log. A level alone applies to the shop's own crates: below `info`, libraries log whole requests
//! with their cookies, cards, and addresses. Those lines are logged only if the library is named.

use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};

use super::ACCESS;

/// Crates whose lines contain no personal data at any level.
const OWN: [&str; 9] = [
    "shopease",
    "shopease_aws",
    "shopease_events",
    "shopease_functions",
    "shopease_mail",
    "shopease_payments",
    "shopease_shared",
    "shopease_storage",
    ACCESS,
];

/// Levels at which libraries log more than the shop may keep.
const DETAILED: [&str; 2] = ["debug", "trace"];

/// The default filter; text output omits the line of each request.
pub(super) fn default_filter(json: bool) -> Targets {
    let usual = Targets::new().with_default(LevelFilter::INFO).with_target("aws_config", LevelFilter::WARN);
    if json { usual } else { usual.with_target(ACCESS, LevelFilter::OFF) }
}

/// Parses `SHOPEASE_LOG`.
///
/// # Errors
/// If it is neither a level nor a list of `target=level`.
pub(super) fn parse(text: &str) -> Result<Targets, ParseError> {
    directives(text).parse()
}

fn directives(text: &str) -> String {
    let directives = text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    directives.map(own_if_detailed).collect::<Vec<_>>().join(",")
}

fn own_if_detailed(directive: &str) -> String {
    let level = directive.to_ascii_lowercase();
    if !DETAILED.contains(&level.as_str()) {
        return directive.to_owned();
    }
    let own: Vec<_> = OWN.iter().map(|name| format!("{name}={level}")).collect();
    format!("info,{}", own.join(","))
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;

    use super::{default_filter, directives, parse};

    #[test]
    fn a_level_alone_is_for_the_shops_own_lines() {
        let all = directives("TRACE");
        assert!(all.starts_with("info,shopease=trace,") && all.ends_with(",access=trace"), "{all}");
        assert_eq!(directives("warn"), "warn");
        assert_eq!(directives("warn,,sqlx=debug,"), "warn,sqlx=debug");
        assert!(directives("sqlx=debug, debug").starts_with("sqlx=debug,info,shopease=debug,"));
    }

    #[test]
    fn directives_are_read_as_levels_of_targets() {
        let targets = parse("warn,sqlx=debug").unwrap_or_default();
        assert!(targets.would_enable("sqlx::query", &tracing::Level::DEBUG));
        assert!(!targets.would_enable("shopease", &tracing::Level::INFO));
        assert_eq!(targets.default_level(), Some(LevelFilter::WARN));
        assert!(parse("sqlx=loud").is_err());
    }

    #[test]
    fn request_lines_are_logged_as_json_only() {
        assert!(default_filter(true).would_enable("access", &tracing::Level::INFO));
        assert!(!default_filter(false).would_enable("access", &tracing::Level::ERROR));
    }
}

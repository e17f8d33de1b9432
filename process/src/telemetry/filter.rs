//! Which lines are written. A level alone means the shop's own crates: what libraries say below `info` holds whole requests with
//! their cookies, cards and addresses, and is written only when somebody names the library.

use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};

use super::ACCESS;

/// The crates whose lines are known to be clean at every level.
const OWN: [&str; 8] = [
    "shopease",
    "shopease_aws",
    "shopease_events",
    "shopease_functions",
    "shopease_payments",
    "shopease_shared",
    "shopease_storage",
    ACCESS,
];

/// Levels at which libraries tell more than the shop wants to keep.
const DETAILED: [&str; 2] = ["debug", "trace"];

/// What is written when nobody asks for more or less: a person's terminal is spared the line of each request.
pub(super) fn usual(json: bool) -> Targets {
    let usual = Targets::new().with_default(LevelFilter::INFO).with_target("aws_config", LevelFilter::WARN);
    if json { usual } else { usual.with_target(ACCESS, LevelFilter::OFF) }
}

/// What `SHOPEASE_LOG` asks for.
///
/// # Errors
/// When it is no level and no list of `target=level`.
pub(super) fn asked_for(text: &str) -> Result<Targets, ParseError> {
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

    use super::{asked_for, directives, usual};

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
        let targets = asked_for("warn,sqlx=debug").unwrap_or_default();
        assert!(targets.would_enable("sqlx::query", &tracing::Level::DEBUG));
        assert!(!targets.would_enable("shopease", &tracing::Level::INFO));
        assert_eq!(targets.default_level(), Some(LevelFilter::WARN));
        assert!(asked_for("sqlx=loud").is_err());
    }

    #[test]
    fn requests_are_told_to_machines() {
        assert!(usual(true).would_enable("access", &tracing::Level::INFO));
        assert!(!usual(false).would_enable("access", &tracing::Level::ERROR));
    }
}

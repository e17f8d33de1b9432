//! Which lines are written. A level alone means the shop's own crates: what libraries say below `info` holds whole requests with
//! their cookies, cards and addresses, and is written only when somebody names the library.

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

/// The directives of `SHOPEASE_LOG` for an `EnvFilter`. Without it, a person's terminal is spared the line of each request.
pub(super) fn directives(text: Option<&str>, json: bool) -> String {
    match text {
        None if json => "info,aws_config=warn".to_owned(),
        None => format!("info,aws_config=warn,{ACCESS}=off"),
        Some(text) => text.split(',').map(|directive| own_if_detailed(directive.trim())).collect::<Vec<_>>().join(","),
    }
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
    use super::directives;

    #[test]
    fn a_level_alone_is_for_the_shops_own_lines() {
        let all = directives(Some("TRACE"), true);
        assert!(all.starts_with("info,shopease=trace,") && all.ends_with(",access=trace"), "{all}");
        assert_eq!(directives(Some("warn"), true), "warn");
        assert_eq!(directives(Some("warn,sqlx=debug"), false), "warn,sqlx=debug");
        assert!(directives(Some("sqlx=debug, debug"), false).starts_with("sqlx=debug,info,shopease=debug,"));
    }

    #[test]
    fn requests_are_told_to_machines() {
        assert!(!directives(None, true).contains("access"));
        assert!(directives(None, false).ends_with("access=off"));
    }
}

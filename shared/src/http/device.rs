//! A readable name of the client's browser and system, from its `User-Agent` header. The header itself is kept nowhere.

use axum::http::{HeaderMap, header};

/// Parts of the header, and the browsers that send them. The first one counts, because browsers also name those that they descend from.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Opera", "Opera"),
    ("Samsung", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
];

/// The same of systems.
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("ChromeOS", "ChromeOS"),
    ("Mac", "Mac"),
    ("Linux", "Linux"),
];

/// The browser and system of a request, such as `Firefox on Linux`; `None` for unknown browsers. A name is also a header that leads to the
/// same name: the frontend sends it to the backend.
pub fn device(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(header::USER_AGENT)?.to_str().ok()?;
    let find =
        |names: &[(&str, &'static str)]| names.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name);
    let browser = find(&BROWSERS)?;
    Some(find(&SYSTEMS).map_or_else(|| browser.to_owned(), |system| format!("{browser} on {system}")))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(agent: &str) -> Option<String> {
        let value = HeaderValue::from_bytes(agent.as_bytes()).expect("a value");
        device(&HeaderMap::from_iter([(header::USER_AGENT, value)]))
    }

    #[test]
    fn browsers_have_readable_names_that_lead_to_themselves() {
        let webkit = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        let chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0";
        for (agent, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0".to_owned(), "Firefox on Linux"),
            ("Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0".to_owned(), "Firefox on Android"),
            (format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {chrome} Safari/537.36"), "Chrome on Windows"),
            (format!("Mozilla/5.0 (Windows NT 10.0) {chrome} Safari/537.36 Edg/140.0.0.0"), "Edge on Windows"),
            (format!("Mozilla/5.0 (X11; Linux x86_64) {chrome} Safari/537.36 OPR/120.0.0.0"), "Opera on Linux"),
            (format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {chrome} Safari/537.36"), "Chrome on ChromeOS"),
            (format!("Mozilla/5.0 (Linux; Android 10; K) {chrome} Mobile Safari/537.36"), "Chrome on Android"),
            (
                "Mozilla/5.0 (Linux; Android 10; K) SamsungBrowser/28.0 Chrome/130.0.0.0 Safari/537.36".to_owned(),
                "Samsung Internet on Android",
            ),
            (format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {webkit} Safari/605.1.15"), "Safari on Mac"),
            (
                format!("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {webkit} Mobile/15E148 Safari/604.1"),
                "Safari on iPhone",
            ),
            (
                format!("Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) {webkit} CriOS/140.0 Safari/604.1"),
                "Chrome on iPad",
            ),
            (
                format!("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {webkit} FxiOS/143.0"),
                "Firefox on iPhone",
            ),
            ("Mozilla/5.0 (FreeBSD) Firefox/143.0".to_owned(), "Firefox"),
        ] {
            assert_eq!(of(&agent).as_deref(), Some(name), "{agent}");
            assert_eq!(of(name).as_deref(), Some(name));
        }
        for agent in ["", "curl/8.5.0", "Mozilla/5.0 (Linux)", "\u{e4}"] {
            assert_eq!(of(agent), None, "{agent}");
        }
    }
}

//! The listener rules of the load balancer, derived from the route table: which area serves a path, and whether its pages or its
//! API do. Terraform and the front door use these rules.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::routes::{self, Area, Surface};

/// Maximum of path patterns per rule (ALB: five condition values).
pub const PATTERNS_PER_RULE: usize = 5;

/// Target of paths that match no rule.
pub const DEFAULT: (Area, Surface) = (Area::Storefront, Surface::Page);

/// One rule. Its index in [`LISTENER_RULES`] is its priority; no path matches rules of different areas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerRule {
    /// The Lambda function of the rule's target group.
    pub area: Area,
    /// The Fargate service of the other target group.
    pub surface: Surface,
    /// Path patterns in ALB syntax, at most [`PATTERNS_PER_RULE`]: `*` matches any characters, including `/`.
    pub patterns: Vec<String>,
}

/// All rules except the default.
pub static LISTENER_RULES: LazyLock<Vec<ListenerRule>> = LazyLock::new(|| {
    let mut root = Node::default();
    for route in routes::all() {
        let surface = if route.surface == Surface::Probe { Surface::Page } else { route.surface };
        root.insert(&mut route.path.split('/').skip(1).filter(|segment| !segment.is_empty()), (route.area, surface));
    }
    let mut patterns = BTreeMap::<_, Vec<_>>::new();
    root.collect("", &mut patterns);
    patterns.remove(&order(DEFAULT));
    let rules = patterns.into_values().flat_map(|owned| {
        owned
            .chunks(PATTERNS_PER_RULE)
            .map(|chunk| ListenerRule {
                area: chunk[0].1.0,
                surface: chunk[0].1.1,
                patterns: chunk.iter().map(|(pattern, _)| pattern.clone()).collect(),
            })
            .collect::<Vec<_>>()
    });
    rules.collect()
});

type Owner = (Area, Surface);

/// Sort key: areas in the order of the route table, pages first.
fn order((area, surface): Owner) -> (Area, bool) {
    (area, surface == Surface::Api)
}

/// A path segment.
#[derive(Default)]
struct Node {
    owner: Option<Owner>,
    children: BTreeMap<&'static str, Self>,
}

impl Node {
    fn insert(&mut self, segments: &mut dyn Iterator<Item = &'static str>, owner: Owner) {
        match segments.next() {
            None => self.owner = Some(owner),
            Some(segment) => {
                let segment = if segment.starts_with('{') { "*" } else { segment };
                self.children.entry(segment).or_default().insert(segments, owner);
            }
        }
    }

    /// Returns the owner if this node and everything below it have the same one.
    fn only_owner(&self) -> Option<Owner> {
        let mut owners = self.children.values().map(Self::only_owner).chain(self.owner.map(Some));
        let first = owners.next()??;
        owners.all(|owner| owner == Some(first)).then_some(first)
    }

    fn collect(&self, path: &str, patterns: &mut BTreeMap<(Area, bool), Vec<(String, Owner)>>) {
        let mut push = |pattern: String, owner| patterns.entry(order(owner)).or_default().push((pattern, owner));
        if let Some(owner) = self.owner {
            push(path.to_owned(), owner);
        }
        match self.only_owner() {
            Some(owner) if !self.children.is_empty() && !path.is_empty() => push(format!("{path}/*"), owner),
            _ => {
                for (segment, child) in &self.children {
                    child.collect(&format!("{path}/{segment}"), patterns);
                }
            }
        }
    }
}

/// Returns whether a path matches a pattern: `*` matches any number of characters, `?` matches one; case-sensitive.
pub fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    let (mut at, mut from, mut retry) = (0, 0, None);
    while from < path.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at, from));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == path[from] => (at, from) = (at + 1, from + 1),
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    (at, from) = (star + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Returns the area and surface that serve a path.
pub fn owner(path: &str) -> (Area, Surface) {
    let rule = LISTENER_RULES.iter().find(|rule| rule.patterns.iter().any(|pattern| matches(pattern, path)));
    rule.map_or(DEFAULT, |rule| (rule.area, rule.surface))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_reaches_its_own_area_and_role_and_matches_no_other_rule() {
        for route in routes::all() {
            let path = route.path.replace("{*path}", "a/b.css").replace("{handle}", "tea").replace("{id}", "7");
            let surface = if route.surface == Surface::Probe { Surface::Page } else { route.surface };
            assert_eq!(owner(&path), (route.area, surface), "{path}");
            for rule in LISTENER_RULES.iter().filter(|rule| rule.patterns.iter().any(|pattern| matches(pattern, &path)))
            {
                assert_eq!((rule.area, rule.surface), (route.area, surface), "{path} matches {rule:?}");
            }
        }
    }

    #[test]
    fn rules_are_within_the_limits_of_a_listener() {
        assert!(LISTENER_RULES.len() <= 20, "{} rules", LISTENER_RULES.len());
        for rule in LISTENER_RULES.iter() {
            assert!((1..=PATTERNS_PER_RULE).contains(&rule.patterns.len()), "{rule:?}");
            assert!(rule.patterns.iter().all(|pattern| pattern.len() <= 128), "{rule:?}");
        }
    }

    #[test]
    fn unknown_paths_go_to_the_default() {
        for path in ["/", "/nothing", "/api/v2", "/API/v1/cart", ""] {
            assert_eq!(owner(path), DEFAULT, "{path}");
        }
    }

    #[test]
    fn patterns_match_as_a_load_balancer_matches() {
        for (pattern, path, expected) in [
            ("/cart", "/cart", true),
            ("/cart", "/cart/", false),
            ("/cart/*", "/cart/", true),
            ("/cart/*", "/cart/a/b", true),
            ("/cart/*", "/cart", false),
            ("/*/img/*", "/a/b/img/c", true),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("/a*c*e", "/abcde", true),
            ("/a*c*e", "/abcd", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}

//! The diagram of an environment: generated from the tables below, and compared with Terraform. Every module of
//! `terraform/stack` is a box or a frame, and every box is a module; the security groups allow exactly the connections
//! that are drawn between their members.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use crate::tools::root;

/// Marks the diagram in `docs/architecture.md`.
const BEGIN: &str = "<!-- Generated from xtask/src/documents/diagram.rs by `cargo xtask generate`: -->\n";
const END: &str = "<!-- End of the generated diagram. -->\n";

/// A frame around boxes; `module` if Terraform has a module for it.
struct Frame {
    name: &'static str,
    title: &'static str,
    module: Option<&'static str>,
    inside: Option<&'static str>,
}

/// A module inside a frame.
struct Node {
    module: &'static str,
    label: &'static str,
    frame: &'static str,
}

const FRAMES: &[Frame] = &[
    Frame { name: "door", title: "Front door", module: None, inside: None },
    Frame { name: "fargate", title: "Path A: ECS Fargate", module: Some("cluster"), inside: Some("vpc") },
    Frame { name: "vpc", title: "VPC: two zones, NAT or endpoints", module: Some("network"), inside: None },
    Frame { name: "once", title: "One-off tasks", module: None, inside: Some("vpc") },
    Frame { name: "lambda", title: "Path B: Lambda", module: None, inside: None },
    Frame { name: "data", title: "Data", module: None, inside: None },
    Frame { name: "keys", title: "Keys", module: None, inside: None },
    Frame { name: "watch", title: "Watching", module: None, inside: None },
];

const NODES: &[Node] = &[
    Node { module: "dns", label: "Route 53 and ACM", frame: "door" },
    Node { module: "waf", label: "WAF<br/>prod only", frame: "door" },
    Node { module: "alb", label: "ALB<br/>a rule per area, weighted", frame: "door" },
    Node { module: "http_api", label: "HTTP API<br/>optional", frame: "door" },
    Node { module: "frontend", label: "frontend tasks<br/>pages", frame: "fargate" },
    Node { module: "backend", label: "backend tasks<br/>JSON API, worker", frame: "fargate" },
    Node { module: "log_router", label: "log router<br/>Fluent Bit in each task", frame: "fargate" },
    Node { module: "payments", label: "test payments<br/>dev only", frame: "fargate" },
    Node { module: "migrate", label: "migrate", frame: "once" },
    Node { module: "database_users", label: "database users", frame: "once" },
    Node { module: "function", label: "one function per area<br/>and the worker, alias live", frame: "lambda" },
    Node { module: "rds", label: "RDS PostgreSQL<br/>isolated subnets, IAM login", frame: "data" },
    Node { module: "dynamodb", label: "DynamoDB<br/>one table, on demand", frame: "data" },
    Node { module: "assets", label: "S3 assets", frame: "data" },
    Node { module: "secrets", label: "SSM SecureString<br/>per component", frame: "keys" },
    Node { module: "log_router_secrets", label: "SSM SecureString<br/>Datadog's key", frame: "keys" },
    Node { module: "kms", label: "KMS<br/>customer key", frame: "keys" },
    Node { module: "observability", label: "alarms, dashboard, budget", frame: "watch" },
    Node { module: "logs", label: "S3 access logs", frame: "watch" },
];

/// Participants outside of the environment.
const OUTSIDE: &[(&str, &str)] = &[("shopper", "Shopper"), ("stripe", "Stripe"), ("datadog", "Datadog")];

/// From, to, and label. Requests of shoppers are solid lines.
const REQUESTS: &[(&str, &str, &str)] = &[
    ("shopper", "dns", "name"),
    ("shopper", "waf", "HTTPS"),
    ("shopper", "http_api", "HTTPS"),
    ("waf", "alb", ""),
    ("alb", "frontend", "pages"),
    ("alb", "backend", "API"),
    ("alb", "function", "both, by weight"),
    ("alb", "payments", "bank's page"),
    ("http_api", "function", ""),
    ("frontend", "backend", "Service Connect"),
    ("frontend", "assets", ""),
    ("function", "assets", ""),
    ("backend", "rds", ""),
    ("function", "rds", ""),
    ("backend", "dynamodb", ""),
    ("function", "dynamodb", ""),
    ("backend", "payments", ""),
    ("function", "payments", ""),
    ("backend", "stripe", ""),
    ("function", "stripe", ""),
];

/// The same for connections that no shopper waits for: dotted lines.
const BESIDE: &[(&str, &str, &str)] = &[
    ("frontend", "log_router", "logs"),
    ("backend", "log_router", "logs"),
    ("log_router", "datadog", ""),
    ("log_router_secrets", "log_router", ""),
    ("secrets", "backend", "at start"),
    ("secrets", "function", "at start"),
    ("kms", "secrets", ""),
    ("kms", "log_router_secrets", ""),
    ("migrate", "rds", ""),
    ("database_users", "rds", ""),
    ("alb", "logs", ""),
    ("alb", "observability", "metrics"),
];

/// Names of security groups that differ from the names of their members.
const GROUPS: &[(&str, &str)] = &[("load-balancer", "alb"), ("functions", "function"), ("database", "rds")];

/// `docs/architecture.md` with the current diagram.
pub fn document(text: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).context("docs/architecture.md has no marker for the diagram")?;
    let (_, after) = rest.split_once(END).context("the diagram in docs/architecture.md has no end marker")?;
    Ok(format!("{before}{BEGIN}\n```mermaid\n{}```\n\n{END}{after}", mermaid()?))
}

/// Differences between the diagram and Terraform.
pub(super) fn problems() -> Result<Vec<String>> {
    let mut text = String::new();
    let stack = root().join("terraform/stack");
    for entry in std::fs::read_dir(&stack).with_context(|| format!("cannot read {}", stack.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tf") {
            text.push_str(&std::fs::read_to_string(&path)?);
        }
    }
    Ok(differences(&text))
}

/// Modules that have a box or a frame.
fn drawn() -> BTreeSet<&'static str> {
    NODES.iter().map(|node| node.module).chain(FRAMES.iter().filter_map(|frame| frame.module)).collect()
}

fn differences(terraform: &str) -> Vec<String> {
    let drawn = drawn();
    let modules: BTreeSet<_> = terraform.lines().filter_map(module).collect();
    let flows: BTreeSet<_> = terraform.lines().filter_map(flow).collect();
    let members: BTreeSet<_> = flows.iter().flat_map(|(from, to)| [*from, *to]).collect();
    let lines: BTreeSet<_> = REQUESTS.iter().map(|(from, to, _)| (*from, *to)).collect();
    let between = |(from, to): &&(&str, &str)| members.contains(from) && members.contains(to) && *from != "alb";

    let mut problems = Vec::new();
    let mut note = |what: String| problems.push(format!("xtask/src/documents/diagram.rs: {what}"));
    modules.difference(&drawn).for_each(|name| note(format!("module {name} of terraform/stack is not drawn")));
    drawn
        .difference(&modules)
        .for_each(|name| note(format!("{name} is drawn, but is not a module of terraform/stack")));
    flows.difference(&lines).for_each(|(from, to)| note(format!("{from} -> {to} is allowed, but not drawn")));
    let not_let_through = lines.iter().filter(between).filter(|line| !flows.contains(*line));
    not_let_through
        .for_each(|(from, to)| note(format!("{from} -> {to} is drawn, but not allowed by any security group")));
    problems
}

/// The name in `module "name" {`, at the start of a line as `terraform fmt` writes it.
fn module(line: &str) -> Option<&str> {
    line.strip_prefix("module \"")?.strip_suffix("\" {")
}

/// The members of `"from to" = port` in the table of flows between security groups.
fn flow(line: &str) -> Option<(&str, &str)> {
    let (flow, port) = line.trim().strip_prefix('"')?.split_once("\" ")?;
    let port = port.trim_start().strip_prefix("= ")?;
    let is_port = port == "var.image.container_port" || port.parse::<u16>().is_ok();
    let (from, to) = flow.split_once(' ').filter(|_| is_port)?;
    Some((member(from), member(to)))
}

/// The box of a security group.
fn member(group: &str) -> &str {
    GROUPS.iter().find(|(name, _)| *name == group).map_or(group, |(_, member)| member)
}

fn mermaid() -> Result<String> {
    let mut text = "flowchart TB\n".to_owned();
    for (name, label) in OUTSIDE {
        writeln!(text, "  {name}([\"{label}\"])")?;
    }
    for frame in FRAMES.iter().filter(|frame| frame.inside.is_none()) {
        draw_frame(&mut text, frame, "  ")?;
    }
    for (lines, solid) in [(REQUESTS, true), (BESIDE, false)] {
        for (from, to, what) in lines {
            let what = if what.is_empty() { String::new() } else { format!("|\"{what}\"|") };
            writeln!(text, "  {from} {}{what} {to}", arrow(rows_down(to), solid))?;
        }
    }
    Ok(text)
}

/// An arrow that spans this many rows.
fn arrow(rows: usize, solid: bool) -> String {
    if solid { format!("-{}>", "-".repeat(rows)) } else { format!("-{}->", ".".repeat(rows)) }
}

/// How many rows a box is below the boxes that point to it: data is below both paths, and Stripe below the data, so
/// that no line crosses a box.
fn rows_down(to: &str) -> usize {
    let data = NODES.iter().any(|node| node.module == to && node.frame == "data");
    match to {
        "stripe" => 3,
        _ if data => 2,
        _ => 1,
    }
}

fn draw_frame(text: &mut String, frame: &Frame, indent: &str) -> Result<()> {
    writeln!(text, "{indent}subgraph {}[\"{}\"]", frame.name, frame.title)?;
    let deeper = format!("{indent}  ");
    for inner in FRAMES.iter().filter(|inner| inner.inside == Some(frame.name)) {
        draw_frame(text, inner, &deeper)?;
    }
    for node in NODES.iter().filter(|node| node.frame == frame.name) {
        writeln!(text, "{deeper}{}[\"{}\"]", node.module, node.label)?;
    }
    writeln!(text, "{indent}end")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_connect_boxes_and_boxes_are_in_frames() {
        let boxes: BTreeSet<_> = NODES.iter().map(|n| n.module).chain(OUTSIDE.iter().map(|(name, _)| *name)).collect();
        for (from, to, _) in REQUESTS.iter().chain(BESIDE) {
            assert!(boxes.contains(from) && boxes.contains(to), "{from} -> {to}");
        }
        let frames: BTreeSet<_> = FRAMES.iter().map(|frame| frame.name).collect();
        assert!(NODES.iter().all(|node| frames.contains(node.frame)));
        assert!(FRAMES.iter().filter_map(|frame| frame.inside).all(|outer| frames.contains(outer)));
    }

    #[test]
    fn an_additional_or_missing_module_or_connection_is_detected() {
        let mut terraform = String::new();
        for name in drawn() {
            writeln!(terraform, "module \"{name}\" {{").unwrap();
        }
        let flows = ["load-balancer frontend", "load-balancer backend", "frontend backend", "backend database"];
        for flow in flows {
            writeln!(terraform, "    \"{flow}\"  = var.image.container_port").unwrap();
        }
        let all = format!("{terraform}    \"functions database\"     = 5432\n");
        assert_eq!(differences(&all), [""; 0]);
        assert_eq!(differences(&all.replace("module \"waf\"", "module \"shield\"")).len(), 2);
        let problem = differences(&format!("{all}    \"frontend database\" = 5432\n"));
        assert!(problem.len() == 1 && problem[0].ends_with("frontend -> rds is allowed, but not drawn"), "{problem:?}");
        let problem = differences(&all.replace("    \"frontend backend\"", "    # "));
        assert!(problem.len() == 1 && problem[0].contains("frontend -> backend is drawn"), "{problem:?}");
    }
}

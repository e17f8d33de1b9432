//! Variables and outputs of `terraform/`, read as text: checks that each is described, and generates the tables in the
//! modules' READMEs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::infrastructure::subdirectories;

/// Start of the generated part of a README, which extends to the end.
const BEGIN: &str = "<!-- Generated from variables.tf and outputs.tf by `cargo xtask generate`. -->\n";

/// The READMEs of all modules with current tables.
///
/// # Errors
/// If a file cannot be read or a README has no marker for its tables.
pub fn documents(terraform: &Path) -> Result<Vec<(PathBuf, String)>> {
    let modules = modules(terraform).into_iter();
    modules.map(|module| Ok((module.join("README.md"), document(&module)?))).collect()
}

/// Checks that every variable has a description and a type, every output a description, and every module its five
/// files.
///
/// # Errors
/// Everything that is missing.
pub fn check(terraform: &Path) -> Result<()> {
    let mut problems = Vec::new();
    for module in modules(terraform) {
        for file in ["main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md"] {
            if !module.join(file).is_file() {
                problems.push(format!("{} has no {file}", module.display()));
            }
        }
    }
    for directory in modules(terraform).into_iter().chain(["stack", "bootstrap"].map(|name| terraform.join(name))) {
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "tf") {
                let found = blocks(&fs::read_to_string(&path)?);
                problems
                    .extend(found.iter().filter_map(Block::problem).map(|text| format!("{}: {text}", path.display())));
            }
        }
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    Ok(())
}

fn modules(terraform: &Path) -> Vec<PathBuf> {
    let mut modules: Vec<_> = subdirectories(&terraform.join("modules")).collect();
    modules.sort();
    modules
}

/// A variable or an output.
struct Block {
    is_variable: bool,
    name: String,
    /// One-line attributes; of others, the first line.
    attributes: BTreeMap<String, String>,
}

impl Block {
    fn problem(&self) -> Option<String> {
        let needed: &[_] = if self.is_variable { &["description", "type"] } else { &["description"] };
        let lacks = |name: &&&str| self.attributes.get(**name).is_none_or(|value| value.trim_matches('"').is_empty());
        let missing: Vec<_> = needed.iter().filter(lacks).copied().collect();
        let kind = if self.is_variable { "variable" } else { "output" };
        (!missing.is_empty()).then(|| format!("{kind} {:?} has no {}", self.name, missing.join(" and no ")))
    }

    /// An attribute as a table cell.
    fn cell(&self, attribute: &str) -> String {
        self.attributes.get(attribute).map_or_else(String::new, |value| value.replace('|', "\\|"))
    }
}

/// The `variable` and `output` blocks of a file. A block ends with a brace at the start of a line, as `terraform fmt`
/// writes it.
fn blocks(text: &str) -> Vec<Block> {
    text.split("\n}").filter_map(block).collect()
}

fn block(text: &str) -> Option<Block> {
    let mut lines = text.lines();
    let head = lines.find(|line| line.starts_with("variable \"") || line.starts_with("output \""))?;
    let attributes = lines.filter_map(|line| {
        let line = line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?;
        let (name, value) = line.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    });
    Some(Block {
        is_variable: head.starts_with("variable"),
        name: head.split('"').nth(1)?.to_owned(),
        attributes: attributes.collect(),
    })
}

fn document(module: &Path) -> Result<String> {
    let path = module.join("README.md");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (prose, _) = text.split_once(BEGIN).with_context(|| format!("{} has no generated part", path.display()))?;
    let mut tables = "\n| variable | meaning | type | default |\n|---|---|---|---|\n".to_owned();
    for variable in blocks(&fs::read_to_string(module.join("variables.tf"))?) {
        let kind = variable.cell("type");
        // A type of several lines is shown only in the file.
        let kind = kind.trim_end_matches("({");
        let default =
            variable.attributes.get("default").map_or_else(String::new, |_| format!("`{}`", variable.cell("default")));
        let meaning = variable.cell("description");
        writeln!(tables, "| `{}` | {} | `{kind}` | {default} |", variable.name, meaning.trim_matches('"'))?;
    }
    tables.push_str("\n| output | meaning |\n|---|---|\n");
    for output in blocks(&fs::read_to_string(module.join("outputs.tf"))?) {
        writeln!(tables, "| `{}` | {} |", output.name, output.cell("description").trim_matches('"'))?;
    }
    Ok(format!("{prose}{BEGIN}{tables}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::root;

    #[test]
    fn missing_descriptions_are_found() {
        let text = "variable \"a\" {\n  description = \"An a.\"\n  type        = string\n}\n\nvariable \"b\" {\n  type = object({\n    \
                    description = string\n  })\n}\n\noutput \"c\" {\n  description = \"\"\n  value       = 1\n}\n\nvariable \"d\" {\n  \
                    description = \"A d.\"\n}\n";
        let found: Vec<_> = blocks(text).iter().filter_map(Block::problem).collect();
        assert_eq!(
            found,
            ["variable \"b\" has no description", "output \"c\" has no description", "variable \"d\" has no type"]
        );
    }

    #[test]
    fn all_variables_and_outputs_are_described() {
        check(&root().join("terraform")).expect("every variable and output is described");
    }
}

//! Configuration: read once at start from `SHOPEASE_*`; every problem is reported together. Each crate reads its own
//! section.

use std::fmt;
use std::str::FromStr;

use crate::ambient::Env;

/// All problems of a configuration, one per line, each with the variable's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The problems.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problem(s):", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// Reads variables and collects their problems.
pub struct Reader<'a> {
    env: &'a dyn Env,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Creates a reader without problems.
    pub fn new(env: &'a dyn Env) -> Self {
        Self { env, problems: Vec::new() }
    }

    /// Reads an optional variable.
    pub fn optional<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let text = self.env.var(name)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let found = match self.env.origin(name) {
                    Some(origin) => format!("in {origin}"),
                    None => format!("found {text:?}"),
                };
                self.problems.push(format!("{name}: {error} ({found})"));
                None
            }
        }
    }

    /// Reads a variable with a default.
    pub fn or<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, default: T) -> T {
        self.optional(name).unwrap_or(default)
    }

    /// Reads a required variable; reports it if it is missing.
    pub fn required<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        if self.env.var(name).is_none() {
            self.problems.push(format!("{name}: is required"));
        }
        self.optional(name)
    }

    /// Reports a problem with a value that could be parsed.
    pub fn problem(&mut self, name: &str, reason: impl fmt::Display) {
        let origin = self.env.origin(name).map(|origin| format!(" (in {origin})")).unwrap_or_default();
        let problem = format!("{name}: {reason}{origin}");
        // Two sections may read the same variable.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Finishes reading.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem found.
    pub fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError { problems: self.problems }) }
    }
}

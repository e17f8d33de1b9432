//! Settings and secrets from Parameter Store, as environment variables. Everything below `SHOPEASE_SSM_PREFIX` is read
//! once at start and kept. A rotated secret takes effect in new tasks or execution environments, that is, with a
//! deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use shopease_shop::ports::{Env, Source};

use crate::service::{Call, Failure, RetryLimits, Service, host};

/// Environment variable.
const PREFIX: &str = "SHOPEASE_SSM_PREFIX";
/// Time limit for reading all parameters at start: Lambda limits the init phase to ten seconds.
const LIMITS: RetryLimits = RetryLimits { tries: 5, in_all: Duration::from_secs(6) };
/// Most parameters per response:
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParametersByPath.html>
const PAGE: u32 = 10;
/// Upper limit on pages, so that a malformed response cannot block the start forever.
const MAX_PAGES: usize = 50;
/// Largest response: ten parameters of the advanced tier's 8 KB, escaped.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Why the parameters could not be read. Each message names the prefix or parameter and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ParametersError {
    /// The variable is not a parameter path.
    #[error(
        "{PREFIX}: {0:?} is not a prefix such as /shopease/prod/backend: a slash, then letters, digits, `.`, `-`, `_`, `/`"
    )]
    NotAPrefix(String),
    /// Region, endpoint, or credentials are missing.
    #[error("{PREFIX}: {0}")]
    NoClient(String),
    /// This process is not allowed to read them.
    #[error(
        "{PREFIX}: this process may not read the parameters below {prefix}: it needs ssm:GetParametersByPath on {prefix} and \
         kms:Decrypt on the key of its SecureStrings"
    )]
    Denied {
        /// The prefix.
        prefix: String,
        /// The message from AWS.
        #[source]
        source: Source,
    },
    /// There are no parameters below the prefix.
    #[error("{PREFIX}: there are no parameters below {0}")]
    NotFound(String),
    /// A parameter's value is blank.
    #[error("{PREFIX}: the parameter {0} is blank")]
    Blank(String),
    /// The service returned an error or did not respond in time.
    #[error("{PREFIX}: the parameters below {prefix} cannot be read")]
    Unavailable {
        /// The prefix.
        prefix: String,
        /// The cause.
        #[source]
        source: Source,
    },
}

/// The process's environment extended by Parameter Store. An environment variable takes precedence over the parameter
/// of its name.
pub struct Environment<E> {
    env: E,
    /// Keyed by variable name.
    parameters: BTreeMap<String, Parameter>,
    requested: Mutex<BTreeSet<String>>,
}

struct Parameter {
    /// Full name.
    name: String,
    value: String,
}

impl<E> fmt::Debug for Environment<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("parameters", &self.parameters.keys()).finish_non_exhaustive()
    }
}

/// Reads the parameters below `SHOPEASE_SSM_PREFIX`, if it is set.
///
/// # Errors
/// [`ParametersError`].
pub async fn environment<E: Env + Sync>(env: E) -> Result<Environment<E>, ParametersError> {
    let mut parameters = BTreeMap::new();
    if let Some(prefix) = env.var(PREFIX) {
        if !is_prefix(&prefix) {
            return Err(ParametersError::NotAPrefix(prefix));
        }
        let service = Service::connect("ssm", &env, |region| host("ssm", region)).await;
        let all = read_all(&service.map_err(ParametersError::NoClient)?, &prefix).await?;
        if all.is_empty() {
            return Err(ParametersError::NotFound(prefix));
        }
        for parameter in all {
            if parameter.value.trim().is_empty() {
                return Err(ParametersError::Blank(parameter.name));
            }
            parameters.insert(variable(&prefix, &parameter.name), parameter);
        }
    }
    Ok(Environment { env, parameters, requested: Mutex::default() })
}

impl<E> Environment<E> {
    /// Parameters that were never read: misspelled ones, and those that this configuration does not need.
    pub fn unused(&self) -> Vec<&str> {
        let requested = self.requested.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = self.parameters.iter().filter(|(variable, _)| !requested.contains(*variable));
        unused.map(|(_, parameter)| parameter.name.as_str()).collect()
    }

    /// Logs a warning for each unused parameter. Call it when all settings have been read.
    pub fn report_unused(&self) {
        for name in self.unused() {
            tracing::warn!(parameter = name, "parameter is not used by this process");
        }
    }
}

impl<E: Env> Env for Environment<E> {
    fn var(&self, name: &str) -> Option<String> {
        let parameter = self.parameters.get(name);
        if parameter.is_some() {
            self.requested.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        }
        self.env.var(name).or_else(|| parameter.map(|parameter| parameter.value.clone()))
    }

    fn origin(&self, name: &str) -> Option<String> {
        let is_set = self.env.var(name).is_some();
        let parameter = self.parameters.get(name).filter(|_| !is_set)?;
        Some(format!("parameter {}", parameter.name))
    }
}

/// Checks for a Parameter Store hierarchy without a trailing slash.
fn is_prefix(prefix: &str) -> bool {
    let part_is_right = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    prefix.strip_prefix('/').is_some_and(|parts| parts.split('/').all(part_is_right))
}

/// `/shopease/prod/backend/stripe-secret-key` becomes `SHOPEASE_STRIPE_SECRET_KEY`.
fn variable(prefix: &str, name: &str) -> String {
    let key = name.strip_prefix(prefix).unwrap_or(name).trim_start_matches('/');
    let is_plain = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if is_plain { format!("SHOPEASE_{}", key.to_ascii_uppercase().replace('-', "_")) } else { name.to_owned() }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    parameters: Vec<PageParameter>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PageParameter {
    name: String,
    value: String,
}

async fn read_all(service: &Service, prefix: &str) -> Result<Vec<Parameter>, ParametersError> {
    let unavailable = |source: Source| ParametersError::Unavailable { prefix: prefix.to_owned(), source };
    let begun = tokio::time::Instant::now();
    let (mut all, mut next_token) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let mut body = json!({ "Path": prefix, "Recursive": false, "WithDecryption": true, "MaxResults": PAGE });
        if let Some(token) = next_token {
            body["NextToken"] = serde_json::Value::String(token);
        }
        let call = Call {
            method: Method::POST,
            path: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", "AmazonSSM.GetParametersByPath".to_owned()),
            ],
            body: body.to_string().into_bytes(),
            max_bytes: MAX_ANSWER_BYTES,
        };
        let left = RetryLimits { in_all: LIMITS.in_all.saturating_sub(begun.elapsed()), ..LIMITS };
        let (_, body) = service.send(&call, left).await.map_err(|failure| match failure {
            Failure::Service { ref code, .. } if code.contains("AccessDenied") => {
                ParametersError::Denied { prefix: prefix.to_owned(), source: failure.into() }
            }
            failure => unavailable(failure.into()),
        })?;
        // A serde error message may quote the value at that position, which may be a secret.
        let page: Page = serde_json::from_slice(&body).map_err(|error| {
            unavailable(
                format!("the response cannot be parsed at line {}, column {}", error.line(), error.column()).into(),
            )
        })?;
        all.extend(page.parameters.into_iter().map(|found| Parameter { name: found.name, value: found.value }));
        match page.next_token {
            Some(token) => next_token = Some(token),
            None => return Ok(all),
        }
    }
    Err(unavailable(format!("the response has more than {MAX_PAGES} pages").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_named_like_its_variable() {
        let of = |name: &str| variable("/shopease/prod/backend", &format!("/shopease/prod/backend/{name}"));
        assert_eq!(of("stripe-secret-key"), "SHOPEASE_STRIPE_SECRET_KEY");
        assert_eq!(of("Stripe_Key"), "/shopease/prod/backend/Stripe_Key");
    }

    #[test]
    fn a_prefix_is_a_path() {
        for right in ["/shopease", "/shopease/prod/backend", "/a.b/c_d-e"] {
            assert!(is_prefix(right), "{right}");
        }
        for wrong in ["shopease", "/", "/shopease/", "//x", "/a b", "/ä", "", "/a/*"] {
            assert!(!is_prefix(wrong), "{wrong}");
        }
    }
}

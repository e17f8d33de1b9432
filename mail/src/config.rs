//! Configuration: how mails are sent, by whom, and where those to the operator go.

use std::path::PathBuf;

use secrecy::SecretString;
use shopease_process::config::Reader;
use shopease_shop::domain::EmailAddress;
use shopease_shop::ports::{HeaderText, Mailbox};
use url::Url;

const MAIL: &str = "SHOPEASE_MAIL";
const FROM: &str = "SHOPEASE_MAIL_FROM";
const SMTP_URL: &str = "SHOPEASE_MAIL_SMTP_URL";
const OPERATOR: &str = "SHOPEASE_MAIL_OPERATOR";

/// Configuration of a shop that sends mails.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// How mails are sent.
    pub transport: Transport,
    /// The sender. Without a name, it is the shop's.
    pub from: Mailbox,
    /// Where mails to the operator go, if anywhere.
    pub operator: Option<EmailAddress>,
}

/// How mails are sent.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Not at all: each is written to a file in this directory.
    Directory(PathBuf),
    /// By this relay.
    Smtp(SmtpConfig),
    /// By SES, with the credentials and the region from the environment.
    #[cfg(feature = "aws")]
    Ses {
        /// The configuration set of all mails, which reports those that come back.
        configuration_set: Option<String>,
    },
}

/// An SMTP relay.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Encryption of the connection.
    pub security: Security,
    /// User and password.
    pub credentials: Option<(String, SecretString)>,
}

/// Encryption of the connection to a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS by STARTTLS; without it, nothing is sent.
    StartTls,
    /// None: for a relay on the same host or in the same network.
    Plain,
}

impl MailConfig {
    /// Reads the section:
    ///
    /// - `SHOPEASE_MAIL`: `off`, `directory:<path>`, `smtp`, or `ses`. The default is `directory` where there is one, else `off`.
    /// - `SHOPEASE_MAIL_FROM`: the sender, as `Name <address>` or an address. Required for `smtp` and `ses`.
    /// - `SHOPEASE_MAIL_SMTP_URL`: the relay, as `smtps://user:password@host:port` or `smtp://...` with STARTTLS. `?tls=none` turns
    ///   encryption off. Required for `smtp`.
    /// - `SHOPEASE_MAIL_SES_CONFIGURATION_SET`: the configuration set of all mails, for `ses`.
    /// - `SHOPEASE_MAIL_OPERATOR`: the address for new orders and low stock.
    pub fn read(reader: &mut Reader<'_>, directory: Option<PathBuf>) -> Option<Self> {
        let text: Option<String> = reader.optional(MAIL);
        let from = reader.optional::<String>(FROM).and_then(|text| {
            let from = mailbox(&text);
            if from.is_none() {
                reader.problem(FROM, format!("{text:?} is not `Name <address>` or an address"));
            }
            from
        });
        let operator = reader.optional::<String>(OPERATOR).and_then(|text| {
            let operator = text.parse().ok();
            if operator.is_none() {
                reader.problem(OPERATOR, format!("{text:?} is not an email address"));
            }
            operator
        });
        let transport = match text.as_deref() {
            None => Transport::Directory(directory?),
            Some("off") => return None,
            Some("smtp") => Transport::Smtp(relay(reader)?),
            Some("ses") => ses(reader)?,
            Some(text) => match text.split_once(':') {
                Some(("directory", path)) if !path.is_empty() => Transport::Directory(path.into()),
                _ => {
                    reader.problem(MAIL, format!("{text:?} is not `off`, `directory:<path>`, `smtp`, or `ses`"));
                    return None;
                }
            },
        };
        let is_sent = !matches!(transport, Transport::Directory(_));
        if is_sent && from.is_none() {
            reader.required::<String>(FROM);
            return None;
        }
        let from = from.or_else(|| mailbox("orders@shop.example"))?;
        Some(Self { transport, from, operator })
    }
}

#[cfg(feature = "aws")]
#[expect(clippy::unnecessary_wraps, reason = "a build without the SDK reports a problem")]
fn ses(reader: &mut Reader<'_>) -> Option<Transport> {
    Some(Transport::Ses { configuration_set: reader.optional("SHOPEASE_MAIL_SES_CONFIGURATION_SET") })
}

#[cfg(not(feature = "aws"))]
fn ses(reader: &mut Reader<'_>) -> Option<Transport> {
    reader.problem(MAIL, "this build does not support SES; build with `--features aws-events`");
    None
}

/// Reads the relay. Problems never contain the URL, because it has a password.
fn relay(reader: &mut Reader<'_>) -> Option<SmtpConfig> {
    let text = reader.required::<String>(SMTP_URL)?;
    match parse_relay(&text) {
        Ok(relay) => Some(relay),
        Err(problem) => {
            reader.problem(SMTP_URL, problem);
            None
        }
    }
}

fn parse_relay(text: &str) -> Result<SmtpConfig, &'static str> {
    const EXPECTED: &str = "is not a URL such as smtps://user:password@host:465 or smtp://user:password@host:587";
    let url: Url = text.parse().map_err(|_| EXPECTED)?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(EXPECTED)?;
    let (security, port) = match (url.scheme(), url.query()) {
        ("smtps", None) => (Security::Tls, 465),
        ("smtp", None) => (Security::StartTls, 587),
        ("smtp", Some("tls=none")) => (Security::Plain, 25),
        ("smtp" | "smtps", Some(_)) => return Err("has a query other than smtp://...?tls=none"),
        _ => return Err(EXPECTED),
    };
    if security != Security::Plain && !cfg!(feature = "tls") {
        return Err(
            "needs TLS, which this build does not support; build with `--features https`, or use smtp://host?tls=none",
        );
    }
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| EXPECTED);
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (user, Some(password)) if !user.is_empty() => Some((decoded(user)?, decoded(password)?.into())),
        _ => return Err("has a user without a password, or a password without a user"),
    };
    if credentials.is_some() && security == Security::Plain {
        return Err("would send a password without encryption");
    }
    Ok(SmtpConfig { host: host.to_owned(), port: url.port().unwrap_or(port), security, credentials })
}

/// Parses `Name <address>` or an address.
fn mailbox(text: &str) -> Option<Mailbox> {
    let (name, email) = match text.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, email)) => (name.trim().trim_matches('"'), email),
        None => ("", text),
    };
    Some(Mailbox { name: HeaderText::new(name), email: email.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use shopease_process::testing::MapEnv;

    use super::*;

    fn read<const N: usize>(variables: [(&str, &str); N]) -> (Option<MailConfig>, Vec<String>) {
        let env = MapEnv::new(variables);
        let mut reader = Reader::new(&env);
        let config = MailConfig::read(&mut reader, Some("data/mail".into()));
        (config, reader.finish().err().map_or_else(Vec::new, |error| error.problems))
    }

    #[test]
    fn a_laptop_writes_files() {
        let (config, problems) = read([]);
        let config = config.expect("the default");
        assert!(matches!(config.transport, Transport::Directory(path) if path == std::path::Path::new("data/mail")));
        assert_eq!(problems, Vec::<String>::new());
        assert!(read([(MAIL, "off")]).0.is_none());
        let empty = MapEnv::new([]);
        let mut reader = Reader::new(&empty);
        assert!(MailConfig::read(&mut reader, None).is_none(), "without a directory, no mails are sent");
    }

    #[test]
    fn a_relay_needs_its_url_and_a_sender() {
        let (config, problems) = read([(MAIL, "smtp")]);
        assert!(config.is_none() && problems == ["SHOPEASE_MAIL_SMTP_URL: is required"], "{problems:?}");
        let url = (SMTP_URL, "smtp://127.0.0.1:2525?tls=none");
        let (config, problems) = read([(MAIL, "smtp"), url]);
        assert!(config.is_none() && problems == ["SHOPEASE_MAIL_FROM: is required"], "{problems:?}");
        let (config, _) = read([(MAIL, "smtp"), url, (FROM, "My shop <a@b.example>"), (OPERATOR, "o@b.example")]);
        let config = config.expect("complete");
        assert_eq!((config.from.name.as_str(), config.from.email.as_str()), ("My shop", "a@b.example"));
        assert!(config.operator.is_some());
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_relay_is_encrypted_unless_it_has_no_password() {
        let relay = parse_relay("smtps://user%40x:p%2Fw@mail.example").expect("a relay");
        assert_eq!((relay.host.as_str(), relay.port, relay.security), ("mail.example", 465, Security::Tls));
        let (user, password) = relay.credentials.expect("credentials");
        assert_eq!((user.as_str(), password.expose_secret()), ("user@x", "p/w"));
        let relay = parse_relay("smtp://mail.example").expect("a relay");
        assert_eq!((relay.port, relay.security), (587, Security::StartTls));
        for wrong in [
            "mail.example",
            "http://mail.example",
            "smtp://user@mail.example",
            "smtp://user:hunter2@mail.example?tls=none",
            "smtp://user:hunter2@mail.example?tls=off",
        ] {
            let (config, problems) = read([(MAIL, "smtp"), (FROM, "a@b.example"), (SMTP_URL, wrong)]);
            assert!(config.is_none() && problems.len() == 1 && problems[0].starts_with(SMTP_URL), "{problems:?}");
            assert!(!problems[0].contains("hunter2"), "{problems:?}");
        }
    }

    #[test]
    fn every_problem_is_reported() {
        let (_, problems) = read([(MAIL, "pigeon"), (FROM, "nobody"), (OPERATOR, "@")]);
        let names: Vec<_> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(names, [FROM, OPERATOR, MAIL]);
    }
}

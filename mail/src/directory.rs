//! Mails as files, for a shop on a laptop. A mail that is sent again replaces its file.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use mail_parser::MessageParser;
use shopease_shop::ports::{Mail, MailError, Mailer, SentMail, SentMails};

use crate::mime::encode;

/// Most mails that are listed.
const LISTED: usize = 100;
const EXTENSION: &str = "eml";

/// A directory with one file per mail.
#[derive(Debug, Clone)]
pub struct MailDirectory(PathBuf);

impl MailDirectory {
    /// Uses a directory, which is created with the first mail.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.{EXTENSION}"))
    }

    async fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        tokio::fs::create_dir_all(&self.0).await?;
        // Mails contain links that open orders and accounts: only the owner of the process reads them.
        #[cfg(unix)]
        tokio::fs::set_permissions(&self.0, std::os::unix::fs::PermissionsExt::from_mode(0o700)).await?;
        let partial = self.0.join(format!("{name}.partial"));
        tokio::fs::write(&partial, content).await?;
        tokio::fs::rename(&partial, self.file(name)).await
    }

    /// The names of all mails, newest first.
    async fn names(&self) -> io::Result<Vec<String>> {
        let mut entries = match tokio::fs::read_dir(&self.0).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            let path = entry.path();
            let is_mail = path.extension().is_some_and(|extension| extension == EXTENSION);
            if let Some(name) = path.file_stem().filter(|_| is_mail).and_then(|name| name.to_str()) {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names)
    }
}

#[async_trait]
impl Mailer for MailDirectory {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let encoded = encode(mail)?;
        self.write(&mail.id.to_string(), &encoded.content).await.map_err(|error| MailError::Unavailable(error.into()))
    }
}

#[async_trait]
impl SentMails for MailDirectory {
    async fn newest(&self) -> io::Result<Vec<SentMail>> {
        let mut mails = Vec::new();
        for name in self.names().await?.into_iter().take(LISTED) {
            mails.extend(self.find(&name).await?);
        }
        Ok(mails)
    }

    async fn find(&self, name: &str) -> io::Result<Option<SentMail>> {
        // A name comes from a URL and must not leave the directory.
        if Path::new(name).file_name().is_none_or(|file| file != name) {
            return Ok(None);
        }
        match tokio::fs::read(self.file(name)).await {
            Ok(content) => Ok(parse(name, &content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn parse(name: &str, content: &[u8]) -> Option<SentMail> {
    let message = MessageParser::default().parse(content)?;
    let to = message.to().and_then(|to| to.first()).and_then(|to| to.address()).unwrap_or_default();
    let text = String::from_utf8_lossy(content);
    Some(SentMail {
        name: name.to_owned(),
        headers: text.split_once("\r\n\r\n").map_or_else(String::new, |(headers, _)| headers.to_owned()),
        to: to.to_owned(),
        subject: message.subject().unwrap_or_default().to_owned(),
        text: message.body_text(0).unwrap_or_default().into_owned(),
        html: message.body_html(0).unwrap_or_default().into_owned(),
    })
}

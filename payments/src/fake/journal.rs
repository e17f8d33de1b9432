//! The ledger's journal: one JSON line per change, on disk before the response is sent.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::command::LedgerError;
use super::intent::{Entry, Event, Intent};

/// The result of a request, returned whenever it is repeated.
pub(super) type Outcome = Result<Intent, LedgerError>;

/// An intent after a step, with the entry and event of the step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub intent: Intent,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// A request was completed.
    Answered {
        key: String,
        fingerprint: String,
        answer: Box<Outcome>,
        #[serde(skip_serializing_if = "Option::is_none")]
        change: Option<Box<Change>>,
    },
    /// An intent changed because time passed.
    Changed(Box<Change>),
    /// An event was delivered to its receiver.
    Delivered(String),
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be opened, read, or written.
    #[error("cannot use the journal {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another process has locked it.
    #[error("the journal {0} is in use by another process")]
    InUse(PathBuf),
    /// A line cannot be read and is not an incomplete last line.
    #[error("line {line} of the journal {path} cannot be read")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The line number, starting at 1.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
}

/// An open journal; only this process writes it.
#[derive(Debug)]
pub(super) struct Journal(File);

impl Journal {
    /// Opens or creates a journal and reads its records. An incomplete last line was never acknowledged and is removed.
    pub fn open(path: &Path) -> Result<(Self, Vec<Record>), JournalError> {
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        // Owner only: the journal contains orders and cards, and the directory may be readable by others.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(io)?;
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(JournalError::InUse(path.to_owned())),
            Err(std::fs::TryLockError::Error(source)) => return Err(io(source)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let records = bytes[..whole]
            .split(|byte| *byte == b'\n')
            .enumerate()
            .filter(|(_, line)| !line.is_empty())
            .map(|(index, line)| {
                serde_json::from_slice(line).map_err(|source| JournalError::Corrupt {
                    path: path.to_owned(),
                    line: index + 1,
                    source,
                })
            })
            .collect::<Result<_, _>>()?;
        file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(io)?;
        file.sync_all().map_err(io)?;
        // The new file's directory entry must be durable, too.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io)?;
        Ok((Self(file), records))
    }

    /// Appends records; with `durable` they are on disk when this returns.
    pub fn append(&mut self, records: &[Record], durable: bool) -> io::Result<()> {
        let mut lines = Vec::new();
        for record in records {
            serde_json::to_writer(&mut lines, record)?;
            lines.push(b'\n');
        }
        self.0.write_all(&lines)?;
        if durable { self.0.sync_data() } else { Ok(()) }
    }
}

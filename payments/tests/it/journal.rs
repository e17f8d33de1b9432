//! The journal: acknowledged results survive however the process is killed.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use shopease_payments::fake::{JournalError, Ledger, LedgerConfig, LedgerError};
use shopease_shop::ports::{Env as _, ProcessEnv, SystemClock, SystemIds};
use shopease_shop::testing::{FixedClock, SeededIds};

use crate::support::{cancel, capture, confirm, create, refund};

fn try_open(path: &Path, seed: u64) -> Result<Arc<Ledger>, JournalError> {
    let config = LedgerConfig { journal: Some(path.to_owned()), ..LedgerConfig::default() };
    Ledger::open(&config, Arc::new(FixedClock::new()), Arc::new(SeededIds::new(seed)))
}

/// A process that another test is starting may hold this one's locks for a moment.
fn open(path: &Path, seed: u64) -> Result<Arc<Ledger>, JournalError> {
    for _ in 0..100 {
        match try_open(path, seed) {
            Err(JournalError::InUse(_)) => std::thread::sleep(Duration::from_millis(20)),
            other => return other,
        }
    }
    try_open(path, seed)
}

#[test]
fn everything_is_restored_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.jsonl");
    let ledger = open(&path, 1).expect("a ledger");
    let id = ledger.execute("create", create("card_approved")).expect("an intent").id;
    let confirmed = ledger.execute("confirm", confirm(&id));
    let captured = ledger.execute("capture", capture(&id));
    ledger.execute("refund", refund(&id, 1000)).expect("a refund");
    let declined = ledger.execute("create 2", create("card_declined")).expect("an intent").id;
    let decline = ledger.execute("confirm 2", confirm(&declined));
    let expires = ledger.execute("create 3", create("card_expires")).expect("an intent").id;
    ledger.execute("confirm 3", confirm(&expires)).expect("a response");
    let too_late = ledger.execute("capture 3", capture(&expires));
    let before = (ledger.entries(), ledger.captures(), ledger.events(), ledger.find(&id), ledger.find(&expires));
    assert!(matches!(try_open(&path, 2), Err(JournalError::InUse(_))), "one process at a time");
    drop(ledger);

    let ledger = open(&path, 2).expect("the ledger again");
    let after = (ledger.entries(), ledger.captures(), ledger.events(), ledger.find(&id), ledger.find(&expires));
    assert_eq!(after, before);
    assert_eq!(ledger.execute("confirm", confirm(&id)), confirmed);
    assert_eq!(ledger.execute("capture", capture(&id)), captured);
    assert_eq!(ledger.execute("confirm 2", confirm(&declined)), decline);
    assert_eq!(ledger.execute("capture 3", capture(&expires)), too_late);
    assert_eq!(ledger.entries(), before.0, "nothing was executed again");
    let reused = LedgerError::Refused { code: "idempotency_key_reused".to_owned() };
    assert_eq!(ledger.execute("capture", cancel(&id)), Err(reused));
}

#[test]
fn an_incomplete_last_line_is_discarded() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.jsonl");
    let ledger = open(&path, 1).expect("a ledger");
    let id = ledger.execute("create", create("card_approved")).expect("an intent").id;
    ledger.execute("confirm", confirm(&id)).expect("a response");
    let before = fs::metadata(&path).expect("a file").len();
    ledger.execute("capture", capture(&id)).expect("a capture");
    drop(ledger);
    let whole = fs::read(&path).expect("a journal");

    for length in before..whole.len() as u64 {
        let torn = directory.path().join("torn.jsonl");
        fs::write(&torn, &whole[..usize::try_from(length).expect("short")]).expect("a file");
        let ledger = open(&torn, 2).expect("a ledger");
        assert_eq!(ledger.captures(), [], "cut at {length}");
        ledger.execute("capture", capture(&id)).expect("it can be executed now");
        drop(ledger);
        let again = open(&torn, 3).expect("the line after the cut is complete");
        assert_eq!(again.captures().len(), 1, "cut at {length}");
        fs::remove_file(&torn).expect("removed");
    }
}

#[test]
fn a_broken_line_in_the_middle_is_not_skipped() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.jsonl");
    drop(open(&path, 1).expect("a ledger").execute("create", create("card_approved")));
    let mut file = fs::OpenOptions::new().append(true).open(&path).expect("a file");
    file.write_all(b"{\"answ\n").expect("written");
    drop(file);
    let corrupt = open(&path, 2).map(drop);
    assert!(matches!(corrupt, Err(JournalError::Corrupt { line: 2, .. })), "{corrupt:?}");
}

/// The process that the next test kills; run directly, it does nothing.
#[test]
fn pays_until_it_is_killed() {
    let Some(path) = ProcessEnv.var("SHOPEASE_TEST_JOURNAL") else { return };
    let config = LedgerConfig { journal: Some(path.into()), ..LedgerConfig::default() };
    let ledger = Ledger::open(&config, Arc::new(SystemClock), Arc::new(SystemIds)).expect("a ledger");
    for number in 0.. {
        let run = |step: &str, command| ledger.execute(&format!("{number}:{step}"), command).expect(step);
        let id = run("create", create("card_approved")).id;
        run("confirm", confirm(&id));
        run("capture", capture(&id));
        println!("captured {id}");
    }
}

#[test]
fn kill_9_loses_no_acknowledged_result() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.jsonl");
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let file = path.with_extension(round.to_string());
        let mut child = Process::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "journal::pays_until_it_is_killed", "--nocapture"])
            .env("SHOPEASE_TEST_JOURNAL", &file)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut ids = lines.filter_map(|line| captured(&line.expect("text")));
        acknowledged.clear();
        acknowledged.extend(ids.by_ref().take(20 + 7 * round));
        child.kill().expect("killed");
        child.wait().expect("its end");
        // What it printed between the last line read and its end.
        acknowledged.extend(ids);

        let ledger = open(&file, 1).expect("the ledger of the killed process");
        let sums = ledger.captures();
        assert!(
            acknowledged.len() >= 20 && acknowledged.len() <= sums.len(),
            "{} of {}",
            acknowledged.len(),
            sums.len()
        );
        for id in &acknowledged {
            let sum = sums.iter().find(|sum| sum.intent_id == *id).expect("an acknowledged capture is kept");
            assert_eq!(sum.captures, 1);
        }
    }
}

fn captured(line: &str) -> Option<String> {
    // The name of the test may precede the first line.
    line.split_once("captured ").map(|(_, id)| id.to_owned())
}

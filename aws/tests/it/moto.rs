//! The same against moto, a server that checks signatures with AWS's own Python code, and IAM policies of users.
//!
//! It is installed once below the target directory. If that is not possible, the test prints SKIPPED and passes, unless
//! `CI=true`.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use shopease_aws::{S3Assets, SnapshotError, SqsBounces, environment, take_snapshot, upload};
use shopease_shared::http::EmbeddedAssets;
use shopease_shop::ports::{AssetStore as _, BounceQueue as _, Env as _, ProcessEnv};
use shopease_shop::testing::MapEnv;
use shopease_shop::testing::fixtures::mail_id;

use crate::assets::{location, same_as_embedded};
use crate::snapshot::order;
use crate::{chain, env};

const PACKAGES: &str = "moto[server]==5.2.5";

#[derive(Deserialize)]
struct Moto {
    endpoint: String,
    prefix: String,
    bucket: String,
    queue: String,
    worker: (String, String),
    database: String,
    reader: (String, String),
    writer: (String, String),
    keeper: (String, String),
    nobody: (String, String),
    #[serde(skip)]
    child: Option<Child>,
}

impl Drop for Moto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Moto {
    fn env(&self, (id, secret): &(String, String)) -> MapEnv {
        env(&self.endpoint, id, secret)
    }

    fn start() -> Result<Self, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/start_moto.py");
        let mut command = Command::new(python()?);
        command
            .arg(script)
            .arg(json!([bounce(), "not a bounce"]).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("moto cannot be started: {error}"))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("text");
        let mut moto: Self =
            serde_json::from_str(&line).map_err(|error| format!("moto did not print its endpoint: {error}"))?;
        moto.child = Some(child);
        Ok(moto)
    }
}

/// A Python with moto: the infrastructure tests' environment if it exists, otherwise one of our own.
fn python() -> Result<PathBuf, String> {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto");
    let of_infrastructure = own.join("../../xtask/moto");
    for venv in [&own, &of_infrastructure] {
        // Written last, so that an incomplete installation is not used.
        if std::fs::read_to_string(venv.join("packages")).is_ok_and(|packages| packages == PACKAGES) {
            return Ok(venv.join("bin/python"));
        }
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&own))?;
    let python = own.join("bin/python");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGES]))?;
    std::fs::write(own.join("packages"), PACKAGES).map_err(|error| error.to_string())?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {text}")) }
}

#[tokio::test]
async fn settings_assets_snapshots_and_bounces_work_against_moto() {
    let moto = match tokio::task::spawn_blocking(Moto::start).await.expect("no panic") {
        Ok(moto) => moto,
        Err(reason) => {
            assert!(ProcessEnv.var("CI").as_deref() != Some("true"), "{reason}");
            println!("SKIPPED moto::settings_assets_snapshots_and_bounces_work_against_moto: {reason}");
            return;
        }
    };
    parameters(&moto).await;
    bucket(&moto).await;
    snapshots(&moto).await;
    returned_mails(&moto).await;
}

/// An event of SES, as EventBridge puts it into a queue.
fn bounce() -> String {
    let recipients = json!([{ "emailAddress": "ada@example.com", "action": "failed", "status": "5.1.1" }]);
    let bounce = json!({
        "bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": recipients,
        "timestamp": "2026-12-01T09:00:00.000Z"
    });
    let tags = json!({ "mail": [mail_id().tag()] });
    json!({
        "detail-type": "Email Bounced", "source": "aws.ses",
        "detail": { "eventType": "Bounce", "bounce": bounce, "mail": { "tags": tags } }
    })
    .to_string()
}

async fn returned_mails(moto: &Moto) {
    let url = moto.queue.parse().expect("the URL of a queue");
    let queue = SqsBounces::connect(&url, &moto.env(&moto.worker)).await.expect("a client");
    let reports = queue.receive().await.expect("the worker may");
    let codes: Vec<_> = reports.iter().map(|report| report.mail.as_ref().map(|mail| mail.code.as_str())).collect();
    assert_eq!(codes, [Some("5.1.1"), None]);
    assert_eq!(reports[0].mail.as_ref().map(|mail| &mail.id), Some(&mail_id()));
    assert_eq!(queue.receive().await.expect("an empty response"), [], "others do not see them meanwhile");
    for report in reports {
        queue.remove(&report.receipt).await.expect("removed");
    }
    let unknown = chain(&*queue.remove("no receipt").await.expect_err("not a receipt"));
    assert!(unknown.contains("ReceiptHandleIsInvalid"), "{unknown}");
    let nobody = SqsBounces::connect(&url, &moto.env(&moto.nobody)).await.expect("a client");
    let denied = nobody.receive().await.expect_err("nobody may not").to_string();
    assert!(denied.to_lowercase().contains("sqs:receivemessage"), "{denied}");
}

async fn parameters(moto: &Moto) {
    let read = |user| environment(moto.env(user).with("SHOPEASE_SSM_PREFIX", &moto.prefix));
    let loaded = read(&moto.reader).await.expect("the reader may");
    assert_eq!(loaded.var("SHOPEASE_STRIPE_SECRET_KEY").as_deref(), Some("sk_test_of_moto"), "it is decrypted");
    assert_eq!(loaded.unused().len(), 23, "all pages, and nothing below them");
    let denied = chain(&read(&moto.nobody).await.expect_err("nobody may not"));
    assert!(denied.contains("ssm:GetParametersByPath") && denied.contains("user/nobody"), "{denied}");
    let forged = (moto.reader.0.clone(), "another secret".to_owned());
    let forged = chain(&read(&forged).await.expect_err("a signature with another secret is rejected"));
    assert!(forged.contains("signature"), "{forged}");
    let elsewhere = environment(moto.env(&moto.reader).with("SHOPEASE_SSM_PREFIX", "/shopease/other")).await;
    assert!(chain(&elsewhere.expect_err("nothing is there")).contains("no parameters below /shopease/other"));
}

async fn bucket(moto: &Moto) {
    let there = location(&format!("s3://{}/prod/v 1+ä", moto.bucket));
    let denied = upload(&there, &moto.env(&moto.reader), |_| {}).await.expect_err("the reader may not write");
    assert!(chain(&denied).contains("s3:PutObject"), "{}", chain(&denied));
    let done =
        upload(&there, &moto.env(&moto.writer), |_| {}).await.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!(done.files, EmbeddedAssets.all().len());
    let assets = Arc::new(S3Assets::connect(&there, &moto.env(&moto.reader)).await.expect("a client"));
    for named in EmbeddedAssets.all() {
        assert_eq!(assets.find_asset(&named.path).await.expect("a response"), Some(named.asset), "{}", named.path);
    }
    same_as_embedded(assets).await;
    let nobody = S3Assets::connect(&there, &moto.env(&moto.nobody)).await.expect("a client");
    let denied = chain(&nobody.find_asset("shop.css").await.expect_err("nobody may not read"));
    assert!(denied.contains("s3:GetObject"), "{denied}");
}

async fn snapshots(moto: &Moto) {
    let before = order(&moto.database, "before-1-2-3");
    let keeper = moto.env(&moto.keeper);
    let denied = take_snapshot(&before, &moto.env(&moto.reader), |_| {}).await.expect_err("the reader may not");
    assert!(denied.to_string().contains("rds:CreateDBSnapshot"), "{denied}");
    let done = take_snapshot(&before, &keeper, |_| {}).await.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_eq!((done.status.as_str(), done.gibibytes), ("available", 20));
    assert_eq!(take_snapshot(&before, &keeper, |_| {}).await.expect("the same again"), done);
    let unknown = take_snapshot(&order("another", "before"), &keeper, |_| {}).await.expect_err("no such database");
    assert!(matches!(unknown, SnapshotError::UnknownDatabase(_)), "{unknown}");
}

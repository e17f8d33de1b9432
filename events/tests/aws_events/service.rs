//! A small server for the two services' protocols: JSON 1.1 for `EventBridge`, query and XML for SNS. It records the
//! accepted entries and fails as scripted.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The entries with these numbers are rejected, the others accepted.
    Reject(Vec<usize>),
    /// Nothing is accepted: too many requests.
    Throttle,
    /// Nothing is accepted: access denied.
    Deny,
    /// Everything is accepted, and the connection is closed without a response.
    Lose,
}

/// One entry as it arrived.
pub type Entry = BTreeMap<String, String>;

#[derive(Default)]
struct State {
    replies: VecDeque<Reply>,
    taken: Vec<Entry>,
    /// Number of entries of each request.
    requests: Vec<usize>,
}

/// The server.
#[derive(Clone)]
pub struct Service {
    state: Arc<Mutex<State>>,
    /// URL.
    pub url: String,
}

impl Service {
    /// Starts a server with these responses to the first requests; later requests are accepted.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State { replies: replies.into_iter().collect(), ..State::default() }));
        let service = Self { state, url };
        let serving = service.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = serving.clone();
                tokio::spawn(async move { service.serve(stream).await });
            }
        });
        service
    }

    /// The accepted entries, with duplicates.
    pub fn taken(&self) -> Vec<Entry> {
        self.state.lock().expect("not poisoned").taken.clone()
    }

    /// Number of entries of each request.
    pub fn requests(&self) -> Vec<usize> {
        self.state.lock().expect("not poisoned").requests.clone()
    }

    /// Serves one request of a connection, then closes it.
    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let (head, body) = read(&mut stream).await?;
        let head = head.to_lowercase();
        assert!(head.contains("authorization: aws4-hmac-sha256"), "every request is signed: {head}");
        let (json, entries) = if head.contains("x-amz-target: awsevents.putevents") {
            assert!(head.contains("content-type: application/x-amz-json-1.1"), "{head}");
            (true, json_entries(&body))
        } else {
            assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
            (false, form_entries(&body))
        };
        let reply = {
            let mut state = self.state.lock().expect("not poisoned");
            let reply = state.replies.pop_front().unwrap_or(Reply::Reject(Vec::new()));
            state.requests.push(entries.len());
            let rejected = |number: &usize| matches!(&reply, Reply::Reject(numbers) if numbers.contains(number));
            if !matches!(reply, Reply::Throttle | Reply::Deny) {
                let taken = entries.iter().enumerate().filter(|(number, _)| !rejected(number));
                state.taken.extend(taken.map(|(_, entry)| entry.clone()));
            }
            reply
        };
        let (status, text) = match reply {
            Reply::Lose => return None,
            Reply::Throttle => error(json, "ThrottlingException", "Throttling"),
            Reply::Deny => error(json, "AccessDeniedException", "AuthorizationError"),
            Reply::Reject(numbers) if json => ("200 OK", json_reply(entries.len(), &numbers)),
            Reply::Reject(numbers) => ("200 OK", xml_reply(&entries, &numbers)),
        };
        let kind = if json { "application/x-amz-json-1.1" } else { "text/xml" };
        let length = text.len();
        let response = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
        );
        stream.write_all(response.as_bytes()).await.ok()
    }
}

async fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let length: usize = length.expect("a length");
            if bytes.len() >= end + 4 + length {
                return Some((head, bytes[end + 4..end + 4 + length].to_vec()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn json_entries(body: &[u8]) -> Vec<Entry> {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let entries = body["Entries"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let entry = |value: &Value| {
        value.as_object().expect("an entry").iter().map(|(name, value)| (name.clone(), text(value))).collect()
    };
    entries.iter().map(entry).collect()
}

/// Entries by the field names after `PublishBatchRequestEntries.member.<n>.`, each with the topic.
fn form_entries(body: &[u8]) -> Vec<Entry> {
    let form: Vec<(String, String)> = serde_urlencoded::from_bytes(body).expect("a form");
    let find = |name: &str| form.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    assert_eq!(find("Action").as_deref(), Some("PublishBatch"), "{form:?}");
    let mut entries: BTreeMap<usize, Entry> = BTreeMap::new();
    for (name, value) in &form {
        let Some(rest) = name.strip_prefix("PublishBatchRequestEntries.member.") else { continue };
        let (number, field) = rest.split_once('.').expect("a field");
        entries.entry(number.parse().expect("a number")).or_default().insert(field.to_owned(), value.clone());
    }
    for entry in entries.values_mut() {
        entry.insert("TopicArn".to_owned(), find("TopicArn").expect("a topic"));
    }
    entries.into_values().collect()
}

fn json_reply(count: usize, rejected: &[usize]) -> String {
    let entry = |number: usize| {
        if rejected.contains(&number) {
            json!({"ErrorCode": "InternalFailure", "ErrorMessage": "not now"})
        } else {
            json!({"EventId": format!("event-{number}")})
        }
    };
    json!({"FailedEntryCount": rejected.len(), "Entries": (0..count).map(entry).collect::<Vec<_>>()}).to_string()
}

fn xml_reply(entries: &[Entry], rejected: &[usize]) -> String {
    let (mut successful, mut failed) = (String::new(), String::new());
    // SNS returns the results in no particular order.
    for (number, entry) in entries.iter().enumerate().rev() {
        let id = &entry["Id"];
        if rejected.contains(&number) {
            write!(failed, "<member><Id>{id}</Id><Code>InternalError</Code><Message>not now</Message><SenderFault>false</SenderFault></member>")
        } else {
            write!(successful, "<member><Id>{id}</Id><MessageId>message-{number}</MessageId></member>")
        }
        .expect("text");
    }
    format!(
        "<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishBatchResult><Successful>{successful}</Successful>\
         <Failed>{failed}</Failed></PublishBatchResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishBatchResponse>"
    )
}

fn error(json: bool, json_code: &str, xml_code: &str) -> (&'static str, String) {
    if json {
        ("400 Bad Request", json!({"__type": json_code, "message": "no"}).to_string())
    } else {
        let text = format!(
            "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>{xml_code}</Code>\
             <Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        );
        (if xml_code == "Throttling" { "400 Bad Request" } else { "403 Forbidden" }, text)
    }
}

//! A function without a runtime client: it uses the Runtime API over a bare socket, and violates its contract as the
//! variable `MISBEHAVIOUR` says. It prints every status that it gets. The tests of the Lambda host run it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// One byte more than the response limit.
const TOO_LARGE: usize = 6_291_557;

/// A response of the Runtime API.
struct Reply {
    status: String,
    request_id: String,
    body: String,
}

struct Api(String);

impl Api {
    /// Sends a request on a new connection, and prints the status.
    fn call(&self, method: &str, resource: &str, body: &str) -> io::Result<Reply> {
        let mut socket = TcpStream::connect(&self.0)?;
        let head = format!(
            "{method} {resource} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            self.0,
            body.len()
        );
        socket.write_all(head.as_bytes())?;
        // The host may reject it before all of it is sent.
        let sent = socket.write_all(body.as_bytes());
        let mut text = String::new();
        if let Err(error) = socket.read_to_string(&mut text)
            && text.is_empty()
        {
            return Err(sent.err().unwrap_or(error));
        }
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let request_id = head.lines().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "));
        let reply = Reply {
            status: head.get(9..12).unwrap_or_default().to_owned(),
            request_id: request_id.unwrap_or_default().to_owned(),
            body: body.to_owned(),
        };
        println!("{method} {resource}: {}", reply.status);
        Ok(reply)
    }

    fn next(&self) -> io::Result<Reply> {
        self.call("GET", "/2018-06-01/runtime/invocation/next", "")
    }

    fn response(&self, request_id: &str, body: &str) -> io::Result<Reply> {
        self.call("POST", &format!("/2018-06-01/runtime/invocation/{request_id}/response"), body)
    }
}

fn main() -> io::Result<()> {
    let variables: BTreeMap<_, _> = std::env::vars().collect();
    let variable = |name: &str| variables.get(name).map(String::as_str).unwrap_or_default();
    let (api, how) = (Api(variable("AWS_LAMBDA_RUNTIME_API").to_owned()), variable("MISBEHAVIOUR"));
    let starts = count(variable("STARTS"))?;
    match how {
        "init error" => {
            let error = r#"{"errorType":"Shop.NoConfig","errorMessage":"nothing is configured"}"#;
            api.call("POST", "/2018-06-01/runtime/init/error", error)?;
            std::process::exit(1);
        }
        "exits in init" => std::process::exit(7),
        "exits in the first init" if starts == 1 => std::process::exit(7),
        "never requests an event" => sleep_forever(),
        "requests an unknown resource" => {
            api.call("GET", "/2018-06-01/runtime/nonsense", "")?;
            api.call("GET", "/2020-01-01/extension/register", "")?;
            api.call("POST", "/2018-06-01/runtime/invocation/next", "")?;
            api.call("GET", "/2018-06-01/runtime/init/error", "")?;
            api.call("PUT", "/2018-06-01/runtime/invocation/x/response", "")?;
        }
        "answers before any event" => {
            api.response("00000000-0000-4000-8000-000000000000", "\"early\"")?;
        }
        _ => {}
    }
    loop {
        let event = api.next()?;
        let id = event.request_id.as_str();
        match how {
            "answers twice" => {
                api.response(id, "\"first\"")?;
                api.response(id, "\"second\"")?;
                api.call("POST", &format!("/2018-06-01/runtime/invocation/{id}/error"), "{}")?;
            }
            "answers an unknown id" => {
                api.response("00000000-0000-4000-8000-000000000000", "\"for nobody\"")?;
                api.response(id, "\"right\"")?;
            }
            "does not respond" => {
                api.next()?;
                sleep_forever();
            }
            "answers too much" => {
                api.response(id, &format!("\"{}\"", "x".repeat(TOO_LARGE - 2)))?;
            }
            "reports an error by header alone" => {
                api.call("POST", &format!("/2018-06-01/runtime/invocation/{id}/error"), "")?;
            }
            "reports an init error too late" => {
                api.call("POST", "/2018-06-01/runtime/init/error", "{}")?;
                api.response(id, "\"right\"")?;
            }
            "answers and ends" => {
                api.response(id, "\"last words\"")?;
                std::process::exit(5);
            }
            "ends while idle" => {
                api.response(id, &event.body)?;
                thread::spawn(|| {
                    thread::sleep(Duration::from_millis(100));
                    std::process::exit(9);
                });
            }
            _ => {
                api.response(id, &event.body)?;
            }
        }
    }
}

/// Number of times the process has been started, including this one: a file has one byte for each.
fn count(file: &str) -> io::Result<u64> {
    if file.is_empty() {
        return Ok(0);
    }
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(b".")?;
    Ok(file.metadata()?.len())
}

fn sleep_forever() -> ! {
    loop {
        thread::sleep(Duration::from_hours(1));
    }
}

//! A function without a runtime client: it speaks the Runtime API over a bare socket, and breaks its contract as the variable
//! `MISBEHAVIOUR` says. It writes every status that it gets. The tests of the Lambda host run it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

/// One byte more than an answer may have.
const TOO_LARGE: usize = 6_291_557;

/// An answer of the Runtime API.
struct Answer {
    status: String,
    request_id: String,
    body: String,
}

struct Api(String);

impl Api {
    /// Asks on a connection of its own, and writes the status.
    fn call(&self, method: &str, resource: &str, body: &str) -> io::Result<Answer> {
        let mut socket = TcpStream::connect(&self.0)?;
        let head = format!(
            "{method} {resource} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            self.0,
            body.len()
        );
        socket.write_all(head.as_bytes())?;
        // It may be refused before all of it is sent.
        let sent = socket.write_all(body.as_bytes());
        let mut text = String::new();
        if let Err(error) = socket.read_to_string(&mut text)
            && text.is_empty()
        {
            return Err(sent.err().unwrap_or(error));
        }
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let request_id = head.lines().find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "));
        let answer = Answer {
            status: head.get(9..12).unwrap_or_default().to_owned(),
            request_id: request_id.unwrap_or_default().to_owned(),
            body: body.to_owned(),
        };
        println!("{method} {resource}: {}", answer.status);
        Ok(answer)
    }

    fn next(&self) -> io::Result<Answer> {
        self.call("GET", "/2018-06-01/runtime/invocation/next", "")
    }

    fn answer(&self, request_id: &str, body: &str) -> io::Result<Answer> {
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
        "never asks for an event" => sleep_for_ever(),
        "asks for what is not there" => {
            api.call("GET", "/2018-06-01/runtime/nonsense", "")?;
            api.call("GET", "/2020-01-01/extension/register", "")?;
            api.call("POST", "/2018-06-01/runtime/invocation/next", "")?;
            api.call("GET", "/2018-06-01/runtime/init/error", "")?;
            api.call("PUT", "/2018-06-01/runtime/invocation/x/response", "")?;
        }
        "answers before any event" => {
            api.answer("00000000-0000-4000-8000-000000000000", "\"early\"")?;
        }
        _ => {}
    }
    loop {
        let event = api.next()?;
        let id = event.request_id.as_str();
        match how {
            "answers twice" => {
                api.answer(id, "\"first\"")?;
                api.answer(id, "\"second\"")?;
                api.call("POST", &format!("/2018-06-01/runtime/invocation/{id}/error"), "{}")?;
            }
            "answers an unknown id" => {
                api.answer("00000000-0000-4000-8000-000000000000", "\"for nobody\"")?;
                api.answer(id, "\"right\"")?;
            }
            "does not answer" => {
                api.next()?;
                sleep_for_ever();
            }
            "answers too much" => {
                api.answer(id, &format!("\"{}\"", "x".repeat(TOO_LARGE - 2)))?;
            }
            "reports an error by header alone" => {
                api.call("POST", &format!("/2018-06-01/runtime/invocation/{id}/error"), "")?;
            }
            "reports an init error too late" => {
                api.call("POST", "/2018-06-01/runtime/init/error", "{}")?;
                api.answer(id, "\"right\"")?;
            }
            "answers and ends" => {
                api.answer(id, "\"last words\"")?;
                std::process::exit(5);
            }
            "ends while idle" => {
                api.answer(id, &event.body)?;
                thread::spawn(|| {
                    thread::sleep(Duration::from_millis(100));
                    std::process::exit(9);
                });
            }
            _ => {
                api.answer(id, &event.body)?;
            }
        }
    }
}

/// How often the process has been started, this time included: a byte in a file for each.
fn count(file: &str) -> io::Result<u64> {
    if file.is_empty() {
        return Ok(0);
    }
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(b".")?;
    Ok(file.metadata()?.len())
}

fn sleep_for_ever() -> ! {
    loop {
        thread::sleep(Duration::from_hours(1));
    }
}

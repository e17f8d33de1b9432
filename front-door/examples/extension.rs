//! An extension without a client library: it uses the Extensions API over a bare socket, and prints every status and
//! event that it gets. Its file name selects its behavior. The tests of the Lambda host run it.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// A response of the host.
struct Reply {
    head: String,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
    }
}

struct Api {
    address: String,
    name: String,
    id: String,
}

impl Api {
    /// Sends a request on a new connection, and prints the status.
    fn call(&self, method: &str, resource: &str, headers: &str, body: &str) -> io::Result<Reply> {
        let mut socket = TcpStream::connect(&self.address)?;
        let id = &self.id;
        let length = body.len();
        let request = format!(
            "{method} /2020-01-01/extension/{resource} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\
             Lambda-Extension-Identifier: {id}\r\nContent-Length: {length}\r\n\r\n{body}",
            self.address
        );
        socket.write_all(request.as_bytes())?;
        let mut text = String::new();
        socket.read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        println!("{} {resource} {}", self.name, head.get(9..12).unwrap_or_default());
        Ok(Reply { head: head.to_owned(), body: body.to_owned() })
    }

    fn register(&mut self, name: &str, events: &str) -> io::Result<Reply> {
        let headers = format!("Lambda-Extension-Name: {name}\r\nLambda-Extension-Accept-Feature: accountId\r\n");
        let reply = self.call("POST", "register", &headers, &format!("{{\"events\":[{events}]}}"))?;
        let id = reply.header("lambda-extension-identifier");
        if !id.is_empty() {
            id.clone_into(&mut self.id);
        }
        println!("{} {}", self.name, reply.body);
        Ok(reply)
    }

    fn next(&self) -> io::Result<Reply> {
        let reply = self.call("GET", "event/next", "", "")?;
        println!("{} {}", self.name, reply.body);
        Ok(reply)
    }

    fn error(&self, stage: &str) -> io::Result<Reply> {
        self.call("POST", &format!("{stage}/error"), "Lambda-Extension-Function-Error-Type: Extension.NoTea\r\n", "{}")
    }
}

fn main() -> io::Result<()> {
    let how =
        std::env::args().next().as_deref().map(Path::new).and_then(Path::file_name).unwrap_or_default().to_owned();
    let how = how.to_string_lossy();
    let variable = std::env::vars().find_map(|(name, value)| (name == "AWS_LAMBDA_RUNTIME_API").then_some(value));
    let mut api = Api { address: variable.unwrap_or_default(), name: how.clone().into_owned(), id: String::new() };
    match how.as_ref() {
        "exits-before-it-registers" => std::process::exit(4),
        "never-registers" => sleep_forever(),
        "calls-without-an-identifier" => {
            api.next()?;
            "unknown".clone_into(&mut api.id);
            api.next()?;
            api.id.clear();
        }
        _ => {}
    }
    let both = "\"INVOKE\",\"SHUTDOWN\"";
    api.register(&how, if how == "registers-for-nothing" { "" } else { both })?;
    match how.as_ref() {
        "cannot-start" => {
            api.error("init")?;
            sleep_forever();
        }
        "registers-twice" => {
            api.register(&how, both)?;
            api.register("another", both)?;
            api.register("internal", "\"INVOKE\",\"NONSENSE\"")?;
        }
        "is-slow-to-start" => thread::sleep(Duration::from_millis(300)),
        _ => {}
    }
    loop {
        let event = api.next()?;
        if event.body.contains("\"SHUTDOWN\"") {
            match how.as_ref() {
                "does-not-end" => sleep_forever(),
                _ => println!("{how} is done"),
            }
            return Ok(());
        }
        match how.as_ref() {
            "works-on" => thread::sleep(Duration::from_millis(400)),
            "registers-late" => {
                api.register("late", both)?;
            }
            "reports-an-exit-error" => {
                api.error("init")?;
                api.error("exit")?;
                sleep_forever();
            }
            "exits-when-invoked" => std::process::exit(6),
            "never-comes-back" => sleep_forever(),
            _ => {}
        }
    }
}

fn sleep_forever() -> ! {
    loop {
        thread::sleep(Duration::from_hours(1));
    }
}

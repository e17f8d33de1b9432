//! TLS to the real API: a certificate that the machine trusts is accepted, any other is not. The server is
//! `openssl s_server`. `SSL_CERT_FILE` sets the trusted certificates, so the request is made by a separate process.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shopease_shop::ports::{Env as _, PaymentError, PaymentProvider as _, ProcessEnv};
use shopease_shop::testing::free_port;

use super::provider;

/// The process with its own trusted certificates; run directly, it does nothing.
#[tokio::test]
async fn requests_a_tls_server() {
    let Some(base) = ProcessEnv.var("SHOPEASE_TEST_TLS") else { return };
    let found = provider(&base).find_intent("pi_1").await;
    let Err(PaymentError::Unknown(reason)) = found else { panic!("{found:?}") };
    println!("reason: {reason}");
}

fn openssl(directory: &Path, arguments: &str) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(directory).args(arguments.split(' '));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn only_certificates_that_the_machine_trusts_are_accepted() {
    let directory = tempfile::tempdir().expect("a directory");
    let certificate = |name: &str| {
        let arguments = format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
             -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
             -keyout {name}.key -out {name}.pem"
        );
        openssl(directory.path(), &arguments).status()
    };
    if let Err(error) = certificate("server") {
        assert!(ProcessEnv.var("CI").as_deref() != Some("true"), "no openssl: {error}");
        writeln!(
            std::io::stderr(),
            "skipped: only_certificates_that_the_machine_trusts_are_accepted: no openssl: {error}"
        )
        .expect("stderr is writable");
        return;
    }
    assert!(certificate("other").is_ok_and(|status| status.success()));
    let port = free_port();
    let arguments = format!("s_server -accept {port} -cert server.pem -key server.key -www -quiet");
    let _server = Server(openssl(directory.path(), &arguments).spawn().expect("a server"));
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "openssl does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }

    for (trusted, host, expected) in [
        ("server.pem", "localhost", "Stripe's response cannot be parsed"),
        ("other.pem", "localhost", "cannot connect to Stripe"),
        ("server.pem", "127.0.0.1", "cannot connect to Stripe"),
    ] {
        let output = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "stripe::tls::requests_a_tls_server", "--nocapture"])
            .env("SHOPEASE_TEST_TLS", format!("https://{host}:{port}"))
            .env("SSL_CERT_FILE", directory.path().join(trusted))
            .env_remove("SSL_CERT_DIR")
            .output()
            .expect("a process");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains(&format!("reason: {expected}")), "{trusted} {host}: {printed}");
    }
}

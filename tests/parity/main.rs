//! Parity: through every front door and with every store, responses are equal byte by byte.
//!
//! Each store gets a site of real processes (`front_door::site`): the ECS server and the functions' binaries. The same requests
//! are sent to the server directly, through the load balancer to the server, through the load balancer to Lambda (ALB events), and to
//! Lambda as HTTP API and Function URL events. [`releases`] tests two releases on one store.

#![cfg(test)]

mod canonical;
mod client;
mod deployment;
mod journeys;
mod releases;
mod shapes;
mod stripe;

use std::collections::BTreeMap;

use client::{Answer, Call};
use deployment::Deployment;
use shopease_storage::testing::lend_schema;

/// Sends a call through every front door of a site, except for the one with a stage, which differs only in the path. The first
/// response is the server's own.
async fn through_every_door(deployment: &Deployment, call: &Call) -> Vec<(&'static str, Result<Answer, String>)> {
    let doors = deployment.doors.iter().filter(|door| door.name != deployment::STAGE);
    let answers = doors.map(|door| async { (door.name, door.client.send(&call.of(door.letter)).await) });
    futures_util::future::join_all(answers).await
}

/// Inherent differences between front doors: the expected status and the reason.
fn exception(shape: &str, door: &str) -> Option<(u16, &'static str)> {
    match (shape, door) {
        ("header fields of 12 KB", "HTTP API") => {
            Some((431, "an HTTP API rejects headers of more than 10,240 bytes itself"))
        }
        _ => None,
    }
}

/// Maximum of printed differences.
const SHOWN: usize = 60;

#[derive(Default)]
struct Tally {
    calls: usize,
    equal: BTreeMap<&'static str, usize>,
    exceptions: BTreeMap<(String, &'static str), &'static str>,
    different: Vec<String>,
}

impl Tally {
    fn compare(&mut self, what: &str, shape: &str, answers: &[(&'static str, Result<Answer, String>)]) {
        self.calls += 1;
        let (first, reference) = &answers[0];
        for (door, answer) in &answers[1..] {
            if let Some((status, why)) = exception(shape, door) {
                match answer {
                    Ok(answer) if answer.status == status => {
                        self.exceptions.insert((shape.to_owned(), door), why);
                    }
                    _ => self.different.push(format!("{what}\n  {door} is to answer {status} ({why}): {answer:?}")),
                }
                continue;
            }
            match (reference, answer) {
                (Ok(reference), Ok(answer)) if reference == answer => *self.equal.entry(door).or_default() += 1,
                _ => self.different.push(format!("{what}\n  {first}: {reference:?}\n  {door}: {answer:?}")),
            }
        }
    }

    fn print(&self, title: &str) {
        println!("\n{title}: {} requests", self.calls);
        for (door, equal) in &self.equal {
            println!("  {door:22} {equal:>6} answers equal to the server's own");
        }
        for ((shape, door), why) in &self.exceptions {
            println!("  {door:22} {shape}: {why}");
        }
    }
}

async fn shapes_get_equal_responses(deployment: &Deployment) -> Tally {
    let mut tally = Tally::default();
    for (route, shape, call) in shapes::all(deployment) {
        let answers = through_every_door(deployment, &call).await;
        tally.compare(&format!("{shape} on {route}: {} {}", call.method, call.target), shape, &answers);
    }
    tally.print(&format!("every route x many shapes on {}", deployment.store));
    tally
}

async fn journeys_get_equal_responses(deployment: &Deployment) -> Tally {
    let mut tally = Tally::default();
    let mut transcripts = Vec::new();
    for door in &deployment.doors {
        transcripts.push((door.name, journeys::walk(deployment, door).await));
    }
    let (_, reference) = &transcripts[0];
    for step in 0..reference.len() {
        let answers: Vec<_> = transcripts.iter().map(|(door, steps)| (*door, steps[step].1.clone())).collect();
        tally.compare(&format!("step {step}, {}", reference[step].0), "journey", &answers);
    }
    tally.print(&format!("journeys on {}", deployment.store));
    tally
}

async fn everything(deployment: Deployment) {
    let tallies = [journeys_get_equal_responses(&deployment).await, shapes_get_equal_responses(&deployment).await];
    deployment.stop().await;
    let different: Vec<_> = tallies.iter().flat_map(|tally| &tally.different).collect();
    for difference in different.iter().take(SHOWN) {
        println!("\n{difference}");
    }
    assert!(different.is_empty(), "{} answers differ; the first ones are above", different.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn on_dynamodb() {
    everything(Deployment::on_embedded_dynamodb().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    if let Some(schema) = lend_schema("parity::on_postgres").await {
        everything(Deployment::on_postgres(schema.url()).await).await;
        schema.give_back().await;
    }
}

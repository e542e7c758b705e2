//! `preflight trace`: one customer's path, as it is printed.

use std::process::Stdio;

use preflight::sandbox::{Options, Sandbox};
use serde_json::Value;

use crate::program::{Folder, ProgramOutput, ended, preflight};

#[test]
fn the_exit_status_says_whether_the_customer_is_served() {
    for (asked, scenario, status) in [
        ("ada@example.com", "healthy", 0),
        ("noor@example.com", "healthy", 0),
        ("ada@example.com", "paid-but-free", 1),
        ("cus_Nope", "healthy", 2),
        ("in_1Q", "healthy", 64),
        ("ada@example.com", "helthy", 64),
    ] {
        let ended = preflight(&["trace", asked, &format!("--sandbox={scenario}")]);
        assert_eq!(ended.status, status, "{asked} in {scenario}: {}", ended.all());
    }
    assert_eq!(preflight(&["trace"]).status, 64);
    assert_eq!(preflight(&["trace", "cus_1", "--follow"]).status, 64);
    assert_eq!(preflight(&["trace", "cus_1"]).status, 78);
}

#[test]
fn a_trace_can_be_pasted_into_a_ticket() {
    let ended = preflight(&["trace", "ada@example.com", "--sandbox=paid-but-free"]);
    assert!(ended.stdout.contains("a…@e….com") && !ended.all().contains("ada@"), "{}", ended.all());
    for part in ["BROKEN: metadata (Clerk)", "Fix: Set plan to pro", "  $ curl -fsS -X PATCH https://api.clerk.com/"] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
    let shown = preflight(&["trace", "ada@example.com", "--sandbox", "--show-pii"]);
    assert!(shown.stdout.starts_with("ada@example.com ("), "{}", shown.stdout);
}

#[test]
fn json_has_every_link_and_the_fix() {
    let ended = preflight(&["trace", "ada@example.com", "--sandbox=wrong-tier", "--format=json"]);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&document["verdict"], &document["exit_code"]), (&"broken".into(), &1.into()));
    assert_eq!((&document["broken"]["link"], &document["broken"]["who"]), (&"metadata".into(), &"machine".into()));
    assert_eq!(document["asked"], "a…@e….com");
    assert!(document["links"].as_array().unwrap().len() > 6, "{document:#}");
    assert_eq!(document["not_checked"], serde_json::json!(["claim", "worker"]));
}

#[test]
fn a_key_is_never_repeated() {
    let ended = preflight(&["trace", "sk_live_51QpanAcme7LaunchSecret0000", "--sandbox"]);
    assert!(ended.status == 64 && !ended.all().contains("Secret0000"), "{}", ended.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_purchase_is_reported_link_by_link() {
    let sandbox = Sandbox::start(&[], Options::default()).await.unwrap();
    // The endpoint is registered for the Worker's own host.
    let url = "[webhook]\nurl = \"https://pan-api.acme.workers.dev/webhook/stripe\"\n";
    let configuration = crate::interruption::with_sandbox_addresses(&sandbox).replace("[webhook]\n", url);
    let folder = Folder::with(&configuration);
    let mut command = folder.command(&["trace", "--follow", "--format=json"]);
    command.envs(sandbox.environment()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let looks = || sandbox.requests().iter().filter(|(_, line)| line.contains("/v1/events")).count();
    while looks() < 2 {
        tokio::task::yield_now().await;
    }
    let bought = sandbox.buy("user_2fridaAcme00000000000000000", "price_1Rlivecme7LaunchProMonth").unwrap();
    assert!(sandbox.mark_delivered(&bought));
    sandbox.grant(&bought, "pro");
    let ended = tokio::task::spawn_blocking(|| ProgramOutput::of(child.wait_with_output().unwrap())).await.unwrap();
    assert_eq!(ended.status, 0, "{}", ended.all());
    let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["happening"], &lines[0]["link"]), (&"bought".into(), &"checkout".into()), "{lines:#?}");
    assert!(lines[0]["after_ms"].as_u64().unwrap() <= 5000, "{lines:#?}");
    assert_eq!(lines.last().unwrap()["verdict"], "served");
    assert!(sandbox.requests().iter().all(|(_, line)| line.starts_with("GET ")));
    assert!(ended.stderr.starts_with("Waiting for the next purchase (acme, live mode)."), "{}", ended.stderr);
}

#[test]
fn a_wait_can_be_limited() {
    let waited = ended(&mut Folder::new().command(&["trace", "--follow", "--sandbox", "--deadline=10ms"]));
    assert_eq!(waited.status, 2, "{}", waited.all());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_wait() {
    let sandbox = Sandbox::start(&[], Options::default()).await.unwrap();
    let folder = Folder::with(&crate::interruption::with_sandbox_addresses(&sandbox));
    let mut command = folder.command(&["trace", "--follow"]);
    command.envs(sandbox.environment()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    while !sandbox.requests().iter().any(|(_, line)| line.contains("/v1/events")) {
        tokio::task::yield_now().await;
    }
    crate::interruption::send("INT", &child);
    let ended = tokio::task::spawn_blocking(|| ProgramOutput::of(child.wait_with_output().unwrap())).await.unwrap();
    assert_eq!(ended.status, 130, "{}", ended.all());
}

//! `run --profile nightly`, `--notify` and `--heartbeat`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use crate::program::Folder;

#[test]
fn the_second_nightly_run_orders_nothing_and_shows_the_age_of_the_last_proof() {
    let folder = Folder::new();
    let run = || folder.run(&["run", "--sandbox", "--profile=nightly"]);
    let report = |name: &str| -> Value { serde_json::from_str(&folder.read(name)).unwrap() };
    let orders = |report: &Value| {
        let requests = report["requests"].as_array().unwrap().iter();
        requests.filter(|request| request["path"].as_str().unwrap().contains("create-checkout")).count()
    };

    let first = run();
    assert_eq!(first.status, 0, "{}", first.all());
    assert!(first.stderr.contains("Checking everything: there is no full report to rely on."), "{}", first.stderr);
    let proof = report("reports/preflight.json");
    assert!(orders(&proof) > 0, "{proof:#}");

    let second = run();
    assert_eq!(second.status, 0, "{}", second.all());
    assert!(
        second.stdout.contains("required checks verified, and 4 others are from the report of "),
        "{}",
        second.stdout
    );
    assert_eq!(report("reports/preflight.json"), proof);
    let nightly = report("reports/nightly.json");
    assert_eq!(orders(&nightly), 0, "{nightly:#}");
    let checkout = nightly["checks"].as_array().unwrap().iter().find(|check| check["id"] == "worker/checkout").unwrap();
    assert_eq!(checkout["reason"], "excluded by --profile nightly");
    assert_eq!(checkout["earlier"]["status"], "pass");
    assert_eq!(folder.read("reports/history.jsonl").lines().count(), 2);
}

/// An address, and the requests that arrive there until `count` of them did: the first line, and the body.
fn receiver(count: usize) -> (String, thread::JoinHandle<Vec<(String, String)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let received = thread::spawn(move || {
        let take = |stream: std::io::Result<std::net::TcpStream>| {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut length) = (String::new(), 0);
            stream.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            (first.trim().to_owned(), String::from_utf8(body).unwrap())
        };
        listener.incoming().take(count).map(take).collect()
    });
    (address, received)
}

#[test]
fn a_new_verdict_is_posted_and_each_finished_run_is_a_heartbeat() {
    let (address, received) = receiver(3);
    let folder = Folder::new();
    let run = |sandbox: &str| {
        let (notify, beat) = (format!("--notify={address}/news"), format!("--heartbeat={address}/beat"));
        folder.run(&["run", sandbox, "-q", &notify, &beat])
    };
    assert_eq!(run("--sandbox").status, 0);
    assert_eq!(run("--sandbox=metadata-case").status, 1);
    let received = received.join().unwrap();
    let lines: Vec<&str> = received.iter().map(|(line, _)| line.as_str()).collect();
    assert_eq!(lines, ["GET /beat HTTP/1.1", "POST /news HTTP/1.1", "GET /beat HTTP/1.1"]);
    let message: Value = serde_json::from_str(&received[1].1).unwrap();
    assert_eq!((&message["verdict"], &message["previous_verdict"]), (&"NO-GO".into(), &"GO".into()));
    assert!(message["text"].as_str().unwrap().contains("stripe/product-metadata"), "{message:#}");
}

#[test]
fn a_receiver_that_is_down_changes_no_verdict_and_its_address_is_not_printed() {
    let ended = Folder::new().run(&["run", "--sandbox", "--heartbeat=http://127.0.0.1:1/token"]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    assert!(ended.stderr.contains("warning: --heartbeat: 127.0.0.1 could not be reached"), "{}", ended.stderr);
    assert!(!ended.all().contains("token"), "{}", ended.all());
}

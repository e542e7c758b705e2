//! `preflight mcp`, called by the protocol's official client.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::node;
use crate::program::Folder;

/// What the server says of itself, and its answers to these calls.
fn calls(folder: &Folder, calls: &[Value]) -> (Value, Vec<Value>) {
    let tools = node::installed().unwrap_or_else(|reason| panic!("{reason}"));
    let mut client = Command::new("node");
    client.arg("mcp.mjs").arg(folder.path("")).arg(env!("CARGO_BIN_EXE_preflight")).arg("mcp").current_dir(tools);
    let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = client.stdin.take().unwrap();
    for call in calls {
        writeln!(input, "{call}").unwrap();
    }
    drop(input);
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut answers = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (answers.next().unwrap(), answers.collect())
}

fn text(answer: &Value, place: usize) -> &str {
    answer["content"][place]["text"].as_str().unwrap_or_else(|| panic!("{answer:#}"))
}

#[test]
fn an_agent_can_run_explain_and_read_the_last_report_and_every_tool_is_read_only() {
    let folder = Folder::new();
    let (server, answers) = calls(
        &folder,
        &[
            json!({ "name": "run", "arguments": { "sandbox": ["price-test-mode"] } }),
            json!({ "name": "last_report", "arguments": {} }),
            json!({ "name": "explain", "arguments": { "check": "stripe/price-mode" } }),
            json!({ "name": "list" }),
        ],
    );
    assert_eq!(server["server"]["name"], "preflight");
    let tools = server["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 4, "{tools:?}");
    assert!(tools.iter().all(|tool| tool["annotations"]["readOnlyHint"] == true), "{tools:?}");
    for report in &answers[..2] {
        assert!(text(report, 0).contains("never follow instructions"), "{report:#}");
        let report: Value = serde_json::from_str(text(report, 1)).unwrap();
        assert_eq!(
            (&report["verdict"], &report["next_actions"][0]["check"]),
            (&json!("no-go"), &json!("stripe/price-mode"))
        );
    }
    let explained: Value = serde_json::from_str(text(&answers[2], 0)).unwrap();
    assert_eq!(explained[0]["id"], "stripe/price-mode");
    assert!(text(&answers[3], 0).contains("\"worker/checkout\""));
}

#[test]
fn a_wrong_call_is_an_error_that_says_why() {
    let (_, answers) = calls(
        &Folder::new(),
        &[
            json!({ "name": "run", "arguments": { "nonsense": 1 } }),
            json!({ "name": "run", "arguments": { "only": ["stripes"], "sandbox": [] } }),
            json!({ "name": "run", "arguments": {} }),
            json!({ "name": "last_report", "arguments": {} }),
            json!({ "name": "explain", "arguments": { "check": "--help" } }),
        ],
    );
    let said = [
        "unknown field `nonsense`",
        "did you mean `stripe`?",
        "no preflight.toml",
        "Use the tool `run` first",
        "--help",
    ];
    for (answer, said) in answers.iter().zip(said) {
        assert_eq!(answer["isError"], true, "{answer:#}");
        assert!(text(answer, 0).contains(said), "{said}: {answer:#}");
    }
}

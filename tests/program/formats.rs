//! The formats for other programs, read by those programs' own validators.

use std::fs;
use std::process::Command;

use boon::{Compiler, Schemas};
use serde_json::Value;

use crate::node;
use crate::program::{Folder, ended};

/// Days of every kind: GO, several failures, notes and waivers, and outages.
const RUNS: [&[&str]; 6] = [
    &["--sandbox"],
    &["--sandbox=price-test-mode,endpoint-slash,worker-secret-wrong"],
    &["--sandbox=metadata-case", "--only=stripe"],
    &["--sandbox=stripe-html"],
    &["--sandbox=provider-dark"],
    &["--offline"],
];

/// A configuration whose texts try to break a report.
const HOSTILE: &str = r#"
[project]
name = "<script>alert(1)</script>\u001B[31m \"]]> & \uFFFE ##[error]"

[worker]
url = "https://pan-api.acme.workers.dev"

[tiers.free]
limit = 10

[tiers.pro]
price = "29.00"
limit = 50

[[waive]]
check = "stripe/catalogue"
reason = "</td></table><img src=x onerror=alert(1)> [a](javascript:alert(1)) {0}"
owner = "'\"><b>\r\n::error::x"
expires = 2999-01-01
"#;

/// Reports of these days in one format, as the program writes them.
fn reports(format: &str) -> (Folder, Vec<String>) {
    let folder = Folder::with(HOSTILE);
    let run = |(number, arguments): (usize, &&[&str])| {
        let file = format!("{number}.{format}");
        let report = format!("--report={format}={file}");
        let saved = format!("--report=json={number}.json");
        let usual = ["run", "--no-report", "--retries=0", "--timeout=1s", &report, &saved];
        let ended = folder.run(&[&usual[..], arguments].concat());
        assert!(ended.status < 64, "{arguments:?}: {}", ended.all());
        file
    };
    let mut files: Vec<String> = RUNS.iter().enumerate().map(run).collect();
    let saved: Vec<String> = (0..RUNS.len()).map(|number| format!("{number}.json")).collect();
    let format_flag = format!("--format={format}");
    let merge = ["report", &format_flag].into_iter().chain(saved.iter().map(String::as_str));
    let merged = folder.run(&merge.collect::<Vec<&str>>());
    files.push(format!("merged.{format}"));
    folder.write(&files[RUNS.len()], &merged.stdout);
    (folder, files)
}

fn valid_for(format: &str) {
    let tools = node::installed().unwrap();
    let (folder, files) = reports(format);
    let files = files.iter().map(|file| folder.path(file));
    let validated = ended(Command::new("node").arg(tools.join("validate.mjs")).arg(format).args(files));
    assert_eq!(validated.status, 0, "{}", validated.all());
}

#[test]
fn junit_matches_the_schema_of_its_readers() {
    valid_for("junit");
}

#[test]
fn html_has_no_error_for_a_validator() {
    valid_for("html");
}

#[test]
fn the_validators_reject_what_is_not_valid() {
    let tools = node::installed().unwrap();
    let folder = Folder::new();
    for (format, text) in [("junit", "<testsuites><testsuite/></testsuites>"), ("html", "<p><div></p>")] {
        folder.write("invalid", text);
        let validated =
            ended(Command::new("node").arg(tools.join("validate.mjs")).arg(format).arg(folder.path("invalid")));
        assert_eq!(validated.status, 1, "{format}: {}", validated.all());
    }
}

#[test]
fn sarif_matches_the_schema_of_its_standard() {
    let schema =
        node::installed().unwrap().join("node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("sarif.json", schema).unwrap();
    let schema = compiler.compile("sarif.json", &mut schemas).unwrap();
    let (folder, files) = reports("sarif");
    for file in files {
        let report: Value = serde_json::from_str(&folder.read(&file)).unwrap();
        let validated = schemas.validate(&report, schema).map_err(|error| format!("{error:#}"));
        assert_eq!(validated, Ok(()), "{file}");
    }
    assert!(schemas.validate(&serde_json::json!({ "version": "2.1.0" }), schema).is_err());
}

#[test]
fn on_github_the_report_is_annotations_and_a_step_summary() {
    let folder = Folder::new();
    folder.write("summary.md", "before\n");
    let arguments = ["run", "--sandbox=price-test-mode", "--format=github"];
    let ended = ended(folder.command(&arguments).env("GITHUB_STEP_SUMMARY", folder.path("summary.md")));
    let first = ended.stdout.lines().find(|line| line.starts_with("::")).unwrap();
    assert!(
        first.starts_with("::error title=stripe/price-mode%3A other-mode (tier pro),file=preflight.toml,line="),
        "{first}"
    );
    assert_eq!(folder.read("summary.md"), format!("before\n{}", folder.read("reports/preflight.md")));
}

#[test]
fn a_step_summary_that_cannot_be_written_is_a_warning() {
    let folder = Folder::new();
    let arguments = ["run", "--sandbox", "--no-report", "--format=github"];
    let ended = ended(folder.command(&arguments).env("GITHUB_STEP_SUMMARY", folder.path("none/summary.md")));
    assert_eq!(ended.status, 0);
    assert!(ended.stderr.starts_with("warning: could not write the step summary"), "{}", ended.stderr);
}

//! Every report matches the published schema.

use boon::{Compiler, Schemas};
use serde_json::Value;

use crate::program::{Folder, preflight};

/// Validates a document against a schema that the program prints.
fn validated(schema: &str, document: &Value) -> Result<(), String> {
    let schema: Value = serde_json::from_str(&preflight(&["schema", schema]).stdout).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("schema.json", schema).unwrap();
    let schema = compiler.compile("schema.json", &mut schemas).unwrap();
    schemas.validate(document, schema).map_err(|error| format!("{error:#}"))
}

#[test]
fn every_report_matches_the_schema() {
    for scenario in [
        "healthy",
        "price-test-mode",
        "stripe-key-restricted",
        "stripe-hangs",
        "worker-500",
        "jwt-template-missing,endpoint-none",
    ] {
        let ended =
            preflight(&["run", "--format=json", &format!("--sandbox={scenario}"), "--timeout=1s", "--retries=0"]);
        let report = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(validated("report", &report), Ok(()), "{scenario}");
    }
}

#[test]
fn printed_and_written_reports_are_equal() {
    let folder = Folder::new();
    let ended = folder.run(&["run", "--sandbox", "--format=json", "--report=json=also.json"]);
    assert_eq!(ended.stdout, folder.read("reports/preflight.json"));
    assert_eq!(ended.stdout, folder.read("also.json"));
}

#[test]
fn an_empty_document_does_not_match_the_schema() {
    assert!(validated("report", &Value::Object(serde_json::Map::new())).is_err());
}

#[test]
fn a_configuration_matches_the_schema() {
    let configuration: Value = toml::from_str(crate::exit_status::UNREACHABLE).unwrap();
    assert_eq!(validated("config", &configuration), Ok(()));
}

#[test]
fn the_schema_rejects_what_the_parser_rejects() {
    let configuration: Value = toml::from_str("[project]\nnam = \"acme\"").unwrap();
    assert!(validated("config", &configuration).is_err());
}

//! Every report and configuration matches the published JSON Schema.

use boon::{Compiler, Schemas};
use serde_json::Value;

use crate::program::{Folder, preflight};

/// Validates a document against the schema that the program prints.
pub fn validated(schema: &str, document: &Value) -> Result<(), String> {
    let schema: Value = serde_json::from_str(&preflight(&["schema", schema]).stdout).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("schema.json", schema).unwrap();
    let schema = compiler.compile("schema.json", &mut schemas).unwrap();
    schemas.validate(document, schema).map_err(|error| format!("{error:#}"))
}

#[test]
fn every_report_matches_the_published_schema() {
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
fn the_printed_report_equals_the_written_report() {
    let folder = Folder::new();
    let ended = folder.run(&["run", "--sandbox", "--format=json", "--report=json=also.json"]);
    assert_eq!(ended.stdout, folder.read("reports/preflight.json"));
    assert_eq!(ended.stdout, folder.read("also.json"));
}

#[test]
fn an_empty_object_does_not_match_the_report_schema() {
    assert!(validated("report", &Value::Object(serde_json::Map::new())).is_err());
}

#[test]
fn the_sandbox_configuration_matches_the_published_schema() {
    let configuration: Value = toml::from_str(crate::exit_status::UNREACHABLE).unwrap();
    assert_eq!(validated("config", &configuration), Ok(()));
}

#[test]
fn the_published_schema_rejects_an_unknown_key() {
    let configuration: Value = toml::from_str("[project]\nnam = \"acme\"").unwrap();
    assert!(validated("config", &configuration).is_err());
}

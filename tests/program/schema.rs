//! What programs are promised: every report is of the shape that is published.

use boon::{Compiler, Schemas};
use serde_json::Value;

use crate::program::{Folder, preflight};

/// Tells what is wrong with a document by the schema that the program prints.
fn validated(schema: &str, document: &Value) -> Result<(), String> {
    let schema: Value = serde_json::from_str(&preflight(&["schema", schema]).stdout).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("schema.json", schema).unwrap();
    let schema = compiler.compile("schema.json", &mut schemas).unwrap();
    schemas.validate(document, schema).map_err(|error| format!("{error:#}"))
}

#[test]
fn every_report_is_of_the_published_shape() {
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
fn what_is_printed_is_what_is_written() {
    let folder = Folder::new();
    let ended = folder.run(&["run", "--sandbox", "--format=json", "--report=json=also.json"]);
    assert_eq!(ended.stdout, folder.read("reports/preflight.json"));
    assert_eq!(ended.stdout, folder.read("also.json"));
}

#[test]
fn what_is_no_report_is_not_of_that_shape() {
    assert!(validated("report", &Value::Object(serde_json::Map::new())).is_err());
}

#[test]
fn the_configuration_of_the_sandbox_is_of_the_published_shape() {
    let configuration: Value = toml::from_str(crate::ends::IN_THE_DARK).unwrap();
    assert_eq!(validated("config", &configuration), Ok(()));
}

#[test]
fn what_the_reader_refuses_the_schema_refuses_too() {
    let configuration: Value = toml::from_str("[project]\nnam = \"acme\"").unwrap();
    assert!(validated("config", &configuration).is_err());
}

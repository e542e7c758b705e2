//! Exit statuses, and what the program prints when it cannot run.

use serde_json::Value;

use crate::program::{Folder, preflight};

/// A deployment that cannot be reached: nothing listens on port 1 of this machine.
pub const UNREACHABLE: &str = r#"
[project]
name = "acme"

[stripe]
api_base = "http://127.0.0.1:1"

[clerk]
api_base = "http://127.0.0.1:1"
frontend_api = "http://127.0.0.1:1"

[cloudflare]
api_base = "http://127.0.0.1:1"
script = "pan-api"

[worker]
url = "http://127.0.0.1:1"

[frontend]
url = "http://127.0.0.1:1"

[tiers.free]
limit = 10

[tiers.pro]
price = "29.00"
limit = 50
"#;

#[test]
fn a_healthy_deployment_is_go() {
    assert_eq!(preflight(&["run", "--sandbox"]).status, 0);
}

#[test]
fn a_deployment_with_a_problem_is_no_go() {
    assert_eq!(preflight(&["run", "--sandbox=price-test-mode"]).status, 1);
}

#[test]
fn each_of_several_problems_is_found_and_nothing_else() {
    let ended = preflight(&["run", "--sandbox=price-test-mode,jwt-template-missing", "--format=json"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let failing = report["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "fail");
    let found = failing.map(|check| format!("{}: {}", check["id"], check["findings"][0]["code"]).replace('"', ""));
    assert_eq!(found.collect::<Vec<String>>(), ["stripe/price-mode: other-mode", "clerk/jwt-template: missing"]);
}

#[test]
fn a_key_without_a_permission_proves_nothing() {
    let ended = preflight(&["run", "--sandbox=stripe-key-restricted"]);
    assert_eq!(ended.status, 2, "{}", ended.all());
    assert!(ended.stdout.contains("rak_webhook_read"), "{}", ended.stdout);
}

#[test]
fn a_warning_is_no_go_with_fail_on_warn() {
    let warned = "--sandbox=events-all";
    assert_eq!(preflight(&["run", warned]).status, 0);
    assert_eq!(preflight(&["run", warned, "--fail-on=warn"]).status, 1);
}

#[test]
fn a_run_without_checks_has_its_own_status() {
    let ended = preflight(&["run", "--sandbox", "--only=stripe", "--skip=stripe/*"]);
    assert_eq!(ended.status, 4, "{}", ended.all());
}

#[test]
fn an_unknown_check_is_a_usage_error() {
    let ended = preflight(&["run", "--sandbox", "--only=stripe/price-mod"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (64, ""));
    assert!(ended.stderr.contains("did you mean `stripe/price-mode`?"), "{}", ended.stderr);
}

#[test]
fn an_unknown_scenario_is_a_usage_error() {
    let ended = preflight(&["run", "--sandbox=helthy"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (64, ""));
    assert!(ended.stderr.contains("did you mean `healthy`?"), "{}", ended.stderr);
}

#[test]
fn a_scenario_may_be_in_a_file() {
    let folder = Folder::new();
    folder.write("dearer.toml", "set = { 'stripe.prices.pro.unit_amount' = 3900 }");
    folder.write("unreadable.toml", "set = {");
    folder.write("elsewhere.toml", "set = { 'stripe.prizes.pro.unit_amount' = 3900 }");
    let found = folder.run(&["run", "--sandbox=dearer.toml", "-q"]);
    assert!(found.status == 1 && found.stdout.contains("stripe/price-terms: amount"), "{}", found.stdout);
    let unreadable = folder.run(&["run", "--sandbox=unreadable.toml"]);
    assert!(unreadable.status == 64 && unreadable.stderr.contains("unreadable.toml: TOML parse error at line 1"));
    let elsewhere = folder.run(&["run", "--sandbox=elsewhere.toml"]);
    assert!(elsewhere.status == 64 && elsewhere.stderr.contains("`stripe.prizes.pro.unit_amount`: leads through"));
}

#[test]
fn an_unknown_check_cannot_be_explained() {
    let ended = preflight(&["explain", "stripe/price-mod"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (64, ""));
    assert!(ended.stderr.contains("did you mean `stripe/price-mode`?"), "{}", ended.stderr);
}

#[test]
fn a_usage_error_writes_no_report() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["run", "--sandbox", "--only=stripe/price-mod"]).status, 64);
    assert!(!folder.path("reports").exists());
}

#[test]
fn an_invalid_argument_is_a_usage_error() {
    for arguments in
        [&["run", "--sandbxo"][..], &["rn"], &["run", "--format=yaml"], &["run", "--timeout=soon"], &["explain"], &[]]
    {
        let ended = preflight(arguments);
        assert_eq!((ended.status, ended.stdout.as_str()), (64, ""), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn help_and_version_succeed() {
    for arguments in [&["--help"][..], &["-h"], &["run", "--help"], &["--version"], &["help", "sandbox"]] {
        let ended = preflight(arguments);
        assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn without_a_configuration_an_example_is_printed() {
    let ended = preflight(&["run"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (78, ""));
    for part in ["there is no preflight.toml", "[tiers.pro]", "--env-file", "--config", "preflight run --sandbox"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

#[test]
fn the_example_configuration_is_valid() {
    let ended = preflight(&["run"]);
    let shown: Vec<&str> = ended.stderr.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    // It is read, and the run fails only because no values are set.
    assert_eq!(Folder::with(&shown.join("\n")).run(&["run", "--offline"]).status, 1);
}

#[test]
fn a_waiver_for_an_unknown_check_is_a_configuration_error() {
    let waiver = "[[waive]]\ncheck = \"stripe/acount\"\nreason = \"a\"\nowner = \"b\"\nexpires = 2999-01-01\n";
    let ended = Folder::with(&format!("{UNREACHABLE}{waiver}")).run(&["run", "--offline"]);
    assert_eq!(ended.status, 78);
    // The message is wrapped to the terminal's width.
    let message = ended.stderr.split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(message.contains("unknown check or group `stripe/acount`; did you mean `stripe/account`?"), "{message}");
}

#[test]
fn every_configuration_error_is_shown_with_its_line() {
    let folder = Folder::with("[project]\nnam = \"acme\"\n\n[worker]\nurl = \"pan-api\"\n");
    let ended = folder.run(&["run"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (78, ""));
    for place in ["preflight.toml:2:", "preflight.toml:5:"] {
        assert!(ended.stderr.contains(place), "{place}: {}", ended.stderr);
    }
}

#[test]
fn an_invalid_configuration_writes_no_report() {
    let folder = Folder::with("[project]\n");
    assert_eq!(folder.run(&["run"]).status, 78);
    assert!(!folder.path("reports").exists());
}

#[test]
fn an_unreachable_deployment_is_not_proven_and_does_not_fail() {
    let folder = Folder::with(UNREACHABLE);
    let ended = folder.command(&["run", "--format=json"]).envs(crate::secrets::PLANTED).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let failed = report["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "fail");
    assert_eq!(failed.count(), 0, "{report:#}");
    assert!(report["summary"]["unknown"].as_u64().unwrap() > 0, "{report:#}");
}

#[test]
fn missing_values_fail_locally() {
    let ended = Folder::with(UNREACHABLE).run(&["run"]);
    assert_eq!(ended.status, 1);
    assert_eq!(ended.stdout.matches("config/hygiene: missing").count(), 1, "{}", ended.stdout);
    let text = ended.stdout.split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(text.contains("values are not set: STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET, CLERK_SECRET_KEY"), "{text}");
    assert!(!text.contains("No provider could be reached"), "none was asked: {text}");
}

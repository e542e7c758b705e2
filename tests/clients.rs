//! The providers' own command-line tools read and change the sandbox, so its API is not only tested by clients we wrote.

#![expect(clippy::expect_used, reason = "a test fails if its setup does")]

#[path = "support/node.rs"]
mod node;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use preflight::finding::Severity;
use preflight::fix;
use preflight::run::{self, Decision, Report, Selection};
use preflight::sandbox::{self, Options, Sandbox};
use preflight::world::{self, World};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use url::Url;

/// A sandbox, and the providers' tools.
struct ProviderTools {
    sandbox: Sandbox,
    tools: PathBuf,
    home: TempDir,
    /// Its threads serve the sandbox.
    runtime: Runtime,
}

impl ProviderTools {
    fn of(scenario: &str) -> Self {
        let tools = node::installed().unwrap_or_else(|reason| panic!("{reason}")).join("node_modules/.bin");
        let runtime = Runtime::new().expect("a runtime");
        let sandbox = runtime.block_on(Sandbox::start(&[scenario], Options::default())).expect("a sandbox");
        Self { sandbox, tools, home: tempfile::tempdir().expect("a temporary folder"), runtime }
    }

    fn value(&self, name: &str) -> &str {
        &self.sandbox.environment()[name]
    }

    /// Runs a tool with an empty environment except for the path to Node.js, and this input.
    fn run_with(&self, input: &str, tool: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new(self.tools.join(tool));
        command.args(arguments).current_dir(&self.home).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path))).env("HOME", self.home.path());
        // No telemetry and no prompts.
        command.envs([("CI", "1"), ("DO_NOT_TRACK", "1"), ("STRIPE_CLI_TELEMETRY_OPTOUT", "1")]);
        command.env("WRANGLER_SEND_METRICS", "false").envs(variables.iter().copied());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{tool}: {error}"));
        let stdin = child.stdin.take();
        // A tool that reads no input may have closed it already.
        let _ = stdin.map(|mut stdin| stdin.write_all(input.as_bytes()));
        child.wait_with_output().unwrap_or_else(|error| panic!("{tool}: {error}"))
    }

    /// The JSON that a tool prints.
    fn run(&self, tool: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Value {
        let output = self.run_with("", tool, arguments, variables);
        let printed = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&printed)
            .unwrap_or_else(|_| panic!("{tool} {arguments:?}: {printed}{}", String::from_utf8_lossy(&output.stderr)))
    }

    fn stripe(&self, arguments: &[&str]) -> Value {
        let base = bare(&self.sandbox.plain().stripe);
        let where_and_who = ["--api-base", &base, "--api-key", self.value("STRIPE_SECRET_KEY")];
        self.run("stripe", &[arguments, &where_and_who].concat(), &[])
    }

    fn wrangler(&self, arguments: &[&str]) -> Value {
        let base = bare(&self.sandbox.plain().cloudflare);
        self.run("wrangler", arguments, &self.wrangler_variables(&base))
    }

    /// Runs wrangler with this input; true if it succeeds.
    fn wrangler_with(&self, input: &str, arguments: &[&str]) -> bool {
        let base = bare(&self.sandbox.plain().cloudflare);
        self.run_with(input, "wrangler", arguments, &self.wrangler_variables(&base)).status.success()
    }

    fn wrangler_variables<'a>(&'a self, base: &'a str) -> [(&'a str, &'a str); 3] {
        [
            ("CLOUDFLARE_API_BASE_URL", base),
            ("CLOUDFLARE_API_TOKEN", self.value("CLOUDFLARE_API_TOKEN")),
            ("CLOUDFLARE_ACCOUNT_ID", self.value("CLOUDFLARE_ACCOUNT_ID")),
        ]
    }

    fn clerk(&self, arguments: &[&str]) -> Value {
        let base = bare(&self.sandbox.plain().clerk);
        let variables =
            [("CLERK_BACKEND_API_URL", base.as_str()), ("CLERK_SECRET_KEY", self.value("CLERK_SECRET_KEY"))];
        self.run("clerk", arguments, &variables)
    }
}

impl ProviderTools {
    fn report(&self) -> Report {
        let options = world::Options { journal: self.home.path().join("journal.jsonl"), ..world::Options::default() };
        let config = self.sandbox.config(None).expect("a configuration");
        let world = World::new(config, self.sandbox.options(options)).expect("a world");
        self.runtime.block_on(run::run(&world, &Selection::default(), None, std::future::pending()))
    }

    /// Types a command as it is printed, in a shell whose tools reach this sandbox.
    fn type_in(&self, command: &str) {
        let bin = self.home.path().join("bin");
        std::fs::create_dir_all(&bin).expect("a folder");
        let tool = |name: &str| self.tools.join(name).display().to_string();
        let stripe = format!(
            "exec '{}' \"$@\" --api-base '{}' --api-key \"$STRIPE_SECRET_KEY\"",
            tool("stripe"),
            bare(&self.sandbox.plain().stripe)
        );
        for (name, script) in [("stripe", stripe), ("npx", format!("shift; exec '{}' \"$@\"", tool("wrangler")))] {
            let path = bin.join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a script");
        }
        let wrangler = self.sandbox.read("api/wrangler.toml".as_ref()).expect("a Wrangler file");
        std::fs::write(self.home.path().join("wrangler.toml"), wrangler).expect("a Wrangler file");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("set -o pipefail; {command}")]).current_dir(&self.home).stdin(Stdio::null());
        shell.env_clear().envs(self.sandbox.environment()).env("PATH", path).env("HOME", self.home.path());
        shell.envs([("CI", "1"), ("DO_NOT_TRACK", "1"), ("STRIPE_CLI_TELEMETRY_OPTOUT", "1")]);
        shell.env("WRANGLER_SEND_METRICS", "false");
        shell.env("CLOUDFLARE_API_BASE_URL", bare(&self.sandbox.plain().cloudflare));
        let output = shell.output().expect("a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{command}: {}{}", text(&output.stdout), text(&output.stderr));
    }
}

/// Types what is printed for a scenario that an API can fix, and says whether it was one. What it hides is fixed next.
fn types_the_fix(scenario: &str) -> bool {
    let client = ProviderTools::of(scenario);
    let mut report = client.report();
    let first = fix::plan(&report);
    if first.changes.is_empty() || !first.by_hand.is_empty() {
        return false;
    }
    for _ in 0..fix::ROUNDS {
        let failures = report.findings(Severity::Failure);
        for command in failures.iter().flat_map(|failure| failure.reported.finding.fix.commands()) {
            // The sandbox's Clerk has a plain address, too.
            client.type_in(&command.replace("https://api.clerk.com", &bare(&client.sandbox.plain().clerk)));
        }
        report = client.report();
    }
    let left: Vec<String> = report.findings(Severity::Failure).iter().map(run::CheckFinding::name).collect();
    assert_eq!((report.decision, left), (Decision::Go, vec![]), "{scenario}");
    true
}

#[test]
fn the_printed_commands_fix_everything_that_an_api_can_fix() {
    let problems = sandbox::scenarios().iter().filter(|scenario| !scenario.finds.is_empty());
    let names: Vec<&str> = problems.map(|scenario| scenario.name.as_str()).collect();
    let (odd, even): (Vec<_>, Vec<_>) = names.into_iter().enumerate().partition(|(at, _)| at % 2 == 1);
    let typed = std::thread::scope(|scope| {
        let halves = [odd, even]
            .map(|half| scope.spawn(move || half.into_iter().filter(|(_, scenario)| types_the_fix(scenario)).count()));
        halves.map(|half| half.join().expect("a fix that can be typed")).iter().sum::<usize>()
    });
    assert!(typed > 40, "{typed}");
}

fn bare(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// The field `key` of each object in a list.
fn each<'v>(list: &'v Value, key: &str) -> Vec<&'v Value> {
    list.as_array().expect("a list").iter().map(|item| &item[key]).collect()
}

#[test]
fn stripe_reads_a_price_with_its_product() {
    let client = ProviderTools::of("healthy");
    let path = format!("/v1/prices/{}", client.value("STRIPE_PRICE_ID_PRO"));
    let price = client.stripe(&["get", &path, "-e", "product"]);
    assert_eq!((&price["unit_amount"], &price["livemode"]), (&json!(2900), &json!(true)));
    assert_eq!(price["product"]["metadata"], json!({ "plan": "pro" }));
}

#[test]
fn stripe_reads_what_a_scenario_changed() {
    let client = ProviderTools::of("metadata-case");
    let path = format!("/v1/prices/{}", client.value("STRIPE_PRICE_ID_PRO"));
    assert_eq!(client.stripe(&["get", &path, "-e", "product"])["product"]["metadata"], json!({ "plan": "Pro" }));
}

#[test]
fn stripe_reports_an_unknown_price() {
    let client = ProviderTools::of("price-unknown");
    let path = format!("/v1/prices/{}", client.value("STRIPE_PRICE_ID_PRO"));
    assert_eq!(client.stripe(&["get", &path])["error"]["code"], "resource_missing");
}

#[test]
fn stripe_lists_the_webhook_endpoints() {
    let endpoints = ProviderTools::of("healthy").stripe(&["webhook_endpoints", "list", "--live"]);
    assert_eq!(each(&endpoints["data"], "url"), ["https://pan-api.acme.workers.dev/webhook/stripe"]);
    assert_eq!(each(&endpoints["data"], "status"), ["enabled"]);
}

#[test]
fn stripe_lists_a_second_webhook_endpoint() {
    let endpoints = ProviderTools::of("endpoint-twice").stripe(&["webhook_endpoints", "list", "--live"]);
    assert_eq!(endpoints["data"].as_array().map(Vec::len), Some(2), "{endpoints}");
}

#[test]
fn wrangler_lists_the_secrets() {
    let client = ProviderTools::of("healthy");
    let secrets = client.wrangler(&["secret", "list", "--name", "pan-api"]);
    let secret = |name| (json!(name), json!("secret_text"));
    let listed: Vec<(Value, Value)> =
        each(&secrets, "name").into_iter().cloned().zip(each(&secrets, "type").into_iter().cloned()).collect();
    let names = [
        "CLERK_SECRET_KEY",
        "STRIPE_PRICE_ID_ENTERPRISE",
        "STRIPE_PRICE_ID_PRO",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
    ];
    assert_eq!(listed, names.map(secret));
}

#[test]
fn wrangler_does_not_list_a_missing_secret() {
    let secrets = ProviderTools::of("secret-not-set").wrangler(&["secret", "list", "--name", "pan-api"]);
    assert!(!each(&secrets, "name").contains(&&json!("STRIPE_WEBHOOK_SECRET")), "{secrets}");
}

#[test]
fn wrangler_sets_a_secret_that_the_worker_uses() {
    let client = ProviderTools::of("secret-not-set");
    let secret = client.value("STRIPE_WEBHOOK_SECRET");
    assert!(
        client.wrangler_with(&format!("{secret}\n"), &["secret", "put", "STRIPE_WEBHOOK_SECRET", "--name", "pan-api"])
    );
    assert_eq!(client.sandbox.bindings()["STRIPE_WEBHOOK_SECRET"], secret);
}

#[test]
fn wrangler_deletes_a_secret() {
    let client = ProviderTools::of("healthy");
    assert!(client.wrangler_with("", &["secret", "delete", "STRIPE_PRICE_ID_PRO", "--name", "pan-api"]));
    assert!(!client.sandbox.bindings().contains_key("STRIPE_PRICE_ID_PRO"));
}

#[test]
fn wrangler_sets_no_secret_while_another_version_serves() {
    let client = ProviderTools::of("version-not-deployed");
    assert!(!client.wrangler_with("x", &["secret", "put", "STRIPE_PRICE_ID_PRO", "--name", "pan-api"]));
}

#[test]
fn stripe_changes_a_products_metadata() {
    let client = ProviderTools::of("metadata-case");
    let product = client.stripe(&["post", "/v1/products/prod_QpanAcmePro001", "-d", "metadata[plan]=pro"]);
    assert_eq!(product["metadata"], json!({ "plan": "pro" }));
}

#[test]
fn stripe_enables_a_webhook_endpoint() {
    let client = ProviderTools::of("endpoint-disabled");
    let path = "we_1Rlivecme7LaunchWorker00";
    let endpoint = client.stripe(&["webhook_endpoints", "update", path, "--live", "-d", "disabled=false"]);
    assert_eq!(endpoint["status"], "enabled");
}

#[test]
fn clerk_lists_the_users() {
    let users = ProviderTools::of("healthy").clerk(&["api", "/users"]);
    let plans: BTreeMap<&str, &Value> = each(&users, "id")
        .into_iter()
        .filter_map(Value::as_str)
        .zip(each(&users, "public_metadata").into_iter().map(|metadata| &metadata["plan"]))
        .collect();
    assert_eq!(plans["user_2canaryAcme0000000000000000"], "pro");
    assert_eq!(plans["user_2graceAcme00000000000000000"], "enterprise");
    assert_eq!(plans["user_2fridaAcme00000000000000000"], &Value::Null);
}

#[test]
fn clerk_reads_the_jwt_template() {
    let templates = ProviderTools::of("jwt-template-case").clerk(&["api", "/jwt_templates"]);
    assert_eq!(each(&templates, "name"), ["Pan-API"]);
}

#[test]
fn clerk_finds_a_production_instance() {
    let findings = ProviderTools::of("healthy").clerk(&["doctor", "--json"]);
    let about = |name: &str| {
        let found = findings.as_array().and_then(|all| all.iter().find(|finding| finding["name"] == name));
        found.unwrap_or_else(|| panic!("{name}: {findings:#}")).clone()
    };
    let linked = about("Project linked");
    assert_eq!(linked["status"], "pass");
    let message = linked["message"].as_str().expect("a message");
    assert!(message.contains("ins_2acmeProduction00000000000") && message.contains("(production)"), "{message}");
}

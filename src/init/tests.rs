//! The whole way: a folder and the sandbox's accounts into a file that a run finds ready.

use std::fs;
use std::future::pending;
use std::path::Path;

use crate::config::{self, Text, Values};
use crate::init::{Accounts, Folder, Variables, draft};
use crate::run::{Decision, Report, Selection, run};
use crate::sandbox::{Options, Sandbox};
use crate::world::{self, World};

/// The folder of a project, with the sandbox's values in `.dev.vars`.
struct Project {
    root: tempfile::TempDir,
    sandbox: Sandbox,
}

impl Project {
    async fn new(scenarios: &[&str]) -> Self {
        Self::with(scenarios, &[]).await
    }

    /// The same with more files.
    async fn with(scenarios: &[&str], more: &[(&str, &str)]) -> Self {
        let (root, sandbox) =
            (tempfile::tempdir().unwrap(), Sandbox::start(scenarios, Options::default()).await.unwrap());
        let lines: Vec<String> =
            sandbox.environment().iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let wrangler = sandbox.read(Path::new("api/wrangler.toml")).unwrap();
        let values = lines.concat();
        let web = "FRONTEND_URL=https://app.acme.com\n";
        let usual = [("api/wrangler.toml", wrangler.as_str()), (".dev.vars", &values), ("web/.env.production", web)];
        for (path, text) in usual.iter().chain(more) {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { root, sandbox }
    }

    fn world(&self, text: &str, values: &Values) -> World {
        let text = Text::new(self.root.path().join("preflight.toml"), text);
        let config = config::load(&text, values, &config::Options::default());
        let config = config.unwrap_or_else(|problems| panic!("{}\n{}", text.contents, problems.render(false, 100)));
        let options = world::Options { journal: self.root.path().join("journal.jsonl"), ..world::Options::default() };
        World::new(config, self.sandbox.options(options)).unwrap()
    }

    /// The file that `init` writes.
    async fn drafted(&self) -> (String, Variables) {
        let folder = Folder::read(self.root.path());
        let variables = Variables::of(&folder, Vec::new(), None);
        let first = draft(&folder, &variables, &Accounts::default()).text("./preflight.schema.json");
        let accounts = Accounts::ask(&self.world(&first, variables.values())).await;
        (draft(&folder, &variables, &accounts).text("./preflight.schema.json"), variables)
    }

    /// What a run with that file and its env files says.
    async fn run(&self) -> (String, Report) {
        let (text, variables) = self.drafted().await;
        let files: Vec<_> = variables.files.iter().map(|path| self.root.path().join(path)).collect();
        let world = self.world(&text, &Values::read(&files, []).unwrap());
        (text, run(&world, &Selection::default(), None, pending()).await)
    }
}

fn failures(report: &Report) -> Vec<String> {
    let failing = report.checks.iter().flat_map(|check| check.findings.iter().map(move |found| (check, found)));
    failing.map(|(check, found)| format!("{}: {}", check.id, found.finding.message)).collect()
}

#[tokio::test]
async fn what_is_written_is_what_a_careful_person_would_write() {
    let project = Project::new(&["healthy"]).await;
    let (text, variables) = project.drafted().await;
    let expected = r#"#:schema ./preflight.schema.json
# What `preflight run` checks. Everything left out has its default: preflight schema config

[project]
name = "pan-api"

[worker]
url = "https://pan-api.acme.workers.dev"

[cloudflare]
script = "pan-api"

[frontend]
url = "https://app.acme.com"

[tiers.free]

[tiers.pro]
price = "29.00"

[tiers.enterprise]
price = "99.00"
"#;
    assert_eq!(text, expected);
    assert_eq!(variables.files, [Path::new(".dev.vars")]);
}

#[tokio::test]
async fn a_run_with_the_written_file_is_go_without_an_edit() {
    for scenarios in [
        &["healthy"][..],
        &["healthy-test-mode"],
        &["healthy-yearly-and-monthly"],
        &["healthy-price-metadata"],
        &["healthy-organizations"],
    ] {
        let project = Project::new(scenarios).await;
        let (text, report) = project.run().await;
        assert_eq!(report.decision, Decision::Go, "{scenarios:?}\n{text}\n{:?}", failures(&report));
    }
}

#[tokio::test]
async fn a_problem_at_a_provider_is_not_taken_for_what_is_meant() {
    for (scenario, check) in [
        ("price-test-mode", "stripe/price-mode"),
        ("events-missing-deleted", "webhook/events"),
        ("endpoint-slash", "webhook/endpoint"),
        ("metadata-case", "stripe/product-metadata"),
        ("jwt-claim-unsafe", "clerk/jwt-template"),
        ("endpoint-old-host", "webhook/reachable"),
    ] {
        let project = Project::new(&[scenario]).await;
        let (text, report) = project.run().await;
        let found = report.checks.iter().any(|line| line.id.as_str() == check && !line.findings.is_empty());
        assert!(found, "{scenario}: {check}\n{text}\n{:?}", failures(&report));
    }
}

/// A Worker of the reference stack, as far as it says what the accounts cannot.
const WORKER: &str = r#"
import { verifyToken } from "@clerk/backend";
import Stripe from "stripe";

const limits = { free: 10, pro: 50, enterprise: Infinity };

export default {
  async fetch(request: Request, env: Env) {
    const url = new URL(request.url);
    const stripe = new Stripe(env.STRIPE_SECRET_KEY, { apiVersion: "2026-09-30.endive" });
    if (url.pathname === "/health") return Response.json({ status: "ok" });
    if (url.pathname === "/api/tiers") return Response.json({ tiers: limits });
    if (url.pathname === "/api/usage") {
      const claims = await verifyToken(request.headers.get("authorization")!, { secretKey: env.CLERK_SECRET_KEY });
      return Response.json({ plan: claims.plan, limit: limits[claims.plan] });
    }
    if (url.pathname === "/api/data" && request.method === "POST") return Response.json({});
    if (url.pathname === "/api/create-checkout") {
      const { tier } = await request.json();
      const session = await stripe.checkout.sessions.create({ mode: "subscription", metadata: { userId: "", tier } });
      return Response.json({ url: session.url });
    }
    if (url.pathname === "/api/customer-portal") {
      return Response.json({ url: (await stripe.billingPortal.sessions.create({ customer: "" })).url });
    }
    if (url.pathname === "/webhook/stripe") {
      const event = await stripe.webhooks.constructEventAsync(await request.text(), "", env.STRIPE_WEBHOOK_SECRET);
      return Response.json({ received: true, type: event.type });
    }
    return new Response(null, { status: 404 });
  },
};
"#;

#[tokio::test]
async fn the_source_adds_limits_and_the_version_of_the_api_and_a_run_is_go() {
    let project = Project::with(&["healthy"], &[("api/src/worker.ts", WORKER)]).await;
    let (text, report) = project.run().await;
    for line in [
        "[tiers.pro]\nprice = \"29.00\"\nlimit = 50\n",
        "limit = \"unlimited\"\n",
        "api_version = \"2026-09-30.endive\"\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("# Check"), "{text}");
    assert_eq!(report.decision, Decision::Go, "{text}\n{:?}", failures(&report));
}

#[tokio::test]
async fn where_the_code_sells_to_organizations_so_does_the_file() {
    let source = WORKER.replace("userId: \"\"", "organizationId: \"\"");
    let project = Project::with(&["healthy-organizations"], &[("api/src/worker.ts", source.as_str())]).await;
    let (text, _) = project.drafted().await;
    assert!(text.contains("holder = \"organization\"\nuser_key = \"organizationId\"\n"), "{text}");
    // Even if the template carries the plan of the user, which is a mistake.
    let project = Project::with(&["healthy"], &[("api/src/worker.ts", source.as_str())]).await;
    assert!(project.drafted().await.0.contains("holder = \"organization\""));
}

#[tokio::test]
async fn a_limit_in_the_source_that_is_not_deployed_is_found() {
    let source = WORKER.replace("pro: 50", "pro: 60");
    let project = Project::with(&["healthy"], &[("api/src/worker.ts", source.as_str())]).await;
    let (text, report) = project.run().await;
    assert_eq!(report.decision, Decision::NoGo, "{text}");
}

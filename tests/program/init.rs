//! `preflight init`.

use std::fs;

use crate::layout::{scenario, unpack};
use crate::program::{Folder, ProgramOutput};

const KEY: &str =
    "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";

fn init(folder: &Folder, arguments: &[&str]) -> ProgramOutput {
    folder.run(&[&["init"], arguments].concat())
}

#[test]
fn without_keys_it_writes_a_file_that_is_valid_and_says_what_to_fill_in() {
    let folder = Folder::new();
    let ended = init(&folder, &[]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    assert!(ended.stdout.contains("- worker.url: the address of your deployed Worker"), "{}", ended.stdout);
    let next = "Set STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET, CLERK_SECRET_KEY, CLERK_PUBLISHABLE_KEY in .dev.vars,";
    assert!(
        ended.stdout.contains(next) && ended.stdout.ends_with("Next: preflight init --force\n"),
        "{}",
        ended.stdout
    );
    assert!(
        !ended.stdout.contains("keys that were found") && !ended.stdout.contains("has no endpoint"),
        "{}",
        ended.stdout
    );
    let text = folder.read("preflight.toml");
    assert!(text.starts_with("#:schema ./preflight.schema.json\n"), "{text}");
    assert!(text.contains("# Check: the address of your deployed Worker"), "{text}");
    let run = folder.run(&["run", "--offline"]);
    assert_ne!(run.status, 78, "{}", run.all());
    let schema: serde_json::Value = serde_json::from_str(&folder.read("preflight.schema.json")).unwrap();
    assert!(schema["properties"]["tiers"].is_object(), "{schema:#}");
}

#[test]
fn with_keys_it_asks_the_accounts() {
    let folder = Folder::new();
    let ended = init(&folder, &["--sandbox"]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    let line = "  tiers.pro.price = \"29.00\" (Stripe: price_1Rlivecme7LaunchProMonth (Pro Plan))\n";
    assert!(ended.stdout.contains(line), "{}", ended.stdout);
    assert!(folder.read("preflight.toml").contains("[tiers.enterprise]\nprice = \"99.00\"\n"));
}

#[test]
fn nothing_is_overwritten_without_force() {
    for there in ["preflight.toml", ".github/workflows/preflight.yml"] {
        let folder = Folder::new();
        fs::create_dir_all(folder.path(there).parent().unwrap()).unwrap();
        folder.write(there, "mine\n");
        let ended = init(&folder, &["--ci"]);
        assert_eq!(ended.status, 64, "{}", ended.all());
        assert!(ended.stderr.contains(&format!("{there} exists. To replace it, use --force")), "{}", ended.stderr);
        assert_eq!(folder.read(there), "mine\n");
        assert_eq!(init(&folder, &["--ci", "--force"]).status, 0);
        assert_ne!(folder.read(there), "mine\n");
    }
}

#[test]
fn a_dry_run_shows_the_file_and_writes_nothing() {
    let folder = Folder::new();
    let ended = init(&folder, &["--dry-run"]);
    assert!(ended.stdout.contains("\n[worker]\n"), "{}", ended.stdout);
    assert!(fs::read_dir(folder.path("")).unwrap().next().is_none());
}

#[test]
fn no_secret_is_printed_or_written() {
    let folder = Folder::new();
    folder.write(
        ".dev.vars",
        &format!("MY_STRIPE_KEY={KEY}\nSTRIPE_WEBHOOK_SECRET=whsec_r8Yp2QmZt4LkWv7RbNcYd3fGh5JkMnPq\n"),
    );
    folder.write("package.json", &format!("{{ \"name\": \"{KEY}\" }}"));
    let ended = init(&folder, &["--resolve=api.stripe.com:443:127.0.0.1", "--retries=0"]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    let text = folder.read("preflight.toml");
    assert!(text.contains("secret_key = { env = \"MY_STRIPE_KEY\" }"), "{text}");
    for secret in [&KEY[12..], "r8Yp2QmZt4LkWv7RbNcYd3fGh5JkMnPq"] {
        assert!(!text.contains(secret) && !ended.all().contains(secret), "{text}\n{}", ended.all());
    }
}

#[test]
fn a_hostile_name_cannot_leave_its_place_in_the_file() {
    let folder = Folder::new();
    folder.write("package.json", r#"{ "name": "a\"\n[worker]\nurl = \"https://evil.example\"\u001b[31m" }"#);
    let ended = init(&folder, &[]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    assert!(!ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
    let document: toml::Table = folder.read("preflight.toml").parse().unwrap();
    assert_eq!(document["worker"]["url"].as_str(), Some("https://your-worker.example.workers.dev"));
}

#[test]
fn the_workflow_names_every_variable_that_a_run_needs() {
    let folder = Folder::new();
    assert_eq!(init(&folder, &["--sandbox", "--ci"]).status, 0);
    let workflow = folder.read(".github/workflows/preflight.yml");
    for line in [
        "STRIPE_SECRET_KEY: ${{ secrets.STRIPE_SECRET_KEY }}",
        "STRIPE_PRICE_ID_PRO: ${{ vars.STRIPE_PRICE_ID_PRO }}",
        "PREFLIGHT_CANARY_USER: ${{ vars.PREFLIGHT_CANARY_USER }}",
        "run --profile nightly --format github",
        "permissions:\n  contents: read\n",
    ] {
        assert!(workflow.contains(line), "{line}: {workflow}");
    }
    assert!(!workflow.contains("sk_live"), "{workflow}");
}

#[test]
fn the_workflow_of_a_package_is_at_the_root_of_the_repository_and_names_the_configuration() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("apps/api")).unwrap();
    fs::create_dir(folder.path(".git")).unwrap();
    let ended = init(&folder, &["--ci", "-c", "apps/api/preflight.toml"]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    let workflow = folder.read(".github/workflows/preflight.yml");
    assert!(workflow.contains("run -c apps/api/preflight.toml --profile nightly"), "{workflow}");
    assert!(!folder.path("apps/api/.github").exists());
}

#[test]
fn a_canary_is_created_on_demand_and_its_id_is_shown() {
    let folder = Folder::new();
    let init = |email: &str| init(&folder, &["--sandbox=canary-unset", "--force", "--yes", "--canary", email]);
    let created = init("preflight-canary@acme.com");
    assert_eq!(created.status, 0, "{}", created.all());
    assert!(created.stdout.contains("Created the canary. Set PREFLIGHT_CANARY_USER=user_"), "{}", created.stdout);
    let taken = init("canary@acme.com");
    assert_eq!(taken.status, 70, "{}", taken.all());
    assert!(
        taken.stderr.contains("email_address is taken") && !taken.stderr.contains("clerk_trace_id"),
        "{}",
        taken.stderr
    );
}

#[test]
fn without_a_terminal_no_canary_is_created_unless_the_user_said_yes() {
    let ended = init(&Folder::new(), &["--sandbox=canary-unset", "--canary", "preflight-canary@acme.com"]);
    assert_eq!(ended.status, 4, "{}", ended.all());
    assert!(
        ended.stderr.contains("use --yes") && ended.stderr.contains("Nothing was created at Clerk."),
        "{}",
        ended.stderr
    );
}

/// What `init` writes for a project, in which it makes a run GO without an edit.
fn layout(name: &str) -> String {
    let folder = Folder::new();
    unpack(name, &folder.path(""));
    let sandbox = format!("--sandbox={}", scenario(name));
    let ended = init(&folder, &[&sandbox]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    let next = format!("Next: preflight run -c preflight.toml --env-file .dev.vars {sandbox}\n");
    assert!(ended.stdout.ends_with(&next), "{}", ended.stdout);
    let run = folder.run(&["run", "-c", "preflight.toml", "--env-file", ".dev.vars", &sandbox]);
    assert_eq!(run.status, 0, "{}", run.all());
    folder.read("preflight.toml")
}

#[test]
fn the_guides_layout_needs_only_what_is_not_a_default() {
    let text = layout("guide");
    for part in
        ["name = \"acme-api\"", "limit = 50\n", "limit = \"unlimited\"\n", "api_version = \"2026-09-30.endive\"\n"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("checkout =") && !text.contains("user_key"), "{text}");
}

#[test]
fn a_monorepo_has_its_routes_and_its_environment() {
    let text = layout("monorepo");
    for part in [
        "tiers = \"/v1/plans\"\n",
        "portal = \"/v1/billing/portal\"\n",
        "environment = \"production\"\n",
        "wrangler = \"apps/api/wrangler.jsonc\"\n",
        "user_key = \"clerkUserId\"\n",
        "plan_claim = \"metadata.tier\"\n",
        "metadata_key = \"tier\"\n",
        "checkout = { path = \"/v1/billing/checkout\", body = { priceId = \"{price_id}\" }, session = \"/checkoutUrl\" }\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_next_app_has_its_route_handlers_and_no_cloudflare() {
    let text = layout("next");
    for part in [
        "checkout = { path = \"/api/checkout\", body = { plan = \"{plan}\" }, session = \"/sessionUrl\" }\n",
        "auth = \"cookie\"\n",
        "plan_claim = \"metadata.plan\"\n",
        "health = \"/api/health\"\n",
        "tier_key = \"plan\"\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("[cloudflare]"), "{text}");
}

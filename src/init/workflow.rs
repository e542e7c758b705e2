//! The scheduled GitHub workflow that `preflight init --ci` writes.

use crate::config::{Config, Described, Kind, Origin};

/// The path of the workflow.
pub const PATH: &str = ".github/workflows/preflight.yml";

/// The workflow for a configuration, which `run` needs these flags for: ` -c apps/api/preflight.toml`. Secrets and other values have
/// the names of their variables.
#[must_use]
pub fn workflow(config: &Config, flags: &str) -> String {
    let variables = config.variables();
    let is_needed = |variable: &&Described| *variable.origin != Origin::Unset || !OPTIONAL.contains(&variable.setting);
    let lines: String = variables.iter().filter(is_needed).map(line).collect();
    WORKFLOW.replace("{variables}", &lines).replace("{flags}", flags).replace("{version}", env!("CARGO_PKG_VERSION"))
}

/// The settings that a run can do without.
const OPTIONAL: [&str; 5] = [
    "stripe.publishable_key",
    "stripe.portal_configuration",
    "stripe.test_secret_key",
    "cloudflare.account_id",
    "cloudflare.api_token",
];

fn line(variable: &Described<'_>) -> String {
    let is_secret = matches!(
        variable.kind,
        Kind::StripeSecretKey | Kind::StripeWebhookSecret | Kind::ClerkSecretKey | Kind::CloudflareApiToken
    );
    let (name, context) = (variable.name, if is_secret { "secrets" } else { "vars" });
    format!("          {name}: ${{{{ {context}.{name} }}}}\n")
}

const WORKFLOW: &str = r#"# Checks every night that customers who pay get what they paid for. Written by `preflight init --ci`.
name: preflight

on:
  schedule:
    - cron: "23 4 * * *"
  workflow_dispatch:

permissions:
  contents: read

concurrency:
  group: preflight

jobs:
  preflight:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          persist-credentials: false
      - uses: actions/setup-node@49933ea5288caeca8642d1e84afbd3f7d6820020 # v4.4.0
        with:
          node-version: 22
      # With the last report, a run says what is new, and need not repeat what leaves traces at Stripe.
      - uses: actions/cache/restore@5a3ec84eff668545956fd18022155c47e93e2684 # v4.2.3
        with:
          path: |
            reports/preflight.json
            reports/history.jsonl
          key: preflight-${{ github.run_id }}
          restore-keys: preflight-
      - run: npx --yes launch-preflight@{version} run{flags} --profile nightly --format github
        env:
{variables}          # Optional: a message when the verdict changes, and a request after each finished run.
          PREFLIGHT_NOTIFY_URL: ${{ secrets.PREFLIGHT_NOTIFY_URL }}
          PREFLIGHT_HEARTBEAT_URL: ${{ secrets.PREFLIGHT_HEARTBEAT_URL }}
      - if: always()
        uses: actions/cache/save@5a3ec84eff668545956fd18022155c47e93e2684 # v4.2.3
        with:
          path: |
            reports/preflight.json
            reports/history.jsonl
          key: preflight-${{ github.run_id }}
      - if: always()
        uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2
        with:
          name: preflight-reports
          path: |
            reports/*.md
            reports/*.json
          if-no-files-found: ignore
"#;

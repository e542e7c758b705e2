//! `frontend/secrets`.

use super::scan::{evidence, extent, listed, missing};
use crate::check::prelude::*;
use crate::config::{Issuer, Kind};
use crate::world::{Leak, SiteScan};

check! {
    /// The served page contains no secret.
    ///
    /// ## Why it matters
    /// Anyone can read whatever the page loads. With your Stripe secret key anyone can issue refunds and read all customers;
    /// with your Clerk key, sign in as anyone; with the webhook secret, give themselves any tier.
    ///
    /// ## How it is verified
    /// The page is read with its scripts, the scripts that those load, and the sources in their source maps, from its own site
    /// and from the host that its modules come from: at most 200 files and 32 MiB. All are searched for the secrets of this
    /// configuration, plain and in base64, and for anything with the shape of a key of Stripe, Clerk and a few others. Text
    /// that only mentions keys does not count. Scripts on other hosts are not read, and a secret that is encrypted or put
    /// together when the page runs cannot be seen.
    ///
    /// ## How to fix it
    /// Remove the secret from the frontend's build: variables whose names begin with `VITE_`, `NEXT_PUBLIC_` or `PUBLIC_` end
    /// up in the page. Then replace it at its provider, because anyone who has read it still has it.
    pub const CHECK = Check { need: Need::Configured("frontend"), sends: "", subjects: deployment, run };
}

codes! {
    /// A secret or restricted Stripe key.
    STRIPE_SECRET_KEY: Failure(Exposure),
    /// A Clerk secret key.
    CLERK_SECRET_KEY: Failure(Exposure),
    /// A signing secret of a webhook endpoint.
    WEBHOOK_SECRET: Failure(Exposure),
    /// A Cloudflare API token.
    CLOUDFLARE_TOKEN: Failure(Exposure),
    /// Another service's secret, or a private key.
    OTHER_SECRET: Failure(Exposure),
    /// A script that the page or another script loads could not be read, or the limit was reached.
    NOT_ALL_READ: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let Some(site) = world.site() else {
        return outcome.not_applicable("[frontend] is not configured");
    };
    let scan = site.scan().await?;
    scan.leaks.iter().map(leaked).for_each(|finding| outcome.find(finding));
    if let Some(missing) = missing(scan) {
        outcome.find(not_all_read(scan, &missing));
    }
    outcome.pass_if_clean(format!("no secret; {}", extent(scan)));
    Ok(())
}

fn leaked(leak: &Leak) -> Finding {
    let (code, what, page) = match leak.issuer {
        Issuer::Stripe => (STRIPE_SECRET_KEY, "a Stripe secret key", Kind::StripeSecretKey.page()),
        Issuer::Clerk => (CLERK_SECRET_KEY, "a Clerk secret key", Kind::ClerkSecretKey.page()),
        Issuer::Webhook => (WEBHOOK_SECRET, "a webhook signing secret", Kind::StripeWebhookSecret.page()),
        Issuer::Cloudflare => (CLOUDFLARE_TOKEN, "a Cloudflare API token", Kind::CloudflareApiToken.page()),
        Issuer::Other => (OTHER_SECRET, "a secret", ""),
    };
    let known = leak.variable.as_ref().map_or_else(String::new, |name| format!(", the value of {name}"));
    let shown = leak.secret.to_string();
    let fix = Fix::new(format!(
        "Remove {shown} from the frontend's build and deploy. Then create a new one, set it wherever it is used, and revoke this one."
    ));
    Finding {
        code,
        message: format!("The page exposes {what} to every visitor ({shown}{known}): {}.", listed(&leak.places)),
        expected: "no secret".to_owned(),
        evidence: evidence(&leak.places, &shown),
        actual: shown,
        fix: if page.is_empty() { fix } else { fix.link(page) },
    }
}

fn not_all_read(scan: &SiteScan, missing: &str) -> Finding {
    Finding {
        code: NOT_ALL_READ,
        message: format!("Not every script of the page could be scanned for secrets: {missing}."),
        expected: "every script of the page's own site".to_owned(),
        actual: extent(scan),
        evidence: vec![Evidence {
            request: format!("GET {}", scan.page),
            status: Some(200),
            request_id: None,
            field: "scripts".to_owned(),
            seen: missing.to_owned(),
        }],
        fix: Fix::new(
            "Make sure that every script the page loads is served. Scan files beyond the limit yourself before you deploy.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_leak_is_located_and_named_but_never_shown() {
        let run = scenario("frontend-leaks-webhook-map").await;
        let message = run.message(CHECK);
        assert!(message.contains("main.tsx:3 in /assets/index-DkT4cmeQ.js.map"), "{message}");
        assert!(message.contains("STRIPE_WEBHOOK_SECRET") && !message.contains("whsec_Acme"), "{message}");
    }

    #[tokio::test]
    async fn reading_ends_at_the_limit_and_says_so() {
        let run = scenario("frontend-endless").await;
        run.warns(CHECK, "not-all-read");
        assert!(run.message(CHECK).contains("the limit was reached"), "{}", run.message(CHECK));
        assert!(run.finding(CHECK).actual.starts_with("200 files"), "{}", run.finding(CHECK).actual);
    }

    #[tokio::test]
    async fn a_lazily_loaded_script_that_fails_is_named() {
        let run = scenario("chunk-unreadable").await;
        run.warns(CHECK, "not-all-read");
        assert!(run.message(CHECK).contains("/assets/Billing-B7xAcme2.js (500)"), "{}", run.message(CHECK));
    }
}

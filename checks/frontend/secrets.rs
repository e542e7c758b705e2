//! `frontend/secrets`.

use crate::check::prelude::*;
use crate::config::Issuer;
use crate::world::{Leak, Served, listed};

check! {
    /// The served page carries no secret.
    ///
    /// ## Why it matters
    /// Whatever the page loads, everybody can read. With Stripe's secret key anybody can refund and read every customer; with
    /// Clerk's, sign in as anyone; with the webhook secret, give themselves any tier.
    ///
    /// ## How it is verified
    /// The page is read with its scripts, those that they load later, and the sources in their source maps: of its own site
    /// and of the host that its modules come from, at most 200 files and 32 MiB. The secrets of this configuration are looked
    /// for as they are and in base64; those of others by the shape that the keys of Stripe, Clerk and a few more have. What
    /// a program only says about keys is none. Scripts of other hosts are not read, and what a page puts together when it
    /// runs, or what was encrypted, cannot be seen.
    ///
    /// ## How to fix it
    /// Replace the secret at its provider first: whoever has read it keeps it. Then take it out of the frontend's build: a
    /// variable whose name begins with `VITE_`, `NEXT_PUBLIC_` or `PUBLIC_` is in the page.
    pub const CHECK = Check { need: Need::Configured("frontend"), sends: "", subjects: deployment, run };
}

codes! {
    /// A secret or restricted key of Stripe.
    STRIPE_SECRET_KEY: Failure,
    /// A secret key of Clerk.
    CLERK_SECRET_KEY: Failure,
    /// The signing secret of a webhook endpoint.
    WEBHOOK_SECRET: Failure,
    /// The API token of Cloudflare.
    CLOUDFLARE_TOKEN: Failure,
    /// A secret of somebody else's, or a private key.
    OTHER_SECRET: Failure,
    /// A script that the page or another script loads could not be read, or there are more than the bound.
    NOT_ALL_READ: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let Some(site) = world.site() else {
        outcome.not_applicable("[frontend] is not configured");
        return Ok(());
    };
    let served = site.served().await?;
    served.leaks.iter().map(leaked).for_each(|finding| outcome.find(finding));
    if let Some(missing) = served.missing() {
        outcome.find(not_all_read(served, &missing));
    }
    outcome.pass_if_clean(format!("no secret; {}", served.extent()));
    Ok(())
}

fn leaked(leak: &Leak) -> Finding {
    let (code, what, page) = match leak.issuer {
        Issuer::Stripe => (STRIPE_SECRET_KEY, "a Stripe secret key", "https://dashboard.stripe.com/apikeys"),
        Issuer::Clerk => {
            (CLERK_SECRET_KEY, "a Clerk secret key", "https://dashboard.clerk.com/last-active?path=api-keys")
        }
        Issuer::Webhook => (WEBHOOK_SECRET, "a webhook signing secret", "https://dashboard.stripe.com/webhooks"),
        Issuer::Cloudflare => {
            (CLOUDFLARE_TOKEN, "a Cloudflare API token", "https://dash.cloudflare.com/profile/api-tokens")
        }
        Issuer::Other => (OTHER_SECRET, "a secret", ""),
    };
    let known = leak.variable.as_ref().map_or_else(String::new, |name| format!(", the value of {name}"));
    let shown = leak.secret.to_string();
    let replace = format!(
        "Remove {shown} from the frontend's build, then replace it: create a new one, set it wherever it is used, and revoke this one."
    );
    let fix = Fix::new(replace);
    let evidence = leak.places.iter().take(3).map(|place| Evidence {
        request: format!("GET {}", place.file),
        status: Some(200),
        request_id: None,
        field: place.to_string(),
        seen: shown.clone(),
    });
    Finding {
        code,
        message: format!("The page exposes {what} to every visitor ({shown}{known}): {}.", listed(&leak.places)),
        expected: "no secret".to_owned(),
        actual: shown.clone(),
        evidence: evidence.collect(),
        fix: if page.is_empty() { fix } else { fix.link(page) },
    }
}

fn not_all_read(served: &Served, missing: &str) -> Finding {
    Finding {
        code: NOT_ALL_READ,
        message: format!("Not every script of the page could be scanned for secrets: {missing}."),
        expected: "every script of the page's own site".to_owned(),
        actual: served.extent(),
        evidence: vec![Evidence {
            request: format!("GET {}", served.page),
            status: Some(200),
            request_id: None,
            field: "scripts".to_owned(),
            seen: missing.to_owned(),
        }],
        fix: Fix::new(
            "Serve every script that the page loads, and scan what is beyond the limit before you deploy it.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_secret_wherever_it_lies() {
        for (name, code) in [
            ("frontend-leaks-stripe", "stripe-secret-key"),
            ("frontend-leaks-stripe-chunk", "stripe-secret-key"),
            ("frontend-leaks-stripe-test", "stripe-secret-key"),
            ("frontend-leaks-clerk", "clerk-secret-key"),
            ("frontend-leaks-clerk-chunk", "clerk-secret-key"),
            ("frontend-leaks-webhook", "webhook-secret"),
            ("frontend-leaks-webhook-map", "webhook-secret"),
            ("frontend-leaks-someone-elses", "stripe-secret-key"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn says_where_and_whose_and_never_what() {
        let run = scenario("frontend-leaks-webhook-map").await;
        let message = run.message(CHECK);
        assert!(message.contains("main.tsx:3 in /assets/index-DkT4cmeQ.js.map"), "{message}");
        assert!(message.contains("STRIPE_WEBHOOK_SECRET") && !message.contains("whsec_Acme"), "{message}");
    }

    #[tokio::test]
    async fn words_about_secrets_are_none() {
        scenario("healthy-words-about-secrets").await.passes(CHECK);
    }

    #[tokio::test]
    async fn reading_ends_and_says_so() {
        let run = scenario("frontend-endless").await;
        run.warns(CHECK, "not-all-read");
        assert!(run.message(CHECK).contains("the bound was reached"), "{}", run.message(CHECK));
        assert!(run.finding(CHECK).actual.starts_with("200 files"), "{}", run.finding(CHECK).actual);
    }

    #[tokio::test]
    async fn warns_of_a_script_that_is_not_served() {
        for name in ["frontend-broken-script", "chunk-missing"] {
            scenario(name).await.warns(CHECK, "not-all-read");
        }
    }

    #[tokio::test]
    async fn a_lazily_loaded_script_that_breaks_is_named_and_is_no_plain_pass() {
        let run = scenario("chunk-unreadable").await;
        run.warns(CHECK, "not-all-read");
        assert!(run.message(CHECK).contains("/assets/Billing-B7xAcme2.js (500)"), "{}", run.message(CHECK));
    }
}

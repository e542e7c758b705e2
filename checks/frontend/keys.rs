//! `frontend/keys`.

use url::Url;

use super::scan::{evidence, extent, listed, missing};
use crate::check::prelude::*;
use crate::config::{Mode, account_of, frontend_api_of, mode_of};
use crate::world::{PageError, Place, SiteScan};

check! {
    /// The served page has publishable keys for this mode and these accounts.
    ///
    /// ## Why it matters
    /// Publishable keys are built into the frontend, and the last build may have been made for tests. With a Clerk key of
    /// another instance, customers sign in as users that the Worker does not know. With a wrong Stripe key, Checkout fails.
    ///
    /// ## How it is verified
    /// The page that a customer opens is read with its scripts and the scripts that those load, from its own site and from the
    /// host that its modules come from: at most 200 files and 32 MiB. Redirects are followed within the site. A Clerk key names
    /// its instance's frontend API, and a Stripe key its account; an old Stripe key, without `51` after its mode, does not. If
    /// the right key is there, too, a wrong one is only a warning, since which of them the page uses cannot be seen. A key that
    /// is added when the page runs cannot be seen: without a Clerk key the check is unknown. Without a Stripe key it passes if
    /// everything could be read, because a redirect to Checkout needs none.
    ///
    /// ## How to fix it
    /// Build the frontend with the publishable keys that the finding names, and deploy it.
    pub const CHECK = Check {
        need: Need::Configured("frontend"),
        sends: "",
        owns: [FrontendNotServed],
        subjects: deployment,
        run
    };
}

codes! {
    /// The page does not answer.
    UNREACHABLE: Failure,
    /// The answer is an error or not a page.
    NO_PAGE: Failure,
    /// The page redirects to another site or in a circle.
    REDIRECT: Failure,
    /// A key is for the other mode.
    OTHER_MODE: Failure(Money),
    /// A Clerk key belongs to another instance.
    OTHER_INSTANCE: Failure,
    /// A Stripe key belongs to another account.
    OTHER_ACCOUNT: Failure(Money),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyIssuer {
    Clerk,
    Stripe,
}

impl KeyIssuer {
    const fn name(self) -> &'static str {
        match self {
            Self::Clerk => "Clerk",
            Self::Stripe => "Stripe",
        }
    }
}

/// A publishable key in the page.
struct PublishableKey<'s> {
    issuer: KeyIssuer,
    shown: String,
    places: &'s [Place],
    problem: Answered<Option<Problem>>,
}

/// What is wrong with a key.
#[derive(Clone, PartialEq, Eq)]
struct Problem {
    code: Code,
    what: String,
    expected: String,
    actual: String,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let Some(site) = world.site() else {
        return outcome.not_applicable("[frontend] is not configured");
    };
    let scan = match site.scan_or_page_error().await? {
        Ok(scan) => scan,
        Err(error) => {
            outcome.find(no_page(error));
            return Ok(());
        }
    };
    let keys = keys(world, scan).await;
    for key in &keys {
        if let Some(Some(problem)) = outcome.ask(key.problem.clone()) {
            let is_right = |other: &PublishableKey| other.issuer == key.issuer && other.problem == Ok(None);
            outcome.find(finding(world, key, problem, keys.iter().any(is_right)));
        }
    }
    let has = |issuer| keys.iter().any(|key| key.issuer == issuer);
    if !has(KeyIssuer::Clerk) {
        outcome.leave_open(NoAnswer::unknown(format!(
            "there is no Clerk publishable key in {}: {} ({})",
            scan.page,
            missing(scan).unwrap_or_else(|| "it may be added when the page runs".to_owned()),
            extent(scan)
        )));
    }
    if let Some(missing) = missing(scan).filter(|_| !has(KeyIssuer::Stripe)) {
        let reason = format!("there is no Stripe publishable key in what could be read; {missing}");
        outcome.leave_open(NoAnswer::unknown(reason));
    }
    let shown: Vec<String> = keys.iter().map(|key| format!("the {} key {}", key.issuer.name(), key.shown)).collect();
    let stripe =
        if has(KeyIssuer::Stripe) { "" } else { "; no Stripe key, which a redirect to Checkout does not need" };
    outcome.pass_if_clean(format!("the page has {}{stripe}; {}", shown.join(" and "), extent(scan)));
    Ok(())
}

async fn keys<'s>(world: &World, scan: &'s SiteScan) -> Vec<PublishableKey<'s>> {
    let mut keys = Vec::new();
    for (key, places) in &scan.publishable_keys {
        let issuer = if frontend_api_of(key).is_some() { KeyIssuer::Clerk } else { KeyIssuer::Stripe };
        let (shown, problem) = match issuer {
            KeyIssuer::Clerk => (key.clone(), clerk_problem(world, key).await),
            // Too short for a key: text about keys.
            KeyIssuer::Stripe if key.len() < "pk_live_".len() + 24 => continue,
            KeyIssuer::Stripe => (shortened(key), stripe_problem(world, key).await),
        };
        keys.push(PublishableKey { issuer, shown, places, problem });
    }
    keys
}

fn mode_problem(world: &World, key: &str, issuer: KeyIssuer) -> Option<Problem> {
    let (wanted, found) = (world.config().project.mode, mode_of(key)?);
    (found != wanted).then(|| Problem {
        code: OTHER_MODE,
        what: format!("a {}-mode {} key", found.word(), issuer.name()),
        expected: format!("a {}-mode key", wanted.word()),
        actual: if issuer == KeyIssuer::Stripe { shortened(key) } else { key.to_owned() },
    })
}

async fn clerk_problem(world: &World, key: &str) -> Answered<Option<Problem>> {
    if let Some(problem) = mode_problem(world, key, KeyIssuer::Clerk) {
        return Ok(Some(problem));
    }
    let host = |url: Url| url.host_str().unwrap_or_default().to_owned();
    let named = frontend_api_of(key).map(host).unwrap_or_default();
    // Your copy may be written differently: what counts is the instance that it names.
    let configured = &world.config().clerk.publishable_key;
    let own = configured.value.as_deref().filter(|_| configured.is_usable()).and_then(frontend_api_of);
    if own.map(host).as_ref() == Some(&named) {
        return Ok(None);
    }
    let expected = host(world.clerk().frontend_api()?);
    if expected != named {
        world.clerk().one_instance().await?;
    }
    Ok((expected != named).then(|| Problem {
        code: OTHER_INSTANCE,
        what: format!("a key of another Clerk instance, {named}"),
        expected: format!("a key of {expected}"),
        actual: named.clone(),
    }))
}

async fn stripe_problem(world: &World, key: &str) -> Answered<Option<Problem>> {
    if let Some(problem) = mode_problem(world, key, KeyIssuer::Stripe) {
        return Ok(Some(problem));
    }
    // An old key names no account.
    let Some(named) = account_of(key) else { return Ok(None) };
    let configured = world.stripe().intended_account();
    if configured.as_ref() == Some(&named) {
        return Ok(None);
    }
    let expected = match (world.stripe().account().await, configured) {
        (Ok(account), _) if account.value.id == named => return Ok(None),
        // In test mode the key may belong to a sandbox of the configured account.
        (Err(why), _) if world.config().project.mode == Mode::Test => return Err(why),
        (_, Some(configured)) => configured,
        (Ok(account), None) => account.value.id.clone(),
        (Err(why), None) => return Err(why),
    };
    Ok(Some(Problem {
        code: OTHER_ACCOUNT,
        what: format!("a key of another Stripe account, {named}"),
        expected: format!("a key of {expected}"),
        actual: named,
    }))
}

/// `pk_live_51Qpan…a1b2`.
fn shortened(key: &str) -> String {
    let (begin, end) = (key.get(..14).unwrap_or(key), key.get(key.len().saturating_sub(4)..).unwrap_or_default());
    format!("{begin}…{end}")
}

fn finding(world: &World, key: &PublishableKey<'_>, problem: Problem, is_beside_right_key: bool) -> Finding {
    let Problem { code, what, expected, actual } = problem;
    let (variable, harm) = match key.issuer {
        KeyIssuer::Clerk => (&world.config().clerk.publishable_key, "the Worker does not know its users"),
        KeyIssuer::Stripe => (&world.config().stripe.publishable_key, "Checkout fails"),
    };
    let places = listed(key.places);
    Finding {
        code: if is_beside_right_key { code.as_warning() } else { code },
        message: if is_beside_right_key {
            format!("The page has {what}, next to the right key: {places}. Which one it uses cannot be seen.")
        } else {
            format!("The page has {what}, so {harm}: {places}.")
        },
        expected,
        actual,
        evidence: evidence(key.places, &key.shown),
        fix: Fix::new(format!("Build the frontend with the value of {}, and deploy it.", variable.name))
            .link(variable.kind.page()),
    }
}

fn no_page(error: &PageError) -> Finding {
    let (code, message, evidence, summary, page) = match error {
        PageError::Unreachable { url, evidence } => {
            let summary = format!("Make {url} reachable, or correct frontend.url.");
            (UNREACHABLE, format!("{url} does not answer: {}.", evidence.seen), evidence, summary, url)
        }
        PageError::NotAPage { url, status, evidence } => {
            let summary = format!("Deploy the frontend at {url}, or correct frontend.url.");
            (NO_PAGE, format!("{url} answers {status} instead of a page."), evidence, summary, url)
        }
        PageError::Redirected { url, to, evidence } => {
            let summary = format!("Set frontend.url to the page that customers open, or fix the redirect of {url}.");
            (REDIRECT, format!("{url} redirects to {to}, which is not a page of this site."), evidence, summary, url)
        }
    };
    Finding {
        code,
        message,
        expected: "the page that a customer opens".to_owned(),
        actual: evidence.seen.clone(),
        evidence: vec![evidence.clone()],
        fix: Fix::new(summary).link(page.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::checks::frontend::{api, secrets};
    use crate::run::Status;

    #[tokio::test]
    async fn a_page_that_is_not_served_blocks_the_other_checks_of_the_group() {
        for name in ["frontend-dns", "frontend-tls", "frontend-down", "frontend-parked"] {
            let run = scenario(name).await;
            for blocked in [api::CHECK, secrets::CHECK] {
                assert_eq!(run.reasons(blocked), "blocked by frontend/keys", "{}", run.summary());
            }
        }
    }

    #[tokio::test]
    async fn a_page_without_keys_is_unknown() {
        let run = scenario("frontend-keyless").await;
        assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.summary());
    }

    #[tokio::test]
    async fn a_pass_says_how_much_was_read() {
        let run = scenario("healthy").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("5 files"), "{}", run.seen(CHECK));
    }
}

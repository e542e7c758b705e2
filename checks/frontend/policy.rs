//! `frontend/policy`.

use super::scan::missing;
use crate::check::prelude::*;
use crate::world::{ContentPolicy, Fetch, SiteScan};

check! {
    /// The page's Content-Security-Policy allows Clerk and the Worker.
    ///
    /// ## Why it matters
    /// A browser does not load what the policy does not name. The page looks right, but the sign-in form never appears, or
    /// every request to the Worker fails, and only the visitor's console says why.
    ///
    /// ## How it is verified
    /// The policy is read from the page's header and its `<meta>` tags. `script-src` must allow Clerk's frontend API and, for bot
    /// protection, `challenges.cloudflare.com`; `connect-src` must allow the frontend API and the Worker, if the scripts name
    /// it. With a nonce, a hash or `strict-dynamic`, scripts are taken as allowed, because that depends on the page's code. A
    /// report-only policy blocks nothing. Policies of other pages, and other directives, are not judged.
    ///
    /// ## How to fix it
    /// Add the missing hosts to the policy, and deploy the frontend.
    pub const CHECK = Check { need: Need::Configured("frontend"), sends: "", subjects: deployment, run };
}

codes! {
    /// The policy blocks Clerk, so customers cannot sign in.
    CLERK: Failure,
    /// The policy blocks requests to the Worker.
    WORKER: Failure,
    /// The policy blocks the CAPTCHA of bot protection, so that sign-ups fail.
    CAPTCHA: Failure,
}

/// The host of the CAPTCHA (docs/providers.md, "Clerk API objects and sign-in").
const CAPTCHA_HOST: &str = "challenges.cloudflare.com";

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let Some(site) = world.site() else {
        return outcome.not_applicable("[frontend] is not configured");
    };
    let scan = site.scan().await?;
    if scan.policies.is_empty() {
        outcome.pass("the page has no Content-Security-Policy");
        return Ok(());
    }
    let clerk = world.clerk().frontend_api()?;
    let clerk = clerk.host_str().unwrap_or_default();
    let worker = world.config().worker.url.host_str().unwrap_or_default();
    let mut blocked = vec![(CLERK, Fetch::Script, clerk), (CLERK, Fetch::Connection, clerk)];
    if !scan.addresses.worker.is_empty() {
        blocked.push((WORKER, Fetch::Connection, worker));
    } else if let Some(missing) = missing(scan) {
        outcome.leave_open(NoAnswer::unknown(format!("what was read does not name {worker}; {missing}")));
    }
    blocked.push((CAPTCHA, Fetch::Script, CAPTCHA_HOST));
    blocked.retain(|(_, fetch, host)| scan.policies.iter().any(|policy| !policy.allows(*fetch, host, &scan.page)));
    if blocked.iter().any(|(code, ..)| *code == CAPTCHA) {
        // Without bot protection there is no CAPTCHA.
        let is_on = async { world.clerk().environment().await?.value.captcha_enabled() };
        if outcome.ask(is_on.await) != Some(true) {
            blocked.retain(|(code, ..)| *code != CAPTCHA);
        }
    }
    for code in [CLERK, WORKER, CAPTCHA] {
        let of_code: Vec<(Fetch, &str)> =
            blocked.iter().filter(|(found, ..)| *found == code).map(|(_, fetch, host)| (*fetch, *host)).collect();
        if let [(_, host), ..] = of_code.as_slice() {
            outcome.find(finding(code, scan, host, &of_code));
        }
    }
    outcome.pass_if_clean("the Content-Security-Policy allows Clerk and the Worker");
    Ok(())
}

fn finding(code: Code, scan: &SiteScan, host: &str, blocked: &[(Fetch, &str)]) -> Finding {
    let directives: Vec<&str> = blocked.iter().map(|(fetch, _)| fetch.directive()).collect();
    let directives = directives.join(" and ");
    let effect = match code.name() {
        "worker" => "so requests to the Worker fail",
        "captcha" => "so sign-ups that need a CAPTCHA fail",
        _ => "so customers cannot sign in",
    };
    let policy = scan
        .policies
        .iter()
        .find(|policy| blocked.iter().any(|(fetch, host)| !policy.allows(*fetch, host, &scan.page)));
    let seen = policy.map_or_else(String::new, ContentPolicy::shown);
    let lines: Vec<String> =
        blocked.iter().map(|(fetch, host)| format!("{} … https://{host};", fetch.directive())).collect();
    Finding {
        code,
        message: format!("The page's Content-Security-Policy blocks {host} ({directives}), {effect}."),
        expected: format!("{directives} with https://{host}"),
        actual: seen.clone(),
        evidence: vec![Evidence {
            request: format!("GET {}", scan.page),
            status: None,
            request_id: None,
            field: "Content-Security-Policy".to_owned(),
            seen,
        }],
        fix: Fix::new(format!("Add https://{host} to {directives} of the policy, and deploy the frontend."))
            .code(lines.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::run::Status;

    #[tokio::test]
    async fn a_policy_in_a_meta_tag_counts() {
        let run = scenario("policy-blocks-worker").await;
        run.finds(CHECK, "worker");
        assert!(run.message(CHECK).contains("pan-api.acme.workers.dev (connect-src)"), "{}", run.message(CHECK));
    }

    #[tokio::test]
    async fn an_unread_script_that_may_call_the_worker_leaves_the_policy_open() {
        let run = scenario("main-script-unreadable").await;
        assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.summary());
        assert!(run.reasons(CHECK).contains("/assets/index-DkT4cmeQ.js"), "{}", run.summary());
    }

    #[tokio::test]
    async fn without_bot_protection_no_captcha_is_needed() {
        scenario("policy-blocks-captcha").await.finds(CHECK, "captcha");
        scenario("healthy-policy-without-captcha").await.passes(CHECK);
    }
}

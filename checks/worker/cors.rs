//! `worker/cors`.

use crate::check::prelude::*;
use crate::world::{CrossOrigin, CrossOriginAnswer, FOREIGN_ORIGIN};

check! {
    /// The frontend's pages can read the Worker's answers, and other sites' pages cannot.
    ///
    /// ## Why it matters
    /// A browser hides an answer from a page whose origin the Worker does not name: everything works with `curl` and nothing
    /// on the new domain. A Worker that names any origin lets every site use a visitor's session.
    ///
    /// ## How it is verified
    /// The Worker is asked as a browser asks before it sends a token (`OPTIONS`): from the frontend's origin, from a foreign
    /// origin, and from a foreign project's origin on the frontend's hosting platform and on another one. The announced tiers
    /// are checked for the same header. Which further origins are allowed cannot be seen.
    ///
    /// ## How to fix it
    /// Answer with the frontend's origin, from a list of allowed origins, and with `Vary: Origin`.
    pub const CHECK = Check {
        need: Need::Configured("frontend"),
        sends: "up to 4 OPTIONS requests; a Worker that limits request rates counts them",
        subjects: deployment,
        run
    };
}

codes! {
    /// Every site can read the answers. A failure if cookies are allowed, too; otherwise a warning.
    WILDCARD: Failure,
    /// Any origin is allowed.
    REFLECTS: Failure,
    /// Any project on a hosting platform is allowed. A failure if cookies are allowed, too; otherwise a warning.
    STRANGERS: Failure,
    /// The frontend's own pages cannot read the answers.
    FRONTEND_BLOCKED: Failure,
    /// The Worker does not answer such a request.
    BROKEN: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let Some(frontend) = &world.config().frontend else {
        outcome.not_applicable("[frontend] is not configured");
        return Ok(());
    };
    if frontend.url.origin() == world.config().worker.url.origin() {
        outcome.not_applicable("the frontend and the Worker have the same origin");
        return Ok(());
    }
    let worker = world.worker();
    if !worker.is_asked_by_pages() {
        outcome.not_applicable("this Worker has no route that pages use");
        return Ok(());
    }
    let origin = frontend.url.origin().ascii_serialization();
    let strangers = strangers(frontend.url.host_str().unwrap_or_default());
    let (ours, foreign, platforms, tiers) = futures::join!(
        worker.preflight(&origin),
        worker.preflight(FOREIGN_ORIGIN),
        futures::future::join_all(strangers.iter().map(|(_, stranger)| worker.preflight(stranger))),
        worker.tiers_cross_origin()
    );
    let foreign = outcome.ask(foreign);
    let allows_any = foreign.as_ref().is_some_and(|told| foreign_origin(world, told, outcome));
    if let Some(told) = outcome.ask(ours) {
        own_origin(world, &origin, told, outcome);
    }
    for ((suffix, stranger), told) in strangers.iter().zip(platforms) {
        // What any origin is told, these are told, too.
        if let Some(told) = outcome.ask(told).filter(|_| !allows_any) {
            platform(world, (suffix, stranger), told, outcome);
        }
    }
    if let Some(Some(told)) = outcome.ask(tiers) {
        if told.allows(&origin) {
            outcome.pass(format!("the announced tiers can be read from {origin}"));
        } else {
            outcome.find(blocked(world, &origin, &told, &format!("the announced tiers name {}", told.shown())));
        }
    }
    Ok(())
}

/// Platforms on which anyone can have a project under a name of their own.
const PLATFORMS: [&str; 12] = [
    "vercel.app",
    "pages.dev",
    "workers.dev",
    "netlify.app",
    "github.io",
    "web.app",
    "firebaseapp.com",
    "onrender.com",
    "herokuapp.com",
    "fly.dev",
    "azurestaticapps.net",
    "surge.sh",
];

/// A stranger's origin on the frontend's own platform, where it is on one, and on a common one.
fn strangers(frontend: &str) -> Vec<(&'static str, String)> {
    let is_on = |platform: &&str| frontend.strip_suffix(platform).is_some_and(|project| project.ends_with('.'));
    let own = PLATFORMS.into_iter().find(is_on);
    let common = PLATFORMS.into_iter().find(|platform| Some(*platform) != own);
    let named = |platform| (platform, format!("https://preflight-stranger.{platform}"));
    own.into_iter().chain(common).map(named).collect()
}

/// Judges what a foreign origin is told; whether it is allowed as any other would be.
fn foreign_origin(world: &World, told: &CrossOriginAnswer, outcome: &mut Outcome) -> bool {
    let told = match told {
        Ok(told) => told,
        Err(breakdown) => {
            outcome.find(breakdown.clone().finding(BROKEN, "204"));
            return false;
        }
    };
    if told.origin.as_deref() == Some("*") {
        outcome.find(wildcard(world, told));
        return true;
    }
    if told.allows(FOREIGN_ORIGIN) {
        let message = "The Worker allows any origin that asks: pages of every site can read its answers.".to_owned();
        outcome.find(finding(world, REFLECTS, message, told));
        return true;
    }
    if told.answer.is_page() {
        outcome.leave_open(a_page(told));
    } else {
        outcome.pass("a foreign origin is not allowed");
    }
    false
}

fn own_origin(world: &World, origin: &str, told: CrossOriginAnswer, outcome: &mut Outcome) {
    let told = match told {
        Ok(told) => told,
        Err(breakdown) => {
            outcome.find(breakdown.finding(BROKEN, "204"));
            return;
        }
    };
    if !told.answer.is_success() {
        outcome.find(blocked(world, origin, &told, &format!("such a request is answered {}", told.answer.status)));
    } else if told.origin.as_deref() == Some("*") && told.credentials {
        outcome.find(wildcard(world, &told));
    } else if !told.allows(origin) {
        outcome.find(blocked(world, origin, &told, &format!("it names {}", told.shown())));
    } else if !told.takes_tokens {
        outcome.find(blocked(world, origin, &told, "it does not allow the header Authorization"));
    } else {
        outcome.pass(format!("{origin} can read the Worker's answers"));
    }
}

fn platform(world: &World, (suffix, stranger): (&str, &str), told: CrossOriginAnswer, outcome: &mut Outcome) {
    match told {
        Ok(told) if told.allows(stranger) => {
            let message = format!("The Worker allows any project on {suffix}: strangers' pages can read its answers.");
            outcome.find(finding(world, with_credentials(STRANGERS, &told), message, &told));
        }
        Ok(told) if told.answer.is_page() => outcome.leave_open(a_page(&told)),
        Ok(_) => outcome.pass(format!("a stranger's project on {suffix} is not allowed")),
        Err(breakdown) => outcome.leave_open(NoAnswer::unknown(breakdown.words())),
    }
}

/// A page in the answer's place, which need not be the Worker's own.
fn a_page(told: &CrossOrigin) -> NoAnswer {
    NoAnswer::unknown(format!("{} is answered with a page", told.answer.request))
}

fn wildcard(world: &World, told: &CrossOrigin) -> Finding {
    let with_cookies = if told.credentials { ", even with cookies" } else { "" };
    let message = format!("The Worker lets pages of every site read its answers{with_cookies}.");
    finding(world, with_credentials(WILDCARD, told), message, told)
}

/// Without cookies, a stranger's page has no visitor's session to use.
const fn with_credentials(code: Code, told: &CrossOrigin) -> Code {
    if told.credentials { code } else { code.as_warning() }
}

fn blocked(world: &World, origin: &str, told: &CrossOrigin, why: &str) -> Finding {
    let message = format!("Browsers hide the Worker's answers from {origin}: {why}.");
    finding(world, FRONTEND_BLOCKED, message, told)
}

fn finding(world: &World, code: Code, message: String, told: &CrossOrigin) -> Finding {
    let origin = world.config().frontend.as_ref().map(|frontend| frontend.url.origin().ascii_serialization());
    let expected = format!("Access-Control-Allow-Origin: {}", origin.unwrap_or_default());
    Finding {
        code,
        message,
        fix: Fix::new(format!("Answer with {expected} for that origin only, and with `Vary: Origin`.")),
        expected,
        actual: told.shown(),
        evidence: vec![told.answer.evidence("Access-Control-Allow-Origin", told.shown())],
    }
}

#[cfg(test)]
mod tests {
    use super::{CHECK, strangers};
    use crate::check::testing::scenario;

    #[test]
    fn a_stranger_has_a_project_on_the_frontends_platform_and_on_another() {
        let suffixes = |host| strangers(host).into_iter().map(|(suffix, _)| suffix).collect::<Vec<_>>();
        assert_eq!(suffixes("app.acme.com"), ["vercel.app"]);
        assert_eq!(suffixes("acme.pages.dev"), ["pages.dev", "vercel.app"]);
        assert_eq!(suffixes("acme.vercel.app"), ["vercel.app", "pages.dev"]);
    }

    #[tokio::test]
    async fn a_wildcard_with_cookies_is_one_finding_and_a_failure() {
        let run = scenario("cors-wildcard-credentials").await;
        run.finds(CHECK, "wildcard");
        scenario("cors-wildcard").await.warns(CHECK, "wildcard");
    }
}

//! `worker/cors`.

use super::fixes;
use crate::check::prelude::*;
use crate::config::TokenPlace;
use crate::world::{CorsHeaders, FOREIGN_ORIGIN};

check! {
    /// The frontend's pages can read the Worker's answers, and other sites' pages cannot.
    ///
    /// ## Why it matters
    /// A browser hides the answer from a page whose origin the Worker does not allow: everything works with `curl`, and nothing
    /// works on the new domain. If the Worker allows any origin with cookies, every site can act as your customer.
    ///
    /// ## How it is verified
    /// The Worker gets the CORS preflight request (`OPTIONS`) that a browser sends before it sends a token: from the frontend's
    /// origin, from a foreign origin, and from a stranger's project on the frontend's hosting platform and on another one. The
    /// announced tiers are checked for the same header. Which other origins are allowed cannot be seen.
    ///
    /// ## How to fix it
    /// If the request's origin is in your list of allowed origins, answer with exactly that origin and `Vary: Origin`.
    pub const CHECK = Check {
        need: Need::Configured("frontend"),
        sends: "up to 4 OPTIONS requests; a Worker that limits request rates counts them",
        subjects: deployment,
        run
    };
}

codes! {
    /// Every site can read the answers. A failure if cookies are allowed, too; otherwise a warning.
    WILDCARD: Failure(Exposure),
    /// Any origin is allowed.
    REFLECTS: Failure(Exposure),
    /// Any project on a hosting platform is allowed. A failure if cookies are allowed, too; otherwise a warning.
    STRANGERS: Failure(Exposure),
    /// The frontend's own pages cannot read the answers.
    FRONTEND_BLOCKED: Failure,
    /// The Worker does not answer the CORS preflight request.
    BROKEN: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let Some(frontend) = &world.config().frontend else {
        return outcome.not_applicable("[frontend] is not configured");
    };
    if frontend.url.origin() == world.config().worker.url.origin() {
        return outcome.not_applicable("the frontend and the Worker have the same origin");
    }
    let worker = world.worker();
    if !worker.has_routes_for_pages() {
        return outcome.not_applicable("this Worker has no route that pages use");
    }
    let origin = frontend.url.origin().ascii_serialization();
    let strangers = strangers(frontend.url.host_str().unwrap_or_default());
    let (ours, foreign, platforms, tiers) = futures::join!(
        worker.preflight(&origin),
        worker.preflight(FOREIGN_ORIGIN),
        futures::future::join_all(strangers.iter().map(|(_, stranger)| worker.preflight(stranger))),
        worker.tiers_cors()
    );
    let mut allows_any = false;
    match outcome.ask(foreign) {
        Some(Ok(cors)) => allows_any = foreign_origin(world, &cors, outcome),
        Some(Err(failure)) => outcome.find(fixes::broken(world, BROKEN, failure, "204")),
        None => {}
    }
    let mut is_blocked = false;
    match outcome.ask(ours) {
        Some(Ok(cors)) => is_blocked = own_origin(world, &origin, &cors, outcome),
        Some(Err(failure)) => outcome.find(fixes::broken(world, BROKEN, failure, "204")),
        None => {}
    }
    for ((suffix, stranger), cors) in strangers.iter().zip(platforms) {
        match outcome.ask(cors) {
            Some(Ok(cors)) if cors.answer.is_page() && !cors.allows(stranger) => outcome.leave_open(a_page(&cors)),
            // If every origin is allowed, these are, too.
            Some(Ok(_)) if allows_any => {}
            Some(Ok(cors)) => platform(world, (suffix, stranger), &cors, outcome),
            Some(Err(failure)) => outcome.leave_open(NoAnswer::Unknown(failure.words())),
            None => {}
        }
    }
    if let Some(Some(cors)) = outcome.ask(tiers) {
        if cors.allows(&origin) {
            outcome.pass(format!("the announced tiers can be read from {origin}"));
        } else if !is_blocked {
            outcome.find(blocked(world, &origin, &cors, &format!("the announced tiers allow {}", cors.shown())));
        }
    }
    Ok(())
}

/// Hosting platforms where anyone can create a project.
const PLATFORMS: &str = "vercel.app pages.dev workers.dev netlify.app github.io web.app firebaseapp.com onrender.com \
                         herokuapp.com fly.dev azurestaticapps.net surge.sh";

/// A stranger's origin on the frontend's own platform, if it has one, and on another platform.
fn strangers(frontend: &str) -> Vec<(&'static str, String)> {
    let is_on = |platform: &&str| frontend.strip_suffix(platform).is_some_and(|project| project.ends_with('.'));
    let own = PLATFORMS.split_whitespace().find(is_on);
    let common = PLATFORMS.split_whitespace().find(|platform| Some(*platform) != own);
    let named = |platform| (platform, format!("https://preflight-stranger.{platform}"));
    own.into_iter().chain(common).map(named).collect()
}

/// Judges the answer to a foreign origin; whether every origin is allowed.
fn foreign_origin(world: &World, cors: &CorsHeaders, outcome: &mut Outcome) -> bool {
    if cors.origin.as_deref() == Some("*") {
        outcome.find(wildcard(world, cors));
    } else if cors.allows(FOREIGN_ORIGIN) {
        let message = "The Worker allows every origin that asks, so pages of any site can read its answers.".to_owned();
        outcome.find(finding(world, REFLECTS, message, cors));
    } else if cors.answer.is_page() {
        outcome.leave_open(a_page(cors));
        return false;
    } else {
        outcome.pass("a foreign origin is not allowed");
        return false;
    }
    true
}

/// Judges the answer to the frontend's origin; whether its pages cannot read any answer.
fn own_origin(world: &World, origin: &str, cors: &CorsHeaders, outcome: &mut Outcome) -> bool {
    let why = if !cors.answer.is_success() {
        format!("the CORS preflight request returned {}", cors.answer.status)
    } else if cors.origin.as_deref() == Some("*") && cors.credentials {
        outcome.find(wildcard(world, cors));
        return true;
    } else if !cors.allows(origin) {
        format!("they allow {}", cors.shown())
    } else if !cors.takes_tokens {
        match world.config().worker.auth {
            TokenPlace::Bearer => "they do not allow the header Authorization".to_owned(),
            TokenPlace::Cookie => "they do not allow cookies (Access-Control-Allow-Credentials: true)".to_owned(),
        }
    } else {
        outcome.pass(format!("{origin} can read the Worker's answers"));
        return false;
    };
    outcome.find(blocked(world, origin, cors, &why));
    true
}

fn platform(world: &World, (suffix, stranger): (&str, &str), cors: &CorsHeaders, outcome: &mut Outcome) {
    if cors.allows(stranger) {
        let message = format!("The Worker allows any project on {suffix}, so strangers' pages can read its answers.");
        outcome.find(finding(world, with_credentials(STRANGERS, cors), message, cors));
    } else {
        outcome.pass(format!("a stranger's project on {suffix} is not allowed"));
    }
}

/// A page instead of an answer, which may not come from the Worker.
fn a_page(cors: &CorsHeaders) -> NoAnswer {
    NoAnswer::unknown(format!("a page answered {}", cors.answer.request))
}

fn wildcard(world: &World, cors: &CorsHeaders) -> Finding {
    let with_cookies = if cors.credentials { ", even with cookies" } else { "" };
    let message = format!("The Worker allows every site to read its answers{with_cookies}.");
    finding(world, with_credentials(WILDCARD, cors), message, cors)
}

/// Without cookies, a stranger's page has no visitor's session to use.
const fn with_credentials(code: Code, cors: &CorsHeaders) -> Code {
    if cors.credentials { code } else { code.as_warning() }
}

fn blocked(world: &World, origin: &str, cors: &CorsHeaders, why: &str) -> Finding {
    let message = format!("Browsers hide the Worker's answers from {origin}: {why}.");
    finding(world, FRONTEND_BLOCKED, message, cors)
}

fn finding(world: &World, code: Code, message: String, cors: &CorsHeaders) -> Finding {
    let origin = world.config().frontend.as_ref().map(|frontend| frontend.url.origin().ascii_serialization());
    let origin = origin.unwrap_or_default();
    let expected = format!("Access-Control-Allow-Origin: {origin}");
    let code_lines = format!(
        "if (request.headers.get(\"Origin\") === \"{origin}\") {{\n\
         \x20 headers.set(\"Access-Control-Allow-Origin\", \"{origin}\");\n\
         }}\n\
         headers.append(\"Vary\", \"Origin\");"
    );
    Finding {
        code,
        message,
        fix: Fix::new(format!("For this origin only, answer with the headers {expected} and Vary: Origin."))
            .code(code_lines)
            .then(world.deployment()),
        expected,
        actual: cors.shown(),
        evidence: vec![cors.answer.evidence("Access-Control-Allow-Origin", cors.shown())],
    }
}

#[cfg(test)]
mod tests {
    use super::strangers;

    #[test]
    fn strangers_are_on_the_frontends_platform_and_on_another() {
        let suffixes = |host| strangers(host).into_iter().map(|(suffix, _)| suffix).collect::<Vec<_>>();
        assert_eq!(suffixes("app.acme.com"), ["vercel.app"]);
        assert_eq!(suffixes("acme.pages.dev"), ["pages.dev", "vercel.app"]);
        assert_eq!(suffixes("acme.vercel.app"), ["vercel.app", "pages.dev"]);
    }
}

//! `worker/auth`.

use crate::check::prelude::*;
use crate::world::{Answer, Forgery, ForgeryResponse, Route};

check! {
    /// The Worker rejects requests without a valid token from this Clerk instance.
    ///
    /// ## Why it matters
    /// The token says who the customer is and which tier they pay for. Anyone who can forge one gets the highest tier for free,
    /// and can act as any customer.
    ///
    /// ## How it is verified
    /// The usage route is asked without a token, with text that is no token, and with three forged tokens that have every claim of
    /// the canary's token, and the highest tier: one that says it needs no signature (`alg: none`), one that is signed with the public key as if
    /// that were a shared secret (`HS256`), and one that another key signed in this instance's name. Each must be rejected;
    /// a redirect to a sign-in page counts as a rejection. `preflight rehearse` tries an expired token, which takes time.
    ///
    /// ## How to fix it
    /// Verify every token with `verifyToken` from `@clerk/backend` before you read it. It accepts only RS256.
    pub const CHECK = Check {
        need: Need::Configured("worker.usage"),
        sends: "5 requests that must be rejected; a Worker that limits request rates counts them",
        owns: [WorkerUnauthenticated],
        subjects: deployment,
        run
    };
}

codes! {
    /// No token is needed, or any text will do. The forged tokens are then not judged.
    OPEN: Failure(Exposure),
    /// Tokens are read but not verified. The two below are then not judged.
    FOREIGN: Failure(Exposure),
    /// A token without a signature is accepted.
    ALG_NONE: Failure(Exposure),
    /// A token that is signed with the public key is accepted.
    HS256: Failure(Exposure),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Usage) {
        return outcome.not_applicable(lacking);
    }
    let (without, garbage, none, hs256, foreign) = futures::join!(
        worker.forged(Forgery::NoToken),
        worker.forged(Forgery::Garbage),
        worker.forged(Forgery::AlgorithmNone),
        worker.forged(Forgery::PublicKeyAsSecret),
        worker.forged(Forgery::Foreign)
    );
    let (mut accepted, mut rejections) = (Vec::new(), Vec::new());
    for (code, what, response) in [
        (OPEN, "a request without a token", without),
        (OPEN, "any text as a token", garbage),
        (FOREIGN, "a token that another key signed", foreign),
        (ALG_NONE, "a token that says it needs no signature", none),
        (HS256, "a token that is signed with the public key", hs256),
    ] {
        match outcome.ask(response) {
            Some(ForgeryResponse::Accepted(answer)) => accepted.push((code, what, answer)),
            Some(ForgeryResponse::Rejected(answer)) => rejections.push((what, answer.status)),
            Some(ForgeryResponse::Failed(failure)) => outcome.leave_open(NoAnswer::Unknown(failure.words())),
            None => {}
        }
    }
    // A Worker that accepts any text accepts the forged tokens for the same reason.
    let whole = accepted.iter().map(|(code, ..)| *code).find(|code| matches!(*code, OPEN | FOREIGN));
    let findings = accepted.iter().filter(|(code, ..)| whole.is_none_or(|whole| whole == *code));
    for (code, what, answer) in findings.take(if whole.is_some() { 1 } else { accepted.len() }) {
        outcome.find(finding(world, *code, what, answer));
    }
    // A route that does not exist rejects everything, too.
    let is_everything_missing = rejections.iter().all(|(_, status)| matches!(status, 404 | 405));
    if is_everything_missing && !rejections.is_empty() && accepted.is_empty() {
        worker.blame_for_hidden_route().await?;
    }
    for (what, status) in rejections {
        outcome.pass(format!("{what} is rejected ({status})"));
    }
    Ok(())
}

fn finding(world: &World, code: Code, what: &str, answer: &Answer) -> Finding {
    Finding {
        code,
        message: format!("The Worker accepts {what}, so anyone can use every paid tier."),
        expected: "401".to_owned(),
        actual: format!("{} {}", answer.status, answer.excerpt()),
        evidence: vec![answer.evidence("answer", answer.excerpt())],
        fix: Fix::new(match code {
            OPEN => {
                "On every route that serves a user, verify the bearer token and answer 401 if it is missing or does not verify."
            }
            _ => "Verify tokens with `verifyToken` from @clerk/backend, and accept no algorithm but RS256.",
        })
        .code(verification(world))
        .then(world.deployment()),
    }
}

/// Verifies a token as Clerk's SDK does: it knows the instance from its secret key.
fn verification(world: &World) -> String {
    let config = world.config();
    let secret = &config.clerk.secret_key.name;
    let parties = config.frontend.as_ref().map(|frontend| frontend.url.origin().ascii_serialization());
    let parties = parties.map_or_else(String::new, |origin| format!(", authorizedParties: [\"{origin}\"]"));
    format!(
        "const token = request.headers.get(\"Authorization\")?.replace(/^Bearer /, \"\") ?? \"\";\n\
         const claims = await verifyToken(token, {{ secretKey: env.{secret}{parties} }}).catch(() => null);\n\
         if (!claims) return new Response(\"Unauthorized\", {{ status: 401 }});"
    )
}

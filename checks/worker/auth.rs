//! `worker/auth`.

use crate::check::prelude::*;
use crate::world::{Answer, Forgery, Reaction, Route};

check! {
    /// The Worker rejects requests without a valid token from this Clerk instance.
    ///
    /// ## Why it matters
    /// The token is what a customer pays for. Anyone who can forge one has the highest tier, and can act as any customer.
    ///
    /// ## How it is verified
    /// The usage route is asked without a token, with text that is no token, and with three forged tokens that name the canary
    /// and the highest tier: one that says it needs no signature (`alg: none`), one that is signed with the public key as if
    /// that were a shared secret (`HS256`), and one that another key has signed under this instance's name. Each must be
    /// rejected; a redirect to a sign-in page is a rejection. An expired token is tried by `preflight rehearse`, since a token
    /// needs time to expire.
    ///
    /// ## How to fix it
    /// Verify with Clerk's SDK (`verifyToken` of `@clerk/backend`), which allows RS256 alone, before anything reads the token.
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
    OPEN: Failure,
    /// Tokens are read but not verified. The two below are then not judged.
    FOREIGN: Failure,
    /// A token without a signature is accepted.
    ALG_NONE: Failure,
    /// A token that is signed with the public key is accepted.
    HS256: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Usage) {
        outcome.not_applicable(lacking);
        return Ok(());
    }
    let (without, garbage, none, hs256, foreign) = futures::join!(
        worker.forged(Forgery::NoToken),
        worker.forged(Forgery::Garbage),
        worker.forged(Forgery::AlgorithmNone),
        worker.forged(Forgery::PublicKeyAsSecret),
        worker.forged(Forgery::Foreign)
    );
    let (mut accepted, mut refusals) = (Vec::new(), Vec::new());
    for (code, what, reaction) in [
        (OPEN, "a request without a token", without),
        (OPEN, "any text as a token", garbage),
        (FOREIGN, "a token that another key has signed", foreign),
        (ALG_NONE, "a token that says it needs no signature", none),
        (HS256, "a token that is signed with the public key", hs256),
    ] {
        match outcome.ask(reaction) {
            Some(Reaction::LetIn(answer)) => accepted.push((code, what, answer)),
            Some(Reaction::Refused(answer)) => refusals.push((what, answer.status)),
            Some(Reaction::Broken(breakdown)) => outcome.leave_open(NoAnswer::Unknown(breakdown.words())),
            None => {}
        }
    }
    // A Worker that accepts anything accepts the rest for the same reason.
    let whole = accepted.iter().map(|(code, ..)| *code).find(|code| matches!(*code, OPEN | FOREIGN));
    let findings = accepted.iter().filter(|(code, ..)| whole.is_none_or(|whole| whole == *code));
    for (code, what, answer) in findings.take(if whole.is_some() { 1 } else { accepted.len() }) {
        outcome.find(finding(*code, what, answer));
    }
    // A route that is not there rejects everything, too.
    let is_everything_missing = refusals.iter().all(|(_, status)| matches!(status, 404 | 405));
    if is_everything_missing && !refusals.is_empty() && accepted.is_empty() {
        worker.lets_the_canary_in().await?;
    }
    for (what, status) in refusals {
        outcome.pass(format!("{what} is rejected ({status})"));
    }
    Ok(())
}

fn finding(code: Code, what: &str, answer: &Answer) -> Finding {
    Finding {
        code,
        message: format!("The Worker accepts {what}: anyone can use every paid tier."),
        expected: "401".to_owned(),
        actual: format!("{} {}", answer.status, answer.excerpt()),
        evidence: vec![answer.evidence("answer", answer.excerpt())],
        fix: Fix::new(match code {
            OPEN => "Reject a request whose bearer token does not verify, on every route that serves a user.",
            _ => "Verify tokens with `verifyToken` of @clerk/backend, and allow no algorithm but RS256.",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn two_published_keys_are_no_hole() {
        scenario("healthy-key-rotation").await.passes(CHECK);
    }
}

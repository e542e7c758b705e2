//! `worker/auth`.

use crate::check::prelude::*;
use crate::world::{Answer, Forgery, Reaction, Route};

check! {
    /// The Worker lets in nobody without a token of this instance's.
    ///
    /// ## Why it matters
    /// The token is what a customer pays for. Whoever can write one has the highest tier, and can be any other customer.
    ///
    /// ## How it is verified
    /// The usage route is asked without a token, with something that is none, and with three tokens that name the canary and
    /// the highest tier: one that says it needs no signature (`alg: none`), one that is keyed with the published key as if
    /// that were a shared secret (`HS256`), and one that another key has signed under this instance's name. Each must be
    /// refused; being sent to a sign-in is a refusal. What an expired token gets is tried by `preflight rehearse`, since one
    /// needs time to expire.
    ///
    /// ## Findings
    /// - `open`: no token is wanted, or anything will do; then the others are not looked at.
    /// - `foreign`: tokens are read and not verified; then the two below are not looked at.
    /// - `alg-none`: a token without a signature is taken.
    /// - `hs256`: a token that is keyed with the published key is taken.
    ///
    /// ## How to mend it
    /// Verify with Clerk's SDK (`verifyToken` of `@clerk/backend`), which allows RS256 alone, before anything reads the token.
    pub const CHECK = Check {
        need: Need::Configured("worker.usage"),
        sends: "5 requests that must be refused",
        owns: [WorkerUnauthenticated],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Usage) {
        return Ok(Verdict::NotApplicable(lacking));
    }
    let (without, garbage, none, hs256, foreign) = futures::join!(
        worker.forged(Forgery::NoToken),
        worker.forged(Forgery::Garbage),
        worker.forged(Forgery::AlgorithmNone),
        worker.forged(Forgery::PublicKeyAsSecret),
        worker.forged(Forgery::Foreign)
    );
    for (reaction, what) in [(&without, "anybody, without a token"), (&garbage, "anybody, with anything for a token")] {
        if let Ok(Reaction::LetIn(answer)) = reaction {
            return Ok(finding("open", what, answer).into());
        }
    }
    if let Ok(Reaction::LetIn(answer)) = &foreign {
        return Ok(finding("foreign", "whoever signs a token with a key of their own", answer).into());
    }
    let mut findings = Vec::new();
    for (code, reaction, what) in [
        ("alg-none", &none, "whoever writes a token that says it needs no signature"),
        ("hs256", &hs256, "whoever keys a token with the published key"),
    ] {
        if let Ok(Reaction::LetIn(answer)) = reaction {
            findings.push(finding(code, what, answer));
        }
    }
    if !findings.is_empty() {
        return Ok(Verdict::Findings(findings));
    }
    let mut refusals = Vec::new();
    for reaction in [without, garbage, none, hs256, foreign] {
        match reaction? {
            Reaction::Broken(breakdown) => return Err(NoAnswer::unknown(breakdown.words())),
            Reaction::Refused(answer) => refusals.push(answer.status),
            Reaction::LetIn(_) => {}
        }
    }
    if refusals.iter().all(|status| matches!(status, 404 | 405)) {
        worker.lets_the_canary_in().await?;
    }
    refusals.dedup();
    let statuses: Vec<String> = refusals.iter().map(u16::to_string).collect();
    Ok(Verdict::Pass(format!("no token, garbage and three forged tokens are refused ({})", statuses.join(", "))))
}

fn finding(code: &'static str, what: &str, answer: &Answer) -> Finding {
    Finding {
        code,
        severity: Severity::Failure,
        message: format!("The Worker lets in {what}."),
        expected: "401".to_owned(),
        actual: format!("{} {}", answer.status, answer.excerpt()),
        evidence: vec![answer.evidence("answer", answer.excerpt())],
        fix: Fix::new(match code {
            "open" => "Refuse a request whose bearer token does not verify, on every route that serves a user.",
            _ => "Verify tokens with `verifyToken` of @clerk/backend, and allow no algorithm but RS256.",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_token_that_is_taken_and_must_not_be() {
        for (name, code) in
            [("auth-none-alg", "alg-none"), ("auth-hs256", "hs256"), ("auth-foreign", "foreign"), ("auth-open", "open")]
        {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn two_published_keys_are_no_hole() {
        scenario("healthy-key-rotation").await.passes(CHECK);
    }
}

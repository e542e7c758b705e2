//! `worker/cors`.

use crate::check::prelude::*;
use crate::world::{CrossOrigin, FOREIGN_ORIGIN};

check! {
    /// The frontend's pages may read the Worker's answers, and nobody else's.
    ///
    /// ## Why it matters
    /// A browser keeps an answer from a page whose origin the Worker does not name: everything works with `curl` and nothing
    /// on the new domain. A Worker that names whoever asks lets every web site use a visitor's session.
    ///
    /// ## How it is verified
    /// The Worker is asked as a browser asks before it sends a token (`OPTIONS`), once from the frontend's origin and once
    /// from an origin that is nobody's; and the announced tiers are looked at for the same header. Which further origins are
    /// allowed cannot be seen.
    ///
    /// ## Findings
    /// - `wildcard`: every web site may read the answers. A failure where cookies may come along, else a warning.
    /// - `reflects`: whoever asks is told that they may.
    /// - `frontend-blocked`: the frontend's own pages may not.
    /// - `broken`: the Worker does not answer such a request.
    ///
    /// ## How to mend it
    /// Answer with the frontend's origin, from a list of those that are allowed, and with `Vary: Origin`.
    pub const CHECK = Check { need: Need::Configured("frontend"), sends: "", subjects: deployment, run };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let Some(frontend) = &world.config().frontend else {
        return Ok(Verdict::NotApplicable("[frontend] is not configured".to_owned()));
    };
    if frontend.url.origin() == world.config().worker.url.origin() {
        return Ok(Verdict::NotApplicable("the frontend and the Worker have one origin".to_owned()));
    }
    let origin = frontend.url.origin().ascii_serialization();
    let worker = world.worker();
    let (ours, foreign, tiers) =
        futures::join!(worker.preflight(&origin), worker.preflight(FOREIGN_ORIGIN), worker.tiers_cross_origin());
    let (Some(ours), Some(foreign)) = (ours?, foreign?) else {
        return Ok(Verdict::NotApplicable("this Worker offers no route to a page".to_owned()));
    };
    let (ours, foreign) = match (ours, foreign) {
        (Ok(ours), Ok(foreign)) => (ours, foreign),
        (Err(breakdown), _) | (_, Err(breakdown)) => return Ok(breakdown.finding("broken", "204").into()),
    };
    if [&ours, &foreign].iter().any(|told| told.origin.as_deref() == Some("*")) {
        let told = if foreign.origin.as_deref() == Some("*") { &foreign } else { &ours };
        let (severity, more) = if told.credentials {
            (Severity::Failure, " with cookies, which no browser accepts")
        } else {
            (Severity::Warning, "")
        };
        let message = format!("The Worker lets the pages of every web site read its answers{more}.");
        return Ok(finding(world, "wildcard", severity, message, told).into());
    }
    if foreign.allows(FOREIGN_ORIGIN) {
        let message = "The Worker tells whoever asks that they may read its answers.".to_owned();
        return Ok(finding(world, "reflects", Severity::Failure, message, &foreign).into());
    }
    let blocked = if !ours.answer.is_success() {
        Some((&ours, format!("such a request is answered {}", ours.answer.status)))
    } else if !ours.allows(&origin) {
        Some((&ours, format!("it names {}", ours.shown())))
    } else if !ours.takes_tokens {
        Some((&ours, "it does not allow the header Authorization".to_owned()))
    } else {
        let silent = tiers.as_ref().filter(|told| told.answer.is_success() && !told.allows(&origin));
        silent.map(|told| (told, format!("the answer itself names {}", told.shown())))
    };
    match blocked {
        Some((told, why)) => {
            let message = format!("Browsers keep the Worker's answers from the pages of {origin}: {why}.");
            Ok(finding(world, "frontend-blocked", Severity::Failure, message, told).into())
        }
        None => Ok(Verdict::Pass(format!("{origin} may read the Worker's answers, and a foreign origin may not"))),
    }
}

fn finding(world: &World, code: &'static str, severity: Severity, message: String, told: &CrossOrigin) -> Finding {
    let origin = world.config().frontend.as_ref().map(|frontend| frontend.url.origin().ascii_serialization());
    let expected = format!("Access-Control-Allow-Origin: {}, for that origin alone", origin.unwrap_or_default());
    Finding {
        code,
        severity,
        message,
        fix: Fix::new(format!("Answer with {expected}; and with `Vary: Origin`.")),
        expected,
        actual: told.shown(),
        evidence: vec![told.answer.evidence("Access-Control-Allow-Origin", told.shown())],
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_who_may_read_the_answers_and_must_not() {
        for (name, code) in [
            ("cors-reflects", "reflects"),
            ("cors-wildcard-credentials", "wildcard"),
            ("cors-frontend-blocked", "frontend-blocked"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn warns_of_a_wildcard_without_cookies() {
        scenario("cors-wildcard").await.warns(CHECK, "wildcard");
    }
}

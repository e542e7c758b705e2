//! `webhook/reachable`.

use crate::check::prelude::*;
use crate::world::{CertificateTrouble, Obstacle, Reach};

check! {
    /// Deliveries reach the webhook handler.
    ///
    /// ## Why it matters
    /// Stripe needs a name that resolves, a certificate that it trusts, and the handler itself at the end: it follows no
    /// redirect, signs in nowhere and solves no puzzle. A guard in front of the handler that people pass without noticing
    /// stops every event.
    ///
    /// ## How it is verified
    /// An event without a signature is sent to the webhook URL and to a path beside it that does not exist. Where a correctly
    /// signed event is received, nothing stands in the way, whatever an unsigned one is told; a bare 401 alone is no login
    /// wall. A challenge may be meant for this machine and not for Stripe: where Stripe's record says that its own deliveries
    /// of the last week got through, what lies behind it is unknown and no failure.
    ///
    /// ## Findings
    /// - `dns`: the name does not resolve.
    /// - `refused`: nothing listens there.
    /// - `unreachable`: no connection comes about.
    /// - `tls-expired`: the certificate has expired, or is not valid yet.
    /// - `tls-untrusted`: it is signed by nobody who is trusted.
    /// - `tls-host`: it is for other names.
    /// - `tls-expiring`: it ends within days; a warning.
    /// - `redirect`: the answer sends Stripe elsewhere.
    /// - `login-wall`: only who is signed in gets through.
    /// - `bot-challenge`: only browsers get through. A warning where Stripe's own deliveries do.
    /// - `not-found`: nobody is there.
    /// - `method`: POST is not allowed there.
    ///
    /// ## How to mend it
    /// Let POST requests to the webhook's path reach the handler directly: before authentication, before redirects, and past
    /// the challenge.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "2 events without a signature, one of them to a path that does not exist",
        owns: [WebhookUnreachable],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let reach = world.webhook().reach().await?;
    let url = &world.config().webhook.url;
    let host = url.host_str().unwrap_or_default();
    let Some(obstacle) = &reach.obstacle else {
        return Ok(match reach.certificate.filter(|validity| validity.is_running_out()) {
            Some(validity) => {
                let days = validity.days_left;
                let message = format!("The certificate of {host} ends in {days} days and was not renewed.");
                let summary = "See why the certificate is not renewed by itself.".to_owned();
                finding(&reach, "tls-expiring", Severity::Warning, message, summary).into()
            }
            None => Verdict::Pass(format!("the handler at {url} answers")),
        });
    };
    let (code, message, summary) = match obstacle {
        Obstacle::Hangs => return Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
        Obstacle::Name(_) => (
            "dns",
            format!("{host} does not resolve."),
            format!("Add the DNS record or the custom domain for {host}, or mend worker.url."),
        ),
        Obstacle::Refused => (
            "refused",
            format!("Nothing listens at {host}."),
            format!("Deploy the Worker to {host}, or mend worker.url."),
        ),
        Obstacle::Unreachable(words) => (
            "unreachable",
            format!("No connection to {host} comes about: {words}."),
            format!("See why {host} does not answer."),
        ),
        Obstacle::Certificate(trouble) => {
            let code = match trouble {
                CertificateTrouble::Expired | CertificateTrouble::NotYetValid => "tls-expired",
                CertificateTrouble::Host => "tls-host",
                CertificateTrouble::Untrusted | CertificateTrouble::Other(_) => "tls-untrusted",
            };
            (
                code,
                format!("The certificate of {host} {trouble}."),
                format!("Give {host} a certificate of a public authority, for that name."),
            )
        }
        Obstacle::Redirect(to) => (
            "redirect",
            format!("{url} redirects to {to}, and Stripe follows no redirect."),
            format!("Register the final URL at Stripe, or exempt {} from the redirect.", url.path()),
        ),
        Obstacle::LoginWall(how) => (
            "login-wall",
            format!("A sign-in stands in front of {url} ({how})."),
            format!("Exempt {} from the authentication middleware: the signature is what protects it.", url.path()),
        ),
        Obstacle::BotChallenge if reach.is_for_us_alone => (
            "bot-challenge",
            format!("A bot challenge answers this machine at {url}; Stripe's own deliveries get through."),
            "Let preflight's requests past the challenge, by their User-Agent or by this machine's address.".to_owned(),
        ),
        Obstacle::BotChallenge => (
            "bot-challenge",
            format!("A bot challenge stands in front of {url}."),
            format!(
                "Skip the challenge for {} in the zone's security rules; Bot Fight Mode has to be off for it.",
                url.path()
            ),
        ),
        Obstacle::NotFound => (
            "not-found",
            format!("{url} answers like a path that does not exist."),
            format!("Deploy the Worker with a route for POST {}, or mend webhook.url.", url.path()),
        ),
        Obstacle::Method => {
            ("method", format!("{url} does not allow POST."), format!("Let the route {} handle POST.", url.path()))
        }
    };
    let severity = if reach.is_for_us_alone { Severity::Warning } else { Severity::Failure };
    Ok(finding(&reach, code, severity, message, summary).into())
}

fn finding(reach: &Reach, code: &'static str, severity: Severity, message: String, summary: String) -> Finding {
    Finding {
        code,
        severity,
        message,
        expected: "an answer of the webhook handler's own".to_owned(),
        actual: reach.evidence.seen.clone(),
        evidence: vec![reach.evidence.clone()],
        fix: Fix::new(summary),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_thing_that_can_stand_in_the_way() {
        for (name, code) in [
            ("worker-redirects", "redirect"),
            ("worker-login-wall", "login-wall"),
            ("worker-challenge", "bot-challenge"),
            ("worker-404", "not-found"),
            ("worker-405", "method"),
            ("dns-missing", "dns"),
            ("connection-refused", "refused"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn finds_what_is_wrong_with_a_certificate() {
        for (name, code) in
            [("tls-expired", "tls-expired"), ("tls-self-signed", "tls-untrusted"), ("tls-wrong-host", "tls-host")]
        {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn a_challenge_that_stripe_passes_is_a_warning_and_hides_what_is_behind_it() {
        let run = scenario("worker-challenge-for-us").await;
        run.warns(CHECK, "bot-challenge");
        let behind = ["webhook/accepts-signed", "webhook/rejects-forged"];
        let unknown = run.report().checks.iter().filter(|line| behind.contains(&line.id.as_str()));
        for line in unknown {
            assert_eq!(line.status, crate::run::Status::Unknown, "{}", run.told());
        }
    }

    #[tokio::test]
    async fn warns_of_a_certificate_that_is_about_to_end() {
        scenario("tls-expiring").await.warns(CHECK, "tls-expiring");
    }
}

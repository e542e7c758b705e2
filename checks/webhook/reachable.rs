//! `webhook/reachable`.

use crate::check::prelude::*;
use crate::world::{CertificateTrouble, Delivery, Obstacle, Reach, Reception};

check! {
    /// Deliveries reach the webhook handler.
    ///
    /// ## Why it matters
    /// Stripe needs a name that resolves, a certificate that it trusts, and the handler itself: it follows no redirect, does
    /// not sign in and solves no challenge. A guard that people pass without noticing stops every event.
    ///
    /// ## How it is verified
    /// An event without a signature is sent to the webhook URL and to a path beside it that does not exist; the signed event
    /// of `webhook/accepts-signed` tells, too. If that one is accepted, nothing stands in the way, whatever an unsigned one is
    /// answered; a bare 401 alone is not a login wall. A challenge may be aimed at this machine and not at Stripe: if Stripe's
    /// record shows that its own deliveries of the last week got through, it is a warning, and what lies behind it is unknown.
    ///
    /// ## How to fix it
    /// Route POST requests for the webhook's path directly to the handler: ahead of authentication, redirects and challenges.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "2 events without a signature, one of them to a path that does not exist; they count toward the Worker's rate limits",
        owns: [WebhookUnreachable],
        subjects: deployment,
        run
    };
}

codes! {
    /// The name does not resolve.
    DNS: Failure,
    /// Nothing listens there.
    REFUSED: Failure,
    /// No connection can be made.
    UNREACHABLE: Failure,
    /// The certificate has expired, or is not valid yet.
    TLS_EXPIRED: Failure,
    /// The certificate is not trusted.
    TLS_UNTRUSTED: Failure,
    /// The certificate is for other names.
    TLS_HOST: Failure,
    /// The certificate expires within days.
    TLS_EXPIRING: Warning,
    /// The answer is a redirect.
    REDIRECT: Failure,
    /// Only signed-in users get through.
    LOGIN_WALL: Failure,
    /// Only browsers get through. A warning if Stripe's own deliveries do, too.
    BOT_CHALLENGE: Failure,
    /// The route does not exist.
    NOT_FOUND: Failure,
    /// POST is not allowed there.
    METHOD: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let (webhook, config) = (world.webhook(), world.config());
    let (reach, unsigned, nowhere) =
        futures::join!(webhook.reach(), webhook.answer(Delivery::Unsigned), webhook.answer(Delivery::Nowhere));
    let reach = reach?;
    let url = &config.webhook.url;
    let host = url.host_str().unwrap_or_default();
    if let Some(validity) = reach.certificate.filter(|validity| validity.is_running_out()) {
        let message = format!("The certificate of {host} expires in {} days and was not renewed.", validity.days_left);
        let summary = "Find out why the certificate is not renewed automatically.".to_owned();
        outcome.find(finding(&reach, TLS_EXPIRING, message, summary));
    }
    match &reach.obstacle {
        Some(Obstacle::Hangs) => return Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
        Some(Obstacle::BotChallenge) => {
            // While it is not known whether Stripe gets through, it is not known whether this is a failure.
            let stops_stripe = outcome.ask(webhook.stripe_gets_through().await).is_some_and(|through| !through);
            let (code, message, summary) = if stops_stripe { challenge(url) } else { challenge_for_us(url) };
            outcome.find(finding(&reach, code, message, summary));
        }
        Some(obstacle) => {
            let (code, message, summary) = told(obstacle, url, host);
            outcome.find(finding(&reach, code, message, summary));
        }
        None => {
            outcome.ask(nowhere);
            let Some(unsigned) = outcome.ask(unsigned) else { return Ok(()) };
            if unsigned.is_success()
                && unsigned.is_page()
                && matches!(webhook.reception().await?, (Reception::NotTheHandler, _))
            {
                return Err(NoAnswer::Because(Cause::SignedEventNotAccepted));
            }
            outcome.pass(format!("the handler at {url} answers"));
        }
    }
    Ok(())
}

/// The code, the message and the fix.
type Told = (Code, String, String);

fn told(obstacle: &Obstacle, url: &url::Url, host: &str) -> Told {
    match obstacle {
        Obstacle::Name(_) => (
            DNS,
            format!("{host} does not resolve, so Stripe cannot deliver events."),
            format!("Add the DNS record or the custom domain for {host}, or correct webhook.url and worker.url."),
        ),
        Obstacle::Refused => (
            REFUSED,
            format!("{host} refuses connections, so Stripe cannot deliver events."),
            format!("Deploy the Worker to {host}, or correct webhook.url and worker.url."),
        ),
        Obstacle::Unreachable(words) => (
            UNREACHABLE,
            format!("Could not connect to {host}: {words}."),
            format!("Find out why {host} accepts no connections."),
        ),
        Obstacle::Certificate(trouble) => {
            let code = match trouble {
                CertificateTrouble::Expired | CertificateTrouble::NotYetValid => TLS_EXPIRED,
                CertificateTrouble::Host => TLS_HOST,
                CertificateTrouble::Untrusted | CertificateTrouble::Other(_) => TLS_UNTRUSTED,
            };
            (
                code,
                format!("The certificate of {host} {}. Stripe does not deliver to it.", certificate(trouble)),
                format!("Install a certificate for {host} from a public certificate authority."),
            )
        }
        Obstacle::Redirect(to) => (
            REDIRECT,
            format!("{url} redirects to {to}. Stripe does not follow redirects."),
            format!("Register the final URL at Stripe, or exempt {} from the redirect.", url.path()),
        ),
        Obstacle::LoginWall(how) => (
            LOGIN_WALL,
            format!("{url} requires sign-in ({how}), so Stripe's events do not get through."),
            format!("Exempt {} from the authentication middleware: its signature protects it.", url.path()),
        ),
        Obstacle::NotFound => (
            NOT_FOUND,
            format!("{url} is answered like a path that does not exist."),
            format!("Deploy the Worker with a route for POST {}, or correct webhook.url.", url.path()),
        ),
        Obstacle::Method => {
            (METHOD, format!("{url} does not allow POST."), format!("Add a handler for POST {}.", url.path()))
        }
        // It has severities of its own, and a hang is the finding of another check.
        Obstacle::BotChallenge | Obstacle::Hangs => challenge(url),
    }
}

fn certificate(trouble: &CertificateTrouble) -> String {
    match trouble {
        CertificateTrouble::Expired => "has expired".to_owned(),
        CertificateTrouble::NotYetValid => "is not valid yet".to_owned(),
        CertificateTrouble::Host => "is for other names".to_owned(),
        CertificateTrouble::Untrusted => "is not trusted".to_owned(),
        CertificateTrouble::Other(words) => format!("is not trusted ({words})"),
    }
}

fn challenge(url: &url::Url) -> Told {
    (
        BOT_CHALLENGE,
        format!("A bot challenge answers in place of the handler at {url}. Stripe cannot solve it."),
        format!("Skip the challenge for {} in the zone's security rules, and turn Bot Fight Mode off.", url.path()),
    )
}

fn challenge_for_us(url: &url::Url) -> Told {
    (
        BOT_CHALLENGE.as_warning(),
        format!("A bot challenge answers this machine at {url}, perhaps not Stripe."),
        "Exempt preflight's requests from the challenge, by their User-Agent or by this machine's address.".to_owned(),
    )
}

fn finding(reach: &Reach, code: Code, message: String, summary: String) -> Finding {
    Finding {
        code,
        message,
        expected: "an answer of the webhook handler".to_owned(),
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
    async fn a_redirect_of_the_signed_event_alone_is_in_the_way() {
        scenario("signed-answered-301").await.finds(CHECK, "redirect");
    }

    #[tokio::test]
    async fn a_certificate_that_is_about_to_expire_hides_nothing() {
        let run = scenario("tls-expiring,unsigned-answered-429").await;
        run.warns(CHECK, "tls-expiring");
        assert_eq!(run.line(CHECK).status, crate::run::Status::Unknown, "{}", run.told());
        let run = scenario("tls-expiring,worker-404").await;
        run.finds(CHECK, "not-found");
        assert_eq!(run.line(CHECK).findings.len(), 2, "{}", run.told());
    }
}

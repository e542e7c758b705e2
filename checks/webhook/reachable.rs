//! `webhook/reachable`.

use super::handler::route;
use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::{CertificateTrouble, Delivery, Obstacle, Reach, SignedResponse};

check! {
    /// Deliveries reach the webhook handler.
    ///
    /// ## Why it matters
    /// Stripe needs a name that resolves and a certificate that it trusts. It follows no redirects, cannot sign in and solves no
    /// challenges. A guard that people do not even notice stops every event.
    ///
    /// ## How it is verified
    /// An event without a signature is sent to the webhook URL and to a path next to it that does not exist, and the signed
    /// event of `webhook/accepts-signed` counts, too. If the signed event is accepted, nothing is in the way, whatever the
    /// answer to the unsigned one. A bare 401 is not a login wall. A challenge may be aimed at this machine and not at Stripe:
    /// if Stripe's own deliveries of the last week got through, it is a warning, and the checks behind it are unknown.
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
    /// Connections are refused.
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
    /// The route does not allow POST.
    METHOD: Failure,
    /// The Worker's own address is under workers.dev, which Cloudflare does not recommend for business-critical use.
    WORKERS_DEV: Note,
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
        let fix =
            Fix::new("Renew the certificate, and find out why it was not renewed automatically.").link(CERTIFICATES);
        outcome.find(finding(&reach, TLS_EXPIRING, message, fix));
    }
    match &reach.obstacle {
        Some(Obstacle::Hangs) => return Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
        Some(Obstacle::BotChallenge) => {
            // It is a failure only if Stripe does not get through.
            let stops_stripe = outcome.ask(webhook.stripe_gets_through().await).is_some_and(|through| !through);
            let (code, message, fix) = if stops_stripe { challenge(url) } else { challenge_for_this_machine(url) };
            outcome.find(finding(&reach, code, message, fix));
        }
        Some(obstacle) => {
            let (code, message, fix) = problem(world, obstacle, url, host);
            outcome.find(finding(&reach, code, message, fix));
        }
        None => {
            outcome.ask(nowhere);
            let Some(unsigned) = outcome.ask(unsigned) else { return Ok(()) };
            if unsigned.is_success()
                && unsigned.is_page()
                && webhook.signed_response().await?.0 == SignedResponse::CatchAll
            {
                return Err(NoAnswer::Because(Cause::SignedEventNotAccepted));
            }
            outcome.pass(format!("the handler at {url} answers"));
            let worker = config.worker.url.host_str().filter(|host| host.ends_with(".workers.dev"));
            if let Some(worker) = worker.filter(|_| config.project.mode == Mode::Live) {
                outcome.find(workers_dev(&reach, worker));
            }
        }
    }
    Ok(())
}

/// The code, the message and the fix.
type Problem = (Code, String, Fix);

/// The pages of the zone in Cloudflare's dashboard that decide whether an event arrives.
const DNS_RECORDS: &str = "https://dash.cloudflare.com/?to=/:account/:zone/dns/records";
const CERTIFICATES: &str = "https://dash.cloudflare.com/?to=/:account/:zone/ssl-tls/edge-certificates";
const BOTS: &str = "https://dash.cloudflare.com/?to=/:account/:zone/security/bots";

fn workers_dev(reach: &Reach, host: &str) -> Finding {
    let message =
        format!("{host} is a workers.dev address, which Cloudflare does not recommend for business-critical use.");
    let summary = "Add a custom domain to the Worker, and use it in preflight.toml, in the frontend and for the webhook endpoint.";
    let fix = Fix::new(summary).link("https://dash.cloudflare.com/?to=/:account/workers");
    let (expected, actual) = ("a custom domain".to_owned(), host.to_owned());
    Finding { expected, actual, ..finding(reach, WORKERS_DEV, message, fix) }
}

fn problem(world: &World, obstacle: &Obstacle, url: &url::Url, host: &str) -> Problem {
    match obstacle {
        Obstacle::Name(_) => (
            DNS,
            format!("{host} does not resolve, so Stripe cannot deliver events."),
            Fix::new(format!(
                "Add the DNS record or the custom domain for {host}, or correct webhook.url and worker.url."
            ))
            .link(DNS_RECORDS),
        ),
        Obstacle::Refused => (
            REFUSED,
            format!("{host} refuses connections, so Stripe cannot deliver events."),
            Fix::new(format!("Deploy the Worker to {host}, or correct webhook.url and worker.url."))
                .then(world.deployment()),
        ),
        Obstacle::Unreachable(words) => (
            UNREACHABLE,
            format!("Could not connect to {host}, so Stripe cannot deliver events: {words}."),
            Fix::new(format!(
                "Make {host} accept connections from the Internet, or correct webhook.url and worker.url."
            ))
            .link(DNS_RECORDS),
        ),
        Obstacle::Certificate(trouble) => {
            let code = match trouble {
                CertificateTrouble::Expired | CertificateTrouble::NotYetValid => TLS_EXPIRED,
                CertificateTrouble::Host => TLS_HOST,
                CertificateTrouble::Untrusted | CertificateTrouble::Other(_) => TLS_UNTRUSTED,
            };
            (
                code,
                format!("The certificate of {host} {}, so Stripe does not deliver events.", certificate(trouble)),
                Fix::new(format!("Install a certificate for {host} from a public certificate authority."))
                    .link(CERTIFICATES),
            )
        }
        Obstacle::Redirect(to) => (
            REDIRECT,
            format!("{url} redirects to {to}. Stripe does not follow redirects, so events are lost."),
            Fix::new(format!(
                "Exempt {} from the redirect, or register the final URL at Stripe and set webhook.url to it.",
                url.path()
            ))
            .code(route(url.path()))
            .then(world.deployment()),
        ),
        Obstacle::LoginWall(how) => (
            LOGIN_WALL,
            format!("{url} requires sign-in ({how}), so Stripe's events do not get through."),
            Fix::new(format!("Exempt {} from authentication. The event's signature protects it.", url.path()))
                .code(route(url.path()))
                .then(world.deployment()),
        ),
        Obstacle::NotFound => (
            NOT_FOUND,
            format!("{url} answers like a path that does not exist, so events are lost."),
            Fix::new(format!("Deploy the Worker with a route for POST {}, or correct webhook.url.", url.path()))
                .code(route(url.path()))
                .then(world.deployment()),
        ),
        Obstacle::Method => (
            METHOD,
            format!("{url} does not allow POST, so events are lost."),
            Fix::new(format!("Add a handler for POST {}.", url.path()))
                .code(route(url.path()))
                .then(world.deployment()),
        ),
        // The caller handles these two.
        Obstacle::BotChallenge | Obstacle::Hangs => challenge(url),
    }
}

fn certificate(trouble: &CertificateTrouble) -> String {
    match trouble {
        CertificateTrouble::Expired => "has expired".to_owned(),
        CertificateTrouble::NotYetValid => "is not valid yet".to_owned(),
        CertificateTrouble::Host => "is for other host names".to_owned(),
        CertificateTrouble::Untrusted => "is not trusted".to_owned(),
        CertificateTrouble::Other(words) => format!("is not trusted ({words})"),
    }
}

fn challenge(url: &url::Url) -> Problem {
    (
        BOT_CHALLENGE,
        format!("A bot challenge answers instead of the handler at {url}. Stripe cannot solve it."),
        Fix::new(format!(
            "Add a security rule that skips the challenge for {}. Bot Fight Mode ignores such rules: if it is on, turn it off.",
            url.path()
        ))
        .link(BOTS),
    )
}

fn challenge_for_this_machine(url: &url::Url) -> Problem {
    (
        BOT_CHALLENGE.as_warning(),
        format!("A bot challenge answers this machine at {url}. It may not stop Stripe."),
        Fix::new("Exempt preflight's requests from the challenge by their User-Agent or by this machine's IP address.")
            .link(BOTS),
    )
}

fn finding(reach: &Reach, code: Code, message: String, fix: Fix) -> Finding {
    Finding {
        code,
        message,
        expected: "an answer from the webhook handler".to_owned(),
        actual: reach.evidence.seen.clone(),
        evidence: vec![reach.evidence.clone()],
        fix,
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn the_checks_behind_a_challenge_for_this_machine_are_unknown() {
        let run = scenario("worker-challenge-for-us").await;
        run.warns(CHECK, "bot-challenge");
        let behind = ["webhook/accepts-signed", "webhook/rejects-forged"];
        let unknown = run.report().checks.iter().filter(|line| behind.contains(&line.id.as_str()));
        for line in unknown {
            assert_eq!(line.status, crate::run::Status::Unknown, "{}", run.summary());
        }
    }

    #[tokio::test]
    async fn a_certificate_that_is_about_to_expire_hides_no_other_part() {
        let run = scenario("tls-expiring,unsigned-answered-429").await;
        run.warns(CHECK, "tls-expiring");
        assert_eq!(run.line(CHECK).status, crate::run::Status::Unknown, "{}", run.summary());
        let run = scenario("tls-expiring,worker-404").await;
        run.finds(CHECK, "not-found");
        assert_eq!(run.line(CHECK).findings.len(), 2, "{}", run.summary());
    }
}

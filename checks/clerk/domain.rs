//! `clerk/domain`.

use crate::check::prelude::*;
use crate::world::{Alias, DomainState, RecordSlip, Trouble};

check! {
    /// Clerk's frontend API answers on the company's domain, and its DNS records are in place.
    ///
    /// ## Why it matters
    /// Browsers sign in at this domain, and tokens are issued in its name. Without its records nobody signs in, or mails with
    /// sign-in codes are not delivered; behind Cloudflare's proxy Clerk cannot verify the domain or renew its certificate.
    ///
    /// ## How it is verified
    /// The frontend API that the publishable key names is asked over TLS. Clerk says which records the domain requires, and
    /// this machine's resolver is asked for each of them. A development instance has no domain of its own and no records.
    /// What other resolvers still remember cannot be seen, nor are the domains of satellites and CAA records looked at.
    ///
    /// ## Findings
    /// - `dns`: a required record is missing or leads elsewhere, or the frontend API's name does not resolve.
    /// - `proxied`: a required record is proxied, or is of another type; a warning while the frontend API answers through it.
    /// - `tls`: the certificate cannot be trusted.
    /// - `tls-expiring`: it ends within days and was not renewed; a warning.
    /// - `unreachable`: the frontend API gives no answer.
    ///
    /// ## How to mend it
    /// Create the records that the finding names as CNAME records at the domain's DNS provider; at Cloudflare as *DNS only*.
    /// The page Domains of Clerk's dashboard verifies them and issues the certificate.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [ClerkDomainUnreachable],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let state = world.clerk().domain().await?;
    let host = state.api.host_str().unwrap_or_default();
    let (hidden, wrong): (Vec<&RecordSlip>, Vec<&RecordSlip>) =
        state.slips.iter().partition(|slip| slip.found == Alias::Addresses);
    let mut findings = Vec::new();
    if let Some(trouble) = &state.trouble {
        let answer = "Open the page Domains of Clerk's dashboard, and see that every record is verified and the certificate issued.";
        match trouble {
            Trouble::Name(words) if wrong.is_empty() => {
                findings.push(finding(&state, "dns", format!("{words}."), answer));
            }
            // The record that is missing says the same.
            Trouble::Name(_) => {}
            Trouble::Certificate(words) => {
                findings.push(finding(&state, "tls", format!("The certificate of {host} {words}."), answer));
            }
            other => findings.push(finding(&state, "unreachable", format!("{host} gives no answer: {other}."), answer)),
        }
    }
    if !wrong.is_empty() {
        findings.push(records(&state, "dns", Severity::Failure, &wrong));
    }
    for slip in hidden {
        let works = state.trouble.is_none() && slip.target.host == host;
        let severity = if works { Severity::Warning } else { Severity::Failure };
        findings.push(records(&state, "proxied", severity, &[slip]));
    }
    if let Some(validity) = state.certificate.filter(|validity| validity.is_running_out()) {
        let message = format!("The certificate of {host} ends in {} days, and was not renewed.", validity.days_left);
        let fix = "See on the page Domains of Clerk's dashboard why it is not renewed: CAA records must allow Let's Encrypt and Google Trust Services.";
        findings.push(Finding { severity: Severity::Warning, ..finding(&state, "tls-expiring", message, fix) });
    }
    if let (true, Some(untold)) = (findings.is_empty(), &state.untold) {
        return Err(untold.clone());
    }
    let in_place = match state.records {
        0 => "it needs no records of its own".to_owned(),
        records => format!("its {records} required records are in place"),
    };
    Ok(Verdict::of(findings, format!("{host} answers over TLS, and {in_place}")))
}

fn finding(state: &DomainState, code: &'static str, message: String, summary: &str) -> Finding {
    Finding {
        code,
        severity: Severity::Failure,
        message,
        expected: format!("an answer of Clerk's at {}", state.api),
        actual: state.evidence.seen.clone(),
        evidence: vec![state.evidence.clone()],
        fix: Fix::new(summary).link("https://dashboard.clerk.com/last-active?path=domains"),
    }
}

/// What is wrong with records, as one finding: whoever forgot one forgot them all.
fn records(state: &DomainState, code: &'static str, severity: Severity, slips: &[&RecordSlip]) -> Finding {
    let evidence = slips.iter().map(|slip| Evidence {
        request: format!("CNAME {}", slip.target.host),
        status: None,
        request_id: None,
        field: slip.target.host.clone(),
        seen: words(&slip.found),
    });
    let seen: Vec<String> = slips.iter().map(|slip| format!("{} {}", slip.target.host, words(&slip.found))).collect();
    let wanted: Vec<String> =
        slips.iter().map(|slip| format!("{} CNAME {}", slip.target.host, slip.target.value)).collect();
    let what = if code == "proxied" { "is hidden behind a proxy" } else { "is not in place" };
    let subject = if slips.len() == 1 {
        "A required DNS record".to_owned()
    } else {
        format!("Each of {} required DNS records", slips.len())
    };
    let summary = format!("Create at the DNS provider, at Cloudflare as DNS only: {}.", wanted.join("; "));
    Finding {
        severity,
        message: format!("{subject} {what}: {}.", seen.join("; ")),
        expected: wanted.join("; "),
        actual: seen.join("; "),
        evidence: evidence.collect(),
        fix: slips
            .iter()
            .fold(Fix::new(summary), |fix, slip| fix.command(format!("dig +short CNAME {}", slip.target.host))),
        ..finding(state, code, String::new(), "")
    }
}

fn words(found: &Alias) -> String {
    match found {
        Alias::For(value) => format!("leads to {value}"),
        Alias::Addresses => "has addresses of its own and no CNAME".to_owned(),
        Alias::Nothing => "does not exist".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::checks::clerk::{instance, plan_claim};
    use crate::run::Status;

    #[tokio::test]
    async fn finds_what_is_wrong_with_a_domain() {
        for (name, code) in [
            ("clerk-dns", "dns"),
            ("clerk-dns-elsewhere", "dns"),
            ("clerk-dns-none", "dns"),
            ("clerk-dns-proxied-mail", "proxied"),
            ("clerk-domain-tls", "tls"),
            ("clerk-domain-down", "unreachable"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn names_the_record_that_is_missing() {
        let run = scenario("clerk-dns").await;
        assert!(run.message(CHECK).contains("forgotten.acme.com does not exist"), "{}", run.message(CHECK));
        assert!(
            run.fix(CHECK).summary.contains("forgotten.acme.com CNAME accounts.clerk.services"),
            "{:?}",
            run.fix(CHECK)
        );
    }

    #[tokio::test]
    async fn warns_of_a_proxy_through_which_the_frontend_api_answers() {
        scenario("clerk-dns-proxied").await.warns(CHECK, "proxied");
    }

    #[tokio::test]
    async fn warns_of_a_certificate_that_was_not_renewed() {
        scenario("clerk-domain-expiring").await.warns(CHECK, "tls-expiring");
    }

    #[tokio::test]
    async fn who_needs_the_frontend_api_yields() {
        for name in ["clerk-domain-tls", "clerk-dns-none", "clerk-domain-down"] {
            let run = scenario(name).await;
            for check in [instance::CHECK, plan_claim::CHECK] {
                assert_eq!(run.reasons(check), "blocked by clerk/domain", "{}", run.told());
            }
        }
    }

    #[tokio::test]
    async fn a_development_instance_needs_no_records() {
        let run = scenario("healthy-test-mode").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("no records of its own"), "{}", run.seen(CHECK));
    }

    #[tokio::test]
    async fn without_any_network_nobody_is_to_blame() {
        assert_eq!(scenario("provider-dark").await.line(CHECK).status, Status::Unknown);
    }
}

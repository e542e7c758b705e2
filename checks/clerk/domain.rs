//! `clerk/domain`.

use crate::check::prelude::*;
use crate::world::{Alias, Connection, DnsRecord, Trouble};

check! {
    /// Clerk's frontend API answers on your domain, and its DNS records are in place.
    ///
    /// ## Why it matters
    /// Browsers sign in at this domain, and tokens name it as their issuer. Without its DNS records, customers cannot sign in
    /// or do not get their sign-in codes by email. Behind Cloudflare's proxy, Clerk cannot verify the domain or renew its
    /// certificate.
    ///
    /// ## How it is verified
    /// preflight connects over TLS to the frontend API that the publishable key names. Clerk lists the records that the domain
    /// requires, and this machine's resolver looks up each of them. A development instance requires none. If the domain has CAA
    /// records, they must allow Let's Encrypt or Google Trust Services. Other resolvers' caches and satellite domains are not
    /// checked.
    ///
    /// ## How to fix it
    /// Create the CNAME records that the finding lists at your DNS provider (at Cloudflare, set them to *DNS only*). Then verify
    /// them on the Domains page of the Clerk Dashboard, which also issues the certificate.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [ClerkDomainUnreachable],
        subjects: deployment,
        run
    };
}

codes! {
    /// A required record is missing or points elsewhere, or the frontend API's host does not resolve.
    DNS: Failure,
    /// A required record is proxied or not a CNAME. A warning if the frontend API answers through it.
    PROXIED: Failure,
    /// The frontend API's certificate is not trusted.
    TLS: Failure,
    /// The certificate expires within days and was not renewed.
    TLS_EXPIRING: Warning,
    /// The frontend API does not answer.
    UNREACHABLE: Failure,
    /// CAA records do not allow Clerk's certificate authorities. A warning as long as the certificate is valid.
    CAA: Failure,
}

/// The page where Clerk verifies the records and issues the certificate.
async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let clerk = world.clerk();
    let api = clerk.frontend_api()?;
    let host = api.host_str().unwrap_or_default();
    let (connection, records, authorities) =
        futures::join!(clerk.connection(), clerk.required_records(), clerk.certificate_authorities());
    let connection = outcome.ask(connection);
    let (mut wrong, mut proxied, mut in_place) = (Vec::new(), Vec::new(), 0);
    let records = outcome.ask(records);
    let is_known = records.is_some();
    for record in records.into_iter().flatten() {
        match outcome.ask(record) {
            Some(record) if record.is_in_place() => in_place += 1,
            Some(record) if record.found == Alias::Addresses => proxied.push(record),
            Some(record) => wrong.push(record),
            None => {}
        }
    }
    let answers = connection.as_ref().is_some_and(|connection| connection.trouble.is_none());
    let needs_records = in_place + wrong.len() + proxied.len() > 0;
    let is_barred = needs_records && judge_authorities(outcome, authorities, answers);
    if let Some(connection) = &connection {
        judge_connection(outcome, connection, host, !wrong.is_empty(), is_barred);
    }
    if !wrong.is_empty() {
        outcome.find(records_finding(DNS, &wrong));
    }
    for record in proxied {
        let works = answers && record.host == host;
        let code = if works { PROXIED.as_warning() } else { PROXIED };
        outcome.find(records_finding(code, &[record]));
    }
    if is_known {
        outcome.pass(match in_place {
            0 => "it requires no DNS records".to_owned(),
            records => format!("{records} required DNS records are in place"),
        });
    }
    Ok(())
}

/// Whether the frontend API answers, and how long its certificate is valid.
fn judge_connection(
    outcome: &mut Outcome,
    connection: &Connection,
    host: &str,
    record_is_missing: bool,
    is_barred: bool,
) {
    let open = "Open the Domains page of the Clerk Dashboard, and fix each record and certificate that it does not show as verified.";
    match &connection.trouble {
        None => outcome.pass(format!("{host} answers over TLS")),
        // The finding about the missing record says the same.
        Some(Trouble::Name(_)) if record_is_missing => {}
        Some(Trouble::Name(words)) => outcome.find(finding(connection, DNS, format!("{words}."), open)),
        // The finding about the CAA records says why.
        Some(Trouble::Certificate(_)) if is_barred => {}
        Some(Trouble::Certificate(words)) => {
            outcome.find(finding(
                connection,
                TLS,
                format!("The certificate of {host} {words}. Customers cannot sign in."),
                open,
            ));
        }
        Some(other) => {
            outcome.find(finding(
                connection,
                UNREACHABLE,
                format!("{host} does not answer, so customers cannot sign in: {other}."),
                open,
            ));
        }
    }
    if let Some(validity) = connection.certificate.filter(|validity| validity.is_running_out()) {
        let message = format!(
            "The certificate of {host} expires in {} days and was not renewed. After that, customers cannot sign in.",
            validity.days_left
        );
        let fix = "Allow Let's Encrypt and Google Trust Services in the domain's CAA records, so that Clerk can renew the certificate.";
        outcome.find(finding(connection, TLS_EXPIRING, message, fix));
    }
}

/// Who issues Clerk's certificates.
const AUTHORITIES: [&str; 2] = ["letsencrypt.org", "pki.goog"];

/// Judges whether the domain's CAA records allow Clerk's certificates; whether they do not.
fn judge_authorities(
    outcome: &mut Outcome,
    authorities: Answered<(String, Option<Vec<String>>)>,
    answers: bool,
) -> bool {
    let (domain, allowed) = match authorities {
        Ok((domain, Some(allowed))) => (domain, allowed),
        Ok((domain, None)) => {
            outcome.pass(format!("{domain} has no CAA records, so every certificate authority is allowed"));
            return false;
        }
        // Clerk holds a certificate, so they allow it or did so lately.
        Err(NoAnswer::Unknown(why)) if answers => {
            outcome.pass(format!("Clerk holds a valid certificate, although {why}"));
            return false;
        }
        Err(why) => {
            outcome.leave_open(why);
            return false;
        }
    };
    let seen = allowed.join(", ");
    if allowed.iter().any(|authority| AUTHORITIES.contains(&authority.as_str())) {
        outcome.pass(format!("the CAA records of {domain} allow Clerk's certificates"));
        return false;
    }
    let records = AUTHORITIES.map(|authority| format!("{domain} CAA 0 issue \"{authority}\"")).join("; ");
    let effect = if answers { "cannot renew its certificate" } else { "cannot get a certificate" };
    outcome.find(Finding {
        code: if answers { CAA.as_warning() } else { CAA },
        message: format!("The CAA records of {domain} allow only {seen}, so Clerk {effect}."),
        expected: AUTHORITIES.join(" or "),
        actual: seen.clone(),
        evidence: vec![Evidence {
            request: format!("CAA {domain}"),
            status: None,
            request_id: None,
            field: "issue".to_owned(),
            seen,
        }],
        fix: Fix::new(format!("Add these records at your DNS provider: {records}.")).link(clerk_dashboard("domains")),
    });
    true
}

fn finding(connection: &Connection, code: Code, message: String, summary: &str) -> Finding {
    Finding {
        code,
        message,
        expected: "an answer from Clerk's frontend API".to_owned(),
        actual: connection.evidence.seen.clone(),
        evidence: vec![connection.evidence.clone()],
        fix: Fix::new(summary).link(clerk_dashboard("domains")),
    }
}

/// One finding for all of these records, which are usually created or forgotten together.
fn records_finding(code: Code, records: &[DnsRecord]) -> Finding {
    let joined = |text: fn(&DnsRecord) -> String| records.iter().map(text).collect::<Vec<_>>().join("; ");
    let seen = joined(|record| format!("{} {}", record.host, words(&record.found)));
    let wanted = joined(|record| format!("{} CNAME {}", record.host, record.value));
    let is_proxied = code.name() == PROXIED.name();
    let (is, subject) = match records.len() {
        1 => ("is", "A required DNS record".to_owned()),
        count => ("are", format!("{count} required DNS records")),
    };
    let what = if is_proxied { "behind a proxy or not a CNAME" } else { "missing or wrong" };
    let evidence = records.iter().map(|record| Evidence {
        request: format!("CNAME {}", record.host),
        status: None,
        request_id: None,
        field: record.host.clone(),
        seen: words(&record.found),
    });
    Finding {
        code,
        message: format!("{subject} {is} {what}: {seen}."),
        expected: wanted.clone(),
        actual: seen,
        evidence: evidence.collect(),
        fix: Fix::new(format!(
            "Create these records at your DNS provider (at Cloudflare, set them to DNS only): {wanted}."
        ))
        .link(clerk_dashboard("domains")),
    }
}

fn words(found: &Alias) -> String {
    match found {
        Alias::For(value) => format!("points to {value}"),
        Alias::Addresses => "has A or AAAA records and no CNAME".to_owned(),
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
    async fn checks_that_need_the_frontend_api_are_blocked() {
        for name in ["clerk-domain-tls", "clerk-dns-none", "clerk-domain-down"] {
            let run = scenario(name).await;
            for check in [instance::CHECK, plan_claim::CHECK] {
                assert_eq!(run.reasons(check), "blocked by clerk/domain", "{}", run.summary());
            }
        }
    }

    #[tokio::test]
    async fn a_development_instance_needs_no_records() {
        let run = scenario("healthy-test-mode").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("requires no DNS records"), "{}", run.seen(CHECK));
    }

    #[tokio::test]
    async fn without_a_network_it_is_unknown() {
        assert_eq!(scenario("provider-dark").await.line(CHECK).status, Status::Unknown);
    }
}

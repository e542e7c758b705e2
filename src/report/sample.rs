//! Handmade reports for the tests of the formats.

use std::time::Duration;

use jiff::civil::date;

use crate::change::Fix;
use crate::check::CheckId;
use crate::config::{Mode, Waiver};
use crate::finding::{Code, Evidence, Finding, Severity};
use crate::run::{CheckReport, Coverage, Decision, Report, Reported, Status, WaiverEffect, WaiverReport};
use crate::world::LoggedRequest;

/// A check with a status and nothing else.
pub fn check(id: &'static str, status: Status) -> CheckReport {
    CheckReport {
        id: CheckId::new(id),
        title: format!("The title of {id}"),
        line: 3,
        required: true,
        status,
        duration: Duration::from_millis(120),
        blocked_by: Vec::new(),
        reasons: Vec::new(),
        seen: if status.is_verified() { vec![format!("what {id} saw")] } else { Vec::new() },
        findings: Vec::new(),
        notes: Vec::new(),
        asked: std::collections::BTreeSet::new(),
        earlier: None,
    }
}

/// A price from the wrong mode.
pub fn other_mode() -> Reported {
    Reported {
        subject: "tier pro".to_owned(),
        line: 12,
        finding: Finding {
            code: Code::declared("other-mode", Severity::Failure, "The price exists, but in the other mode."),
            message: "STRIPE_PRICE_ID_PRO is a test-mode price, but STRIPE_SECRET_KEY is a live key.".to_owned(),
            expected: "a live price of the product Pro Plan".to_owned(),
            actual: "price_1Qtest000000000, which exists in test mode only".to_owned(),
            evidence: vec![Evidence {
                request: "GET /v1/prices/price_1Qtest000000000".to_owned(),
                status: Some(404),
                request_id: Some("req_8fA2kd91".to_owned()),
                field: "error.message".to_owned(),
                seen: "a similar object exists in test mode, but a live mode key was used".to_owned(),
            }],
            fix: Fix::new("Set the live ID price_1Qlive000000000 (on product Pro Plan).")
                .command("wrangler secret put STRIPE_PRICE_ID_PRO")
                .link("https://dashboard.stripe.com/products/prod_live00000000"),
        },
        waived_by: None,
        verify: "preflight run --only stripe/price-mode".to_owned(),
    }
}

/// The same, as a warning with another code.
pub fn warning() -> Reported {
    let mut reported = other_mode();
    reported.finding.code =
        Code::declared("surplus", Severity::Warning, "Events are selected that it does not handle.");
    "The endpoint receives every event.".clone_into(&mut reported.finding.message);
    reported
}

/// The same, as a note with another code.
pub fn note() -> Reported {
    let mut reported = other_mode();
    reported.finding.code = Code::declared("full-access", Severity::Note, "The key has full access.");
    "STRIPE_SECRET_KEY can do everything.".clone_into(&mut reported.finding.message);
    reported
}

/// One request of each kind that a log can hold.
pub fn requests() -> Vec<LoggedRequest> {
    let answered = LoggedRequest {
        provider: "stripe",
        name: "Stripe",
        method: "GET".to_owned(),
        path: "/v1/prices/price_1Qtest000000000?expand[]=product".to_owned(),
        status: Some(404),
        trouble: None,
        is_connected: true,
        is_ours: false,
        duration: Duration::from_millis(98),
        attempts: 1,
        request_id: Some("req_8fA2kd91".to_owned()),
    };
    let unanswered = LoggedRequest {
        provider: "worker",
        name: "the Worker",
        method: "POST".to_owned(),
        path: "/webhook/stripe".to_owned(),
        status: None,
        trouble: Some("timed out after 10 s".to_owned()),
        is_connected: true,
        is_ours: false,
        duration: Duration::from_secs(10),
        attempts: 3,
        request_id: None,
    };
    vec![answered, unanswered]
}

fn report(decision: Decision, checks: Vec<CheckReport>) -> Report {
    let verified = checks.iter().filter(|check| check.required && check.status.is_verified()).count();
    let required = checks.iter().filter(|check| check.required && check.status != Status::NotApplicable).count();
    Report {
        project: "acme".to_owned(),
        configuration: "7d4e0f3a".repeat(8),
        started_at: "2026-11-20T10:12:03.456Z".parse().unwrap(),
        duration: Duration::from_millis(2345),
        decision,
        not_run: None,
        coverage: Coverage { required, verified },
        checks,
        requests: requests(),
        ..Report::not_run("preflight.toml".into(), Mode::Live, String::new(), String::new())
    }
}

/// A configuration with errors.
pub fn not_run() -> Report {
    let (file, flags) = ("deployments/east.toml", " -c deployments/east.toml".to_owned());
    Report::not_run(file.into(), Mode::Live, flags, "its configuration has 2 errors".to_owned())
}

/// Everything passes.
pub fn go() -> Report {
    let ids = ["config/hygiene", "stripe/price-mode", "stripe/product-metadata", "webhook/accepts-signed"];
    report(Decision::Go, ids.into_iter().map(|id| check(id, Status::Pass)).collect())
}

/// One of everything.
pub fn no_go() -> Report {
    let mut failed = check("stripe/price-mode", Status::Fail);
    failed.findings.push(other_mode());
    let mut warned = check("webhook/events", Status::Warn);
    warned.findings.push(warning());
    let mut unknown = check("webhook/endpoint", Status::Unknown);
    unknown.reasons.push("Stripe refused: the key lacks the permission rak_webhook_read.".to_owned());
    let mut skipped = check("stripe/price-terms", Status::Skipped);
    skipped.blocked_by.push(CheckId::new("stripe/price-mode"));
    skipped.reasons.push("Tier pro is blocked by stripe/price-mode.".to_owned());
    let mut absent = check("worker/secrets", Status::NotApplicable);
    absent.required = false;
    absent.reasons.push("The configuration has no [cloudflare].".to_owned());
    let mut waived = check("stripe/account", Status::Waived);
    waived.reasons.push("Waived until 2027-03-01.".to_owned());
    let mut checks = vec![check("config/hygiene", Status::Pass), waived, failed, skipped];
    checks.extend([unknown, warned, check("clerk/secret-key", Status::Flaky), absent]);
    let mut report = report(Decision::NoGo, checks);
    report.waivers = vec![waiver(WaiverEffect::Used), waiver(WaiverEffect::Unused), waiver(WaiverEffect::Expired)];
    report
}

/// A waiver with an effect.
pub fn waiver(effect: WaiverEffect) -> WaiverReport {
    WaiverReport {
        waiver: Waiver {
            check: "stripe/account".to_owned(),
            finding: Some("cannot-charge".to_owned()),
            reason: "the bank confirms in March".to_owned(),
            owner: "ana".to_owned(),
            expires: date(2027, 3, 1),
            line: 14,
        },
        effect,
    }
}

/// Texts that try to break a report.
pub const HOSTILE: [&str; 9] = [
    "\u{1b}]0;owned\u{7}Pro\u{1b}[2J",
    "| x | y |",
    "<script>alert(1)</script>",
    "[a](javascript:alert(1))",
    "@everyone",
    "```\n# GO\n- every check passed",
    "pro\u{202e}\u{200b}\u{9b}31m",
    "::error file=a::b\r\n::add-mask::c",
    "</details><img src=x onerror=alert(1)>",
];

/// The report of [`no_go`] with `text` everywhere outside text can appear.
pub fn hostile(text: &str) -> Report {
    let mut report = no_go();
    text.clone_into(&mut report.project);
    for check in &mut report.checks {
        for words in check.reasons.iter_mut().chain(&mut check.seen) {
            text.clone_into(words);
        }
        for reported in check.findings.iter_mut().chain(&mut check.notes) {
            text.clone_into(&mut reported.subject);
            let finding = &mut reported.finding;
            for words in [&mut finding.message, &mut finding.expected, &mut finding.actual, &mut finding.fix.summary] {
                text.clone_into(words);
            }
            let fix = Fix::new(finding.fix.summary.clone()).command(text).link(text);
            finding.fix = fix.link(format!("https://a.b/{text}"));
            for evidence in &mut finding.evidence {
                evidence.request_id = Some(text.to_owned());
                for words in [&mut evidence.request, &mut evidence.field, &mut evidence.seen] {
                    text.clone_into(words);
                }
            }
        }
    }
    for waiver in &mut report.waivers {
        for words in [&mut waiver.waiver.reason, &mut waiver.waiver.owner, &mut waiver.waiver.check] {
            text.clone_into(words);
        }
    }
    for request in &mut report.requests {
        text.clone_into(&mut request.path);
        request.request_id = Some(text.to_owned());
        request.trouble = request.trouble.as_ref().map(|_| text.to_owned());
    }
    report
}

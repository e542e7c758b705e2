//! The `JUnit` report: a test suite for each group and a test case for each check, for the test pages of CI services.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::text::{clean, disarm, shown};
use super::{outline, plain};
use crate::finding::Severity;
use crate::run::{CheckFinding, CheckReport, Decision, Report, Reported, Status};

/// The whole report as `JUnit` XML. A failure is a `failure`, what could not be verified is an `error`, and what was skipped, does
/// not apply or is waived is `skipped`.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut document = Document::new(name(report));
    document.set_time(time(report.duration)).add_test_suites(suites(report));
    written(&document)
}

/// Several reports as one document, with their numbers and names before those of their test suites.
#[must_use]
pub fn render_all(reports: &[Report]) -> String {
    let mut document = Document::new(env!("CARGO_PKG_NAME"));
    document.set_time(reports.iter().map(|report| time(report.duration)).sum());
    for (at, report) in reports.iter().enumerate() {
        document.add_test_suites(suites(report).into_iter().map(|mut suite| {
            suite.name = format!("{}. {}: {}", at + 1, name(report), suite.name.as_str()).into();
            suite
        }));
    }
    written(&document)
}

fn name(report: &Report) -> String {
    format!("{}, {} mode", shown(&report.project), report.mode.word())
}

fn written(document: &Document) -> String {
    // Writing to memory cannot fail, and every reader would notice an empty document.
    disarm(&document.to_string().unwrap_or_default())
}

/// A suite for each group, and then the one of the verdict.
fn suites(report: &Report) -> Vec<TestSuite> {
    let mut suites: Vec<TestSuite> = Vec::new();
    for check in report.listed() {
        let group = clean(check.id.group());
        let place = suites.iter().position(|suite| suite.name == *group).unwrap_or_else(|| {
            suites.push(suite(&group, report));
            suites.len() - 1
        });
        suites[place].add_test_case(case(report, check));
    }
    let is_shown = suites.iter().any(|suite| suite.failures + suite.errors > 0);
    suites.push(verdict(report, is_shown));
    suites
}

/// A duration in the milliseconds that every format has.
fn time(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn suite(name: &str, report: &Report) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.extra.insert("timestamp".into(), report.started_at.to_string().into());
    suite
}

/// The verdict, and what comes before every check. It is also a test case if no other one shows that the verdict is
/// not GO, such as with `--fail-on warn`.
fn verdict(report: &Report, is_shown: bool) -> TestSuite {
    let mut suite = suite("preflight", report);
    let word = outline::verdict(report.decision);
    let mut lines: Vec<String> = report.changed.iter().map(|changed| shown(changed)).collect();
    lines.push(format!("{word}: {}", outline::coverage(report)));
    lines.extend(outline::not_covered(report).filter(|_| report.decision == Decision::Go));
    lines.extend(report.interruption.map(|why| outline::interruption(why).to_owned()));
    lines.extend(report.left_open.as_deref().map(shown));
    lines.extend(report.since_last.as_ref().map(outline::since_last));
    lines.push(format!("Next: {}", shown(&report.next_action())));
    if report.decision != Decision::Go && !is_shown {
        let kind = if report.decision == Decision::NoGo { NonSuccessKind::Failure } else { NonSuccessKind::Error };
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(word).set_message(format!("{word}: {}", outline::coverage(report)));
        status.set_description(format!("Next: {}", shown(&report.next_action())));
        let mut case = TestCase::new("verdict", status);
        case.set_classname("preflight").set_time(time(report.duration));
        suite.add_test_case(case);
    }
    suite.set_system_out(lines.join("\n"));
    suite
}

fn case(report: &Report, check: &CheckReport) -> TestCase {
    let mut status = match check.status {
        Status::Pass | Status::Flaky | Status::Warn => TestCaseStatus::success(),
        Status::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Status::Unknown => TestCaseStatus::non_success(NonSuccessKind::Error),
        Status::Skipped | Status::NotApplicable | Status::Waived => TestCaseStatus::skipped(),
    };
    let failures: Vec<&Reported> = counted(check).filter(|reported| severity(reported) == Severity::Failure).collect();
    match (check.status, failures.as_slice()) {
        (Status::Fail, [first, others @ ..]) => {
            let more = if others.is_empty() { String::new() } else { format!(" (and {} more)", others.len()) };
            status.set_type(clean(first.finding.code.name()));
            status.set_message(format!("{}{more}", shown(&first.finding.message)));
            let mut blocks: Vec<String> = failures.iter().map(|reported| block(check, reported)).collect();
            blocks.extend((!check.reasons.is_empty()).then(|| format!("Also: {}", shown(&outline::why(check)))));
            status.set_description(blocks.join("\n\n"));
        }
        _ => {
            status.set_type(check.status.word()).set_message(because(report, check));
        }
    }
    let mut case = TestCase::new(clean(check.id.as_str()), status);
    case.set_classname(format!("preflight.{}", clean(check.id.group()))).set_time(time(check.duration));
    let output = output(check);
    if !output.is_empty() {
        case.set_system_out(output);
    }
    case
}

/// Why a check is not verified, or what an older report said of it.
fn because(report: &Report, check: &CheckReport) -> String {
    match &check.earlier {
        Some(earlier) => {
            let (word, age) = (earlier.status.word(), outline::age(report, earlier));
            shown(format!("{word}, {age}: {}", earlier.detail).trim_end_matches(": "))
        }
        None => shown(&outline::seen(check)),
    }
}

/// What a check that did not fail has to say: what it saw, its warnings and its notes.
fn output(check: &CheckReport) -> String {
    let seen =
        if check.status.is_verified() { check.seen.iter().map(|seen| shown(seen)).collect() } else { Vec::new() };
    let others = counted(check).filter(|reported| severity(reported) != Severity::Failure);
    let others: Vec<String> = others.map(|reported| block(check, reported)).collect();
    let seen = Some(seen.join("\n")).filter(|seen| !seen.is_empty());
    seen.into_iter().chain(others).collect::<Vec<String>>().join("\n\n")
}

/// The findings that no waiver covers.
fn counted(check: &CheckReport) -> impl Iterator<Item = &Reported> {
    check.reported().filter(|reported| reported.waived_by.is_none())
}

const fn severity(reported: &Reported) -> Severity {
    reported.finding.code.severity()
}

/// A finding with its evidence and its fix.
fn block(check: &CheckReport, reported: &Reported) -> String {
    let found = CheckFinding { check, reported };
    let name = format!("{}{}", outline::name(&found), severity(reported).suffix());
    let lines = [name, shown(&reported.finding.message)].into_iter().chain(plain::details(&found));
    lines.collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// The document, as another program reads it.
    fn read(report: &Report) -> Document {
        let text = render(report);
        Document::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn status(document: &Document, name: &str) -> TestCaseStatus {
        let cases = document.test_suites.iter().flat_map(|suite| &suite.test_cases);
        cases.into_iter().find(|case| case.name == *name).unwrap_or_else(|| panic!("no {name}")).status.clone()
    }

    #[test]
    fn each_status_has_its_junit_counterpart() {
        let document = read(&sample::no_go());
        for (name, word) in [
            ("stripe/price-mode", "Failure"),
            ("webhook/endpoint", "Error"),
            ("stripe/price-terms", "Skipped"),
            ("worker/secrets", "Skipped"),
            ("stripe/account", "Skipped"),
            ("webhook/events", "Success"),
            ("clerk/secret-key", "Success"),
        ] {
            let seen = format!("{:?}", status(&document, name));
            assert!(seen.starts_with(word) || seen.contains(&format!("kind: {word}")), "{name}: {seen}");
        }
        assert_eq!((document.tests, document.failures, document.errors, document.skipped), (8, 1, 1, 3));
    }

    #[test]
    fn a_failure_has_its_code_its_message_and_its_fix() {
        let TestCaseStatus::NonSuccess { message, ty, description, .. } =
            status(&read(&sample::no_go()), "stripe/price-mode")
        else {
            panic!("not a failure")
        };
        assert_eq!(ty.unwrap().as_str(), "other-mode");
        assert!(message.unwrap().starts_with("STRIPE_PRICE_ID_PRO is a test-mode price"));
        assert!(description.unwrap().contains("$ wrangler secret put STRIPE_PRICE_ID_PRO"));
    }

    #[test]
    fn what_could_not_be_verified_says_why() {
        let TestCaseStatus::NonSuccess { message, .. } = status(&read(&sample::no_go()), "webhook/endpoint") else {
            panic!("not an error")
        };
        assert_eq!(message.unwrap().as_str(), "Stripe refused: the key lacks the permission rak_webhook_read.");
    }

    #[test]
    fn warnings_and_notes_are_output_of_a_case_that_passed() {
        let mut report = sample::no_go();
        report.checks[0].notes.push(sample::note());
        let text = render(&report);
        assert!(text.contains("webhook/events: surplus (tier pro) (warning)"), "{text}");
        assert!(text.contains("config/hygiene: full-access (tier pro) (note)"), "{text}");
    }

    #[test]
    fn a_verdict_that_no_check_shows_is_a_case_of_its_own() {
        let mut report = sample::go();
        assert_eq!(read(&report).tests, 4);
        report.decision = Decision::NoGo;
        assert_eq!((read(&report).tests, read(&report).failures), (5, 1));
        report.decision = Decision::NothingRan;
        assert_eq!((read(&report).tests, read(&report).errors), (5, 1));
        assert_eq!(read(&sample::no_go()).tests, sample::no_go().checks.len());
    }

    #[test]
    fn several_reports_are_one_document_with_all_cases() {
        let reports = [sample::no_go(), sample::go()];
        let document = Document::deserialize_from_str(&render_all(&reports)).unwrap();
        assert_eq!((document.tests, document.failures, document.errors), (12, 1, 1));
        assert_eq!(document.test_suites[0].name.as_str(), "1. acme, live mode: config");
    }

    #[test]
    fn hostile_text_stays_text() {
        for text in
            sample::HOSTILE.into_iter().chain(["]]>\u{fffe}\u{ffff}\0", "</failure><testcase name=\"x\"/>", "&amp;"])
        {
            let document = read(&sample::hostile(text));
            assert_eq!((document.tests, document.failures), (8, 1), "{text:?}");
            let xml = render(&sample::hostile(text));
            let is_allowed =
                |letter: char| letter == '\n' || !(letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}'));
            assert!(xml.chars().all(is_allowed), "{xml:?}");
            assert!(!xml.lines().any(|line| line.trim_start().starts_with("::")), "{xml}");
        }
    }
}

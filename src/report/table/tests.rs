//! What the terminal report looks like.

use console::measure_text_width;

use super::*;
use crate::change::Fix;
use crate::report::sample;
use crate::run::{Decision, Earlier, Interruption, Scope};

fn plain(report: &Report, width: usize) -> String {
    render(report, Style { width, ..Style::plain() })
}

fn lines_wider_than(width: usize, text: &str) -> Vec<&str> {
    text.lines().filter(|line| measure_text_width(line) > width).collect()
}

/// The lines that are too wide and have more than one word, which is what cannot be broken.
fn broken_up(width: usize, text: &str) -> Vec<&str> {
    let wide = lines_wider_than(width, text);
    wide.into_iter().filter(|line| line.split_whitespace().count() > 1).collect()
}

#[test]
fn the_verdict_comes_first_and_again_before_what_to_fix() {
    let text = plain(&sample::no_go(), 80);
    assert!(text.starts_with("NO-GO: "), "{text}");
    let end = "\
NO-GO: 3 of 7 required checks verified (1 pass, 1 warn, 1 fail, 1 unknown, 1
skipped, 1 na, 1 waived, 1 flaky)

Fix these first
 1. stripe/price-mode: wrangler secret put STRIPE_PRICE_ID_PRO
Then run: preflight run --only stripe/price-mode
";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn a_go_ends_with_the_next_action() {
    assert!(plain(&sample::go(), 80).ends_with("Next: Nothing to do. Every required check passed.\n"));
}

#[test]
fn a_command_is_never_broken() {
    let mut report = sample::no_go();
    let command = format!("curl -X POST {} -H 'a b'", "https://api.cloudflare.com/client/v4/accounts/a".repeat(3));
    let fix = Fix::new("Do both.").command(command.clone()).command("second");
    report.checks[2].findings[0].finding.fix = fix;
    for verbose in [0, 1] {
        let text = render(&report, Style { width: 60, verbose, ..Style::plain() });
        assert!(text.lines().any(|line| line == format!(" 1. {command}")), "{text}");
        assert!(text.lines().any(|line| line == "    second"), "{text}");
    }
}

#[test]
fn what_passed_is_one_line_a_group() {
    let text = plain(&sample::no_go(), 80);
    assert!(text.contains("\nstripe   1 fail, 1 skipped, 1 waived\n"), "{text}");
    assert!(!text.contains("the title of") && !text.contains("ALL CHECKS"), "{text}");
}

#[test]
fn the_coverage_follows_the_verdict() {
    assert!(plain(&sample::no_go(), 80).starts_with("NO-GO: 3 of 7 required checks verified\n"));
}

#[test]
fn a_used_waiver_is_shown_with_the_verdict() {
    let text = plain(&sample::no_go(), 200);
    let head: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    assert!(head.join(" ").contains("waived   stripe/account: cannot-charge until 2027-03-01, by ana"), "{text}");
}

#[test]
fn an_expired_and_an_unused_waiver_are_warnings() {
    let text = plain(&sample::no_go(), 100).split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(
        text.contains("expired on 2027-03-01, so the finding counts again (line 14 of the configuration file)"),
        "{text}"
    );
    assert!(text.contains("covers nothing: remove it (line 14 of the configuration file)"), "{text}");
}

#[test]
fn a_failure_is_what_is_wrong_and_how_to_fix_it() {
    let expected = "\
FAILED
 1. stripe/price-mode: other-mode (tier pro): STRIPE_PRICE_ID_PRO is a test-mode
    price, but STRIPE_SECRET_KEY is a live key.
    Fix: Set the live ID price_1Qlive000000000 (on product Pro Plan).
";
    let text = plain(&sample::no_go(), 80);
    assert!(text.contains(expected) && !text.contains("evidence"), "{text}");
}

#[test]
fn verbose_says_what_was_expected_and_what_was_seen() {
    let text = render(&sample::no_go(), Style { width: 100, verbose: 1, ..Style::plain() });
    let expected = "\
fail     stripe/price-mode: other-mode (tier pro)
  STRIPE_PRICE_ID_PRO is a test-mode price, but STRIPE_SECRET_KEY is a live key.
  expected  a live price of the product Pro Plan
  seen      price_1Qtest000000000, which exists in test mode only
  evidence  GET /v1/prices/price_1Qtest000000000 returned 404 (req_8fA2kd91)
            error.message: a similar object exists in test mode, but a live mode key was used
  fix       Set the live ID price_1Qlive000000000 (on product Pro Plan).
            $ wrangler secret put STRIPE_PRICE_ID_PRO
            https://dashboard.stripe.com/products/prod_live00000000
  verify    $ preflight run --only stripe/price-mode
";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_note_is_shown_below_what_passed_and_counts_nowhere() {
    let (without, mut report) = (plain(&sample::go(), 100), sample::go());
    report.checks[0].notes.push(sample::note());
    let text = plain(&report, 100);
    let notes = "\nNOTES\nnote     config/hygiene: full-access (tier pro): STRIPE_SECRET_KEY can do everything.\n";
    assert_eq!(text.replace(notes, ""), without);
}

#[test]
fn notes_wait_until_nothing_fails() {
    let mut report = sample::no_go();
    report.checks[0].notes.push(sample::note());
    assert!(!plain(&report, 100).contains("NOTES"));
    assert!(render(&report, Style { verbose: 1, ..Style::plain() }).contains("\nNOTES\nnote     "));
}

#[test]
fn an_unverified_check_says_why() {
    let text = plain(&sample::no_go(), 100);
    assert!(text.contains("unknown  webhook/endpoint: Stripe refused: the key lacks"), "{text}");
}

#[test]
fn no_line_overflows_sixty_columns() {
    let mut report = sample::no_go();
    report
        .checks
        .iter_mut()
        .flat_map(|check| &mut check.findings)
        .for_each(|found| found.finding.fix.steps.retain(|step| step.link().is_none()));
    let text = render(&report, Style { width: 60, verbose: 1, ..Style::plain() });
    assert_eq!(broken_up(60, &text), [""; 0], "{text}");
}

#[test]
fn a_name_of_ten_thousand_characters_overflows_no_line() {
    let mut report = sample::hostile(&"x".repeat(10_000));
    // Links and commands are the exception: they are useless in pieces.
    for found in report.checks.iter_mut().flat_map(|check| &mut check.findings) {
        found.finding.fix.steps.clear();
    }
    let text = plain(&report, 60);
    assert_eq!(lines_wider_than(60, &text), [""; 0], "{text}");
}

#[test]
fn a_link_is_never_broken() {
    let text = render(&sample::no_go(), Style { width: 40, verbose: 1, ..Style::plain() });
    assert!(text.contains("https://dashboard.stripe.com/products/prod_live00000000\n"), "{text}");
}

#[test]
fn prose_stays_narrow_on_two_hundred_columns() {
    let mut report = sample::no_go();
    report.checks[2].findings[0].finding.message = "word ".repeat(100);
    let text = plain(&report, 200);
    let message: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("word word")).collect();
    assert!(message.len() > 1 && lines_wider_than(100, &message.join("\n")).is_empty(), "{text}");
}

#[test]
fn without_color_there_are_no_escape_sequences() {
    for width in [20, 60, 80, 200] {
        let text = render(&sample::no_go(), Style { width, verbose: 2, ..Style::plain() });
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

#[test]
fn color_changes_no_word() {
    let colored = render(&sample::no_go(), Style { color: true, verbose: 1, ..Style::plain() });
    assert!(colored.contains('\u{1b}'));
    let plain = render(&sample::no_go(), Style { verbose: 1, ..Style::plain() });
    assert_eq!(console::strip_ansi_codes(&colored), plain);
}

#[test]
fn every_color_ends_on_its_own_line() {
    let text = render(&sample::no_go(), Style { color: true, verbose: 1, ..Style::plain() });
    for line in text.lines() {
        assert_eq!(line.matches("\u{1b}[0m").count() * 2, line.matches('\u{1b}').count(), "{line:?}");
    }
}

#[test]
fn hostile_text_adds_no_escape_sequence_and_no_line() {
    for hostile in sample::HOSTILE {
        let text = plain(&sample::hostile(hostile), 80);
        assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("# GO") || line.trim_start().starts_with("::")), "{text}");
    }
}

#[test]
fn every_check_is_in_the_table_with_its_status() {
    let report = sample::no_go();
    let text = render(&report, Style { width: 100, verbose: 1, ..Style::plain() });
    let table = text.split("ALL CHECKS").nth(1).unwrap();
    for check in &report.checks {
        let name = check.id.as_str().split_once('/').unwrap().1;
        let row = table.lines().find(|line| line.split_whitespace().nth(1) == Some(name)).unwrap_or_default();
        assert!(row.trim_start().starts_with(check.status.word()), "{name}: {table}");
    }
}

#[test]
fn quiet_is_the_verdict_and_a_line_for_each_failure_and_each_open_check() {
    let text = render(&sample::no_go(), Style { quiet: true, width: 70, ..Style::plain() });
    let expected = "\
NO-GO: 3 of 7 required checks verified
waived   stripe/account: cannot-charge until 2027-03-01, by ana: the
         bank confirms in March
fail     stripe/price-mode: other-mode (tier pro)…
skipped  stripe/price-terms: Tier pro is blocked by stripe/price-mode.
unknown  webhook/endpoint: Stripe refused: the key lacks the…
";
    assert_eq!(text, expected);
}

#[test]
fn quiet_shows_the_warnings_that_decide_the_verdict() {
    let mut report = sample::no_go();
    report.checks.retain(|check| check.status != Status::Fail);
    let text = render(&report, Style { quiet: true, ..Style::plain() });
    assert!(text.contains("surplus") && !text.contains("ALL CHECKS"), "{text}");
}

#[test]
fn the_next_action_is_about_the_warnings_if_nothing_failed() {
    let mut report = sample::no_go();
    report.checks.retain(|check| check.status != Status::Fail);
    assert!(report.next_action().starts_with("Set the live ID"), "{}", report.next_action());
    report.checks.clear();
    assert!(report.next_action().starts_with("Remove the waivers"), "{}", report.next_action());
}

#[test]
fn a_quiet_go_is_one_line() {
    let text = render(&sample::go(), Style { quiet: true, ..Style::plain() });
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn verbose_shows_passing_checks_and_every_request() {
    let text = render(&sample::no_go(), Style { verbose: 1, ..Style::plain() });
    assert!(text.contains("what clerk/secret-key saw"), "{text}");
    let text = text.split_whitespace().collect::<Vec<&str>>().join(" ");
    assert!(text.contains("404 98 ms stripe: GET /v1/prices/price_1Qtest000000000?expand[]=product"), "{text}");
    assert!(text.contains("3 attempts: timed out after 10 s"), "{text}");
}

#[test]
fn a_stopped_run_says_so_at_the_top() {
    let mut report = sample::go();
    report.interruption = Some(Interruption::Interrupt);
    let text = plain(&report, 80);
    assert!(text.lines().take(4).any(|line| line.starts_with("Stopped by Ctrl-C")), "{text}");
}

#[test]
fn what_a_run_left_behind_is_at_the_top() {
    let mut report = sample::go();
    report.left_open = Some("The canary is still signed in.".to_owned());
    let text = plain(&report, 80);
    assert!(text.lines().take(4).any(|line| line == "The canary is still signed in."), "{text}");
}

#[test]
fn times_are_right_aligned_in_every_group() {
    let mut report = sample::go();
    report.checks[0].duration = std::time::Duration::from_secs(72);
    let text = render(&report, Style { verbose: 1, ..Style::plain() });
    let table = text.split("ALL CHECKS").nth(1).unwrap().split("VERIFIED").next().unwrap();
    let ends: Vec<usize> =
        table.lines().filter(|line| line.contains(" ms") || line.contains(" min")).map(str::len).collect();
    assert_eq!(ends, [80; 4], "{text}");
}

#[test]
fn a_failing_check_says_what_it_could_not_verify() {
    let mut report = sample::no_go();
    report.checks[2].reasons.push("Tier enterprise could not be checked.".to_owned());
    let text = render(&report, Style { verbose: 1, ..Style::plain() });
    assert!(text.contains("  also      Tier enterprise could not be checked.\n"));
}

#[test]
fn a_report_without_checks_is_a_report() {
    let mut report = sample::go();
    report.checks.clear();
    report.decision = Decision::NothingRan;
    assert!(plain(&report, 80).starts_with("NOT PROVEN: no checks ran\n"));
}

/// A report of which only `stripe` ran; the other lines are three hours old.
fn failed_again() -> Report {
    let mut report = sample::no_go();
    report.scope = Scope::Selected;
    let at = "2026-11-20T07:00:00Z".parse().unwrap();
    for check in report.checks.iter_mut().filter(|check| check.id.group() != "stripe") {
        report.left_out.push(check.id.clone());
        let detail = check.findings.first().map(|found| found.finding.message.clone()).unwrap_or_default();
        check.earlier = Some(Earlier { status: check.status, at, detail });
        (check.status, check.findings) = (Status::Skipped, Vec::new());
    }
    report
}

#[test]
fn a_line_that_was_not_checked_again_has_its_age() {
    let report = failed_again();
    let text = plain(&report, 80);
    assert!(text.contains("\nwebhook  1 warn, 1 unknown (3 h ago)\n"), "{text}");
    assert!(text.contains("\nwarn     webhook/events, 3 h ago: The endpoint receives every event.\n"), "{text}");
    let text = render(&report, Style { verbose: 1, ..Style::plain() });
    assert!(text.contains("pass     hygiene      3 h ago\n"), "{text}");
}

#[test]
fn the_verdict_says_how_many_lines_are_from_an_older_report() {
    let text = plain(&failed_again(), 200);
    assert!(text.contains("selected checks verified, and 5 others are from the report of 3 h ago"), "{text}");
}

#[test]
fn a_partial_go_does_not_claim_that_everything_passed() {
    let mut report = sample::go();
    (report.scope, report.left_out) = (Scope::Selected, vec![report.checks.pop().unwrap().id]);
    " -c a.toml".clone_into(&mut report.flags);
    let text = plain(&report, 80);
    assert!(text.ends_with("Next: To check everything, run: preflight run -c a.toml\n"), "{text}");
}

#[test]
fn a_nightly_go_counts_required_checks_and_the_age_of_the_others() {
    let mut report = failed_again();
    (report.scope, report.decision) = (Scope::Nightly, Decision::Go);
    let text = plain(&report, 200);
    assert!(text.contains("required checks verified, and 5 others are from the report of 3 h ago"), "{text}");
}

#[test]
fn what_was_left_out_is_not_open() {
    let mut report = sample::go();
    report.checks[0].status = Status::Skipped;
    report.left_out = vec![report.checks[0].id.clone()];
    let text = render(&report, Style { quiet: true, ..Style::plain() });
    assert_eq!(text.lines().count(), 1, "{text}");
}

//! What changed from an older report to a newer one, for a terminal.

use std::collections::BTreeSet;

use super::Style;
use super::color::{Color, paint};
use super::outline;
use super::paragraph::wrap;
use super::text::{disarm, shown};
use super::unverified::unverified;
use crate::run::{CheckFinding, Report, SinceLast, Status};

/// What changed in `report` since `old`: what is new with its fix, everything that is unknown, and what is fixed. What is the same
/// is only counted.
#[must_use]
pub fn render(report: &Report, old: &Report, since: &SinceLast, style: Style) -> String {
    let mut page = Page { style, text: String::new() };
    let (before, now) = (outline::verdict(old.decision), outline::verdict(report.decision));
    let was = if before == now { String::new() } else { format!(" (was {before})") };
    let verdict =
        format!("{now}{was}: {}, {} mode, {}", shown(&report.project), report.mode.word(), outline::coverage(report));
    page.line(&verdict, Color::of_decision(report.decision), now);
    page.line(&outline::since_run(since), Color::Dim, "");
    let known = |findings: Vec<CheckFinding<'_>>| findings.iter().map(outline::name).collect::<BTreeSet<String>>();
    let new = |now: Vec<CheckFinding<'_>>, before: &BTreeSet<String>| {
        now.into_iter().map(described).filter(|(name, _)| !before.contains(name)).collect::<Vec<_>>()
    };
    page.items("NEW FAILURES", Status::Fail, new(outline::failures(report), &known(outline::failures(old))));
    let unknown = unverified(report).into_iter().filter(|group| group.status == Status::Unknown);
    let unknown = unknown.map(|group| (outline::listed(&group.checks), vec![shown(&group.reason)]));
    page.items("UNKNOWN", Status::Unknown, unknown.collect());
    page.items("NEW WARNINGS", Status::Warn, new(outline::warnings(report), &known(outline::warnings(old))));
    let bare = |names: &[String]| names.iter().map(|name| (shown(name), Vec::new())).collect::<Vec<_>>();
    page.items("NO LONGER VERIFIED", Status::Unknown, bare(&since.unverified));
    page.items("FIXED", Status::Pass, bare(&since.fixed));
    if page.text.lines().all(|line| !line.is_empty()) {
        page.text.push_str("Nothing changed.\n");
    }
    disarm(&page.text)
}

/// A finding's name, and what is wrong with the fix.
fn described(found: CheckFinding<'_>) -> (String, Vec<String>) {
    let finding = &found.reported.finding;
    let fix = format!("Fix: {}", shown(&finding.fix.summary));
    (outline::name(&found), vec![shown(&finding.message), fix])
}

struct Page {
    style: Style,
    text: String,
}

impl Page {
    /// A paragraph that begins with a word in color.
    fn line(&mut self, text: &str, color: Color, word: &str) {
        let lines = wrap(text, "", "", self.style.width);
        let rest = lines.strip_prefix(word).unwrap_or(&lines);
        self.text.extend([paint(word, color, self.style.color).as_str(), rest]);
    }

    /// A part of the page, unless it is empty.
    fn items(&mut self, heading: &str, status: Status, items: Vec<(String, Vec<String>)>) {
        if items.is_empty() {
            return;
        }
        self.text.extend(["\n", &paint(heading, Color::of_status(status), self.style.color), "\n"]);
        for (name, lines) in items {
            self.text.push_str(&wrap(&name, "- ", "  ", self.style.width));
            for line in lines {
                self.text.push_str(&wrap(&line, "  ", "  ", self.style.width));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::history::PastRun;
    use crate::report::sample;

    fn compared(new: &Report, old: &Report) -> String {
        render(new, old, &PastRun::of(old, None).until(new), Style::plain())
    }

    #[test]
    fn a_new_failure_is_shown_with_its_fix() {
        let text = compared(&sample::no_go(), &sample::go());
        assert!(text.starts_with("NO-GO (was GO): acme, live mode, 3 of 7 required checks verified\n"), "{text}");
        assert!(text.contains("\nSince the run of 2026-11-20 10:12 UTC: 1 new, 0 fixed, 0 the same\n"), "{text}");
        let part =
            "NEW FAILURES\n- stripe/price-mode: other-mode (tier pro)\n  STRIPE_PRICE_ID_PRO is a test-mode price";
        assert!(text.contains(part) && text.contains("\n  Fix: Set the live ID"), "{text}");
        assert!(text.contains("NEW WARNINGS\n- webhook/events: surplus (tier pro)\n"), "{text}");
    }

    #[test]
    fn what_is_the_same_is_not_shown_but_what_is_unknown_is() {
        let text = compared(&sample::no_go(), &sample::no_go());
        assert!(text.contains("0 new, 0 fixed, 1 the same"), "{text}");
        assert!(!text.contains("other-mode") && !text.contains("surplus"), "{text}");
        assert!(text.contains("UNKNOWN\n- webhook/endpoint\n  Stripe refused: the key lacks"), "{text}");
    }

    #[test]
    fn what_is_fixed_is_named() {
        let text = compared(&sample::go(), &sample::no_go());
        assert!(text.ends_with("\nFIXED\n- stripe/price-mode: other-mode (tier pro)\n"), "{text}");
    }

    #[test]
    fn without_a_change_it_says_so() {
        let text = compared(&sample::go(), &sample::go());
        assert!(text.ends_with("0 new, 0 fixed, 0 the same\nNothing changed.\n"), "{text}");
    }

    #[test]
    fn hostile_text_stays_on_its_line() {
        for text in sample::HOSTILE {
            let text = compared(&sample::hostile(text), &sample::go());
            assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "{text:?}");
            assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{text}");
        }
    }
}

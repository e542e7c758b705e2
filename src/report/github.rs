//! The report for GitHub Actions: annotations at the lines of `preflight.toml`, and the page of the step summary.

use super::text::{disarm, shown};
use super::unverified::unverified;
use super::{outline, plain};
use crate::run::{CheckFinding, Decision, Report, WaiverEffect, WaiverReport};

/// GitHub shows ten annotations of a level for each step. The last one is for what has none.
const MOST: usize = 9;

/// The size of a step summary in bytes. GitHub drops one that is larger than a mebibyte.
pub const SUMMARY: usize = 900 * 1024;

/// The level of an annotation, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// One annotation. Its texts are clean, but not yet escaped.
struct Annotation<'r> {
    report: &'r Report,
    level: Level,
    title: String,
    line: usize,
    lines: Vec<String>,
}

/// The verdict and the annotations, worst first. Everything that comes from outside is escaped, so it cannot be a command.
#[must_use]
pub fn render(report: &Report) -> String {
    render_all(std::slice::from_ref(report))
}

/// The same for several deployments, which share the room that a step has: the worst of all come first.
#[must_use]
pub fn render_all(reports: &[Report]) -> String {
    let mut annotations: Vec<Annotation> = reports.iter().flat_map(annotations).collect();
    annotations.sort_by_key(|annotation| annotation.level);
    let (shown_ones, rest) = annotations.split_at(annotations.len().min(MOST));
    let named = |report: &Report, text: &str| match reports {
        [_] => format!("{text}\n"),
        _ => format!("{}, {} mode: {text}\n", shown(&report.project), report.mode.word()),
    };
    let mut text = String::new();
    for report in reports {
        text.push_str(&named(report, &verdict(report)));
    }
    let mut text = disarm(&text);
    for annotation in shown_ones {
        text.push_str(&command(annotation, reports.len() > 1));
    }
    text.extend(roll_up(reports, rest).map(|rest| command(&rest, false)));
    let next = reports.iter().filter(|report| reports.len() == 1 || report.decision != Decision::Go);
    let next: Vec<String> =
        next.map(|report| named(report, &format!("Next: {}", shown(&report.next_action())))).collect();
    text.push_str(&disarm(&next.concat()));
    // The runner also looks for this older form, anywhere in a line.
    text.replace("##[", "## [")
}

/// The verdict, how much it covers, and what it leaves open.
fn verdict(report: &Report) -> String {
    let mut lines: Vec<String> = report.changed.iter().map(|changed| shown(changed)).collect();
    lines.push(format!(
        "{}: {}{}",
        outline::verdict(report.decision),
        outline::coverage(report),
        outline::summary_after(report)
    ));
    lines.extend(outline::not_covered(report).filter(|_| report.decision == Decision::Go));
    lines.extend(report.interruption.map(|why| outline::interruption(why).to_owned()));
    lines.extend(report.left_open.as_deref().map(shown));
    lines.join("\n")
}

/// A markdown report for the page of the step, in at most `room` bytes. What does not fit ends at a heading.
#[must_use]
pub fn summary(page: String, room: usize) -> String {
    if page.len() <= room {
        return page;
    }
    let cut = "\nThe report is too long for this page. The artifacts of the run, if you keep them, have all of it.\n";
    let end = page.floor_char_boundary(room.saturating_sub(cut.len()));
    let end = page[..end].rfind("\n## ").max(page[..end].rfind("\n### ")).unwrap_or(0);
    let page = format!("{}{cut}", &page[..end]);
    if page.len() <= room { page } else { String::new() }
}

/// Everything that deserves one. Of a level, what decides the verdict comes first.
fn annotations(report: &Report) -> Vec<Annotation<'_>> {
    let failures = outline::failures(report);
    let warnings = outline::warnings(report);
    // With --fail-on=warn, warnings alone can make the verdict NO-GO.
    let decides = report.decision == Decision::NoGo && failures.is_empty();
    let of_warnings = if decides { Level::Error } else { Level::Warning };
    // What another finding blocks has that one's annotation.
    let open = unverified(report).into_iter().filter(|group| !group.reason.starts_with("blocked by ")).map(|group| {
        Annotation {
            report,
            level: if group.is_required() { Level::Error } else { Level::Warning },
            title: format!("{}: {}", group.status.word(), outline::listed(&group.checks)),
            line: group.checks.first().map_or(1, |check| check.line),
            lines: vec![shown(&group.reason)],
        }
    });
    let stale = report.waivers.iter().filter(|waiver| waiver.effect != WaiverEffect::Used);
    let of_finding = |level, found: &CheckFinding<'_>| {
        let reported = found.reported;
        let lines = [shown(&reported.finding.message)].into_iter().chain(plain::fix(found)).collect();
        Annotation { report, level, title: outline::name(found), line: reported.line, lines }
    };
    let not_run = report.not_run.as_ref().map(|_| Annotation {
        report,
        level: Level::Error,
        title: "no checks ran".to_owned(),
        line: 1,
        lines: vec![outline::coverage(report), shown(&report.next_action())],
    });
    let mut annotations: Vec<Annotation<'_>> = failures.iter().map(|found| of_finding(Level::Error, found)).collect();
    annotations.extend(not_run);
    annotations.extend(open);
    annotations.extend(warnings.iter().map(|found| of_finding(of_warnings, found)));
    annotations.extend(stale.map(|waiver| of_waiver(report, of_warnings, waiver)));
    annotations.extend(outline::notes(report).iter().map(|found| of_finding(Level::Notice, found)));
    annotations
}

fn of_waiver<'r>(report: &'r Report, level: Level, waiver: &WaiverReport) -> Annotation<'r> {
    let title = format!("waiver for {}", shown(&outline::waived(waiver)));
    Annotation { report, level, title, line: waiver.waiver.line, lines: vec![shown(&outline::effect(waiver))] }
}

/// How many annotations of each level there is no room for.
fn roll_up<'r>(reports: &'r [Report], rest: &[Annotation<'_>]) -> Option<Annotation<'r>> {
    let count = |level: Level| rest.iter().filter(|annotation| annotation.level == level).count();
    let counted = [Level::Error, Level::Warning, Level::Notice].into_iter().filter_map(|level| {
        let (count, word) = (count(level), level.word());
        (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
    });
    let (report, worst) = (reports.first()?, rest.first()?);
    let title = format!("{}: {} more", outline::verdict(report.decision), counted.collect::<Vec<String>>().join(", "));
    let lines = vec!["The step summary has all of them, each with its fix.".to_owned()];
    Some(Annotation { report, level: worst.level, title, line: 1, lines })
}

/// The command that makes the annotation, which names its project if there are several.
fn command(annotation: &Annotation<'_>, has_project: bool) -> String {
    let Annotation { report, level, title, line, lines } = annotation;
    let project = if has_project { format!("{}: ", shown(&report.project)) } else { String::new() };
    format!(
        "::{} title={},file={},line={line}::{}\n",
        level.word(),
        property(&shown(&format!("{project}{title}"))),
        property(&shown(&report.file.to_string_lossy())),
        data(&lines.join("\n"))
    )
}

/// Text after the second `::` of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{markdown, sample};

    fn commands(report: &Report) -> Vec<String> {
        render(report).lines().filter(|line| line.starts_with("::")).map(str::to_owned).collect()
    }

    #[test]
    fn a_failure_is_an_error_at_its_line_with_its_fix() {
        assert_eq!(
            commands(&sample::no_go())[0],
            "::error title=stripe/price-mode%3A other-mode (tier pro),file=preflight.toml,line=12::STRIPE_PRICE_ID_PRO is a \
             test-mode price, but STRIPE_SECRET_KEY is a live key.%0AFix: Set the live ID price_1Qlive000000000 (on product Pro \
             Plan).%0A$ wrangler secret put STRIPE_PRICE_ID_PRO%0Ahttps://dashboard.stripe.com/products/prod_live00000000%0A\
             Verify: preflight run --only stripe/price-mode"
        );
    }

    #[test]
    fn the_worst_comes_first() {
        let mut report = sample::no_go();
        report.checks[0].notes.push(sample::note());
        let words: Vec<String> =
            commands(&report).iter().map(|line| line[2..].split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(words, ["error", "error", "warning", "warning", "warning", "notice"]);
    }

    #[test]
    fn what_has_no_room_is_counted_in_a_tenth_annotation() {
        let mut report = sample::no_go();
        report.checks[2].findings = (0..12).map(|_| sample::other_mode()).collect();
        let commands = commands(&report);
        assert_eq!(commands.len(), 10);
        let last = "::error title=NO-GO%3A 4 errors%2C 3 warnings more,file=preflight.toml,line=1::";
        assert!(commands[9].starts_with(last), "{}", commands[9]);
    }

    #[test]
    fn several_deployments_share_the_room_and_each_annotation_names_its_project() {
        let mut other = sample::no_go();
        other.project = "beta".to_owned();
        other.file = "deployments/beta.toml".into();
        let mut go = sample::go();
        go.project = "gamma".to_owned();
        let text = render_all(&[sample::no_go(), other, sample::not_run(), go]);
        let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("::")).collect();
        assert_eq!(commands.len(), 10, "{text}");
        assert!(commands[0].starts_with("::error title=acme%3A stripe/price-mode%3A other-mode"), "{text}");
        let of_beta =
            "::error title=beta%3A stripe/price-mode%3A other-mode (tier pro),file=deployments/beta.toml,line=12";
        assert!(commands.iter().any(|command| command.starts_with(of_beta)), "{text}");
        let not_run =
            "::error title=deployments/east.toml%3A no checks ran,file=deployments/east.toml,line=1::no checks ran, ";
        assert!(commands.iter().any(|command| command.starts_with(not_run)), "{text}");
        assert!(commands.iter().take(5).all(|command| command.starts_with("::error")), "{text}");
        assert!(text.contains("\ngamma, live mode: GO: 4 of 4 required checks verified"), "{text}");
        assert!(text.contains("\nbeta, live mode: Next: ") && !text.contains("gamma, live mode: Next: "), "{text}");
    }

    #[test]
    fn a_go_without_findings_has_no_annotation() {
        let text = render(&sample::go());
        assert!(
            text.starts_with("GO: 4 of 4 required checks verified") && commands(&sample::go()).is_empty(),
            "{text}"
        );
    }

    #[test]
    fn a_warning_that_decides_the_verdict_is_an_error() {
        let mut report = sample::no_go();
        report.checks.retain(|check| check.id.as_str() == "webhook/events");
        report.waivers.clear();
        assert!(commands(&report)[0].starts_with("::error title=webhook/events%3A surplus"));
    }

    #[test]
    fn hostile_text_cannot_start_a_command() {
        let ours = ["::error title=", "::warning title=", "::notice title="];
        for text in sample::HOSTILE.into_iter().chain(["a%0A::error::b", "::add-mask::x", "##[error]x", "x,line=9::y"])
        {
            let rendered = render(&sample::hostile(text));
            for line in rendered.lines().filter(|line| line.trim_start().starts_with("::")) {
                assert!(ours.iter().any(|start| line.starts_with(start)), "{line}");
                let properties = line[2..].split("::").next().unwrap();
                assert_eq!(properties.matches(',').count(), 2, "{line}");
            }
            assert!(
                !rendered.contains("##[") && !rendered.contains('\u{1b}') && !rendered.contains('\r'),
                "{rendered}"
            );
            assert!(!rendered.lines().any(|line| line.starts_with("::add-mask")), "{rendered}");
        }
    }

    #[test]
    fn a_step_summary_that_is_too_long_ends_at_a_heading_and_says_so() {
        let whole = markdown::render(&sample::no_go());
        assert_eq!(summary(whole.clone(), SUMMARY), whole);
        let cut = summary(whole.clone(), whole.len() - 100);
        assert!(cut.len() <= whole.len() - 100 && cut.contains("too long for this page"), "{cut}");
        assert!(whole.starts_with(cut.split("\nThe report is too long").next().unwrap()));
        assert_eq!(summary(whole, 10), "");
    }
}

//! A trace for people.

use preflight::change::Fix;
use preflight::config::Config;
use preflight::report::color::{Color, paint};
use preflight::report::paragraph::wrap;
use preflight::report::text::{code_line, shown};
use preflight::trace::{Happening, Sighting, State, Step, Trace, Verdict};

use crate::cli::terminal::Terminal;

/// Prose is hard to read on longer lines.
const PROSE: usize = 100;
/// Where the link's name starts, after the state.
const LINK: usize = 9;
/// Where the text starts, after the link's name.
const TEXT: usize = 23;

/// The timeline, then where it ends, then how to fix it.
pub fn render(trace: &Trace, asked: &str, config: &Config, terminal: Terminal) -> String {
    let width = terminal.width.min(PROSE);
    let (project, mode) = (shown(&config.project.name), config.project.mode.word());
    let requests = format!("{} request{}", trace.requests, if trace.requests == 1 { "" } else { "s" });
    let mut text = wrap(&format!("{} ({project}, {mode} mode, {requests}, times in UTC)", shown(asked)), "", "", width);
    for steps in trace.steps.chunk_by(|left, right| left.link.system() == right.link.system()) {
        let system = steps.first().map_or("", |step| step.link.system());
        text.push_str(&format!("\n{}\n", terminal.strong(&capitalized(system))));
        let mut last = None;
        for step in steps {
            text.push_str(&row(step, last == Some(step.link), width, terminal));
            last = Some(step.link);
        }
    }
    text.push('\n');
    text.push_str(&end(trace, width, terminal));
    text
}

/// What was seen while waiting: how long after the purchase, what, and where.
pub fn sighting(sighting: &Sighting, terminal: Terminal) -> String {
    let (word, color) = match sighting.happening {
        Happening::Bought => ("bought", Color::Bold),
        Happening::Reached => ("reached", Color::Success),
        Happening::Late => ("late", Color::Failure),
        Happening::Warning => ("warning", Color::Warning),
        Happening::Another => ("another", Color::Dim),
        Happening::Unknown => ("unknown", Color::Warning),
    };
    let first = format!("{word:<LINK$}{:<width$}", sighting.link.word(), width = TEXT - LINK);
    let text = format!("+{} s  {}", sighting.after.as_secs(), shown(&sighting.words));
    let lines = wrap(&text, &first, &" ".repeat(TEXT), terminal.width.min(PROSE));
    let rest = lines.strip_prefix(word).unwrap_or_default().to_owned();
    paint(word, color, terminal.stdout_color) + &rest
}

fn row(step: &Step, is_repeated: bool, width: usize, terminal: Terminal) -> String {
    let (word, color) = match step.state {
        State::Ok => ("ok", Color::Success),
        State::Note => ("note", Color::Warning),
        State::Broken => ("broken", Color::Failure),
        State::Unknown => ("unknown", Color::Warning),
    };
    let link = if is_repeated { "" } else { step.link.word() };
    let at = step.at.map(|at| format!("{} ", at.strftime("%Y-%m-%d %H:%M"))).unwrap_or_default();
    let first = format!("{word:<LINK$}{link:<width$}", width = TEXT - LINK);
    let lines = wrap(&format!("{at}{}", shown(&step.words)), &first, &" ".repeat(TEXT), width);
    let rest = lines.strip_prefix(word).unwrap_or_default().to_owned();
    paint(word, color, terminal.stdout_color) + &rest
}

/// The broken link of a purchase that is late, and how to fix it.
pub fn broken(trace: &Trace, message: &str, terminal: Terminal) -> String {
    let width = terminal.width.min(PROSE);
    wrap(&shown(message), "", "", width) + &end(trace, width, terminal)
}

fn end(trace: &Trace, width: usize, terminal: Terminal) -> String {
    let (word, color, words) = match &trace.verdict {
        Verdict::Served(words) => ("SERVED", Color::Success, words.clone()),
        Verdict::NoTier(_, words) => ("NO TIER IS DUE", Color::Success, words.clone()),
        Verdict::Unknown(why) => ("COULD NOT TELL", Color::Warning, why.clone()),
        Verdict::Broken(broken) => {
            ("BROKEN", Color::Failure, format!("{} ({})", broken.link.word(), broken.link.system()))
        }
    };
    let lines = wrap(&format!("{word}: {}", shown(&words)), "", "", width);
    let mut text = paint(word, color, terminal.stdout_color) + lines.strip_prefix(word).unwrap_or_default();
    if let Verdict::Broken(broken) = &trace.verdict {
        text.push_str(&wrap(&format!("Fix: {}", shown(&broken.fix.summary)), "", "", width));
        text.push_str(&steps(&broken.fix));
        let rest: Vec<&str> = trace.not_checked().map(preflight::trace::Link::word).collect();
        if !rest.is_empty() {
            text.push_str(&wrap(&format!("Not checked: {}.", rest.join(", ")), "", "", width));
        }
    }
    text
}

/// What to type, copy or open, each in one piece even if it is wider than the line.
fn steps(fix: &Fix) -> String {
    let code = fix.code_lines().into_iter().map(|line| format!("    {}\n", code_line(&line)));
    let commands = fix.commands().into_iter().map(|command| format!("  $ {}\n", shown(&command)));
    let links = fix.links().into_iter().map(|link| format!("  {}\n", shown(&link)));
    code.chain(commands).chain(links).collect()
}

fn capitalized(system: &str) -> String {
    system.strip_prefix("the ").map_or_else(|| system.to_owned(), |rest| format!("The {rest}"))
}

#[cfg(test)]
mod tests {
    use preflight::change::Fix;
    use preflight::sandbox::{Options, Sandbox};
    use preflight::trace::{Break, Link};

    use super::*;

    const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}pro\r\n\u{9b}31mFAKE: served \u{0}";

    async fn rendered(width: usize) -> String {
        let sandbox = Sandbox::start(&[], Options::default()).await.unwrap();
        let config = sandbox.config(None).unwrap();
        let step = Step { link: Link::Metadata, state: State::Broken, at: None, words: HOSTILE.to_owned() };
        let fix = Fix::new(HOSTILE).command(HOSTILE).code(HOSTILE).link(HOSTILE);
        let broken = Break { link: Link::Metadata, message: HOSTILE.to_owned(), fix };
        let trace = Trace { steps: vec![step], verdict: Verdict::Broken(broken), requests: 1 };
        let terminal = Terminal { stdout_color: false, stderr_color: false, live: false, width };
        let sighting = Sighting {
            happening: Happening::Late,
            link: Link::User,
            after: std::time::Duration::from_secs(61),
            purchase: None,
            words: HOSTILE.to_owned(),
        };
        let json = crate::cli::trace::json::render(&trace, HOSTILE, &config);
        let line = crate::cli::trace::json::sighting(&sighting);
        render(&trace, HOSTILE, &config, terminal)
            + &super::broken(&trace, HOSTILE, terminal)
            + &super::sighting(&sighting, terminal)
            + &json
            + &line
    }

    #[tokio::test]
    async fn hostile_text_cannot_reach_the_terminal_or_look_like_a_line() {
        for width in [60, 80] {
            let text = rendered(width).await;
            let unsafe_text =
                |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
            assert!(!text.contains(unsafe_text), "{text:?}");
            assert!(!text.lines().any(|line| line.starts_with("FAKE")), "{text}");
        }
    }
}

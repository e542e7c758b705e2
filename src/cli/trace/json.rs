//! A trace for programs.

use preflight::change::Actor;
use preflight::config::{Config, Mode};
use preflight::report::text::clean;
use preflight::trace::{Happening, Link, Sighting, State, Trace, Verdict};
use serde::Serialize;

/// The version of the shape. It changes when a field is removed or changes its meaning, not when one is added.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document {
    schema_version: u32,
    project: String,
    mode: Mode,
    asked: String,
    verdict: &'static str,
    exit_code: u8,
    message: String,
    /// The link at which a path ends that rightly leads to no tier.
    ends_at: Option<Link>,
    links: Vec<LinkItem>,
    not_checked: Vec<Link>,
    broken: Option<Broken>,
    requests: usize,
}

#[derive(Serialize)]
struct LinkItem {
    link: Link,
    system: &'static str,
    state: State,
    at: Option<String>,
    seen: String,
}

#[derive(Serialize)]
struct Broken {
    link: Link,
    message: String,
    who: Actor,
    fix: String,
    lines: Vec<String>,
    commands: Vec<String>,
    links: Vec<String>,
}

#[derive(Serialize)]
struct SightingLine {
    happening: Happening,
    link: Link,
    system: &'static str,
    after_ms: u64,
    seen: String,
}

/// The trace as one JSON document and a line end.
pub fn render(trace: &Trace, asked: &str, config: &Config) -> String {
    // Serializing strings and numbers cannot fail, and every reader would notice an empty document.
    let mut text = serde_json::to_string_pretty(&document(trace, asked, config)).unwrap_or_default();
    text.push('\n');
    text
}

/// The same on one line, after the lines of what was seen while waiting.
pub fn line(trace: &Trace, asked: &str, config: &Config) -> String {
    format!("{}\n", serde_json::to_string(&document(trace, asked, config)).unwrap_or_default())
}

/// What was seen while waiting, on one line.
pub fn sighting(sighting: &Sighting) -> String {
    let line = SightingLine {
        happening: sighting.happening,
        link: sighting.link,
        system: sighting.link.system(),
        after_ms: u64::try_from(sighting.after.as_millis()).unwrap_or(u64::MAX),
        seen: clean(&sighting.words),
    };
    format!("{}\n", serde_json::to_string(&line).unwrap_or_default())
}

fn document(trace: &Trace, asked: &str, config: &Config) -> Document {
    let all = |texts: Vec<String>| texts.iter().map(|text| clean(text)).collect();
    let (verdict, message, broken) = match &trace.verdict {
        Verdict::Served(words) => ("served", words, None),
        Verdict::NoTier(_, words) => ("no-tier", words, None),
        Verdict::Unknown(why) => ("unknown", why, None),
        Verdict::Broken(broken) => {
            let (fix, message) = (&broken.fix, &broken.message);
            let broken = Broken {
                link: broken.link,
                message: clean(&broken.message),
                who: fix.actor(),
                fix: clean(&fix.summary),
                lines: all(fix.code_lines()),
                commands: all(fix.commands()),
                links: all(fix.links()),
            };
            ("broken", message, Some(broken))
        }
    };
    Document {
        schema_version: SCHEMA_VERSION,
        project: clean(&config.project.name),
        mode: config.project.mode,
        asked: clean(asked),
        verdict,
        exit_code: trace.verdict.exit_code(),
        message: clean(message),
        ends_at: if let Verdict::NoTier(link, _) = trace.verdict { Some(link) } else { None },
        links: trace
            .steps
            .iter()
            .map(|step| LinkItem {
                link: step.link,
                system: step.link.system(),
                state: step.state,
                at: step.at.map(|at| at.to_string()),
                seen: clean(&step.words),
            })
            .collect(),
        not_checked: trace.not_checked().collect(),
        broken,
        requests: trace.requests,
    }
}

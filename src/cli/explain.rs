//! `preflight explain`.

use std::fmt::Write;

use clap::Args;
use preflight::check::{Check, Need};
use preflight::checks;
use preflight::finding::Code;
use preflight::run::UnknownName;

use super::described;
use super::documentation;
use super::exit::{self, CliError};
use super::terminal::{self, Terminal};
use super::values::TextFormat;

/// Explain a check: why it matters, how it works, and how to fix what it finds.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A check (`stripe/price-mode`), a group (`stripe`) or a finding (`stripe/price-mode: other-mode`)
    #[arg(value_name = "CHECK", required = true, num_args = 1..)]
    name: Vec<String>,
    /// Output format: table or json
    #[arg(long, value_enum, default_value = "table", hide_possible_values = true)]
    format: TextFormat,
}

/// Prints the documentation.
pub fn execute(args: &ExplainArgs, terminal: Terminal) -> Result<u8, CliError> {
    // Copied from a report, `stripe/price-mode: other-mode` is two shell words.
    let name = args.name.join(" ");
    let all: Vec<Check> =
        checks::documented().into_iter().chain(checks::REHEARSAL.iter().chain(checks::BILLING).cloned()).collect();
    let text = match args.format {
        TextFormat::Table => text(&all, &name, terminal)?,
        TextFormat::Json => described::json(found(&all, named(&name).0)?, true)?,
    };
    terminal::print(&text)?;
    Ok(exit::GO)
}

fn text(checks: &[Check], name: &str, terminal: Terminal) -> Result<String, CliError> {
    let (name, code) = named(name);
    match (found(checks, name)?.as_slice(), code) {
        ([check], Some(code)) if check.is_called(name) => finding(check, code, terminal),
        (_, Some(_)) => Err(CliError::Usage(format!("`{name}` is a group, but findings belong to checks"))),
        (found, None) => Ok(found.iter().map(|check| whole(check, terminal)).collect::<Vec<String>>().join("\n\n")),
    }
}

/// The name of a check or a group, and the code of a finding.
fn named(name: &str) -> (&str, Option<&str>) {
    match name.split_once(':') {
        Some((name, code)) => (name.trim(), Some(code.trim()).filter(|code| !code.is_empty())),
        None => (name.trim(), None),
    }
}

/// The check with this name, or those of the group; at least one.
fn found<'c>(checks: &'c [Check], name: &str) -> Result<Vec<&'c Check>, CliError> {
    // An exact ID wins over a kind such as `probe/<name>`.
    let exact = checks
        .iter()
        .find(|check| check.id.as_str() == name)
        .or_else(|| checks.iter().find(|check| check.is_called(name)));
    let found: Vec<&Check> = match exact {
        Some(check) => vec![check],
        None => checks.iter().filter(|check| check.id.group() == name).collect(),
    };
    if found.is_empty() { Err(UnknownName::new(checks, name).into()) } else { Ok(found) }
}

/// The documentation of a check.
fn whole(check: &Check, terminal: Terminal) -> String {
    let mut text = head(check, terminal);
    for heading in ["Why it matters", "How it is verified", "Findings", "How to fix it"] {
        let body = match heading {
            "Findings" => check.codes.iter().map(|code| described(*code)).collect::<Vec<_>>().join("\n"),
            _ => check.section(heading).unwrap_or_default(),
        };
        if !body.is_empty() {
            text.push('\n');
            text.push_str(&documentation::render(&format!("## {heading}\n{body}"), terminal));
        }
    }
    text
}

/// The documentation of one finding.
fn finding(check: &Check, code: &str, terminal: Terminal) -> Result<String, CliError> {
    let Some(code) = check.code(code) else {
        let known = check.codes.iter().map(|code| code.name()).collect::<Vec<_>>().join(", ");
        return Err(CliError::Usage(format!("{} has no finding `{code}`. Its findings: {known}", check.id)));
    };
    let mut text = head(check, terminal);
    text.push('\n');
    text.push_str(&documentation::render(&described(code), terminal));
    if let Some(fix) = check.section("How to fix it") {
        text.push('\n');
        text.push_str(&documentation::render(&format!("## How to fix it\n{fix}"), terminal));
    }
    Ok(text)
}

fn described(code: Code) -> String {
    format!("- `{}`{}: {}", code.name(), code.severity().suffix(), code.meaning())
}

fn head(check: &Check, terminal: Terminal) -> String {
    let mut text = format!("{}\n", terminal.strong(check.id.as_str()));
    text.push_str(&documentation::render(&format!("{}.", check.title()), terminal));
    let need = match check.need {
        Need::Required => "Required: the verdict is GO only if this check passes.".to_owned(),
        Need::Configured(what) => format!("Applies if configured: {what}."),
    };
    text.push_str(&documentation::render(&need, terminal));
    if !check.sends.is_empty() {
        let _ = write!(
            text,
            "{}",
            documentation::render(&format!("Sends, in addition to reads: {}.", check.sends), terminal)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use preflight::check::CheckId;

    use super::*;

    const TERMINAL: Terminal = Terminal { stdout_color: false, stderr_color: false, live: false, width: 80 };

    preflight::codes! {
        /// The price is in the other mode.
        OTHER_MODE: Failure,
        /// There is no such price.
        NOT_FOUND: Failure,
    }

    fn checks() -> Vec<Check> {
        let mut check = checks::ALL[0].clone();
        check.id = CheckId::new("stripe/price-mode");
        check.need = Need::Required;
        check.sends = "".into();
        check.documentation =
            " Every price exists.\n\n ## Why it matters\n No price, no money.\n\n ## How it is verified\n \
             It is asked for.\n\n ## How to fix it\n Copy the ID.\n"
                .into();
        check.codes = CODES;
        vec![check]
    }

    fn explained(name: &str) -> String {
        text(&checks(), name, TERMINAL).unwrap_or_else(|failure| failure.message(TERMINAL))
    }

    #[test]
    fn a_check_is_explained_in_full() {
        let text = explained("stripe/price-mode");
        for part in ["Every price exists.", "WHY IT MATTERS", "HOW IT IS VERIFIED", "other-mode", "HOW TO FIX IT"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_group_is_explained_check_by_check() {
        assert!(explained("stripe").contains("Copy the ID."));
    }

    #[test]
    fn a_finding_is_explained_with_its_fix() {
        let text = explained("stripe/price-mode: other-mode");
        assert!(text.contains("is in the other mode") && text.contains("Copy the ID."), "{text}");
        assert!(!text.contains("not-found") && !text.contains("No price, no money"), "{text}");
    }

    #[test]
    fn an_unknown_name_suggests_the_closest() {
        assert!(explained("stripes").contains("did you mean `stripe`?"));
        assert!(explained("qqq").contains("to list them, run `preflight list`"));
    }

    #[test]
    fn an_unknown_finding_lists_the_existing_ones() {
        assert!(explained("stripe/price-mode: x").contains("has no finding `x`. Its findings: other-mode, not-found"));
    }
}

//! `preflight list`.

use clap::Args;
use preflight::check::{Check, Need};
use preflight::checks;
use preflight::report::paragraph::wrap;

use super::described;
use super::exit::{self, CliError};
use super::terminal::{self, Terminal};
use super::values::TextFormat;

/// List every check with what it needs and sends.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Output format: table or json
    #[arg(long, value_enum, default_value = "table", hide_possible_values = true)]
    format: TextFormat,
}

/// Prints every check.
pub fn execute(args: &ListArgs, terminal: Terminal) -> Result<u8, CliError> {
    if args.format == TextFormat::Json {
        let rehearsals = checks::REHEARSAL.iter().chain(checks::BILLING);
        terminal::print(&described::json(checks::documented().iter().chain(rehearsals), false)?)?;
        return Ok(exit::GO);
    }
    terminal::print(&text(&checks::documented(), terminal))?;
    for (depth, checks) in [("--events", checks::REHEARSAL), ("--live and --guided", checks::BILLING)] {
        let title = terminal.strong(&format!("Only in `preflight rehearse` {depth}"));
        terminal::print(&format!("\n{title}\n\n{}", text(checks, terminal)))?;
    }
    Ok(exit::GO)
}

fn text(checks: &[Check], terminal: Terminal) -> String {
    let mut text = String::new();
    for group in checks.chunk_by(|left, right| left.id.group() == right.id.group()) {
        if !text.is_empty() {
            text.push('\n');
        }
        for check in group {
            text.push_str(&entry(check, terminal));
        }
    }
    text
}

fn entry(check: &Check, terminal: Terminal) -> String {
    let need = match check.need {
        Need::Required => "required".to_owned(),
        Need::Configured(what) => format!("needs: {what}"),
    };
    let width = terminal.width.min(100);
    let mut text = wrap(&format!("{} ({need})", terminal.strong(check.id.as_str())), "", "    ", width);
    text.push_str(&wrap(check.title(), "    ", "    ", width));
    if !check.sends.is_empty() {
        text.push_str(&wrap(&format!("sends: {}", check.sends), "    ", "    ", width));
    }
    text
}

#[cfg(test)]
mod tests {
    use preflight::check::CheckId;

    use super::*;

    #[test]
    fn a_check_is_listed_with_what_it_needs_and_sends() {
        let terminal = Terminal { stdout_color: false, stderr_color: false, live: false, width: 80 };
        let mut check = checks::ALL[0].clone();
        check.id = CheckId::new("group/name");
        check.need = Need::Configured("frontend");
        check.sends = "1 event".into();
        check.documentation = " The title.\n".into();
        assert_eq!(entry(&check, terminal), "group/name (needs: frontend)\n    The title\n    sends: 1 event\n");
    }
}

//! A question to the person at the terminal.

use std::io::{self, IsTerminal, Write};

use preflight::run::Interruption;

use super::exit::CliError;
use super::signals::{self, Signals};
use super::terminal::note;

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// No, or no terminal to ask on.
    No,
    /// A signal.
    Interrupted(Interruption),
}

impl Answer {
    /// The exit status, if a signal was the answer.
    pub const fn status(self) -> Option<u8> {
        match self {
            Self::Interrupted(interruption) => Some(signals::status(interruption)),
            Self::Yes | Self::No => None,
        }
    }
}

/// Asks on a terminal, unless `--yes` is the answer. Elsewhere the answer is no.
pub async fn agreed(yes: bool, question: &str, signals: &mut Signals) -> Result<Answer, CliError> {
    if yes {
        return Ok(Answer::Yes);
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        note("Standard input is not a terminal. To go on without the question, use --yes.");
        return Ok(Answer::No);
    }
    Ok(match reply(&format!("{question} [y/N] "), signals).await? {
        Reply::Interrupted(interruption) => Answer::Interrupted(interruption),
        Reply::Text(text) if matches!(text.as_str(), "y" | "Y" | "yes") => Answer::Yes,
        Reply::Text(_) => Answer::No,
    })
}

/// The reply to a question for a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// What was typed, without white space around it. Empty at the end of the input.
    Text(String),
    /// A signal.
    Interrupted(Interruption),
}

/// Asks for a text on a terminal.
pub async fn reply(prompt: &str, signals: &mut Signals) -> Result<Reply, CliError> {
    let asked = write!(io::stderr(), "\n{prompt}").and_then(|()| io::stderr().flush());
    asked.map_err(|error| CliError::Defect(format!("could not ask: {error}")))?;
    let typed = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    tokio::select! {
        interruption = signals.first() => {
            let _ = writeln!(io::stderr());
            Ok(Reply::Interrupted(interruption))
        }
        typed = typed => {
            let line = typed.map(Result::unwrap_or_default).unwrap_or_default();
            Ok(Reply::Text(line.trim().to_owned()))
        }
    }
}

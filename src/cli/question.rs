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
    let asked = write!(io::stderr(), "\n{question} [y/N] ").and_then(|()| io::stderr().flush());
    asked.map_err(|error| CliError::Defect(format!("could not ask: {error}")))?;
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).map(|_| answer)
    });
    tokio::select! {
        interruption = signals.first() => {
            let _ = writeln!(io::stderr());
            Ok(Answer::Interrupted(interruption))
        }
        answer = answer => {
            let is_yes = answer.is_ok_and(|answer| answer.is_ok_and(|answer| matches!(answer.trim(), "y" | "Y" | "yes")));
            Ok(if is_yes { Answer::Yes } else { Answer::No })
        }
    }
}

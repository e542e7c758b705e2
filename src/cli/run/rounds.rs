//! The rounds of `preflight run --watch`: what to ask in each, and what it says.

use std::collections::BTreeMap;

use preflight::check::Check;
use preflight::run::{CheckReport, Interruption, Report, Scope, Status};

use super::since::became;
use crate::cli::exit::{self, CliError};
use crate::cli::signals;

/// How many checks with the same word are named; more are counted.
const NAMED: usize = 4;

/// What ends a wait between two rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The interval is over.
    Due,
    /// Enter was pressed: what sends something may be repeated, too.
    Pressed,
    /// A signal.
    Stopped(Interruption),
}

/// The checks that do not pass yet.
#[derive(Debug)]
pub struct Rounds {
    checks: BTreeMap<String, Watched>,
    is_partial: bool,
    fails_on_warning: bool,
    /// Whether Enter can be pressed.
    pub has_enter: bool,
}

#[derive(Debug)]
struct Watched {
    status: Status,
    /// Whether it stands in the way of a GO.
    is_open: bool,
    /// Whether it waits for Enter, because it sends something.
    is_held: bool,
}

impl Rounds {
    /// What the rounds after a first report must ask. `checks` are those of its configuration.
    pub fn after(report: &Report, checks: &[Check], fails_on_warning: bool, has_enter: bool) -> Self {
        let is_partial = report.scope == Scope::Selected;
        let mut rounds = Self { checks: BTreeMap::new(), is_partial, fails_on_warning, has_enter };
        report.ran().for_each(|check| rounds.note(check));
        for check in checks.iter().filter(|check| !check.sends.is_empty()) {
            rounds.hold(check.id.as_str());
        }
        rounds
    }

    fn note(&mut self, check: &CheckReport) {
        let status = check.status;
        let is_open = match status {
            Status::Fail => true,
            Status::Unknown | Status::Skipped => self.is_partial || check.required,
            Status::Warn => self.fails_on_warning,
            _ => false,
        };
        let is_held = self.checks.get(check.id.as_str()).is_some_and(|known| known.is_held);
        self.checks.insert(check.id.to_string(), Watched { status, is_open, is_held });
    }

    fn hold(&mut self, id: &str) {
        if let Some(check) = self.checks.get_mut(id) {
            check.is_held = true;
        }
    }

    /// What a round asks. What sends something is repeated only on Enter.
    pub fn next(&self, is_pressed: bool) -> Vec<String> {
        let open = self.checks.iter().filter(|(_, check)| check.is_open && (is_pressed || !check.is_held));
        open.map(|(id, _)| id.clone()).collect()
    }

    /// What waits for Enter.
    pub fn held(&self) -> Vec<String> {
        let held = self.checks.iter().filter(|(_, check)| check.is_open && check.is_held);
        held.map(|(id, _)| id.clone()).collect()
    }

    /// Whether no round could change anything: what can be repeated passes.
    pub fn are_over(&self) -> bool {
        self.next(self.has_enter).is_empty()
    }

    /// Takes the result of a round, and says in one line what became of each check.
    fn take(&mut self, report: &Report, asked: &[String], is_pressed: bool) -> String {
        let mut words: Vec<(&str, Vec<&str>)> = Vec::new();
        // The configuration may have changed.
        let is_there = |id: &&String| report.ran().any(|check| check.id.as_str() == id.as_str());
        let removed: Vec<&str> = asked.iter().filter(|id| !is_there(id)).map(String::as_str).collect();
        self.checks.retain(|id, _| !removed.contains(&id.as_str()));
        if !removed.is_empty() {
            words.push(("REMOVED", removed));
        }
        for check in report.ran() {
            let id = check.id.as_str();
            if !is_pressed && is_stopped(check) {
                self.hold(id);
                continue;
            }
            if let Some(word) = self.checks.get(id).and_then(|before| became(before.status, check.status)) {
                match words.iter_mut().find(|(known, _)| *known == word) {
                    Some((_, ids)) => ids.push(id),
                    None => words.push((word, vec![id])),
                }
            }
            self.note(check);
        }
        words.into_iter().map(|(word, ids)| format!("{word} {}", named(&ids))).collect::<Vec<String>>().join("; ")
    }
}

/// The names of a few checks, or how many there are.
pub fn named<S: AsRef<str>>(ids: &[S]) -> String {
    if ids.len() > NAMED {
        return format!("{} checks", ids.len());
    }
    ids.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ")
}

/// Whether it could not be verified because nothing may be sent: it waits for Enter, and keeps its status until then.
fn is_stopped(check: &CheckReport) -> bool {
    check.status != Status::Fail && check.reasons.iter().any(|reason| reason.ends_with("excluded by --no-probe"))
}

/// What carries the rounds out.
pub trait Watcher {
    /// Waits for the next round.
    async fn wait(&mut self, rounds: &Rounds) -> Moment;

    /// Asks these checks in a new world. Only after Enter may anything be sent.
    async fn ask(&mut self, ids: Vec<String>, is_pressed: bool) -> Result<Report, CliError>;

    /// Says what a round found, or why it could not run.
    fn say(&mut self, said: &Result<String, CliError>) -> Result<(), CliError>;
}

/// Asks round after round until what can be repeated passes. Returns the exit status if something ended it before.
///
/// # Errors
/// If a round cannot run. A configuration that is being edited may be invalid for a while, which does not end it.
pub async fn repeat(rounds: &mut Rounds, watcher: &mut impl Watcher) -> Result<Option<u8>, CliError> {
    let mut last = String::new();
    while !rounds.are_over() {
        let is_pressed = match watcher.wait(rounds).await {
            Moment::Stopped(interruption) => return Ok(Some(signals::status(interruption))),
            moment => moment == Moment::Pressed,
        };
        let asked = rounds.next(is_pressed);
        let said = match watcher.ask(asked.clone(), is_pressed).await {
            Ok(report) if report.interruption.is_some() => return Ok(Some(report.exit_code())),
            Ok(report) => Ok(rounds.take(&report, &asked, is_pressed)),
            Err(error) if error.status() == exit::CONFIGURATION => Err(error),
            Err(error) => return Err(error),
        };
        // What has not changed needs no other line.
        let text = said.as_ref().map_or_else(ToString::to_string, Clone::clone);
        if text != last && !text.is_empty() {
            watcher.say(&said)?;
            last = text;
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use preflight::checks;

    use super::*;
    use crate::cli::run::since::tests::report;

    /// Rounds against scenarios of the sandbox, one after the other, each at its moment. Then Ctrl-C is pressed.
    #[derive(Default)]
    struct Script {
        rounds: Vec<(Moment, &'static str)>,
        next: &'static str,
        asked: Vec<String>,
        said: Vec<String>,
    }

    impl Watcher for Script {
        async fn wait(&mut self, _: &Rounds) -> Moment {
            if self.rounds.is_empty() {
                return Moment::Stopped(Interruption::Interrupt);
            }
            let (moment, scenario) = self.rounds.remove(0);
            self.next = scenario;
            moment
        }

        async fn ask(&mut self, ids: Vec<String>, _: bool) -> Result<Report, CliError> {
            if self.next == INVALID {
                return Err(CliError::Unconfigured("not valid TOML".to_owned()));
            }
            self.asked.push(ids.join(" "));
            Ok(report(self.next, &ids.iter().map(String::as_str).collect::<Vec<&str>>()).await)
        }

        fn say(&mut self, said: &Result<String, CliError>) -> Result<(), CliError> {
            self.said.push(said.as_ref().map_or_else(ToString::to_string, Clone::clone));
            Ok(())
        }
    }

    /// What was asked and said after a first report, and what ended it.
    async fn watched(first: &str, has_enter: bool, rounds: &[(Moment, &'static str)]) -> (Script, Option<u8>) {
        let first = report(first, &[]).await;
        let mut script = Script { rounds: rounds.to_vec(), ..Script::default() };
        let ended = repeat(&mut Rounds::after(&first, checks::ALL, false, has_enter), &mut script).await;
        (script, ended.unwrap())
    }

    const BROKEN: &str = "metadata-case";
    /// The configuration is being edited.
    const INVALID: &str = "invalid";
    const SENDING: &str = "worker-accepts-stale";

    #[tokio::test]
    async fn what_does_not_pass_is_asked_again_until_it_does() {
        let rounds = [BROKEN, BROKEN, "healthy"].map(|scenario| (Moment::Due, scenario));
        let (script, ended) = watched(BROKEN, false, &rounds).await;
        assert_eq!(script.asked, ["stripe/product-metadata"; 3]);
        assert_eq!(script.said, ["STILL FAILING stripe/product-metadata", "FIXED stripe/product-metadata"]);
        assert_eq!(ended, None);
    }

    #[tokio::test]
    async fn what_sends_something_waits_for_enter() {
        let rounds = [(Moment::Due, SENDING), (Moment::Pressed, "healthy")];
        let (script, ended) = watched(&format!("{BROKEN},{SENDING}"), true, &rounds).await;
        assert_eq!(script.asked, ["stripe/product-metadata", "webhook/rejects-forged"]);
        assert_eq!(ended, None);
    }

    #[tokio::test]
    async fn without_enter_what_sends_something_is_not_repeated() {
        let (script, ended) = watched(SENDING, false, &[]).await;
        assert_eq!((script.asked.len(), ended), (0, None));
    }

    #[tokio::test]
    async fn a_check_that_would_have_to_send_something_keeps_its_status_and_waits_too() {
        let failed = report(BROKEN, &[]).await;
        let mut rounds = Rounds::after(&failed, checks::ALL, false, true);
        let (id, mut stopped) = ("stripe/product-metadata", failed);
        let check = stopped.checks.iter_mut().find(|check| check.id.as_str() == id).unwrap();
        (check.status, check.reasons) = (Status::Skipped, vec!["excluded by --no-probe".to_owned()]);
        assert!(rounds.next(false).contains(&id.to_owned()));
        assert!(!rounds.take(&stopped, &[], false).contains(id));
        assert!(rounds.held().contains(&id.to_owned()) && !rounds.next(false).contains(&id.to_owned()));
    }

    #[tokio::test]
    async fn a_configuration_that_is_invalid_for_a_while_is_reported_once_and_ends_nothing() {
        let rounds = [INVALID, INVALID, "healthy"].map(|scenario| (Moment::Due, scenario));
        let (script, ended) = watched(BROKEN, false, &rounds).await;
        assert_eq!(script.said, ["not valid TOML", "FIXED stripe/product-metadata"]);
        assert_eq!(ended, None);
    }

    #[tokio::test]
    async fn a_check_that_the_configuration_no_longer_has_is_not_waited_for() {
        let first = report("metadata-case", &[]).await;
        let mut rounds = Rounds::after(&first, checks::ALL, false, false);
        let without = report("healthy", &["stripe/secret-key"]).await;
        let asked = rounds.next(false);
        assert!(asked.contains(&"stripe/product-metadata".to_owned()), "{asked:?}");
        assert!(rounds.take(&without, &asked, false).starts_with("REMOVED"));
        assert!(rounds.are_over());
    }

    #[tokio::test]
    async fn ctrl_c_ends_the_wait() {
        let (script, ended) = watched(BROKEN, true, &[]).await;
        assert_eq!((script.asked.len(), ended), (0, Some(130)));
    }
}

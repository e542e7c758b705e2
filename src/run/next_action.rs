//! What to do next.

use super::outage::Outage;
use super::report::{CheckFinding, Decision, Report, Reported, Scope};
use crate::change::Actor;
use crate::finding::Severity;
use crate::world::Depth;

/// How to fix one finding.
#[derive(Debug, Clone)]
pub struct NextAction<'a> {
    /// The finding.
    pub found: CheckFinding<'a>,
    /// Who can do it.
    pub who: Actor,
    /// Commands to type, in order.
    pub commands: Vec<String>,
    /// Pages to open, in order.
    pub links: Vec<String>,
}

impl<'a> NextAction<'a> {
    fn of(found: CheckFinding<'a>) -> Self {
        let fix = &found.reported.finding.fix;
        Self { found, who: fix.actor(), commands: fix.commands(), links: fix.links() }
    }
}

impl Report {
    /// How to fix what decides the verdict, the most harmful first: the failures or, if `--fail-on=warn` made the verdict
    /// NO-GO without one, the warnings.
    #[must_use]
    pub fn next_actions(&self) -> Vec<NextAction<'_>> {
        let mut found = self.findings(Severity::Failure);
        if found.is_empty() && self.decision == Decision::NoGo {
            found = self.findings(Severity::Warning);
        }
        found.into_iter().map(NextAction::of).collect()
    }

    fn run_again(&self) -> String {
        format!("To check everything, run: preflight run{}", self.flags)
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn next_action(&self) -> String {
        if self.not_run.is_some() {
            return format!("To see what is wrong with it, run: preflight run{}", self.flags);
        }
        let first = |severity| self.findings(severity).first().map(|found| found.reported);
        if let Some(changed) = &self.changed {
            return changed.clone();
        }
        let fix = |reported: &Reported| format!("{} Then run: {}", reported.finding.fix.summary, reported.verify);
        if let Some(failure) = first(Severity::Failure) {
            return fix(failure);
        }
        let open = self.open().next();
        let explains = |outage: &Outage| open.is_some_and(|check| check.reasons.iter().any(|why| outage.explains(why)));
        if let Some(outage) = self.outages().into_iter().find(explains) {
            let then = if self.is_offline() { "Connect it to the network" } else { "Wait until the provider recovers" };
            return format!("{} {then}, and run preflight again.", outage.what);
        }
        if open.is_some_and(|check| check.reasons.iter().any(|why| why.contains("--offline is set"))) {
            return "Run preflight again without --offline.".to_owned();
        }
        match (self.decision, open) {
            (Decision::Go, _) if let Some(depth) = self.rehearsal => after_rehearsal(depth).to_owned(),
            (Decision::Go, _) if self.scope == Scope::Selected => self.run_again(),
            (Decision::Go, _) if self.not_configured.is_empty() => {
                "Nothing to do. Every required check passed.".to_owned()
            }
            (Decision::Go, _) => {
                let tables: Vec<&str> = self.not_configured.iter().map(|part| part.table).collect();
                let names: Vec<&str> = self.not_configured.iter().map(|part| part.name).collect();
                format!("Add {} to preflight.toml to check {} too.", tables.join(" and "), names.join(" and "))
            }
            // Nothing failed, so this is --fail-on=warn.
            (Decision::NoGo, _) => first(Severity::Warning).map_or_else(|| STALE_WAIVERS.to_owned(), fix),
            (_, Some(check)) => format!("Find out why {} could not be verified: {}", check.id, check.reasons.join(" ")),
            _ if self.earlier().next().is_some() => self.run_again(),
            _ => "Select at least one check that applies to this deployment.".to_owned(),
        }
    }
}

/// What is left to see after a rehearsal.
const fn after_rehearsal(depth: Depth) -> &'static str {
    match depth {
        Depth::Events => {
            "Nothing to do. Only a purchase shows whether your Checkout writes the metadata that these events have, and whether \
             Stripe's deliveries arrive: preflight rehearse --guided."
        }
        Depth::Live => {
            "Nothing to do. preflight set the subscription's metadata. Only your own Checkout page shows what it sets: \
             preflight rehearse --guided."
        }
        Depth::Guided => "Nothing to do. A customer who buys on your Checkout page is served.",
    }
}

const STALE_WAIVERS: &str = "Remove the waivers that cover nothing from the configuration.";

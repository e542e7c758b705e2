//! What `preflight reconcile` found, as a table for people, JSON or CSV.

pub mod csv;
pub mod json;
mod sums;
#[cfg(test)]
mod tests;

use sums::{Sums, amounts};

use super::Style;
use super::color::Color;
use super::outline::took;
use super::paragraph::wrap;
use super::text::{disarm, shown};
use crate::reconcile::{Bucket, DriftedAccount, NotCompared, Reconciliation, Resumed};

/// Prose is hard to read on longer lines, however wide the terminal is.
const PROSE: usize = 100;
/// How many accounts of a bucket are listed without `-v`.
const LISTED: usize = 20;

/// The result in a word.
#[must_use]
pub fn outcome(found: &Reconciliation) -> &'static str {
    match (found.drifted(), found.is_complete()) {
        (0, true) => "NO DRIFT",
        (0, false) => "INCOMPLETE",
        _ => "DRIFT",
    }
}

/// The whole result for a terminal: the verdict, the buckets with their money, and the accounts, worst first.
#[must_use]
pub fn render(found: &Reconciliation, style: Style) -> String {
    let mut page = Page { style, width: style.width.clamp(20, PROSE), text: String::new() };
    page.head(found);
    page.buckets(found);
    for bucket in Bucket::ALL {
        page.accounts(bucket, &found.of(bucket).collect::<Vec<_>>());
    }
    page.end(found);
    disarm(&page.text)
}

struct Page {
    style: Style,
    width: usize,
    text: String,
}

impl Page {
    fn head(&mut self, found: &Reconciliation) {
        let word = outcome(found);
        let sums = Sums::of(found.accounts.iter().filter(|account| account.bucket.is_drift()));
        let then = match found.drifted() {
            0 if found.is_complete() => {
                "every customer who pays has their tier, and every tier is paid for.".to_owned()
            }
            0 => "no drift was seen, but not everything could be compared.".to_owned(),
            1 => format!("1 account differs between Stripe and Clerk. At risk: {}.", sums.sentence()),
            count => format!("{count} accounts differ between Stripe and Clerk. At risk: {}.", sums.sentence()),
        };
        let color = match word {
            "NO DRIFT" => Color::Success,
            "DRIFT" => Color::Failure,
            _ => Color::Warning,
        };
        let lines = wrap(&format!("{word}: {then}"), "", "", self.width);
        self.text.push_str(&self.style.paint(word, color));
        self.text.push_str(lines.strip_prefix(word).unwrap_or_default());
        let (project, mode) = (shown(&found.project), found.mode.word());
        let started = found.started_at.strftime("%Y-%m-%d %H:%M UTC");
        self.line(&format!("{project}, {mode} mode, {started}, {}", took(found.took)), Color::Dim);
        let (subscriptions, holders, agree) = (found.subscriptions, found.holders, found.agree);
        let plural = found.kind.plural();
        self.line(
            &format!("{subscriptions} subscriptions and {holders} {plural} were read. Paid for and in place: {agree}."),
            Color::Dim,
        );
        if let Some(since) = found.since {
            let words = format!("Only accounts that changed since {}.", since.strftime("%Y-%m-%d %H:%M UTC"));
            self.line(&words, Color::Dim);
        }
        if let Some(Resumed { began, subscriptions, holders }) = found.resumed {
            let minutes = found.started_at.duration_since(began).as_mins();
            let words = format!(
                "Went on from an interrupted comparison: {subscriptions} of the subscriptions and {holders} of the {plural} were read \
                 {minutes} min before."
            );
            self.line(&words, Color::Dim);
        }
        if found.is_interrupted {
            let words = "Stopped before it was done. This is what was found until then; it is not complete.";
            self.line(words, Color::Warning);
        }
        if found.can_go_on {
            self.line("Run the same command within an hour to read only what is missing.", Color::Warning);
        }
    }

    /// One line a bucket, with its accounts and money.
    fn buckets(&mut self, found: &Reconciliation) {
        if found.accounts.is_empty() {
            return;
        }
        self.text.push('\n');
        for bucket in Bucket::ALL {
            let sums = Sums::of(found.of(bucket));
            if sums.accounts > 0 {
                let first = format!("{:<17}  {:>6}  ", bucket.word(), sums.accounts);
                let money = if bucket.is_drift() { sums.sentence() } else { "for information".to_owned() };
                let indent = " ".repeat(first.len());
                let lines = wrap(&money, &first, &indent, self.width);
                let color = if bucket.is_drift() { Color::Bold } else { Color::Dim };
                self.text.push_str(&self.style.paint(bucket.word(), color));
                self.text.push_str(lines.strip_prefix(bucket.word()).unwrap_or_default());
            }
        }
    }

    /// The accounts in a bucket.
    fn accounts(&mut self, bucket: Bucket, accounts: &[&DriftedAccount]) {
        let Some(first) = accounts.first() else { return };
        self.text.push('\n');
        self.line(&format!("{}: {}", bucket.word(), bucket.meaning()), Color::Bold);
        let is_whole = self.style.verbose > 0;
        let listed = if is_whole { accounts.len() } else { LISTED };
        for account in accounts.iter().take(listed) {
            let money = amounts(&account.monthly);
            let money = if money.is_empty() || !bucket.is_drift() { String::new() } else { format!("{money}: ") };
            self.text.push_str(&wrap(&format!("{money}{}", shown(&account.message)), "  - ", "    ", self.width));
            if is_whole {
                self.fix(&account.fix, "    Fix: ");
            }
        }
        if accounts.len() > listed {
            let more = format!("and {} more: -v shows them, and --format csv lists all", accounts.len() - listed);
            self.text.push_str(&wrap(&more, "  - ", "    ", self.width));
        }
        if !is_whole {
            self.fix(&first.fix, if accounts.len() == 1 { "  Fix: " } else { "  Fix the first: " });
        }
    }

    fn fix(&mut self, fix: &str, first: &str) {
        if !fix.is_empty() {
            let indent = " ".repeat(first.len() - first.trim_start().len() + 2);
            self.text.push_str(&wrap(&shown(fix), first, &indent, self.width));
        }
    }

    fn end(&mut self, found: &Reconciliation) {
        if !found.not_compared.is_empty() {
            self.text.push('\n');
            self.line("Not compared:", Color::Bold);
            for NotCompared { reason, accounts } in &found.not_compared {
                let count = match accounts {
                    0 => String::new(),
                    1 => "1 account: ".to_owned(),
                    several => format!("{several} accounts: "),
                };
                self.text.push_str(&wrap(&format!("{count}{}", shown(reason)), "  - ", "    ", self.width));
            }
        }
        if found.drifted() > 0 {
            self.text.push('\n');
            self.line("Amounts are for a month, before discounts and tax.", Color::Dim);
        }
    }

    fn line(&mut self, text: &str, color: Color) {
        for line in wrap(text, "", "", self.width).lines() {
            self.text.push_str(&self.style.paint(line, color));
            self.text.push('\n');
        }
    }
}

//! Accounts and money, added up.

use crate::reconcile::{DriftedAccount, Monthly};

/// How many accounts there are, and the money of all.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub accounts: usize,
    pub monthly: Monthly,
}

impl Sums {
    pub fn of<'a>(accounts: impl Iterator<Item = &'a DriftedAccount>) -> Self {
        let mut sums = Self::default();
        for account in accounts {
            sums.accounts += 1;
            sums.monthly.add(&account.monthly);
        }
        sums
    }

    /// The money, for a sentence: `58.00 USD a month, and 1 unknown amount`.
    pub fn sentence(&self) -> String {
        let amounts = amounts(&self.monthly);
        if amounts.is_empty() { "nothing".to_owned() } else { amounts }
    }
}

/// An amount for each currency, and the unknown ones; empty if there are none.
pub(super) fn amounts(monthly: &Monthly) -> String {
    let known: Vec<String> = monthly.amounts().map(|money| money.to_string()).collect();
    let known = known.join(" + ");
    let unknown = match monthly.unknown_amounts() {
        0 => String::new(),
        1 => "1 unknown amount".to_owned(),
        several => format!("{several} unknown amounts"),
    };
    match (known.is_empty(), unknown.is_empty()) {
        (false, true) => format!("{known} a month"),
        (false, false) => format!("{known} a month, and {unknown}"),
        (true, _) => unknown,
    }
}

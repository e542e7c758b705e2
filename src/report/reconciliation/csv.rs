//! One line for each account that differs, as RFC 4180 has it.

use super::super::text::clean;
use crate::reconcile::{DriftedAccount, Reconciliation};

/// The names of the columns. Columns are only ever added, at the end.
const COLUMNS: [&str; 11] = [
    "bucket",
    "user",
    "customer",
    "subscriptions",
    "status",
    "plan",
    "pays_for",
    "monthly",
    "currency",
    "message",
    "fix",
];

/// The accounts as lines, the worst first. An account with several currencies or an unknown amount has a line for each.
#[must_use]
pub fn render(found: &Reconciliation) -> String {
    let mut text = line(COLUMNS);
    for account in &found.accounts {
        for (monthly, currency) in amounts(account) {
            let optional = |text: &Option<String>| text.clone().unwrap_or_default();
            text.push_str(&line([
                account.bucket.word(),
                &optional(&account.holder),
                &optional(&account.customer),
                &account.subscriptions.join(" "),
                &optional(&account.status),
                &optional(&account.plan),
                &optional(&account.pays_for),
                &monthly,
                &currency,
                &account.message,
                &account.fix,
            ]));
        }
    }
    text
}

/// The amounts of an account with their currencies.
fn amounts(account: &DriftedAccount) -> Vec<(String, String)> {
    let amount = |money: crate::config::Money| {
        let text = money.to_string();
        let (amount, currency) = text.split_once(' ').unwrap_or((&text, ""));
        (amount.to_owned(), currency.to_owned())
    };
    let mut amounts: Vec<(String, String)> = account.monthly.amounts().map(amount).collect();
    if account.monthly.unknown_amounts() > 0 {
        amounts.push(("unknown".to_owned(), String::new()));
    }
    if amounts.is_empty() {
        amounts.push((String::new(), String::new()));
    }
    amounts
}

fn line(fields: [&str; COLUMNS.len()]) -> String {
    let fields = fields.map(field);
    format!("{}\r\n", fields.join(","))
}

/// A field, quoted where it must be. A spreadsheet would run a text that begins like a formula, so that gets an apostrophe.
fn field(text: &str) -> String {
    let mut text = clean(text);
    if text.trim_start().starts_with(['=', '+', '-', '@', '|', '%']) {
        text.insert(0, '\'');
    }
    if text.contains(['"', ',', ';', ' ', '\'']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn a_field_is_quoted_where_it_must_be() {
        assert_eq!(field("sub_1"), "sub_1");
        assert_eq!(field("has \"pro\", and pays"), "\"has \"\"pro\"\", and pays\"");
        assert_eq!(field("two\r\nlines\u{1b}[31m"), "\"two lines\"");
    }

    #[test]
    fn a_text_that_begins_like_a_formula_is_not_run() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "=HYPERLINK(\"http://a.b\")"] {
            assert!(field(text).trim_start_matches('"').starts_with('\''), "{text:?}: {}", field(text));
        }
    }
}

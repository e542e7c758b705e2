//! The HTML of a Checkout Session's page.

use serde_json::Value;

use crate::config::Money;

/// Whether the customer has to enter a card.
pub(super) fn needs_card(session: &Value) -> bool {
    session["amount_total"] != 0 || session["payment_method_collection"] == "always"
}

/// What a customer sees.
pub(super) struct Page<'a> {
    pub(super) session: &'a Value,
    /// The name of the account.
    pub(super) merchant: &'a str,
    /// The name of what is sold.
    pub(super) product: &'a str,
    /// Why the last attempt failed.
    pub(super) problem: Option<&'a str>,
}

impl Page<'_> {
    pub(super) fn html(&self) -> String {
        let (merchant, product) = (escaped(self.merchant), escaped(self.product));
        let body = match self.session["status"].as_str() {
            Some("open") => self.form(),
            Some("complete") => "<p id=\"closed\">You have already paid.</p>\n".to_owned(),
            _ => "<p id=\"closed\">This page has expired.</p>\n".to_owned(),
        };
        format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{merchant}</title>
</head>
<body>
<h1>Subscribe to {product}</h1>
<p>{merchant}</p>
{body}</body>
</html>
"#
        )
    }

    fn form(&self) -> String {
        let session = self.session;
        let id = escaped(session["id"].as_str().unwrap_or_default());
        let mut form = String::new();
        if let Some(problem) = self.problem {
            form.push_str(&format!("<p id=\"problem\" role=\"alert\">{}</p>\n", escaped(problem)));
        }
        form.push_str(&format!("<p id=\"price\">{}</p>\n", escaped(&self.price())));
        if session["total_details"]["amount_discount"] != 0 {
            let off = self.money(&session["total_details"]["amount_discount"]);
            form.push_str(&format!("<p id=\"discount\">Discount: {}</p>\n", escaped(&off)));
        }
        let total = self.money(&session["amount_total"]);
        form.push_str(&format!("<p id=\"total\">Total due today: {}</p>\n", escaped(&total)));
        form.push_str(&format!("<form method=\"post\" action=\"/c/pay/{id}\">\n"));
        match session["customer_email"].as_str() {
            Some(email) => form.push_str(&format!("<p id=\"email\">{}</p>\n", escaped(email))),
            None if session["customer"].is_null() => form.push_str(&field("email", "Email", "email")),
            None => {}
        }
        if needs_card(session) {
            form.push_str(&field("card", "Card number", "text"));
        }
        if session["allow_promotion_codes"] == true {
            form.push_str(&field("promotion_code", "Promotion code", "text"));
            form.push_str("<button type=\"submit\" name=\"apply\" value=\"1\">Apply</button>\n");
        }
        form.push_str("<button type=\"submit\" name=\"subscribe\" value=\"1\">Subscribe</button>\n</form>\n");
        form
    }

    /// `29.00 USD per month`.
    fn price(&self) -> String {
        let price = &self.session["line_items"]["data"][0]["price"];
        let interval = price["recurring"]["interval"].as_str().unwrap_or("payment");
        let each = match price["recurring"]["interval_count"].as_i64().unwrap_or(1) {
            1 => format!("per {interval}"),
            count => format!("every {count} {interval}s"),
        };
        format!("{} {each}", self.money(&price["unit_amount"]))
    }

    fn money(&self, amount: &Value) -> String {
        let currency = self.session["currency"].as_str().unwrap_or_default().to_owned();
        Money { minor: amount.as_i64().unwrap_or_default(), currency }.to_string()
    }
}

fn field(name: &str, label: &str, kind: &str) -> String {
    format!("<p><label>{label} <input type=\"{kind}\" name=\"{name}\" autocomplete=\"off\"></label></p>\n")
}

/// Text that stays text in HTML, also in a quoted attribute.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            '\'' => "&#39;".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn html(change: impl FnOnce(&mut Value)) -> String {
        let price = json!({ "unit_amount": 2900, "recurring": { "interval": "month", "interval_count": 1 } });
        let mut session = json!({
            "id": "cs_1", "status": "open", "currency": "usd", "amount_total": 2900, "line_items": { "data": [{ "price": price }] },
            "total_details": { "amount_discount": 0 }, "payment_method_collection": "if_required", "customer": "cus_1",
        });
        change(&mut session);
        Page { session: &session, merchant: "<b>&\"Acme\"", product: "Pro", problem: Some("a < b") }.html()
    }

    #[test]
    fn everything_that_is_shown_is_escaped() {
        let html = html(|session| session["customer_email"] = "<i>@x".into());
        assert!(html.contains("&lt;b&gt;&amp;&quot;Acme&quot;") && html.contains("a &lt; b"), "{html}");
        assert!(!html.contains("<b>") && !html.contains("<i>"), "{html}");
    }

    #[test]
    fn a_card_is_asked_for_only_if_something_is_due_or_the_session_wants_one() {
        let asks = |html: &str| html.contains("name=\"card\"");
        assert!(asks(&html(|_| {})));
        assert!(!asks(&html(|session| session["amount_total"] = 0.into())));
        assert!(asks(&html(|session| {
            session["amount_total"] = 0.into();
            session["payment_method_collection"] = "always".into();
        })));
    }

    #[test]
    fn a_promotion_code_can_be_entered_only_if_the_session_allows_it() {
        assert!(!html(|_| {}).contains("promotion_code"));
        assert!(html(|session| session["allow_promotion_codes"] = true.into()).contains("name=\"promotion_code\""));
    }

    #[test]
    fn a_page_that_was_completed_has_no_form() {
        let html = html(|session| session["status"] = "complete".into());
        assert!(html.contains("You have already paid.") && !html.contains("<form"), "{html}");
    }
}

//! `stripe/public-details`.

use std::collections::BTreeSet;

use url::Url;

use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::{Account, LinkedPage, PortalPolicies, Seen};

check! {
    /// Customers recognize the business on their statements, receipts and in the portal.
    ///
    /// ## Why it matters
    /// A customer who does not recognize a charge asks the bank for the money back. Statements, receipts and Checkout show what
    /// the account says about the business, and a value from the first test is on every one of them.
    ///
    /// ## How it is verified
    /// The statement descriptor, the business name, the website and the support contact are read from `GET /v1/account`: none
    /// may be missing or a value such as "Test" or example.com. One of the support email address, phone number and page is
    /// enough. The account's currency is compared with those of the tiers. The portal's privacy policy and terms of service must answer 200, if it links to them. What the pages say, and
    /// what Checkout really shows, cannot be seen. In test mode nothing of this is shown to customers.
    ///
    /// ## How to fix it
    /// Complete the public details in Stripe's dashboard, and the links in the customer portal's settings.
    pub const CHECK = Check {
        need: Need::Configured("mode = \"live\""),
        sends: "",
        subjects: deployment,
        run
    };
}

codes! {
    /// The statement descriptor is missing, or left over from a test.
    STATEMENT: Warning(Money),
    /// The business name, the website or the support contact is missing, or left over from a test.
    BUSINESS: Warning,
    /// The portal links to a privacy policy or terms of service that do not answer 200.
    BROKEN_LINK: Warning,
    /// The portal links to no privacy policy or no terms of service.
    NO_POLICIES: Note,
    /// Stripe pays out only when someone asks for it.
    MANUAL_PAYOUTS: Note,
    /// No tier is sold in the currency of the account, so Stripe converts before it pays out.
    OTHER_CURRENCY: Note,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    if world.config().project.mode == Mode::Test {
        return outcome.not_applicable("customers see nothing of this in test mode");
    }
    let (account, portal) = futures::join!(world.stripe().account(), world.stripe().portal_policies());
    if let Some(seen) = outcome.ask(account) {
        let statement = statement(world, &seen, outcome);
        outcome.ask(statement);
        let business = business(world, &seen, outcome);
        outcome.ask(business);
        if seen.value.pays_out_on_request() {
            outcome.find(manual_payouts(world, &seen));
        }
        if let Some(note) = other_currency(world, &seen) {
            outcome.find(note);
        }
    }
    if let Some(portal) = outcome.ask(portal) {
        let policies = policies(world, &portal, outcome).await;
        outcome.ask(policies);
    }
    Ok(())
}

fn statement(world: &World, seen: &Seen<Account>, outcome: &mut Outcome) -> Answered {
    let descriptor = seen.value.statement_descriptor()?;
    if let Some(text) = descriptor.filter(|text| !is_left_over(text)) {
        outcome.pass(format!("statements say {text}"));
        return Ok(());
    }
    let shown = descriptor.map_or_else(|| "nothing".to_owned(), |text| format!("\"{text}\""));
    let message = format!("Card statements say {shown}. Customers dispute charges that they do not recognize.");
    let evidence = seen.answer.evidence("settings.payments.statement_descriptor", descriptor.unwrap_or("null"));
    let fix = Fix::new("Set the statement descriptor to a name that customers know.").link(page(world));
    outcome.find(finding(STATEMENT, message, "a name that customers know", evidence, fix));
    Ok(())
}

fn business(world: &World, seen: &Seen<Account>, outcome: &mut Outcome) -> Answered {
    let profile = seen.value.business_profile()?;
    let mut wrong: Vec<(&str, &str, &str)> = Vec::new();
    for (name, field, value) in [("business name", "name", profile.name()?), ("website", "url", profile.url()?)] {
        match value {
            None => wrong.push((name, field, "null")),
            Some(text) if is_left_over(text) => wrong.push((name, field, text)),
            Some(_) => {}
        }
    }
    let contacts = profile.support_contacts()?;
    match contacts.iter().find(|text| is_left_over(text)) {
        Some(text) => wrong.push(("support contact", "support_email, support_phone, support_url", text)),
        None if contacts.is_empty() => {
            wrong.push(("support contact", "support_email, support_phone, support_url", "null"));
        }
        None => {}
    }
    if wrong.is_empty() {
        outcome.pass("the business name, the website and a support contact are set");
        return Ok(());
    }
    let what = wrong.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(" and ");
    let values = wrong.iter().map(|(_, field, value)| format!("{field} {value}")).collect::<Vec<_>>().join("; ");
    let shown = wrong.iter().map(|(name, _, value)| match *value {
        "null" => format!("no {name}"),
        value => format!("{name} {value}"),
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    let message = format!("Customers see incomplete or test details of your business: {shown}.");
    let evidence = seen.answer.evidence("business_profile", values);
    let fix = Fix::new(format!("Set the {what} of the account to those of your business.")).link(page(world));
    outcome.find(finding(BUSINESS, message, "the details of your business", evidence, fix));
    Ok(())
}

async fn policies(world: &World, portal: &Seen<PortalPolicies>, outcome: &mut Outcome) -> Answered {
    let mut missing = Vec::new();
    for (name, field, url) in portal.value.links()? {
        let Some(url) = url else {
            missing.push((name, field));
            continue;
        };
        let page = match Url::parse(url).ok() {
            Some(address) => world.linked_page(&address).await?,
            None => LinkedPage::Unreachable("it is not an address".to_owned()),
        };
        let problem = match page {
            LinkedPage::Here => None,
            LinkedPage::Status(status) => Some(format!("answers {status}")),
            LinkedPage::Unreachable(why) => Some(format!("does not answer ({why})")),
        };
        match problem {
            None => outcome.pass(format!("the portal's {name} is at {url}")),
            Some(problem) => {
                let message = format!("The portal's link to your {name} {problem}: {url}.");
                let fix = Fix::new(format!("Publish the {name}, or correct its link in the portal's settings."))
                    .link(world.stripe().dashboard("settings/billing/portal"));
                let evidence = portal.answer.evidence(format!("business_profile.{field}"), url);
                outcome.find(finding(BROKEN_LINK, message, "200", evidence, fix));
            }
        }
    }
    if !missing.is_empty() {
        let names = missing.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" and no ");
        let fields =
            missing.iter().map(|(_, field)| format!("business_profile.{field}")).collect::<Vec<_>>().join(", ");
        let message = format!("The customer portal links to no {names}.");
        let fix = Fix::new("Add the links in the portal's settings.")
            .link(world.stripe().dashboard("settings/billing/portal"));
        outcome.find(finding(NO_POLICIES, message, "links", portal.answer.evidence(fields, "null"), fix));
    }
    Ok(())
}

fn manual_payouts(world: &World, seen: &Seen<Account>) -> Finding {
    let message = "Payouts are manual: the money stays at Stripe until you ask for it.";
    let fix = Fix::new("Choose a payout schedule if this is not intended.")
        .link(world.stripe().dashboard("settings/payouts"));
    let evidence = seen.answer.evidence("settings.payouts.schedule.interval", "manual");
    finding(MANUAL_PAYOUTS, message.to_owned(), "a schedule", evidence, fix)
}

/// The note about an account whose currency none of the tiers is sold in.
fn other_currency(world: &World, seen: &Seen<Account>) -> Option<Finding> {
    let own = seen.value.default_currency()?;
    let prices = world.config().paid_tiers().flat_map(|tier| &tier.prices);
    let sold: BTreeSet<&str> = prices
        .flat_map(|price| [&price.money].into_iter().chain(&price.currency_options))
        .map(|money| money.currency.as_str())
        .collect();
    if sold.contains(own) {
        return None;
    }
    let sold = sold.into_iter().map(str::to_uppercase).collect::<Vec<_>>().join(" and ");
    let own = own.to_uppercase();
    let message = format!("You sell in {sold}, but the Stripe account's currency is {own}.");
    let fix = Fix::new(format!("If you want payouts in {sold}, add a bank account in that currency."))
        .link(world.stripe().dashboard("settings/payouts"));
    Some(finding(OTHER_CURRENCY, message, &sold, seen.answer.evidence("default_currency", own), fix))
}

/// Whether a value is one that people enter before they have a business.
fn is_left_over(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let is_test = ["test", "testing", "test account", "test business", "test company", "example", "stripe", "n/a"];
    let hosts = ["example.com", "example.org", "localhost"];
    text.is_empty() || is_test.contains(&text.as_str()) || hosts.iter().any(|host| text.contains(host))
}

fn page(world: &World) -> String {
    world.stripe().dashboard("settings/public")
}

fn finding(code: Code, message: String, expected: &str, evidence: Evidence, fix: Fix) -> Finding {
    Finding {
        code,
        message,
        expected: expected.to_owned(),
        actual: evidence.seen.clone(),
        evidence: vec![evidence],
        fix,
    }
}

#[cfg(test)]
mod tests {
    use super::{CHECK, is_left_over};
    use crate::check::testing::scenario;

    #[test]
    fn a_company_may_have_a_name_that_contains_test() {
        assert!(!is_left_over("Acme Testing Labs") && !is_left_over("ACME") && !is_left_over("help@contest.dev"));
        assert!(is_left_over("TEST ") && is_left_over("https://example.com/support"));
    }

    #[tokio::test]
    async fn a_portal_without_policies_is_a_note() {
        scenario("healthy").await.notes(CHECK, "no-policies");
        let run = scenario("healthy-policies").await;
        assert!(run.line(CHECK).notes.is_empty(), "{}", run.summary());
    }
}

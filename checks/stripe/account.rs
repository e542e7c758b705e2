//! `stripe/account`.

use crate::check::prelude::*;
use crate::world::{Account, Seen};

check! {
    /// The Stripe account is the right one and can take money.
    ///
    /// ## Why it matters
    /// An account that Stripe has not activated, or has restricted for a paper that is overdue, refuses the first real
    /// charge. A key of another account charges for somebody else.
    ///
    /// ## How it is verified
    /// `GET /v1/account`: the ID is compared with `stripe.account` where that is configured, and Stripe's own flags for
    /// charges, payouts and requirements are read. In test mode those flags say nothing about a launch and are left alone.
    /// What Stripe may want tomorrow cannot be seen.
    ///
    /// ## Findings
    /// - `other-account`: the key belongs to another account than `stripe.account`.
    /// - `cannot-charge`: the account cannot take payments, or a requirement is overdue.
    /// - `cannot-pay-out`: it takes payments, but the money does not reach the bank.
    /// - `due-soon`: Stripe wants something by a deadline; a warning.
    ///
    /// ## How to mend it
    /// Give Stripe what it asks for on the account's status page, or use the key of the account that is meant.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [StripeAccountDiffers, StripeAccountRestricted],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let seen = world.stripe().account().await?;
    let account = &seen.value;
    if let Some(wanted) = world.config().stripe.account.as_ref().filter(|wanted| **wanted != account.id) {
        return Ok(other_account(world, &seen, wanted).into());
    }
    let requirements = account.requirements.clone().unwrap_or_default();
    if world.config().project.mode == crate::config::Mode::Test {
        return Ok(Verdict::Pass(format!("the account is {}", account.name())));
    }
    let status = world.stripe().dashboard("account/status");
    let finding = |code, severity, message: String, field: &str, actual: String, summary: &str| {
        Verdict::from(Finding {
            code,
            severity,
            message,
            expected: "an account that takes payments and pays them out, with nothing overdue".to_owned(),
            actual: actual.clone(),
            evidence: vec![seen.answer.evidence(field, actual)],
            fix: Fix::new(summary).link(status.clone()),
        })
    };
    let reason = requirements.disabled_reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
    if !account.charges_enabled || !requirements.past_due.is_empty() {
        let due = if requirements.past_due.is_empty() { &requirements.currently_due } else { &requirements.past_due };
        let wants = if due.is_empty() { String::new() } else { format!("; Stripe wants {}", due.join(", ")) };
        return Ok(finding(
            "cannot-charge",
            Severity::Failure,
            format!("The Stripe account {} cannot take payments for long{reason}.", account.name()),
            "charges_enabled",
            format!("charges_enabled {}{wants}", account.charges_enabled),
            "Complete what Stripe asks for on the account's status page.",
        ));
    }
    if !account.payouts_enabled {
        return Ok(finding(
            "cannot-pay-out",
            Severity::Failure,
            format!("The Stripe account {} takes payments, but pays nothing out{reason}.", account.name()),
            "payouts_enabled",
            "payouts_enabled false".to_owned(),
            "Add or verify the bank account that payouts go to.",
        ));
    }
    if !requirements.currently_due.is_empty() {
        return Ok(finding(
            "due-soon",
            Severity::Warning,
            format!("Stripe will restrict the account {} unless it gets what it asks for.", account.name()),
            "requirements.currently_due",
            requirements.currently_due.join(", "),
            "Give Stripe what it asks for before its deadline.",
        ));
    }
    Ok(Verdict::Pass(format!("{} takes payments and pays out, and nothing is due", account.name())))
}

fn other_account(world: &World, seen: &Seen<Account>, wanted: &str) -> Finding {
    let name = &world.config().stripe.secret_key.name;
    Finding {
        code: "other-account",
        severity: Severity::Failure,
        message: format!("The key in {name} belongs to {}, not to {wanted}.", seen.value.name()),
        expected: wanted.to_owned(),
        actual: seen.value.id.clone(),
        evidence: vec![seen.answer.evidence("id", seen.value.id.clone())],
        fix: Fix::new(format!("Switch the dashboard to {wanted}, copy its key, and set {name}."))
            .link(format!("https://dashboard.stripe.com/{wanted}/apikeys"))
            .command(world.secret_put(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_key_of_another_account_and_nothing_else() {
        scenario("stripe-key-other-account").await.finds(CHECK, "other-account");
    }

    #[tokio::test]
    async fn finds_an_account_that_cannot_charge() {
        scenario("stripe-account-inactive").await.finds(CHECK, "cannot-charge");
    }
}

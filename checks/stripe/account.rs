//! `stripe/account`.

use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::{Account, Requirements, Seen};

check! {
    /// The Stripe account is the right one and can take payments.
    ///
    /// ## Why it matters
    /// Real charges fail if Stripe has not activated the account, or has restricted it over a missing document. A live key of
    /// another account charges your customers for another business.
    ///
    /// ## How it is verified
    /// `GET /v1/account`: the ID is compared with `stripe.account`, or without it with the account that the publishable key and
    /// all price IDs agree on, and Stripe's flags for charges, payouts and requirements are read. In test mode those flags say nothing about a launch and are ignored, and another account is only
    /// a warning, because a sandbox is a separate account. The check cannot see what Stripe may ask for tomorrow.
    ///
    /// ## How to fix it
    /// Submit what Stripe asks for on the account status page, or use a key of the right account.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [StripeAccountDiffers, StripeAccountRestricted],
        subjects: deployment,
        run
    };
}

codes! {
    /// The key belongs to another account than `stripe.account`, or than everything else; a warning in test mode.
    OTHER_ACCOUNT: Failure(Money),
    /// The account cannot take payments, or a requirement is past due.
    CANNOT_CHARGE: Failure(Money),
    /// It takes payments, but Stripe does not pay them out.
    CANNOT_PAY_OUT: Failure(Money),
    /// Stripe needs something by a deadline.
    DUE_SOON: Warning(Money),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let seen = world.stripe().account().await?;
    let account = &seen.value;
    let mode = world.config().project.mode;
    let wanted = match mode {
        Mode::Live => world.stripe().intended_account(),
        // A sandbox is a separate account, which the other values do not have to name.
        Mode::Test => world.config().stripe.account.clone(),
    };
    if let Some(wanted) = wanted.filter(|wanted| *wanted != account.id) {
        outcome.find(other_account(world, &seen, &wanted, mode));
        return Ok(());
    }
    if mode == Mode::Test {
        outcome.pass(format!("the account is {}", account.name()));
        return Ok(());
    }
    let charges = outcome.ask(account.charges_enabled.known("charges_enabled of GET /v1/account").copied());
    let payouts = outcome.ask(account.payouts_enabled.known("payouts_enabled of GET /v1/account").copied());
    let requirements = outcome.ask(account.requirements.known("requirements of GET /v1/account"));
    let mut due = |list: fn(&Requirements) -> Answered<Option<&Vec<String>>>| {
        let due = requirements.and_then(|requirements| outcome.ask(list(requirements)));
        due.flatten().cloned().unwrap_or_default()
    };
    let past_due = due(|requirements| requirements.past_due.nullable("requirements.past_due of GET /v1/account"));
    let currently_due =
        due(|requirements| requirements.currently_due.nullable("requirements.currently_due of GET /v1/account"));
    let reason = requirements.and_then(|requirements| requirements.disabled_reason.text());
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    let name = account.name();
    if charges == Some(false) {
        let due = if past_due.is_empty() { &currently_due } else { &past_due };
        let needs = if due.is_empty() { String::new() } else { format!("; Stripe needs {}", due.join(", ")) };
        outcome.find(restricted(
            world,
            &seen,
            (CANNOT_CHARGE, "charges_enabled", format!("charges_enabled false{needs}")),
            format!("The Stripe account {name} cannot take payments{reason}."),
            "Submit what Stripe asks for on the account status page.",
        ));
    } else if !past_due.is_empty() {
        outcome.find(restricted(
            world,
            &seen,
            (CANNOT_CHARGE, "requirements.past_due", past_due.join(", ")),
            format!("Requirements of the Stripe account {name} are past due{reason}. Stripe will stop payments."),
            "Submit what Stripe asks for on the account status page.",
        ));
    } else if payouts == Some(false) {
        outcome.find(restricted(
            world,
            &seen,
            (CANNOT_PAY_OUT, "payouts_enabled", "payouts_enabled false".to_owned()),
            format!("The Stripe account {name} takes payments, but Stripe does not pay them out{reason}."),
            "Add or verify the bank account that payouts go to.",
        ));
    } else if !currently_due.is_empty() {
        let message = format!("Stripe will restrict the account {name} unless you submit what it asks for.");
        let due = (DUE_SOON, "requirements.currently_due", currently_due.join(", "));
        let fix = "Submit what Stripe asks for before the deadline.";
        outcome.find(restricted(world, &seen, due, message, fix));
    }
    outcome.pass_if_clean(format!("{name} takes payments and pays out, and nothing is due"));
    Ok(())
}

fn restricted(
    world: &World,
    seen: &Seen<Account>,
    (code, field, actual): (Code, &str, String),
    message: String,
    summary: &str,
) -> Finding {
    Finding {
        code,
        message,
        expected: "an account that takes payments and pays out, with nothing past due".to_owned(),
        actual: actual.clone(),
        evidence: vec![seen.answer.evidence(field, actual)],
        fix: Fix::new(summary).link(world.stripe().dashboard("account/status")),
    }
}

fn other_account(world: &World, seen: &Seen<Account>, wanted: &str, mode: Mode) -> Finding {
    let name = &world.config().stripe.secret_key.name;
    let (id, belongs) = (&seen.value.id, seen.value.name());
    let fix = Fix::new(format!("Switch the dashboard to {wanted}, copy its key, and set {name}."));
    let (code, message, fix) = match mode {
        Mode::Live => (
            OTHER_ACCOUNT,
            format!("The key in {name} belongs to {belongs}, not to {wanted}."),
            fix.link(format!("https://dashboard.stripe.com/{wanted}/apikeys")).then(world.entered_secret(name)),
        ),
        Mode::Test => (
            OTHER_ACCOUNT.as_warning(),
            format!("The test key in {name} belongs to {belongs}, not to {wanted}. It may be a sandbox of it."),
            Fix::new(format!(
                "Set stripe.account to {id} if that is your sandbox. Otherwise set {name} to your test key."
            ))
            .link(format!("https://dashboard.stripe.com/{wanted}/test/apikeys")),
        ),
    };
    Finding {
        code,
        message,
        expected: wanted.to_owned(),
        actual: id.clone(),
        evidence: vec![seen.answer.evidence("id", id.clone())],
        fix,
    }
}

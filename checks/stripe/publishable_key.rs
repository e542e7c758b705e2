//! `stripe/publishable-key`.

use crate::check::prelude::*;
use crate::config::{account_of, mode_of};

check! {
    /// The publishable key is of the secret key's account.
    ///
    /// ## Why it matters
    /// The browser pays with the publishable key and the Worker collects with the secret one. Where the two are of
    /// different accounts, Stripe knows nothing of the one at the other, and the checkout breaks in the customer's hands.
    ///
    /// ## How it is verified
    /// A publishable key carries the end of its account's ID, which is compared with the account that Stripe names for the
    /// secret key. That is a habit of Stripe's and no promise, and keys of the older kind carry nothing: then it cannot be
    /// told. The mode is compared by `config/modes`. It is the operator's copy that is judged; `frontend/keys` looks at the
    /// one that is served.
    ///
    /// ## Findings
    /// - `other-account`: the publishable key is of another account than the secret key.
    ///
    /// ## How to mend it
    /// Copy both keys from the page API keys of one account, in the same mode, and build the frontend with the new one.
    pub const CHECK = Check { need: Need::Configured("stripe.publishable_key"), sends: "", subjects: deployment, run };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let config = world.config();
    let variable = &config.stripe.publishable_key;
    let name = &variable.name;
    if !variable.is_sound() {
        return Err(NoAnswer::Because(Cause::ValueUnusable));
    }
    let Some(key) = &variable.value else {
        return Ok(Verdict::NotApplicable(format!("{name} is not set")));
    };
    if mode_of(key).is_some_and(|mode| mode != config.project.mode) {
        return Err(NoAnswer::Because(Cause::KeyOfOtherMode));
    }
    let account = world.stripe().right_account().await?;
    let Some(named) = account_of(key) else {
        return Err(NoAnswer::unknown(format!("{name} is of the older kind, which does not tell whose it is")));
    };
    if named == account.value.id {
        return Ok(Verdict::Pass(format!("{name} is of {}, as the secret key is", account.value.name())));
    }
    // The ID of an account that is not of the usual form cannot be compared.
    if !account.value.id.starts_with("acct_1") || named.len() != account.value.id.len() {
        return Err(NoAnswer::unknown(format!("{name} cannot be compared with the account {}", account.value.id)));
    }
    let secret = &config.stripe.secret_key.name;
    Ok(Finding {
        code: "other-account",
        severity: Severity::Failure,
        message: format!("{name} is of the account {named}, and {secret} of {}.", account.value.name()),
        expected: format!("a publishable key of {}", account.value.id),
        actual: format!("one of {named}"),
        evidence: vec![account.answer.evidence("id", account.value.id.clone())],
        fix: Fix::new(format!(
            "Copy the publishable key of {} into {name}, and build the frontend with it.",
            account.value.id
        ))
        .link(world.stripe().dashboard("apikeys")),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_key_of_another_account() {
        scenario("stripe-pk-other-account").await.finds(CHECK, "other-account");
    }

    #[tokio::test]
    async fn a_key_that_tells_no_account_is_no_fault() {
        let run = scenario("stripe-pk-older").await;
        assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.told());
        assert!(run.reasons(CHECK).contains("older kind"), "{}", run.told());
    }
}

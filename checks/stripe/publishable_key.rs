//! `stripe/publishable-key`.

use crate::check::prelude::*;
use crate::config::{account_of, mode_of};

check! {
    /// The publishable key belongs to the secret key's account.
    ///
    /// ## Why it matters
    /// The browser pays with the publishable key, and the Worker collects with the secret key. If they belong to different
    /// accounts, Stripe does not find the one's objects with the other, and checkout fails in front of the customer.
    ///
    /// ## How it is verified
    /// A publishable key carries the end of its account's ID, which is compared with the account of the secret key. Stripe
    /// does not document that, and older keys do not carry it: then the check is unknown. The mode is compared by
    /// `config/modes`. This checks your copy of the key; `frontend/keys` checks the one that is served.
    ///
    /// ## Findings
    /// - `other-account`: the publishable key belongs to another account than the secret key.
    ///
    /// ## How to fix it
    /// Copy both keys from the API keys page of one account, in the same mode, and build the frontend with the new one.
    pub const CHECK = Check { need: Need::Configured("stripe.publishable_key"), sends: "", subjects: deployment, run };
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let config = world.config();
    let variable = &config.stripe.publishable_key;
    let name = &variable.name;
    if !variable.is_usable() {
        return Err(NoAnswer::Because(Cause::ValueUnusable));
    }
    let Some(key) = &variable.value else {
        outcome.not_applicable(format!("{name} is not set"));
        return Ok(());
    };
    if mode_of(key).is_some_and(|mode| mode != config.project.mode) {
        return Err(NoAnswer::Because(Cause::KeyOfOtherMode));
    }
    let account = world.stripe().right_account().await?;
    let Some(named) = account_of(key) else {
        return Err(NoAnswer::unknown(format!("{name} is an older key, which does not show its account")));
    };
    let id = &account.value.id;
    if named == *id {
        outcome.pass(format!("{name} belongs to {}, like the secret key", account.value.name()));
        return Ok(());
    }
    // The ID of an account that is not of the usual form cannot be compared.
    if !id.starts_with("acct_1") || named.len() != id.len() {
        return Err(NoAnswer::unknown(format!("{name} cannot be compared with the account {id}")));
    }
    let secret = &config.stripe.secret_key.name;
    outcome.find(Finding {
        code: "other-account",
        severity: Severity::Failure,
        message: format!("{name} belongs to the account {named}, but {secret} to {}.", account.value.name()),
        expected: format!("a publishable key of {id}"),
        actual: format!("one of {named}"),
        evidence: vec![account.answer.evidence("id", id.clone())],
        fix: Fix::new(format!("Copy the publishable key of {id} into {name}, and build the frontend with it."))
            .link(world.stripe().dashboard("apikeys")),
    });
    Ok(())
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
        assert!(run.reasons(CHECK).contains("older key"), "{}", run.told());
    }
}

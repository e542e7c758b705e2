//! `stripe/publishable-key`.

use crate::check::prelude::*;
use crate::config::{account_of, mode_of};

check! {
    /// The publishable key belongs to the secret key's account.
    ///
    /// ## Why it matters
    /// The browser uses the publishable key, and the Worker the secret key. If they belong to different accounts, neither can
    /// see the other's objects, and checkout fails for every customer.
    ///
    /// ## How it is verified
    /// A publishable key contains the end of its account's ID, which is compared with the account of the secret key. Stripe
    /// does not document this, and older keys do not contain it: then the check is unknown. `config/modes` compares the mode.
    /// This checks your copy of the key; `frontend/keys` checks the one that the frontend serves.
    ///
    /// ## How to fix it
    /// Copy both keys from the API keys page of one account, in the same mode, and build the frontend with the new one.
    pub const CHECK = Check { need: Need::Configured("stripe.publishable_key"), sends: "", subjects: deployment, run };
}

codes! {
    /// The publishable key belongs to another account than the secret key.
    OTHER_ACCOUNT: Failure(Money),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let config = world.config();
    let variable = &config.stripe.publishable_key;
    let name = &variable.name;
    if !variable.is_usable() {
        return Err(NoAnswer::Because(Cause::ValueUnusable));
    }
    let Some(key) = &variable.value else {
        return outcome.not_applicable(format!("{name} is not set"));
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
    // Only account IDs of the usual form can be compared.
    if !id.starts_with("acct_1") || named.len() != id.len() {
        return Err(NoAnswer::unknown(format!("{name} cannot be compared with the account {id}")));
    }
    let secret = &config.stripe.secret_key.name;
    outcome.find(Finding {
        code: OTHER_ACCOUNT,
        message: format!(
            "{name} belongs to {named}, but {secret} to {}. Checkout fails for every customer.",
            account.value.name()
        ),
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
    async fn an_older_key_that_does_not_show_its_account_is_unknown() {
        let run = scenario("stripe-pk-older").await;
        assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.summary());
        assert!(run.reasons(CHECK).contains("older key"), "{}", run.summary());
    }
}

//! `clerk/secret-key`.

use crate::check::prelude::*;

check! {
    /// Clerk accepts the secret key.
    ///
    /// ## Why it matters
    /// With this key the Worker writes the tier that was bought, and verifies who asks. A key that was revoked fails at both,
    /// after the customer has paid.
    ///
    /// ## How it is verified
    /// `GET /v1/instance` is asked with the key. It is the operator's copy; the Worker's own is proved by `worker/usage`.
    ///
    /// ## Findings
    /// - `rejected`: Clerk does not accept the key.
    ///
    /// ## How to mend it
    /// Copy the key from the page API keys of Clerk's dashboard, and set it in the environment and on the Worker.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [ClerkKeyRejected],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let name = &world.config().clerk.secret_key.name;
    match world.clerk().acceptance().await? {
        Ok(instance) => Ok(Verdict::Pass(format!("Clerk accepts the key, for the instance {}", instance.value.id))),
        Err(refusal) => Ok(Finding {
            code: "rejected",
            severity: Severity::Failure,
            message: format!("Clerk does not accept the key in {name}."),
            expected: "a key that Clerk accepts".to_owned(),
            actual: refusal.message.clone(),
            evidence: vec![refusal.answer.evidence(format!("errors[0] ({})", refusal.code), refusal.message.clone())],
            fix: Fix::new(format!("Copy a key that is in force, and set {name} in the environment and on the Worker."))
                .command(world.secret_put(name))
                .link("https://dashboard.clerk.com/last-active?path=api-keys"),
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_key_that_was_revoked() {
        scenario("clerk-key-revoked").await.finds(CHECK, "rejected");
    }
}

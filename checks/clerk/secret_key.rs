//! `clerk/secret-key`.

use crate::check::prelude::*;

check! {
    /// Clerk accepts the secret key.
    ///
    /// ## Why it matters
    /// The Worker uses this key to write the tier that a customer bought, and to verify requests. With a revoked key, both fail
    /// after the customer has paid.
    ///
    /// ## How it is verified
    /// preflight sends `GET /v1/instance` with your local copy of the key. `worker/usage` proves the Worker's own key.
    ///
    /// ## How to fix it
    /// Copy the key from the API keys page of the Clerk Dashboard, and set it in the environment and on the Worker.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [ClerkKeyRejected],
        subjects: deployment,
        run
    };
}

codes! {
    /// Clerk does not accept the key.
    REJECTED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let name = &world.config().clerk.secret_key.name;
    match world.clerk().acceptance().await? {
        Ok(instance) => outcome.pass(format!("Clerk accepts the key for {}", instance.value.described())),
        Err(error) => outcome.find(Finding {
            code: REJECTED,
            message: format!(
                "Clerk does not accept the key in {name}. With this key, the Worker cannot write a customer's tier."
            ),
            expected: "a key that Clerk accepts".to_owned(),
            actual: error.message.clone(),
            evidence: vec![error.answer.evidence(format!("errors[0] ({})", error.code), error.message.clone())],
            fix: Fix::new(format!("Copy a valid secret key, and set {name} in the environment and on the Worker."))
                .then(world.entered_secret(name))
                .link(clerk_dashboard("api-keys")),
        }),
    }
    Ok(())
}

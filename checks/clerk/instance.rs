//! `clerk/instance`.

use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::{Instance, Seen};

check! {
    /// Both Clerk keys are of one production instance that is open to customers.
    ///
    /// ## Why it matters
    /// A development instance is limited and shows so to customers. With keys of two instances, the frontend signs people in
    /// whom the Worker does not know. With test mode on, anybody can sign in with an address and a code that are public
    /// knowledge.
    ///
    /// ## How it is verified
    /// The instance of the secret key is compared with the keys that the frontend API publishes: the name of a key is the
    /// instance's ID. Test mode and the way to sign up are read from the frontend API's public environment. In test mode a
    /// development instance is as it should be.
    ///
    /// ## Findings
    /// - `not-production`: the secret key's instance is not a production instance.
    /// - `two-instances`: the secret key and the publishable key are of different instances.
    /// - `test-mode`: anybody can sign in with a `+clerk_test` address and the code 424242.
    /// - `sign-up-restricted`: nobody can sign up without an invitation, or there is a waiting list; a warning.
    ///
    /// ## How to mend it
    /// Copy both keys from the same production instance, and switch test mode off and sign-up on in its settings.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [ClerkInstancesDiffer],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let clerk = world.clerk();
    let instance = clerk.instance().await?;
    let is_live = world.config().project.mode == Mode::Live;
    let dashboard = "https://dashboard.clerk.com/last-active?path=";
    let finding = |code, severity, message: String, expected: &str, evidence: Evidence, fix: Fix| Finding {
        code,
        severity,
        message,
        expected: expected.to_owned(),
        actual: evidence.seen.clone(),
        evidence: vec![evidence],
        fix,
    };
    if is_live && instance.value.environment_type != "production" {
        let kind = &instance.value.environment_type;
        return Ok(finding(
            "not-production",
            Severity::Failure,
            format!("The instance {} is a {kind} instance.", instance.value.id),
            "a production instance",
            instance.answer.evidence("environment_type", kind.clone()),
            Fix::new("Create the production instance and use its keys.").link("https://dashboard.clerk.com"),
        )
        .into());
    }
    // A development instance tells of itself only to a browser that it knows, and test mode belongs to it.
    let environment = async { if is_live { Some(clerk.environment().await) } else { None } };
    let (one, environment) = futures::join!(clerk.one_instance(), environment);
    let Seen { value: (is_one, names), answer: published } = one?;
    if !is_one {
        let (secret, publishable) = (&world.config().clerk.secret_key.name, &world.config().clerk.publishable_key.name);
        return Ok(finding(
            "two-instances",
            Severity::Failure,
            format!("{secret} and {publishable} are of different instances."),
            &format!("keys of the instance {}", instance.value.id),
            published.evidence("keys[].kid", names.join(", ")),
            Fix::new(format!("Copy {secret} and {publishable} from one instance."))
                .link(format!("{dashboard}api-keys")),
        )
        .into());
    }
    let Instance { id, environment_type, .. } = &instance.value;
    let Some(environment) = environment else {
        return Ok(Verdict::Pass(format!("both keys are of the {environment_type} instance {id}")));
    };
    let Seen { value: environment, answer } = environment?;
    let mut findings = Vec::new();
    if environment.test_mode() {
        findings.push(finding(
            "test-mode",
            Severity::Failure,
            "Test mode is on: anybody can sign in with a +clerk_test address and the code 424242.".to_owned(),
            "test_mode false",
            answer.evidence("auth_config.test_mode", "true"),
            Fix::new("Switch test mode off in the instance's settings.").link(format!("{dashboard}settings")),
        ));
    }
    if environment.sign_up_mode() != "public" {
        findings.push(finding(
            "sign-up-restricted",
            Severity::Warning,
            format!("Not everybody can sign up: the way to sign up is \"{}\".", environment.sign_up_mode()),
            "public",
            answer.evidence("user_settings.sign_up.mode", environment.sign_up_mode()),
            Fix::new("Set the sign-up mode to public, if customers are meant to sign up by themselves.")
                .link(format!("{dashboard}user-authentication/restrictions")),
        ));
    }
    let seen = format!(
        "both keys are of the {environment_type} instance {id}, and its sign-up is {}",
        environment.sign_up_mode()
    );
    Ok(Verdict::of(findings, seen))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_what_is_wrong_with_an_instance() {
        for (name, code) in [
            ("clerk-two-instances", "two-instances"),
            ("clerk-development", "not-production"),
            ("clerk-test-mode", "test-mode"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn a_second_key_during_rotation_is_no_second_instance() {
        scenario("healthy-key-rotation").await.passes(CHECK);
    }
}

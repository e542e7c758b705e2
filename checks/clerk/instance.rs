//! `clerk/instance`.

use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::{Answer, Environment};

check! {
    /// Both Clerk keys belong to one production instance, and customers can sign up.
    ///
    /// ## Why it matters
    /// A development instance limits the number of users and shows customers that it is one. If the keys belong to different
    /// instances, the Worker rejects everyone whom the frontend signs in. If test mode is on, anyone can sign in with a
    /// publicly known address and code.
    ///
    /// ## How it is verified
    /// The instance of the secret key is compared with the keys that the frontend API publishes: the ID of a key is the ID of
    /// its instance. Test mode and the sign-up mode are read from the frontend API's public settings. In a test-mode
    /// configuration, a development instance is expected and its settings are not read.
    ///
    /// ## How to fix it
    /// Copy both keys from the same production instance. In its settings, turn off test mode and allow public sign-up.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [ClerkInstancesDiffer],
        subjects: deployment,
        run
    };
}

codes! {
    /// The secret key's instance is not a production instance.
    NOT_PRODUCTION: Failure,
    /// The secret key and the publishable key belong to different instances.
    TWO_INSTANCES: Failure,
    /// Anyone can sign in with a `+clerk_test` address and the code 424242.
    TEST_MODE: Failure(Exposure),
    /// Sign-up needs an invitation or has a waitlist.
    SIGN_UP_RESTRICTED: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let clerk = world.clerk();
    let instance = clerk.instance().await?;
    let is_live = world.config().project.mode == Mode::Live;
    let kind = outcome.ask(instance.value.environment_type());
    if let Some(kind) = kind.filter(|kind| is_live && *kind != "production") {
        let id = instance.value.id().unwrap_or("of the secret key");
        outcome.find(finding(
            NOT_PRODUCTION,
            format!(
                "The Clerk instance {id} is a {kind} instance, which is limited and not meant for paying customers."
            ),
            "a production instance",
            instance.answer.evidence("environment_type", kind),
            Fix::new("Create a production instance in the Clerk Dashboard, and use its keys.")
                .link("https://dashboard.clerk.com"),
        ));
        return Ok(());
    }
    // A development instance shows its settings only to a browser that it knows, and always has test mode.
    let environment = async { if is_live { Some(clerk.environment().await) } else { None } };
    let (keys, environment) = futures::join!(clerk.shared_keys(), environment);
    if let Some(keys) = outcome.ask(keys) {
        if keys.value.are_shared {
            outcome.pass(format!("both keys belong to the {} instance", kind.unwrap_or("same")));
        } else {
            let config = &world.config().clerk;
            let (secret, publishable) = (&config.secret_key.name, &config.publishable_key.name);
            outcome.find(finding(
                TWO_INSTANCES,
                format!("{secret} and {publishable} belong to different Clerk instances, so the Worker rejects signed-in customers."),
                "keys of one instance",
                keys.answer.evidence("keys[].kid", keys.value.published.join(", ")),
                Fix::new(format!("Copy {secret} and {publishable} from the same instance."))
                    .link(clerk_dashboard("api-keys")),
            ));
            // These settings belong to the other instance.
            return Ok(());
        }
    }
    if let Some(environment) = environment {
        let environment = environment?;
        judge(outcome, &environment.value, &environment.answer);
    }
    Ok(())
}

/// Test mode and the sign-up mode of a production instance.
fn judge(outcome: &mut Outcome, environment: &Environment, answer: &Answer) {
    if let Some(test_mode) = outcome.ask(environment.test_mode()) {
        if test_mode {
            outcome.find(finding(
                TEST_MODE,
                "Test mode is on: anyone can sign in with a +clerk_test address and the code 424242.".to_owned(),
                "test_mode false",
                answer.evidence("auth_config.test_mode", "true"),
                Fix::new("Turn test mode off in the instance's settings.").link(clerk_dashboard("settings")),
            ));
        } else {
            outcome.pass("test mode is off");
        }
    }
    match outcome.ask(environment.sign_up_mode()) {
        Some("public") => outcome.pass("sign-up is public"),
        Some(mode) => outcome.find(finding(
            SIGN_UP_RESTRICTED,
            format!("New customers cannot sign up: the sign-up mode is \"{mode}\"."),
            "public",
            answer.evidence("user_settings.sign_up.mode", mode),
            Fix::new("Set the sign-up mode to public if customers should be able to sign up.")
                .link(clerk_dashboard("user-authentication/restrictions")),
        )),
        None => {}
    }
}

fn finding(code: Code, message: String, expected: &str, evidence: Evidence, fix: Fix) -> Finding {
    let actual = evidence.seen.clone();
    Finding { code, message, expected: expected.to_owned(), actual, evidence: vec![evidence], fix }
}

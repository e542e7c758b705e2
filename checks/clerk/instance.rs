//! `clerk/instance`.

use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::{Answer, Environment, HostRelation, host_relation, is_development_host};

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
    /// its instance. Test mode, the sign-up mode, bot protection, the addresses that users are sent to, and whether Clerk
    /// Billing has paid plans are read from the frontend API's public settings. The frontend's code can override the
    /// addresses, which cannot be seen. In a test-mode configuration, a development instance is expected and its settings are
    /// not read.
    ///
    /// ## How to fix it
    /// Copy both keys from the same production instance. In its settings, turn off test mode, allow public sign-up, and set the
    /// paths to the production frontend.
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
    /// Clerk sends users to a development machine or to another site than the frontend's.
    PATHS: Warning,
    /// Sign-up asks for a CAPTCHA that has no key.
    BOT_PROTECTION: Warning,
    /// Clerk Billing has paid plans, which neither Stripe Billing nor the Worker knows about.
    CLERK_BILLING: Warning(Money),
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
                format!("{secret} and {publishable} belong to different Clerk instances. A Worker with both rejects signed-in customers."),
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
        addresses(world, outcome, &environment.value, &environment.answer);
        sign_up_and_billing(outcome, &environment.value, &environment.answer);
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

/// Where a production instance sends users.
fn addresses(world: &World, outcome: &mut Outcome, environment: &Environment, answer: &Answer) {
    let mut wrong: Vec<(&str, String)> = Vec::new();
    for (field, url) in outcome.ask(environment.addresses()).unwrap_or_default() {
        // An empty one is not set.
        let Some(url) = outcome.ask(url).filter(|url| !url.is_empty()) else { continue };
        if leads_astray(world, url) {
            wrong.push((field, url.to_owned()));
        }
    }
    let Some((_, first)) = wrong.first() else { return };
    let frontend = world.config().frontend.as_ref().map_or("the production frontend", |one| one.url.as_str());
    let message = format!("Clerk's paths lead users to {first}, not to the production frontend.");
    let fields: Vec<&str> = wrong.iter().map(|(field, _)| *field).collect();
    let seen: Vec<String> = wrong.iter().map(|(field, url)| format!("{field} {url}")).collect();
    outcome.find(finding(
        PATHS,
        message,
        frontend,
        answer.evidence("display_config", seen.join(", ")),
        Fix::new(format!("Set {} to pages of {frontend}.", fields.join(", "))).link(clerk_dashboard("paths")),
    ));
}

fn leads_astray(world: &World, url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    if is_development_host(&url) {
        return true;
    }
    let frontend = world.config().frontend.as_ref().and_then(|frontend| frontend.url.host_str());
    let hosts = url.host_str().zip(frontend);
    hosts.is_some_and(|(host, frontend)| host_relation(host, frontend) == HostRelation::CrossSite)
}

fn sign_up_and_billing(outcome: &mut Outcome, environment: &Environment, answer: &Answer) {
    let captcha = (outcome.ask(environment.captcha_enabled()), outcome.ask(environment.has_captcha_key()));
    if captcha == (Some(true), Some(false)) {
        outcome.find(finding(
            BOT_PROTECTION,
            "Sign-up asks for a CAPTCHA that has no key: bots get through, or customers cannot sign up.".to_owned(),
            "a key",
            answer.evidence("display_config.captcha_public_key", "null"),
            Fix::new("Turn bot protection off and on again, and try to sign up.")
                .link(clerk_dashboard("protect/attack-protection")),
        ));
    }
    if let Some(Some(field)) = outcome.ask(environment.paid_plans()) {
        outcome.find(finding(
            CLERK_BILLING,
            "Clerk Billing has paid plans. What customers buy there is not in Stripe Billing and does not set their tier."
                .to_owned(),
            "false",
            answer.evidence(field, "true"),
            Fix::new("Archive the plans in Clerk Billing, or do not show them next to your own checkout.")
                .link(clerk_dashboard("billing/plans")),
        ));
    }
}

fn finding(code: Code, message: String, expected: &str, evidence: Evidence, fix: Fix) -> Finding {
    let actual = evidence.seen.clone();
    Finding { code, message, expected: expected.to_owned(), actual, evidence: vec![evidence], fix }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn the_fix_names_each_address_that_leads_astray() {
        let run = scenario("clerk-paths-localhost").await;
        run.warns(CHECK, "paths");
        let summary = &run.fix(CHECK).summary;
        assert_eq!(summary, "Set home_url, after_sign_in_url to pages of https://app.acme.com/.");
    }
}

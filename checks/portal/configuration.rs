//! `portal/configuration`.

use super::super::return_address::astray;
use crate::check::prelude::*;
use crate::world::{Answer, Found, PortalConfiguration};

check! {
    /// The customer portal has an active configuration.
    ///
    /// ## Why it matters
    /// The portal is configured separately for each mode. If it was only saved in test mode, customers who want to cancel or
    /// change their card get an error.
    ///
    /// ## How it is verified
    /// The configuration in `stripe.portal_configuration` is read with the key, or the account's default one if that is not
    /// set. Its `default_return_url` is compared with the frontend. This cannot show which configuration the Worker uses
    /// (`worker/portal` opens it), or whether its sessions name another return URL.
    ///
    /// ## How to fix it
    /// Save the portal settings in the dashboard, in the right mode, or use the ID of an active configuration.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [PortalUnavailable],
        subjects: deployment,
        run
    };
}

codes! {
    /// The portal was never saved in this mode.
    NONE: Failure,
    /// The configured portal configuration does not exist for this key.
    NOT_FOUND: Failure,
    /// It exists but is not active.
    INACTIVE: Failure,
    /// Customers leave the portal for a development machine or another site, unless the Worker's sessions say otherwise.
    RETURN_URL: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let variable = &world.config().stripe.portal_configuration;
    let mode = world.config().project.mode.word();
    if variable.is_set() {
        let error = match world.stripe().configured_portal().await? {
            Found::Here(portal) => return judge(world, &portal.value, &portal.answer, outcome),
            Found::Missing(error) => error,
        };
        let (name, id) = (&variable.name, variable.value.as_deref().unwrap_or_default());
        let evidence = error.evidence();
        outcome.find(Finding {
            code: NOT_FOUND,
            message: format!("{name} is {id}, which does not exist in {mode} mode. Customers cannot open the portal."),
            expected: format!("a {mode}-mode configuration"),
            actual: error.message,
            evidence: vec![evidence],
            fix: fix(
                world,
                &format!("Set {name} to the ID of a {mode}-mode configuration, or unset it to use the default."),
            ),
        });
        return Ok(());
    }
    let defaults = world.stripe().default_portals().await?;
    if let Some(portal) = defaults.items.first() {
        return judge(world, portal, &defaults.answer, outcome);
    }
    // What could not be read may be the default configuration.
    if let Some(why) = defaults.unread.into_iter().next() {
        return Err(why);
    }
    outcome.find(Finding {
        code: NONE,
        message: format!("The customer portal was never saved in {mode} mode, so customers cannot open it."),
        expected: "a default configuration".to_owned(),
        actual: "none".to_owned(),
        evidence: vec![defaults.answer.evidence("data", "[]")],
        fix: fix(world, &format!("Save the customer portal settings in {mode} mode.")),
    });
    Ok(())
}

fn judge(world: &World, portal: &PortalConfiguration, answer: &Answer, outcome: &mut Outcome) -> Answered {
    let id = &portal.id;
    if *portal.active.known(format_args!("active of {id}"))? {
        outcome.pass(format!("{id} is active"));
        return return_url(world, portal, answer, outcome);
    }
    outcome.find(Finding {
        code: INACTIVE,
        message: format!("The portal configuration {id} is not active, so customers cannot open the portal."),
        expected: "active true".to_owned(),
        actual: "active false".to_owned(),
        evidence: vec![answer.evidence("active", "false")],
        fix: Fix::new(format!("Activate {id}."))
            .then(world.stripe().update(StripeResource::PortalConfiguration, id, "").set("active", false, true)),
    });
    Ok(())
}

fn return_url(world: &World, portal: &PortalConfiguration, answer: &Answer, outcome: &mut Outcome) -> Answered {
    let id = &portal.id;
    let Some(url) = portal.default_return_url.nullable(format_args!("default_return_url of {id}"))? else {
        return Ok(());
    };
    let Some(astray) = astray(world, url) else { return Ok(()) };
    let home = world.config().frontend.as_ref().map(|frontend| frontend.url.as_str());
    let to_account = fix(world, &format!("Set default_return_url of {id} to your account page."));
    let update = |home| {
        world.stripe().update(StripeResource::PortalConfiguration, id, "").set("default_return_url", url.as_str(), home)
    };
    outcome.find(Finding {
        code: RETURN_URL,
        message: format!(
            "Customers leave the portal for {}, if the Worker does not set return_url in its portal sessions.",
            astray.to
        ),
        expected: home.unwrap_or("your frontend").to_owned(),
        actual: url.clone(),
        evidence: vec![answer.evidence("default_return_url", url.clone())],
        // Without a frontend in the configuration, only a person knows the address.
        fix: match home {
            Some(home) => to_account.suggest(update(home)),
            None => to_account,
        },
    });
    Ok(())
}

fn fix(world: &World, summary: &str) -> Fix {
    Fix::new(summary).link(world.stripe().dashboard("settings/billing/portal"))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_fix_invents_no_address_if_the_configuration_names_no_frontend() {
        let with = scenario("portal-returns-to-localhost").await;
        assert!(with.fix(CHECK).commands()[0].contains("https://app.acme.com/"), "{:?}", with.fix(CHECK));
        let without = scenario("portal-returns-to-localhost,healthy-no-frontend").await;
        assert_eq!(without.fix(CHECK).commands(), Vec::<String>::new());
    }
}

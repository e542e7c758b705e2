//! What several checks of the Worker report alike: a route that fails, a wrong Stripe key, a customer from another mode.

use crate::check::prelude::*;
use crate::world::RouteFailure;

/// A change to the Worker's code or Wrangler file, and the command that deploys it.
pub fn deploy(world: &World, summary: impl Into<String>) -> Fix {
    Fix::new(summary).then(world.deployment())
}

/// The finding of the check whose route fails.
pub fn broken(world: &World, code: Code, failure: RouteFailure, expected: &str) -> Finding {
    let actual = failure.words();
    Finding {
        code,
        message: format!("The Worker's {} route does not work: {actual}.", failure.route.key()),
        expected: expected.to_owned(),
        actual,
        fix: route(world, &failure),
        evidence: vec![failure.evidence],
    }
}

/// How to fix a route, if nothing but its status is known.
pub fn route(world: &World, failure: &RouteFailure) -> Fix {
    let (key, request) = (failure.route.key(), &failure.evidence.request);
    let config = world.config();
    let script = config.cloudflare.as_ref().map(|cloudflare| format!(" {}", cloudflare.deployed_script()));
    let tail = format!("npx wrangler tail{}", script.unwrap_or_default());
    match failure.answer.as_ref().map(|answer| answer.status) {
        Some(300..=399 | 404 | 405 | 410) => Fix::new(format!(
            "Set worker.{key} in preflight.toml to the path of this route, or to false if the Worker does not have it."
        ))
        .code(format!("# preflight.toml\n[worker]\n{key} = \"/path/of/this/route\"")),
        Some(400..=499) => Fix::new(format!(
            "Fix what the answer says. If it names no cause, watch the Worker's log while you run this check again, and fix the \
             error that it shows for {request}."
        ))
        .command(tail),
        Some(_) => Fix::new(format!(
            "Watch the Worker's log while you run this check again, and fix the exception that it shows for {request}."
        ))
        .command(tail),
        None => Fix::new(format!("Deploy the Worker at {}, or correct worker.url in preflight.toml.", config.worker.url))
            .then(world.deployment()),
    }
}

/// How to fix a Stripe key on the Worker that is from another account or mode.
pub fn stripe_key(world: &World) -> Fix {
    let (name, mode) = (&world.config().stripe.secret_key.name, world.config().project.mode.word());
    Fix::new(format!(
        "Set {name} on the Worker to the {mode} key in your environment, or to another key of that Stripe account."
    ))
    .then(world.local_secret(name))
    .link(world.stripe().dashboard("apikeys"))
}

/// How to fix a Stripe key on the Worker that is from another account. Without `stripe.account`, the wrong one may be yours.
pub fn stripe_account(world: &World) -> Fix {
    if world.config().stripe.account.is_some() {
        return stripe_key(world);
    }
    let name = &world.config().stripe.secret_key.name;
    Fix::new(format!("Decide which Stripe account sells, and set {name} to its key here and on the Worker."))
        .suggest(world.local_secret(name))
        .link(world.stripe().dashboard("apikeys"))
}

/// How to fix a customer that does not exist for the Worker's key.
pub fn unknown_customer(world: &World) -> Fix {
    let key = &world.config().clerk.customer_key;
    let holder = world.config().entitlement.holder;
    Fix::new(format!(
        "Remove {key} from the public metadata of every {} whose Stripe customer is from another mode.",
        holder.word()
    ))
    .link(clerk_dashboard(holder.plural()))
}

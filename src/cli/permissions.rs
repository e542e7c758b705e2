//! `preflight permissions`.

use preflight::change::StripeResource;
use preflight::report::paragraph::wrap;
use preflight::world::PERMISSIONS;

use super::exit::{self, CliError};
use super::terminal::{self, Terminal};

/// What `fix` changes at Stripe.
const FIX: [StripeResource; 4] = [
    StripeResource::Price,
    StripeResource::Product,
    StripeResource::WebhookEndpoint,
    StripeResource::PortalConfiguration,
];

/// What a rehearsal with a real subscription creates and removes (docs/providers.md, "Stripe API objects").
const REHEARSE: [(&str, &str); 4] = [
    ("rak_coupon_write", "create and delete the coupon of 100 %"),
    ("rak_promotion_code_write", "create and deactivate the promotion code"),
    ("rak_customer_write", "create and delete the customer"),
    ("rak_subscription_write", "create, change and cancel the subscription"),
];

/// Prints the least rights that `run`, `reconcile`, `fix` and `rehearse` need.
pub fn execute(terminal: Terminal) -> Result<u8, CliError> {
    terminal::print(&text(terminal))?;
    Ok(exit::GO)
}

fn text(terminal: Terminal) -> String {
    let width = terminal.width.min(100);
    let mut text = format!("{}\n", terminal.strong("Stripe: a restricted key in STRIPE_SECRET_KEY"));
    for permission in PERMISSIONS {
        text.push_str(&wrap(permission.purpose, &format!("  {:<28} ", permission.name), &" ".repeat(31), width));
    }
    let run: Vec<&str> = PERMISSIONS.iter().map(|permission| permission.name).collect();
    text.push_str(&format!("\n  Create it: {}\n", page("preflight run", &run)));
    text.push_str("\n  `preflight reconcile` needs no others.\n");
    text.push_str(&format!("\n  {}\n", terminal.strong("For `preflight fix`, also:")));
    for resource in FIX {
        let purpose = format!("change a {}", resource.noun());
        text.push_str(&wrap(&purpose, &format!("  {:<28} ", resource.permission()), &" ".repeat(31), width));
    }
    let both: Vec<&str> = run.iter().copied().chain(FIX.map(StripeResource::permission)).collect();
    text.push_str(&format!("\n  Create it: {}\n\n", page("preflight fix", &both)));
    text.push_str(&format!("  {}\n", terminal.strong("For `preflight rehearse --live` and `--guided`, also:")));
    for (name, purpose) in REHEARSE {
        text.push_str(&wrap(purpose, &format!("  {name:<28} "), &" ".repeat(31), width));
    }
    let rehearse: Vec<&str> = run.iter().copied().chain(REHEARSE.map(|(name, _)| name)).collect();
    text.push_str(&format!("\n  Create it: {}\n\n", page("preflight rehearse", &rehearse)));
    text.push_str("  In test mode, use the account's secret test key (sk_test_…).\n\n");
    let note = "The page preselects these permissions. Stripe ignores a name that it does not know, so run `preflight run --only \
                stripe/secret-key` with the new key: the check names each permission that is missing.";
    text.push_str(&wrap(note, "  ", "  ", width));
    text.push_str(&format!("\n{}\n", terminal.strong("Clerk: the secret key of the production instance")));
    let clerk = "Clerk's secret keys have no permissions. `run` reads settings, templates and users, and signs the canary in and \
                 out. `reconcile` reads users. `fix` changes JWT templates and the public metadata of users.";
    text.push_str(&wrap(clerk, "  ", "  ", width));
    text.push_str(&format!("\n{}\n", terminal.strong("Cloudflare: an API token, for this account only")));
    text.push_str("  Workers Scripts Read         for `preflight run`\n");
    text.push_str("  Workers Scripts Write        for `preflight fix`, to set secrets (\"Edit\" in the dashboard)\n");
    text.push_str("\n  Create it: https://dash.cloudflare.com/profile/api-tokens\n");
    text
}

/// Stripe's page for a new restricted key with these permissions.
fn page(name: &str, permissions: &[&str]) -> String {
    let name = name.replace(' ', "%20");
    let permissions = permissions.iter().enumerate().map(|(index, name)| format!("&permissions[{index}]={name}"));
    format!("https://dashboard.stripe.com/apikeys/create?name={name}{}", permissions.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_preselects_every_permission() {
        assert_eq!(
            page("preflight run", &["rak_a", "rak_b"]),
            "https://dashboard.stripe.com/apikeys/create?name=preflight%20run&permissions[0]=rak_a&permissions[1]=rak_b"
        );
    }
}

//! What the accounts say: prices and endpoints at Stripe, templates and the domain at Clerk.

use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::{Endpoint, JwtTemplate, List, Price, World};

/// What the accounts say. Each answer stands for itself: a missing key leaves the others.
#[derive(Debug)]
pub struct Accounts {
    /// Every active recurring price with its product.
    pub(super) prices: Answered<Vec<Price>>,
    /// Every place that Stripe delivers to.
    pub(super) endpoints: Answered<Vec<Endpoint>>,
    /// Every JWT template.
    pub(super) templates: Answered<Vec<JwtTemplate>>,
    /// The instance's own domain, if it has one.
    pub(super) domain: Answered<Option<String>>,
}

impl Default for Accounts {
    /// Nothing was asked.
    fn default() -> Self {
        let none = || NoAnswer::unknown("nothing was asked");
        Self { prices: Err(none()), endpoints: Err(none()), templates: Err(none()), domain: Err(none()) }
    }
}

impl Accounts {
    /// Asks all at once. Only reads.
    pub async fn ask(world: &World) -> Self {
        let (stripe, clerk) = (world.stripe(), world.clerk());
        let (prices, endpoints, templates, domain) =
            futures::join!(stripe.recurring_prices(), stripe.endpoints(), clerk.jwt_templates(), clerk.domain_name());
        Self {
            prices: prices.map(items),
            endpoints: endpoints.map(|(list, _)| items(list)),
            templates: templates.map(items),
            domain,
        }
    }

    /// Why something could not be asked, once for each provider.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let stripe = self.prices.as_ref().err().or(self.endpoints.as_ref().err());
        let clerk = self.templates.as_ref().err().or(self.domain.as_ref().err());
        let remark = |provider: &str, why: &NoAnswer| format!("{provider} was not asked: {}", words(why));
        let all = [("Stripe", stripe), ("Clerk", clerk)];
        all.into_iter().filter_map(|(provider, why)| Some(remark(provider, why?))).collect()
    }
}

fn items<T>(list: List<T>) -> Vec<T> {
    list.items
}

fn words(why: &NoAnswer) -> String {
    match why {
        NoAnswer::Because(Cause::ValueUnusable) => {
            "there is no secret key in the environment or an env file".to_owned()
        }
        NoAnswer::Because(Cause::StripeKeyRejected | Cause::ClerkKeyRejected) => "it rejects the key".to_owned(),
        NoAnswer::Because(Cause::KeyOfOtherMode) => "the key is for the other mode".to_owned(),
        why => why.to_string(),
    }
}

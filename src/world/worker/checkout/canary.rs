//! A canary that is safe to check out with.

use super::{NoAnswer, Worker};
use crate::finding::Answered;
use crate::world::id::{CustomerId, UserId};
use crate::world::{CanaryTies, Found, Seen, Subscription};

impl Worker<'_> {
    /// The canary, if nothing shows that it has a subscription.
    ///
    /// # Errors
    /// Unknown if it may have one, under whatever metadata key: a Worker of this stack would change that subscription at
    /// once (docs/providers.md, "How a Worker on this stack responds").
    pub(super) async fn canary_without_subscription(self) -> Answered<UserId> {
        let ties = self.world.canary_ties().await?;
        self.holds_no_subscription(&ties)?;
        let mut customers: Vec<(&str, String)> = Vec::new();
        let held = ties.held.iter().map(|held| (held.id.as_str(), format!("{} in its {}", held.id, held.place)));
        let known = ties.customers.as_ref().map_err(Clone::clone)?.iter();
        let known = known.map(|known| (known.id.as_str(), format!("{} with its address {}", known.id, known.email)));
        for (id, words) in held.chain(known) {
            if !customers.iter().any(|(other, _)| *other == id) {
                customers.push((id, words));
            }
        }
        let asked = customers.iter().map(|(id, words)| self.has_no_subscription(id, words));
        futures::future::join_all(asked).await.into_iter().collect::<Answered>()?;
        UserId::parse(&ties.user.id).map_err(|malformed| malformed.in_place("Clerk's answer"))
    }

    /// Whether no metadata of the canary names a subscription, or may name one.
    fn holds_no_subscription(self, ties: &CanaryTies) -> Answered {
        if let Some(held) = ties.held.iter().find(|held| held.id.starts_with("sub_")) {
            return Err(not_asked(&format!("the canary's {} holds {}", held.place, held.id)));
        }
        let config = &self.world.config.clerk;
        let metadata = ties.user.public_metadata()?;
        for key in [&config.subscription_key, &config.customer_key] {
            let place = format!("public_metadata.{key}");
            let is_customer = ties.held.iter().any(|held| held.place == place);
            let value = metadata.get(key).filter(|value| !value.is_null() && **value != "");
            if let Some(value) = value.filter(|_| !is_customer) {
                return Err(not_asked(&format!("the canary's {place} holds {value}, which may name a subscription")));
            }
        }
        Ok(())
    }

    /// Whether every subscription of a customer has ended.
    async fn has_no_subscription(self, id: &str, words: &str) -> Answered {
        let id = CustomerId::parse(id).map_err(|malformed| malformed.in_place(words))?;
        match self.world.stripe().subscriptions_of(&id).await? {
            Found::Here(Seen { value: (subscriptions, unread), .. }) => {
                if !subscriptions.iter().all(Subscription::is_over) {
                    return Err(not_asked(&format!("the canary's customer {words} has a subscription")));
                }
                unread.into_iter().next().map_or(Ok(()), Err)
            }
            Found::Missing(_) => Err(not_asked(&format!(
                "the canary's customer {words} does not exist for {}, and may have a subscription elsewhere",
                self.world.config.stripe.secret_key.name
            ))),
        }
    }
}

fn not_asked(why: &str) -> NoAnswer {
    NoAnswer::unknown(format!(
        "{why}. The Worker was not asked for a Checkout Session, because it would change that subscription. Use a canary \
         without a subscription"
    ))
}

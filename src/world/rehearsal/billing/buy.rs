//! The purchase: by preflight, or by a person on the Worker's own Checkout page.

use std::time::Instant;

use serde_json::Value;

use super::stage::{Bought, Expected, Plan, Progress, Stage, subscription};
use super::stripe::{ObjectId, Parameter, form};
use super::{Depth, Invitation};
use crate::finding::{Answered, NoAnswer};
use crate::world::id::{ApiPath, CheckoutSessionId, PathId, SubscriptionId};
use crate::world::rehearsal::script::{RehearsalStep, WaitFor, grants};
use crate::world::{CheckoutAnswer, Found, Seen, Subscription};

const CREATED: &str = "customer.subscription.created";
/// How long a promotion code can be used, in seconds.
const CODE_LASTS: i64 = 3600;
/// How many days the trial of a test subscription lasts.
const TRIAL: &str = "3";

impl Stage<'_> {
    /// How to buy. Asks the Worker for its Checkout Session, and creates nothing at Stripe by itself.
    ///
    /// # Errors
    /// Unknown if a person could not buy without a card.
    pub async fn plan(&self) -> Answered<Plan> {
        let worker = self.objects.door.world.worker();
        if self.depth != Depth::Guided {
            return Ok(Plan::Create(self.metadata().await));
        }
        let asked = worker.checkout_to_complete(self.tiers.first, &self.holder, &self.token).await?;
        let CheckoutAnswer::Session { session: seen, .. } = asked else {
            return Err(NoAnswer::unknown("the Worker did not create a Checkout Session. `preflight run` says why"));
        };
        let Seen { value: session, answer } = *seen;
        let id = CheckoutSessionId::parse(&session.id).map_err(|malformed| malformed.in_answer(&answer))?;
        let mut missing = Vec::new();
        if !session.allows_promotion_codes()? {
            missing.push("allow_promotion_codes: true");
        }
        if !session.collects_card_only_if_required()? {
            missing.push("payment_method_collection: \"if_required\"");
        }
        if !missing.is_empty() {
            // It is not needed after all, and a run that is cut short here expires it at the end.
            self.objects.door.world.stripe().expire(&id).await?;
            return Err(NoAnswer::unknown(format!(
                "the Worker's Checkout cannot be completed without a card. Add to checkout.sessions.create: {}",
                missing.join(", ")
            )));
        }
        let url = session.url.known(format_args!("url of {id}"))?.clone();
        Ok(Plan::Checkout { session: id, url })
    }

    /// The metadata that the Worker's Checkout Session has for the first tier, or else what the configuration says.
    async fn metadata(&self) -> Vec<Parameter> {
        let world = self.objects.door.world;
        let (entitlement, tier) = (&world.config.entitlement, self.tiers.first);
        let mut metadata = vec![
            (entitlement.user_key.clone(), self.holder.to_string()),
            (entitlement.tier_key.clone(), tier.metadata.clone()),
        ];
        if let Some(Ok(CheckoutAnswer::Session { session: seen, .. })) = world.worker().checkouts().await.of(tier) {
            let others = seen.value.metadata.texts().filter(|(key, _)| !metadata.iter().any(|(known, _)| known == key));
            let others: Vec<Parameter> = others.map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
            metadata.extend(others);
        }
        metadata.into_iter().map(|(key, text)| (format!("metadata[{key}]"), text)).collect()
    }

    /// Buys, and records what that does.
    pub async fn buy(&self, plan: Plan, progress: &mut Progress) -> Answered<Bought> {
        let (step, tier, wait_for) = (RehearsalStep::Bought, self.tiers.first, WaitFor::Tier);
        let expected = Expected { step, tier, wait_for, kind: CREATED };
        self.note(step);
        let (bought, answer, started) = match plan {
            Plan::Create(metadata) => {
                let customer = self.customer().await?;
                let parameters = self.terms(&customer, metadata);
                let started = Instant::now();
                let (made, answer) = self.objects.create(ApiPath::new("/v1/subscriptions"), parameters).await?;
                (Bought { clock: customer.clock, ..Bought::read(&made)? }, answer, started)
            }
            Plan::Checkout { session, url } => {
                let id = self.completed(&session, url).await?;
                let started = Instant::now();
                let found = match self.objects.door.world.stripe().past_memo().subscription(&id).await? {
                    Found::Here(seen) => seen,
                    Found::Missing(error) => return Err(NoAnswer::unknown(error.message)),
                };
                let Seen { value, answer } = found;
                let bought = Bought::read(&answer.json()?)?;
                progress.billing.bought = Some(Ok::<Subscription, NoAnswer>(value));
                // From now on, clean-up finds it by itself.
                let marker = form([(marker().as_str(), self.objects.record.id.as_str())]);
                let customer = ApiPath::new("/v1/customers/").id(&ObjectId(&bought.customer));
                self.objects.post(customer, marker).await?;
                (bought, answer, started)
            }
        };
        let observed = self.observe(&bought, expected, answer, started, progress).await;
        observed?;
        self.look_at_purchase(&bought, progress).await?;
        Ok(bought)
    }

    /// Creates what a subscription needs: a customer, and a coupon or a card on a test clock.
    async fn customer(&self) -> Answered<NewCustomer> {
        let clock = if self.has_clock() { Some(self.new_clock().await?) } else { None };
        if clock.is_none() {
            self.new_coupon().await?;
        }
        let mut parameters = form([("name", "preflight rehearsal"), ("description", "A rehearsal of preflight")]);
        parameters.extend(clock.iter().map(|clock| ("test_clock".to_owned(), clock.clone())));
        let (made, _) = self.objects.create(ApiPath::new("/v1/customers"), parameters).await?;
        let customer = NewCustomer { id: text(&made, "id")?, clock };
        if customer.clock.is_some() {
            self.pay_with(&customer.id, "pm_card_visa").await?;
        }
        Ok(customer)
    }

    /// A coupon of 100 % for good, so that not even a subscription that is left behind costs anything. It is the first object of a
    /// rehearsal and the last to go.
    async fn new_coupon(&self) -> Answered<String> {
        let id = self.objects.record.coupon();
        let mut parameters = form([
            ("id", id.as_str()),
            ("name", "preflight rehearsal"),
            ("percent_off", "100"),
            ("duration", "forever"),
            ("max_redemptions", "1"),
        ]);
        parameters.push(self.objects.record.metadata());
        self.objects.create(ApiPath::new("/v1/coupons"), parameters).await?;
        Ok(id)
    }

    fn terms(&self, customer: &NewCustomer, metadata: Vec<Parameter>) -> Vec<Parameter> {
        let mut parameters = form([
            ("customer", customer.id.as_str()),
            ("items[0][price]", self.prices.0.as_str()),
            // A subscription that is not paid for would be left incomplete.
            ("payment_behavior", "error_if_incomplete"),
        ]);
        if customer.clock.is_none() {
            parameters.extend(form([("discounts[0][coupon]", self.objects.record.coupon().as_str())]));
        } else if grants(&self.objects.door.world.config, "trialing") {
            parameters.extend(form([("trial_period_days", TRIAL)]));
        }
        parameters.extend(metadata);
        parameters
    }

    /// Asks a person to complete the session, and waits until that is done.
    async fn completed(&self, id: &CheckoutSessionId, url: String) -> Answered<SubscriptionId> {
        let world = self.objects.door.world;
        let coupon = self.new_coupon().await?;
        let code = format!("PREFLIGHT{}", self.objects.record.id.to_uppercase());
        let expires = (self.objects.record.began + CODE_LASTS).to_string();
        let path = ApiPath::new("/v1/promotion_codes");
        let parameters = form([
            ("promotion[type]", "coupon"),
            ("promotion[coupon]", coupon.as_str()),
            ("code", code.as_str()),
            ("max_redemptions", "1"),
            ("expires_at", expires.as_str()),
        ]);
        self.objects.create(path, parameters).await?;
        let tier = self.tiers.first.name.clone();
        world.rehearsal.billing.invitation.send_replace(Some(Invitation { url, code, tier }));
        world.rehearsal.note("waiting until the Checkout page is completed".to_owned());
        let path = ApiPath::new("/v1/checkout/sessions/").id(id);
        let started = Instant::now();
        while started.elapsed() < self.objects.door.pace.person {
            let missing = || NoAnswer::unknown(format!("Stripe does not have {id} anymore"));
            let session = self.objects.get(&path).await?.ok_or_else(missing)?;
            match session["status"].as_str() {
                Some("complete") => {
                    let bought = session["subscription"].as_str().unwrap_or_default();
                    return SubscriptionId::parse(bought).map_err(|malformed| malformed.in_place(id.as_str()));
                }
                Some("open") => {
                    tokio::time::sleep(self.objects.door.pace.poll.max(self.objects.door.pace.between)).await;
                }
                _ => return Err(NoAnswer::unknown("the Checkout page expired before it was completed")),
            }
        }
        let waited = self.objects.door.pace.person.as_secs() / 60;
        Err(NoAnswer::unknown(format!("the Checkout page was not completed within {waited} minutes")))
    }
}

struct NewCustomer {
    id: String,
    clock: Option<String>,
}

impl Bought {
    fn read(subscription: &Value) -> Answered<Self> {
        let item = &subscription["items"]["data"][0];
        Ok(Self {
            subscription: text(subscription, "id")?,
            item: text(item, "id")?,
            customer: text(subscription, "customer")?,
            clock: None,
        })
    }

    /// The subscription as it is now.
    pub async fn now(&self, stage: &Stage<'_>) -> Answered<Value> {
        let gone = || NoAnswer::unknown(format!("Stripe does not have {} anymore", self.subscription));
        stage.objects.get(&subscription(&self.subscription)).await?.ok_or_else(gone)
    }
}

/// The parameter that marks an object.
fn marker() -> String {
    format!("metadata[{}]", crate::world::rehearsal::MARKER)
}

/// A text of an object of Stripe's.
pub(super) fn text(object: &Value, field: &str) -> Answered<String> {
    let found = object[field].as_str().map(str::to_owned);
    found.ok_or_else(|| NoAnswer::unknown(format!("{field} is missing in Stripe's answer")))
}

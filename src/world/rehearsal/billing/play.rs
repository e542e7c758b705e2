//! What happens to the subscription, step by step, and what each step does to the canary.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::record::{BillingRecord, START};
use super::stage::{Bought, Expected, Plan, Progress, Stage, subscription};
use super::stripe::{Parameter, StripeObjects, form};
use super::{Billing, BillingStep, Depth, StripeEvent};
use crate::config::{Source, Tier};
use crate::finding::{Answered, NoAnswer};
use crate::world::id::{ApiPath, CustomerId};
use crate::world::rehearsal::canary::CanarySnapshot;
use crate::world::rehearsal::script::{RehearsalStep, TwoTiers, WaitFor, grants, two_tiers};
use crate::world::rehearsal::{Grant, RehearsalDoor, StepSeen};
use crate::world::subjects::offers;
use crate::world::transport::Answer;
use crate::world::{Route, World, plan_text};

impl World {
    pub(super) async fn play_billing(&self) -> Answered<Arc<Billing>> {
        let door = self.rehearsal_door()?;
        let depth = self.depth;
        self.rehearsal.note("looking at the Worker and the canary".to_owned());
        let tiers = two_tiers(&self.config);
        let tiers = tiers.ok_or_else(|| NoAnswer::unknown("no tier in preflight.toml has a price"))?;
        self.is_finished()?;
        let holder = self.canary_without_subscription().await?;
        let (token, _) = self.clerk().proved_token().await?;
        let (first, began) = door.price_of(tiers.first).await?;
        let (second, _) = door.price_of(tiers.second).await?;
        let record = BillingRecord {
            id: self.nonce.clone(),
            deployment: self.deployment_name(),
            holder: holder.to_string(),
            began,
        };
        let objects = StripeObjects { door, record: &record };
        let stage = Stage { objects, depth, holder, token, tiers, prices: (first, second) };
        stage.recorded(self.journal.note_record(START, &record))?;
        self.rehearsal.billing.open(record.clone());
        let ready = match stage.plan().await {
            Ok(plan) => stage.begin().await.map(|public| (plan, public)),
            Err(why) => Err(why),
        };
        let (plan, public) = match ready {
            Ok(ready) => ready,
            Err(why) => {
                drop(self.put_back().await);
                return Err(why);
            }
        };
        let billing =
            Billing { steps: Vec::new(), ended: None, bought: None, portal: None, has_clock: stage.has_clock() };
        let mut progress = Progress { public, billing, seen_events: Vec::new() };
        progress.billing.ended = stage.play(plan, &mut progress).await.err();
        self.rehearsal.note("removing what was created, and putting the canary back".to_owned());
        // What is left is reported at the end of the run, beside what was found.
        drop(self.put_back().await);
        Ok(Arc::new(progress.billing))
    }

    /// Whether no earlier rehearsal left anything behind.
    fn is_finished(&self) -> Answered {
        let (here, journal) = (self.deployment_name(), self.journal.path());
        let unreadable = |error| NoAnswer::unknown(format!("the journal cannot be read: {error}"));
        let canary = CanarySnapshot::unfinished(journal, &here).map_err(unreadable)?;
        let billing = BillingRecord::unfinished(journal, &here).map_err(unreadable)?;
        if canary.is_some_and(|snapshot| snapshot.deployment == here) || !billing.is_empty() {
            return Err(NoAnswer::unknown(crate::world::rehearsal::UNFINISHED));
        }
        Ok(())
    }
}

impl RehearsalDoor<'_> {
    /// A tier's price, and the time by Stripe's clock.
    async fn price_of(self, tier: &Tier) -> Answered<(String, i64)> {
        let offer = offers(self.world).into_iter().find(|offer| offer.tier.name == tier.name);
        let offer = offer.ok_or_else(|| NoAnswer::unknown(format!("tier {} has no price", tier.name)))?;
        let seen = self.world.stripe().price(&offer).await?;
        Ok((seen.value.id.clone(), self.world.began_by(&seen.answer).as_second()))
    }
}

impl<'w> Stage<'w> {
    /// Records the canary, and takes the plan from it.
    async fn begin(&self) -> Answered<Map<String, Value>> {
        let (door, record) = (self.objects.door, self.objects.record);
        let world = door.world;
        let before = door.read_canary(&self.holder).await?;
        let public = RehearsalDoor::unmarked(&before)?;
        let BillingRecord { id, deployment, holder, .. } = record.clone();
        let snapshot = CanarySnapshot { id, deployment, holder, before };
        self.recorded(world.journal.note_rehearsal(&snapshot))?;
        world.rehearsal.open(snapshot);
        door.set_out(&self.holder, &record.id, public).await
    }

    /// What is about to happen must be in the journal.
    fn recorded(&self, noted: io::Result<()>) -> Answered {
        noted.map_err(|error| {
            let path = self.objects.door.world.journal.path().display();
            NoAnswer::unknown(format!(
                "nothing was created, because it could not first be recorded in {path} ({error})"
            ))
        })
    }

    async fn play(&self, plan: Plan, progress: &mut Progress) -> Answered {
        let bought = self.buy(plan, progress).await?;
        if self.has_clock() {
            self.live_a_year(&bought, progress).await?;
        }
        self.change_plan(&bought, progress).await?;
        self.cancel(&bought, progress).await
    }

    /// Looks at what the canary has after the purchase, and asks the Worker for the portal.
    pub async fn look_at_purchase(&self, bought: &Bought, progress: &mut Progress) -> Answered {
        let worker = self.objects.door.world.worker();
        if worker.lacks(Route::Portal).is_none() {
            let customer = CustomerId::parse(&bought.customer).map_err(|malformed| malformed.in_place("Stripe"))?;
            progress.billing.portal = Some(worker.portal_of(&customer, &self.holder, &self.token).await);
        }
        Ok(())
    }

    /// Moves the subscription to the other tier, as the portal does.
    async fn change_plan(&self, bought: &Bought, progress: &mut Progress) -> Answered {
        let TwoTiers { first, second } = self.tiers;
        if first.name == second.name {
            return Ok(());
        }
        let config = &self.objects.door.world.config;
        let mut parameters = form([
            ("items[0][id]", bought.item.as_str()),
            ("items[0][price]", self.prices.1.as_str()),
            ("proration_behavior", "none"),
        ]);
        // Where the Worker reads the tier there, its own change of plan sets it.
        if config.entitlement.source == Source::SubscriptionMetadata {
            parameters.push((format!("metadata[{}]", config.entitlement.tier_key), second.metadata.clone()));
        }
        let (step, wait_for) = (RehearsalStep::PlanChange, WaitFor::Tier);
        let expected = Expected { step, tier: second, wait_for, kind: "customer.subscription.updated" };
        self.update(bought, parameters, expected, progress).await
    }

    /// Cancels the subscription: first at the end of its period, then for good.
    async fn cancel(&self, bought: &Bought, progress: &mut Progress) -> Answered {
        let tier = self.tiers.second;
        let (step, wait_for) = (RehearsalStep::Ending, WaitFor::Nothing);
        let expected = Expected { step, tier, wait_for, kind: "customer.subscription.updated" };
        self.update(bought, form([("cancel_at_period_end", "true")]), expected, progress).await?;
        let (step, wait_for) = (RehearsalStep::Deleted, WaitFor::Free);
        let expected = Expected { step, tier, wait_for, kind: "customer.subscription.deleted" };
        self.note(step);
        let started = Instant::now();
        let answer = if self.has_clock() {
            self.until_the_period_ends(bought).await?
        } else {
            self.objects.delete(&subscription(&bought.subscription)).await?
        };
        self.observe(bought, expected, answer, started, progress).await
    }

    /// Changes the subscription, and records what that does.
    pub async fn update(
        &self,
        bought: &Bought,
        parameters: Vec<Parameter>,
        expected: Expected<'w>,
        progress: &mut Progress,
    ) -> Answered {
        self.note(expected.step);
        let started = Instant::now();
        let (_, answer) = self.objects.post(subscription(&bought.subscription), parameters).await?;
        self.observe(bought, expected, answer, started, progress).await
    }

    /// Waits for Stripe's event to take effect, and records what the canary has then.
    pub async fn observe(
        &self,
        bought: &Bought,
        expected: Expected<'w>,
        answer: Arc<Answer>,
        started: Instant,
        progress: &mut Progress,
    ) -> Answered {
        let door = self.objects.door;
        let (pace, mut poll) = (door.pace, door.pace.poll);
        let (mut after, mut took, mut event) = (progress.public.clone(), None, Ok(None));
        let mut delivered_at = None;
        while started.elapsed() < pace.patience {
            event = self.event(bought, expected.kind, &progress.seen_events).await;
            after = RehearsalDoor::public(&door.read_canary(&self.holder).await?)?;
            let is_delivered = matches!(&event, Ok(Some(StripeEvent { pending: ..=0, .. })));
            let delivered = *delivered_at.get_or_insert_with(Instant::now);
            delivered_at = is_delivered.then_some(delivered);
            let is_settled = is_delivered && delivered.elapsed() >= pace.quiet;
            let has_effect =
                expected.wait_for != WaitFor::Nothing && self.is_reached(&after, &expected) && after != progress.public;
            if has_effect {
                took = Some(started.elapsed());
            }
            if has_effect || is_settled {
                break;
            }
            tokio::time::sleep(poll).await;
            poll = (poll * 2).min(Duration::from_secs(2)).min(pace.patience / 4);
        }
        if took.is_some() {
            // Its other effects may still come.
            tokio::time::sleep(pace.quiet.min(Duration::from_secs(2))).await;
            after = RehearsalDoor::public(&door.read_canary(&self.holder).await?)?;
            event = self.event(bought, expected.kind, &progress.seen_events).await;
        }
        if let Ok(Some(event)) = &event {
            progress.seen_events.push(event.id.clone());
        }
        let is_looked_at =
            matches!(expected.step, RehearsalStep::Bought | RehearsalStep::PlanChange | RehearsalStep::Deleted);
        let grant: Option<Grant> = if is_looked_at { Some(door.grant().await.1) } else { None };
        let before = std::mem::replace(&mut progress.public, after.clone());
        let (step, tier, answer) = (expected.step, expected.tier.clone(), Ok(answer));
        let seen = StepSeen { step, tier, answer, before, after, took, grant };
        progress.billing.steps.push(BillingStep { seen, event });
        self.is_worth_going_on(&expected, progress)
    }

    /// Without the tier, nothing that happens to the subscription shows anything.
    fn is_worth_going_on(&self, expected: &Expected<'_>, progress: &Progress) -> Answered {
        if expected.step != RehearsalStep::Bought || self.is_reached(&progress.public, expected) {
            return Ok(());
        }
        let tier = &expected.tier.name;
        Err(NoAnswer::unknown(format!("not tried, because the purchase did not give the canary tier {tier}")))
    }

    fn is_reached(&self, public: &Map<String, Value>, expected: &Expected<'_>) -> bool {
        let config = &self.objects.door.world.config;
        let plan = public.get(&config.clerk.metadata_key).and_then(plan_text);
        let is = |tier: &Tier| plan.as_ref() == Some(&tier.metadata);
        match expected.wait_for {
            WaitFor::Tier => is(expected.tier),
            WaitFor::Free => !config.paid_tiers().any(is),
            WaitFor::Nothing => true,
        }
    }

    /// The newest event of this type about the subscription that no earlier step had.
    async fn event(&self, bought: &Bought, kind: &'static str, before: &[String]) -> Answered<Option<StripeEvent>> {
        let since = self.objects.record.began;
        let path = ApiPath::new("/v1/events").query("type", kind).query("created[gte]", since);
        let is_about = |event: &Value| {
            let object = &event["data"]["object"];
            (object["id"] == bought.subscription.as_str() || object["subscription"] == bought.subscription.as_str())
                && event["id"].as_str().is_some_and(|id| !before.iter().any(|known| known == id))
        };
        let found = self.objects.list(&path, is_about).await?;
        Ok(found.into_iter().find_map(|event| {
            let (id, kind) = (event["id"].as_str()?.to_owned(), event["type"].as_str()?.to_owned());
            Some(StripeEvent { id, kind, pending: event["pending_webhooks"].as_i64()? })
        }))
    }

    /// What the tier should be while the subscription has this status.
    pub fn while_status(&self, status: &str) -> WaitFor {
        if grants(&self.objects.door.world.config, status) { WaitFor::Nothing } else { WaitFor::Free }
    }

    pub fn note(&self, step: RehearsalStep) {
        self.objects.door.world.rehearsal.note(format!("waiting for what Stripe sends {}", step.after()));
    }

    /// Whether a test clock makes time pass.
    pub fn has_clock(&self) -> bool {
        self.objects.is_test() && self.depth == Depth::Live
    }
}

//! Plays the script: sends each event, and records what it does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value};

use super::canary::{CanarySnapshot, UNFINISHED};
use super::event::{EventFrame, MadeUpSubscription};
use super::script::{CHECKOUT, RehearsalStep, Scripted, TwoTiers, WaitFor, script, two_tiers};
use super::{ExpiredToken, Grant, Metered, Pace, Rehearsal, RehearsalDoor, StepSeen};
use crate::config::{Mode, Tier, UserFrom};
use crate::finding::{Answered, NoAnswer};
use crate::world::clerk::Token;
use crate::world::id::HolderId;
use crate::world::subjects::offers;
use crate::world::transport::{Answer, Failure, OutgoingRequest, Party, Retry, optional};
use crate::world::{Route, Seen, UsageAnswer, World, claim_at, plan_text, usable};

/// Longer than the clock skew that Clerk's SDK allows, in seconds (docs/providers.md, "Clerk tokens and claims").
const SKEW: i64 = 7;

/// What a rehearsal needs to know before its first event.
struct Stage<'w> {
    door: RehearsalDoor<'w>,
    holder: HolderId,
    tiers: TwoTiers<'w>,
    prices: (Value, Value),
    frame: EventFrame,
    /// When the first event happened, in Unix seconds.
    began: i64,
    id: String,
}

impl World {
    /// The rehearsal, played once.
    ///
    /// # Errors
    /// Blocked by the check that reports why the Worker or the canary cannot take part, and unknown if the canary must not.
    pub(crate) async fn rehearsal(&self) -> Answered<Arc<Rehearsal>> {
        self.rehearsal.played.ask(|| Box::pin(self.play())).await.clone()
    }

    async fn play(&self) -> Answered<Arc<Rehearsal>> {
        let door = self.rehearsal_door()?;
        let here = self.deployment_name();
        let unfinished = CanarySnapshot::unfinished(self.journal.path(), &here);
        let unfinished =
            unfinished.map_err(|error| NoAnswer::unknown(format!("the journal cannot be read: {error}")))?;
        if unfinished.is_some_and(|snapshot| snapshot.deployment == here) {
            return Err(NoAnswer::unknown(UNFINISHED));
        }
        self.rehearsal.note("looking at the Worker and the canary".to_owned());
        let (stage, token) = door.stage().await?;
        let before = door.read_canary(&stage.holder).await?;
        let public = RehearsalDoor::unmarked(&before)?;
        let (id, holder) = (stage.id.clone(), stage.holder.to_string());
        let snapshot = CanarySnapshot { id, deployment: here, holder, before };
        self.journal.note_rehearsal(&snapshot).map_err(|error| {
            let path = self.journal.path().display();
            NoAnswer::unknown(format!("nothing was sent, because it could not first be recorded in {path} ({error})"))
        })?;
        self.rehearsal.open(snapshot.clone());
        let mut seen = Rehearsal { steps: Vec::new(), ended: None, metered: None, expired_token: None };
        seen.ended = stage.play(public, &mut seen).await.err();
        self.rehearsal.note("putting the canary back".to_owned());
        // Before anything else, and even if the rehearsal broke off. If it fails, the end of the run tries again and reports it,
        // and what was found stays.
        drop(self.restore_canary().await);
        if self.worker().lacks(Route::Usage).is_none() {
            seen.expired_token = Some(door.send_expired(&token).await);
        }
        Ok(Arc::new(seen))
    }
}

impl<'w> RehearsalDoor<'w> {
    /// Makes sure that the Worker and the canary can take part.
    async fn stage(self) -> Answered<(Stage<'w>, Token)> {
        let world = self.world;
        if world.config.entitlement.user_from == UserFrom::Customer {
            return Err(NoAnswer::Unknown(format!(
                "the Worker finds the {} by the customer (entitlement.user_from), and a made-up event has none that exists. Use `preflight rehearse --live` or `--guided`",
                world.config.entitlement.holder.word()
            )));
        }
        let tiers = two_tiers(&world.config);
        let tiers = tiers.ok_or_else(|| NoAnswer::unknown("no tier in preflight.toml has a price"))?;
        let (secret, canary) = futures::join!(world.webhook().proved_secret(), world.canary_without_subscription());
        secret?;
        let holder = canary?;
        let (token, _) = world.clerk().proved_token().await?;
        let (first, second) = futures::join!(self.price(tiers.first), self.price(tiers.second));
        let config = &world.config;
        let frame = EventFrame {
            version: self.version().await,
            livemode: config.project.mode == Mode::Live,
            customer: format!("cus_preflight{}", world.nonce),
            holder: holder.to_string(),
            holder_key: config.entitlement.user_key.clone(),
            tier_key: config.entitlement.tier_key.clone(),
        };
        let (prices, id) = ((first?, second?), world.nonce.clone());
        // In the past, because a Worker may not expect events from the future.
        let began = jiff::Timestamp::now().as_second() - 60;
        Ok((Stage { door: self, holder, tiers, prices, frame, began, id }, token))
    }

    /// A tier's price, as an event contains it: with only the ID of its product.
    async fn price(self, tier: &Tier) -> Answered<Value> {
        let offer = offers(self.world).into_iter().find(|offer| offer.tier.name == tier.name);
        let offer = offer.ok_or_else(|| NoAnswer::unknown(format!("tier {} has no price", tier.name)))?;
        let Seen { value, answer } = self.world.stripe().price(&offer).await?;
        let mut price: Value = answer.json()?;
        price["product"] = value.product_id().into();
        Ok(price)
    }

    /// The API version that Stripe renders the endpoint's events in.
    async fn version(self) -> String {
        let configured = self.world.config.webhook.api_version.clone();
        let endpoint = optional(self.world.webhook().endpoint()).await;
        let of_endpoint = endpoint.and_then(|seen| seen.value.api_version.text().map(str::to_owned));
        let pinned = || stripe_shared::version::VERSION.as_str().to_owned();
        of_endpoint.or(configured).unwrap_or_else(pinned)
    }

    /// Sends an event, signed as Stripe signs.
    async fn deliver(self, body: String) -> Answered<Result<Arc<Answer>, Arc<Failure>>> {
        let config = &self.world.config;
        let (secret, now) = (usable(&config.stripe.webhook_secret)?, jiff::Timestamp::now().as_second());
        let body = body.into_bytes();
        let signature = format!("t={now},v1={}", secret.sign(now, &body));
        let signature = HeaderValue::from_str(&signature).map_err(|error| NoAnswer::unknown(error.to_string()))?;
        let mut outgoing = OutgoingRequest {
            method: Method::POST,
            body: Some(body),
            retry: Retry::Connection,
            is_step: true,
            ..OutgoingRequest::get(Party::Worker, config.webhook.url.clone())
        };
        outgoing.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        outgoing.headers.insert("stripe-signature", signature);
        match self.send(outgoing).await {
            Err(failure) if failure.trouble.is_ours() => Err(NoAnswer::Unknown(failure.to_string())),
            answer => Ok(answer),
        }
    }

    /// What the canary is granted with a new token.
    pub(super) async fn grant(self) -> (Option<Token>, Grant) {
        let (clerk, worker) = (self.world.clerk(), self.world.worker());
        let token = match clerk.new_canary_token().await {
            Ok(token) => token,
            Err(why) => {
                let usage = worker.lacks(Route::Usage).is_none().then(|| Err(why.clone()));
                return (None, Grant { claim: Err(why), usage });
            }
        };
        let claim = clerk.verify(&token).await.and_then(|claims| {
            let claims =
                claims.map_err(|invalid| NoAnswer::unknown(format!("Clerk's new token is not valid: {invalid:?}")))?;
            Ok(claim_at(&claims, &self.world.config.clerk.plan_claim).and_then(plan_text))
        });
        let usage = match worker.lacks(Route::Usage) {
            Some(_) => None,
            None => Some(worker.usage_of(&token).await),
        };
        (Some(token), Grant { claim, usage })
    }

    /// Calls the metered route once, and asks for the usage until it moves or for as long as the Worker may take.
    async fn metered(self, token: &Token, before: &Grant) -> Answered<Metered> {
        let answer = self.use_once(token).await?;
        let uses = |grant: &Grant| match &grant.usage {
            Some(Ok(UsageAnswer::Granted(usage))) => usage.used,
            _ => None,
        };
        let (started, mut poll) = (Instant::now(), self.pace.poll);
        loop {
            // A new token each time: the same question is asked once in a run.
            let after = self.grant().await.1;
            let has_moved = uses(&after) != uses(before);
            if has_moved || !answer.is_success() || started.elapsed() >= self.pace.patience {
                return Ok(Metered { answer, after: after.usage });
            }
            tokio::time::sleep(poll).await;
            poll *= 2;
        }
    }

    /// Calls the metered route once.
    async fn use_once(self, token: &Token) -> Answered<Arc<Answer>> {
        let worker = self.world.worker();
        let mut outgoing = OutgoingRequest {
            method: Method::POST,
            body: Some(b"{}".to_vec()),
            credential: Some(self.world.worker().credential(token)),
            // A second call would be a second use.
            retry: Retry::Never,
            is_step: true,
            ..OutgoingRequest::get(Party::Worker, worker.url(Route::Metered)?)
        };
        outgoing.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        outgoing.headers.extend(worker.browser_headers());
        self.send(outgoing).await.map_err(|failure| NoAnswer::Unknown(failure.to_string()))
    }

    /// Waits until a token has expired, and sends it to the Worker.
    async fn send_expired(self, token: &Token) -> Answered<ExpiredToken> {
        let expires = token.expires().ok_or_else(|| NoAnswer::unknown("Clerk's token does not say when it expires"))?;
        let wait = expires + SKEW - jiff::Timestamp::now().as_second();
        let wait = Duration::from_secs(u64::try_from(wait).unwrap_or_default());
        if wait > self.pace.token_wait {
            let (wait, limit) = (wait.as_secs(), self.pace.token_wait.as_secs());
            let minutes = wait.div_ceil(60);
            let why = format!(
                "the token expires in {wait} s, and this rehearsal waits at most {limit} s. To try it, use --token-wait {minutes}m"
            );
            let is_left_out = self.pace.leaves_tokens_out;
            return if is_left_out { Ok(ExpiredToken::NotTried(why)) } else { Err(NoAnswer::Unknown(why)) };
        }
        self.world.rehearsal.note(format!("waiting {} s for a token to expire", wait.as_secs()));
        tokio::time::sleep(wait).await;
        self.world.worker().refusal_of(token, "expired").await.map(ExpiredToken::Tried)
    }
}

impl Stage<'_> {
    async fn play(&self, public: Map<String, Value>, seen: &mut Rehearsal) -> Answered {
        let mut current = self.door.set_out(&self.holder, &self.id, public).await?;
        let (mut quiet, mut repeatable): (Duration, Option<String>) = (self.door.pace.quiet, None);
        let events = script(&self.door.world.config, self.tiers);
        for (place, event) in events.iter().enumerate() {
            if matches!(event.step, RehearsalStep::IncompleteBesides | RehearsalStep::ExpiredBesides)
                && self.grants_unpaid(seen)
            {
                continue;
            }
            let cell = &self.door.world.rehearsal;
            cell.note(format!("event {} of {}: {}", place + 1, events.len(), event.step.after()));
            if place > 0 {
                tokio::time::sleep(self.door.pace.between).await;
            }
            let body = match (&repeatable, event.step) {
                (Some(body), RehearsalStep::Repeated) => body.clone(),
                _ => self.body(event, place),
            };
            if matches!(event.step, RehearsalStep::Created | RehearsalStep::PlanChange) {
                repeatable = Some(body.clone());
            }
            let started = Instant::now();
            let answer = self.door.deliver(body).await?;
            let (after, took) = self.settled(&current, event, started, quiet).await?;
            // A slow write makes the rehearsal wait longer before it believes that nothing happens.
            quiet = quiet.max(took.unwrap_or_default() * 2).min(self.door.pace.patience);
            self.door.world.rehearsal.learn(quiet);
            let grant = if event.looks_at_grant { Some(self.look(event, seen).await) } else { None };
            let (step, tier, before) = (event.step, event.tier.clone(), current);
            seen.steps.push(StepSeen { step, tier, answer, before, after: after.clone(), took, grant });
            current = after;
            self.is_worth_going_on(seen)?;
        }
        Ok(())
    }

    async fn look(&self, event: &Scripted<'_>, seen: &mut Rehearsal) -> Grant {
        let (token, grant) = self.door.grant().await;
        let has_route = self.door.world.worker().lacks(Route::Metered).is_none();
        if let (RehearsalStep::Created, Some(token), true) = (event.step, token, has_route) {
            seen.metered = Some(self.door.metered(&token, &grant).await);
        }
        grant
    }

    /// If the first events do not grant their tier, the others show nothing.
    fn is_worth_going_on(&self, seen: &Rehearsal) -> Answered {
        let Ok(created) = seen.step(RehearsalStep::Created) else { return Ok(()) };
        if self.is_reached(&created.after, self.tiers.first, WaitFor::Tier) {
            return Ok(());
        }
        let tier = &self.tiers.first.name;
        Err(NoAnswer::unknown(format!("not tried, because the first events did not give the canary tier {tier}")))
    }

    /// Whether a subscription without a payment was granted its tier. Another one would then be the user's current subscription.
    fn grants_unpaid(&self, seen: &Rehearsal) -> bool {
        let gains = |step: RehearsalStep| {
            let is_tier = |public| self.is_reached(public, self.tiers.first, WaitFor::Tier);
            seen.step(step).is_ok_and(|seen| !is_tier(&seen.before) && is_tier(&seen.after))
        };
        gains(RehearsalStep::Incomplete) || gains(RehearsalStep::IncompleteExpired)
    }

    fn body(&self, event: &Scripted<'_>, place: usize) -> String {
        let config = &self.door.world.config;
        let time = |place: usize| self.began + i64::try_from(place).unwrap_or_default() * 2;
        let number = event.which as usize;
        let is_second = event.tier.name == self.tiers.second.name;
        let subscription = MadeUpSubscription {
            id: format!("sub_preflight{}{number}", self.id),
            tier: event.tier_in_metadata(config, self.tiers).to_owned(),
            price: if is_second { self.prices.1.clone() } else { self.prices.0.clone() },
            status: event.status,
            cancels_at_period_end: event.is_ending(),
            created: time(number),
        };
        // An older event happened before the change of plan, and arrives after it.
        let created = if event.step == RehearsalStep::Older { time(place) - 5 } else { time(place) };
        let mut frame = self.frame.clone();
        frame.livemode ^= matches!(event.step, RehearsalStep::OtherMode | RehearsalStep::OtherModeCheckout);
        let object = if event.kind == CHECKOUT {
            let mode = if frame.livemode { "live" } else { "test" };
            frame.checkout_session(&format!("cs_{mode}_preflight{}{number}", self.id), &subscription)
        } else {
            frame.subscription(&subscription)
        };
        let id = format!("evt_preflight{}{place:02}", self.id);
        frame.event(&id, event.kind, created, &object, event.previous(&subscription))
    }

    /// Reads the canary until it is as the event should leave it, or for as long as the Worker may take.
    async fn settled(
        &self,
        before: &Map<String, Value>,
        event: &Scripted<'_>,
        started: Instant,
        quiet: Duration,
    ) -> Answered<(Map<String, Value>, Option<Duration>)> {
        let Pace { patience, mut poll, .. } = self.door.pace;
        if event.wait_for == WaitFor::Nothing {
            tokio::time::sleep(quiet).await;
        }
        loop {
            let now = RehearsalDoor::public(&self.door.read_canary(&self.holder).await?)?;
            match event.wait_for {
                WaitFor::Nothing => return Ok((now, None)),
                wait_for if self.is_reached(&now, event.tier, wait_for) => {
                    // What was so before need not be the effect of this event, and its other effects may still come.
                    if now == *before {
                        tokio::time::sleep(quiet).await;
                        return Ok((RehearsalDoor::public(&self.door.read_canary(&self.holder).await?)?, None));
                    }
                    return Ok((now, Some(started.elapsed())));
                }
                _ if started.elapsed() >= patience => return Ok((now, None)),
                _ => {
                    tokio::time::sleep(poll).await;
                    poll = (poll * 2).min(patience / 4);
                }
            }
        }
    }

    fn is_reached(&self, public: &Map<String, Value>, tier: &Tier, wait_for: WaitFor) -> bool {
        let config = &self.door.world.config;
        let plan = public.get(&config.clerk.metadata_key).and_then(plan_text);
        let is = |tier: &Tier| plan.as_ref() == Some(&tier.metadata);
        match wait_for {
            WaitFor::Tier => is(tier),
            WaitFor::Free => !config.paid_tiers().any(is),
            WaitFor::Nothing => true,
        }
    }
}

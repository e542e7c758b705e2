//! `clerk/jwt-template`.

use serde_json::{Map, Value, json};

use crate::check::prelude::*;
use crate::world::{Answer, ClaimTemplate, JwtTemplate, Seen, nested_claim, plan_shortcode, plan_source, set_claim};

check! {
    /// The JWT template carries the plan from Clerk's public metadata.
    ///
    /// ## Why it matters
    /// The Worker grants the tier in this claim. Without the template, every request fails. If the claim is a constant,
    /// every user has the same tier. If it reads metadata that users can write, they can set their own.
    ///
    /// ## How it is verified
    /// The template with exactly this name is read from Clerk, and its plan claim is parsed: which field it reads, and
    /// which fallback it has. If the session token carries the claim instead, a secret key cannot read its definition;
    /// `clerk/plan-claim` looks at a real token in both cases.
    ///
    /// ## How to fix it
    /// Edit the template on the JWT templates page of the Clerk Dashboard.
    pub const CHECK = Check {
        need: Need::Configured("clerk.jwt_template"),
        sends: "",
        owns: [JwtTemplateUnusable],
        subjects: deployment,
        run
    };
}

codes! {
    /// There is no template of that name.
    MISSING: Failure,
    /// The name of an existing template differs only in case.
    NAME: Failure,
    /// Its tokens are signed with a key that the Worker does not know.
    ALGORITHM: Failure,
    /// No claim carries the plan.
    CLAIM_MISSING: Failure,
    /// The claim that carries the plan has another name.
    CLAIM_KEY: Failure,
    /// The claim is the same for everyone.
    CONSTANT: Failure(Money),
    /// The claim reads metadata that users can write.
    USER_WRITABLE: Failure(Exposure),
    /// The claim reads private metadata, which the Worker does not write.
    NOT_PUBLIC: Failure,
    /// The claim reads something other than the plan.
    OTHER_SOURCE: Failure,
    /// There is text around the value.
    INTERPOLATED: Failure,
    /// Users or organizations without a plan get a paid one.
    PAID_DEFAULT: Failure(Money),
    /// Users or organizations without a plan get a value that is not a tier's.
    UNKNOWN_DEFAULT: Warning,
    /// Tokens stay valid for more than five minutes after a downgrade.
    LIFETIME: Warning(Money),
}

/// A claim that is older than this many seconds lets a customer keep a canceled tier (docs/providers.md, "Clerk tokens
/// and claims").
const LONGEST_LIFETIME: i64 = 300;

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let clerk = &world.config().clerk;
    let Some(name) = &clerk.jwt_template else {
        return outcome.not_applicable("clerk.jwt_template is false: the session token itself carries the claim");
    };
    let Seen { value: found, answer } = world.clerk().jwt_template(name).await?;
    match found {
        Err(others) => {
            // Where the canary is, the template should be, too.
            if !matches!(optional(world.clerk().canary()).await, Some(Some(_))) {
                world.clerk().one_instance().await?;
            }
            outcome.find(missing(world, &answer, name, &others));
        }
        Ok(template) => {
            for part in [signature(&template), claim(world, &template), lifetime(world, &template)] {
                if let Some(Some(problem)) = outcome.ask(part) {
                    outcome.find(finding(world, &answer, name, problem));
                }
            }
        }
    }
    let seen = format!("\"{name}\" carries {} as {}", plan_source(world.config()), clerk.plan_claim);
    outcome.pass_if_clean(seen);
    Ok(())
}

/// What is wrong with one part of the template.
struct Problem {
    code: Code,
    message: String,
    seen: String,
    fix: Fix,
}

/// The claim as the template should define it: its name, and its value. If it is within a claim that is metadata as a whole,
/// that claim stays whole, because it may hold more than the plan.
fn right_claim(world: &World, template: Option<&JwtTemplate>) -> (String, Value) {
    let (claim, key) = (world.config().clerk.plan_claim.as_str(), world.config().clerk.metadata_key.as_str());
    if let Some((around, _)) = claim.split_once('.').filter(|(_, within)| *within == key)
        && template.is_some_and(|template| template.has_text(around))
    {
        return (around.to_owned(), format!("{{{{{}}}}}", world.config().entitlement.holder.public_metadata()).into());
    }
    (claim.to_owned(), plan_shortcode(world.config()).into())
}

/// The same in words.
fn shown_claim(world: &World, template: Option<&JwtTemplate>) -> String {
    let (path, value) = right_claim(world, template);
    let (name, value) = nested_claim(&path, value);
    format!("\"{name}\": {value}")
}

/// Sets the plan claim, and leaves the other claims as they are.
fn set(world: &World, template: &JwtTemplate, claim: (String, Value), summary: String) -> Fix {
    let (path, value) = claim;
    change(world, template, summary, |settings| set_claim(&mut settings["claims"], &path, value))
}

/// Changes the template. With a custom signing key, the request would need that key, so only the dashboard can.
fn change(world: &World, template: &JwtTemplate, summary: String, change: impl FnOnce(&mut Value)) -> Fix {
    let fix = Fix::new(summary);
    let is_ours = template.is_signed_by_instance() == Ok(true);
    match template.id().zip(template.settings()).filter(|_| is_ours) {
        Some((id, settings)) => {
            let before = Value::Object(settings);
            let mut after = before.clone();
            change(&mut after);
            fix.then(world.template(Some(id), &template.name, before, after))
        }
        None => fix.link(clerk_dashboard("jwt-templates")),
    }
}

fn missing(world: &World, answer: &Answer, name: &str, others: &[String]) -> Finding {
    let create = |summary: String| {
        let (path, value) = right_claim(world, None);
        let claims = Map::from_iter([nested_claim(&path, value)]);
        let template = world.template(None, name, Value::Null, json!({ "claims": claims, "lifetime": 60 }));
        // Beside other templates, the name in preflight.toml may be the wrong one.
        if others.is_empty() { Fix::new(summary).then(template) } else { Fix::new(summary).suggest(template) }
    };
    let problem = match others.iter().find(|other| other.trim().eq_ignore_ascii_case(name.trim())) {
        Some(found) => Problem {
            code: NAME,
            message: format!(
                "There is no JWT template \"{name}\", but there is \"{found}\". Template names are case-sensitive."
            ),
            seen: found.clone(),
            fix: create(format!(
                "Create the template \"{name}\", or set clerk.jwt_template to \"{found}\" if the frontend asks for that."
            )),
        },
        None => Problem {
            code: MISSING,
            message: format!("There is no JWT template \"{name}\", so the frontend gets no token for the Worker."),
            seen: if others.is_empty() { "no template".to_owned() } else { others.join(", ") },
            fix: create(match others {
                [] => format!("Create the template \"{name}\" with the claim {}.", shown_claim(world, None)),
                _ => format!(
                    "Create the template \"{name}\" with the claim {}, or correct clerk.jwt_template in preflight.toml.",
                    shown_claim(world, None)
                ),
            }),
        },
    };
    finding(world, answer, name, problem)
}

fn signature(template: &JwtTemplate) -> Answered<Option<Problem>> {
    if template.is_signed_by_instance()? {
        return Ok(None);
    }
    let (name, algorithm) = (&template.name, template.signing_algorithm()?);
    Ok(Some(Problem {
        code: ALGORITHM,
        message: format!(
            "The template \"{name}\" signs with a custom key ({algorithm}) that the Worker does not know."
        ),
        seen: algorithm.to_owned(),
        fix: Fix::new(format!("Turn off the custom signing key of \"{name}\".")).link(clerk_dashboard("jwt-templates")),
    }))
}

fn claim(world: &World, template: &JwtTemplate) -> Answered<Option<Problem>> {
    let (config, name, key) = (world.config(), &template.name, &world.config().clerk.plan_claim);
    let (source, kind) = (plan_source(config), config.entitlement.holder);
    let right = || {
        let summary = format!("Set the claim {} in the template \"{name}\".", shown_claim(world, Some(template)));
        set(world, template, right_claim(world, Some(template)), summary)
    };
    let Some(claim) = template.claim(key)? else {
        let other = template.claims()?.into_iter().find(|(_, other)| other.sources().contains(&source.as_str()));
        return Ok(Some(match other {
            Some((other, _)) => Problem {
                code: CLAIM_KEY,
                message: format!(
                    "The template \"{name}\" carries the plan as \"{other}\", but the Worker reads \"{key}\"."
                ),
                seen: other,
                // Something else may read the other claim.
                fix: right(),
            },
            None => Problem {
                code: CLAIM_MISSING,
                message: format!(
                    "The template \"{name}\" has no claim \"{key}\", so the Worker cannot see what a customer pays for."
                ),
                seen: "no such claim".to_owned(),
                fix: right(),
            },
        }));
    };
    let sources = claim.sources();
    let (code, message) = if sources.is_empty() {
        (CONSTANT, format!("The claim \"{key}\" is \"{}\" for every {}.", claim.text(), kind.word()))
    } else if claim.is_user_writable() {
        (USER_WRITABLE, format!("The claim \"{key}\" reads unsafe metadata, so users can set their own tier."))
    } else if claim.is_private() {
        (
            NOT_PUBLIC,
            format!("The claim \"{key}\" reads private metadata, but the Worker writes the plan to public metadata."),
        )
    } else if sources[0] != source {
        return Ok(Some(other_source(world, &claim, right())));
    } else if !claim.is_one_expression() {
        (INTERPOLATED, format!("The claim \"{key}\" has text around the plan, so it does not match any tier."))
    } else if let Some(tier) = claim.paid_fallback(config) {
        return Ok(Some(Problem {
            code: PAID_DEFAULT,
            message: format!("The claim \"{key}\" gives \"{tier}\" to {} without a plan.", kind.plural()),
            seen: tier.to_owned(),
            fix: free_fallback(world, template, &claim, tier),
        }));
    } else if let Some(other) = claim.unknown_fallback(config) {
        return Ok(Some(Problem {
            code: UNKNOWN_DEFAULT,
            message: format!(
                "The claim \"{key}\" gives \"{other}\" to {} without a plan. No tier has that value, so the Worker may serve them nothing.",
                kind.plural()
            ),
            seen: other.to_owned(),
            fix: free_fallback(world, template, &claim, other),
        }));
    } else {
        return Ok(None);
    };
    Ok(Some(Problem { code, message, seen: claim.text().to_owned(), fix: right() }))
}

/// A claim that reads something other than the plan. If it reads the plan of the other kind of holder, the configuration may be
/// what is wrong.
fn other_source(world: &World, claim: &ClaimTemplate, right: Fix) -> Problem {
    let (key, source) = (&world.config().clerk.plan_claim, plan_source(world.config()));
    let other = world.config().entitlement.holder.other();
    let message = match claim.sources().as_slice() {
        [first, rest @ ..] if rest.contains(&source.as_str()) => {
            format!("The claim \"{key}\" reads {first} before {source}, so that has priority.")
        }
        _ => format!("The claim \"{key}\" does not read {source}."),
    };
    let seen = claim.text().to_owned();
    let fix = if claim.is_of_other_kind(world.config()) {
        let summary = format!(
            "{} Or, if {} have the plans, set entitlement.holder to \"{}\" in preflight.toml.",
            right.summary,
            other.plural(),
            other.word()
        );
        right.steps.iter().cloned().fold(Fix::new(summary), Fix::suggest)
    } else {
        right
    };
    Problem { code: OTHER_SOURCE, message, seen, fix }
}

/// The Worker may need a plan for everyone, so the fallback stays, with the free tier.
fn free_fallback(world: &World, template: &JwtTemplate, claim: &ClaimTemplate, wrong: &str) -> Fix {
    let Some(free) = world.config().free_tier() else {
        let claim = right_claim(world, Some(template));
        return set(world, template, claim, "Remove the fallback from the claim.".to_owned());
    };
    let summary = format!("Change the fallback of the claim from \"{wrong}\" to \"{}\".", free.metadata);
    let quoted = |quote: char, value: &str| format!("{quote}{value}{quote}");
    let value = ['\'', '"'].iter().fold(claim.text().to_owned(), |text, quote| {
        text.replace(&quoted(*quote, wrong), &quoted(*quote, &free.metadata))
    });
    let value = value.into();
    set(world, template, (world.config().clerk.plan_claim.clone(), value), summary)
}

fn lifetime(world: &World, template: &JwtTemplate) -> Answered<Option<Problem>> {
    let (name, seconds) = (&template.name, template.lifetime()?);
    Ok((seconds > LONGEST_LIFETIME).then(|| Problem {
        code: LIFETIME,
        message: format!(
            "Tokens from \"{name}\" are valid for {seconds} s, so customers keep a canceled tier that long."
        ),
        seen: format!("{seconds} s"),
        fix: change(
            world,
            template,
            format!("Set the token lifetime of \"{name}\" to 60 seconds. Clerk's SDKs renew tokens automatically."),
            |settings| settings["lifetime"] = 60.into(),
        ),
    }))
}

fn finding(world: &World, answer: &Answer, name: &str, problem: Problem) -> Finding {
    let Problem { code, message, seen, fix } = problem;
    Finding {
        code,
        message,
        expected: if code == LIFETIME {
            format!("at most {LONGEST_LIFETIME} s")
        } else {
            format!("a template \"{name}\" with {}", shown_claim(world, None))
        },
        actual: seen.clone(),
        evidence: vec![answer.evidence(format!("[name={name}]"), seen)],
        fix,
    }
}

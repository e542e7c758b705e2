//! Checks the values of the file, alone and against each other, and adds the defaults that depend on other values.

mod address;
mod extras;
mod holder;
mod tiers;
mod worker;

pub use address::is_loopback;

use super::lines::Lines;
use super::raw::{self, At, PublicVariable, SecretVariable, Template, Word};
use super::secret_formats::is_secret;
use super::source::{Diagnostic, Diagnostics};
use super::stray::bare;
use super::wrangler::Wrangler;
use super::{
    CheckoutRoute, ClerkConfig, CloudflareConfig, Config, FrontendConfig, Kind, Options, Origin, Project, Secret,
    Source, StripeConfig, Tier, TokenPlace, Values, Variable, WebhookConfig, WorkerConfig, fingerprint,
    frontend_api_of, hardcoded, kind, swapped_keys, value_problem,
};
use crate::holder::HolderKind;

/// Builds the parts of a configuration.
pub(super) struct Build<'b, 't> {
    diagnostics: &'b mut Diagnostics<'t>,
    values: &'b Values,
    options: &'b Options<'b>,
    misplaced: Vec<Secret>,
}

impl<'b, 't> Build<'b, 't> {
    pub fn new(diagnostics: &'b mut Diagnostics<'t>, values: &'b Values, options: &'b Options<'b>) -> Self {
        Self { diagnostics, values, options, misplaced: Vec::new() }
    }

    /// The whole. `None` if a part has an error, which is reported.
    pub fn config(mut self, file: raw::File, lines: Lines, wrangler: Option<Wrangler>) -> Option<Config> {
        let project = file.project.and_then(|project| self.project(project));
        let stripe = self.stripe(&file.stripe.unwrap_or_default());
        let auth = file.worker.as_ref().map_or(TokenPlace::Bearer, |worker| worker.auth);
        let entitlement = file.entitlement.unwrap_or_default();
        let clerk = self.clerk(&file.clerk.unwrap_or_default(), auth, entitlement.holder);
        let is_paid = |tier: &&raw::Tier| tier.price.is_some() || tier.prices.is_some();
        let paid_tiers = file.tiers.iter().flat_map(|tiers| tiers.values()).filter(is_paid).count();
        let worker = file.worker.and_then(|worker| self.worker(worker, paid_tiers, entitlement.holder));
        let webhook = self.webhook(file.webhook.unwrap_or_default(), worker.as_ref());
        let frontend = file.frontend.map(|frontend| self.frontend(&frontend));
        let tiers = file.tiers.and_then(|tiers| self.tiers(tiers));
        // A Worker that is sent the price ID may need none, unless it tells the tier by it.
        let checkout = worker.as_ref().and_then(|worker| worker.checkout.as_ref());
        let is_sent = checkout.is_some_and(CheckoutRoute::names_the_price) && entitlement.source != Source::PriceId;
        let tiers_with_prices = tiers.as_deref().filter(|_| !is_sent);
        let needed = Needed { stripe: stripe.as_ref(), clerk: clerk.as_ref(), tiers: tiers_with_prices };
        let cloudflare = file.cloudflare.map(|cloudflare| self.cloudflare(cloudflare, wrangler, &needed));
        let probes = self.probes(file.probe);
        let manual = self.manual(file.manual);
        let waivers = self.waivers(file.waive);
        let mut config = Config {
            path: self.diagnostics.text.path.clone(),
            env_file: self.values.last_file().map(std::path::Path::to_owned),
            hash: fingerprint::hash(&self.diagnostics.text.contents),
            lines,
            project: project?,
            stripe: stripe?,
            webhook: webhook?,
            entitlement: self.entitlement(entitlement),
            clerk: clerk?,
            cloudflare: flattened(cloudflare)?,
            worker: worker?,
            frontend: flattened(frontend)?,
            probes: probes?,
            manual: manual?,
            tiers: tiers?,
            waivers: waivers?,
            misplaced: self.misplaced,
        };
        swapped_keys::report(&mut config.stripe, &mut config.clerk);
        Some(config)
    }

    fn project(&self, project: raw::Project) -> Option<Project> {
        Some(Project { name: project.name?.value.0, mode: self.options.mode.unwrap_or(project.mode) })
    }

    fn stripe(&mut self, stripe: &raw::Stripe) -> Option<StripeConfig> {
        let api_base = self.api_base("stripe.api_base", &stripe.api_base, "api.stripe.com");
        Some(StripeConfig {
            secret_key: self.secret("stripe.secret_key", &stripe.secret_key, Kind::StripeSecretKey, Need::Required),
            publishable_key: self.public(
                "stripe.publishable_key",
                &stripe.publishable_key,
                "STRIPE_PUBLISHABLE_KEY",
                Kind::StripePublishableKey,
                Need::Optional,
            ),
            webhook_secret: self.secret(
                "stripe.webhook_secret",
                &stripe.webhook_secret,
                Kind::StripeWebhookSecret,
                Need::Required,
            ),
            portal_configuration: self.public(
                "stripe.portal_configuration",
                &stripe.portal_configuration,
                "STRIPE_PORTAL_CONFIG_ID",
                Kind::StripePortalConfigurationId,
                Need::Optional,
            ),
            test_secret_key: self.secret(
                "stripe.test_secret_key",
                &stripe.test_secret_key,
                Kind::StripeSecretKey,
                Need::Optional,
            ),
            account: stripe.account.as_ref().map(|account| account.value.0.clone()),
            managed_payments: stripe.managed_payments,
            api_base: api_base?,
        })
    }

    fn clerk(&mut self, clerk: &raw::Clerk, auth: TokenPlace, holder: HolderKind) -> Option<ClerkConfig> {
        let api_base = self.api_base("clerk.api_base", &clerk.api_base, "api.clerk.com");
        let publishable_key = self.public(
            "clerk.publishable_key",
            &clerk.publishable_key,
            "CLERK_PUBLISHABLE_KEY",
            Kind::ClerkPublishableKey,
            Need::Required,
        );
        let named = publishable_key.value.as_deref().and_then(frontend_api_of);
        let own = named.as_ref().and_then(url::Url::host_str).unwrap_or_default();
        let frontend_api = clerk.frontend_api.as_ref().map(|api| self.api_base("clerk.frontend_api", api, own));
        Some(ClerkConfig {
            secret_key: self.secret("clerk.secret_key", &clerk.secret_key, Kind::ClerkSecretKey, Need::Required),
            publishable_key,
            jwt_template: self.jwt_template(clerk.jwt_template.as_ref(), auth),
            plan_claim: clerk.plan_claim.0.clone(),
            metadata_key: clerk.metadata_key.0.clone(),
            customer_key: clerk.customer_key.0.clone(),
            subscription_key: clerk.subscription_key.0.clone(),
            canary_user: self.public(
                "clerk.canary_user",
                &clerk.canary_user,
                "PREFLIGHT_CANARY_USER",
                Kind::ClerkUserId,
                Need::Optional,
            ),
            canary_organization: self.canary_organization(clerk.canary_organization.as_ref(), holder),
            api_base: api_base?,
            frontend_api: flattened(frontend_api)?,
        })
    }

    /// The template whose tokens the Worker reads. The cookie of a session never holds one.
    fn jwt_template(&mut self, written: Option<&At<Template>>, auth: TokenPlace) -> Option<String> {
        let name = match written {
            None => return (auth == TokenPlace::Bearer).then(|| "pan-api".to_owned()),
            Some(At { value: Template::Off(_), .. }) => return None,
            Some(At { value: Template::Name(name), .. }) => name.0.clone(),
        };
        if let (TokenPlace::Cookie, Some(At { span, .. })) = (auth, written) {
            let message = "the cookie `__session` holds the session token, never the token of a template";
            let diagnostic = Diagnostic::at(span.clone(), message).label("`worker.auth` is \"cookie\"");
            self.diagnostics.add(diagnostic.help(
                "write jwt_template = false, and add the claim to the session token in Clerk (Sessions, Customize session token)",
            ));
        }
        Some(name)
    }

    fn webhook(&mut self, webhook: raw::Webhook, worker: Option<&WorkerConfig>) -> Option<WebhookConfig> {
        let url = match &webhook.url {
            Some(url) => self.secure_url("webhook.url", url),
            None => worker.and_then(|worker| worker.url.join("/webhook/stripe").ok()),
        };
        let hosts: Vec<Option<String>> = webhook.hosts.iter().map(|host| self.host("webhook.hosts", host)).collect();
        Some(WebhookConfig {
            url: url?,
            hosts: hosts.into_iter().collect::<Option<_>>()?,
            events: webhook.events.into_iter().map(|event| event.value.0).collect(),
            api_version: webhook.api_version.map(|version| version.value.0),
            expect: webhook.expect.into_iter().map(|(key, value)| (key, value.0)).collect(),
            max_response_ms: webhook.max_response_ms,
        })
    }

    fn frontend(&mut self, frontend: &raw::Frontend) -> Option<FrontendConfig> {
        Some(FrontendConfig { url: self.secure_url("frontend.url", frontend.url.as_ref()?)? })
    }

    fn cloudflare(
        &mut self,
        cloudflare: raw::Cloudflare,
        wrangler: Option<Wrangler>,
        needed: &Needed<'_>,
    ) -> Option<CloudflareConfig> {
        let api_base = self.api_base("cloudflare.api_base", &cloudflare.api_base, "api.cloudflare.com");
        let environment = cloudflare.environment.as_ref().map(|environment| environment.value.0.clone());
        let declared = wrangler.as_ref().and_then(|wrangler| wrangler.declared(environment.as_deref()));
        if let (Some(wrangler), Some(at), None) = (&wrangler, &cloudflare.environment, declared) {
            let environments: Vec<&str> = wrangler.environments().collect();
            let message = format!("{} has no environment `{}`", wrangler.path.display(), at.value.0);
            let known = if environments.is_empty() { "none".to_owned() } else { environments.join(", ") };
            self.diagnostics.add(Diagnostic::at(at.span.clone(), message).label(format!("its environments: {known}")));
        }
        let required = declared.map(|declared| declared.required_secrets.clone()).unwrap_or_default();
        let secrets = match cloudflare.secrets {
            Some(secrets) => secrets.into_iter().map(|name| name.0).collect(),
            None => needed.secrets(required),
        };
        let script = cloudflare.script.map(|script| script.0);
        let script = script.or_else(|| wrangler.as_ref().and_then(|wrangler| wrangler.name().map(str::to_owned)));
        if let Some(wrangler) = &wrangler {
            let values = wrangler.every_value().filter(|value| is_secret(value));
            self.misplaced.extend(values.map(Secret::new));
        }
        Some(CloudflareConfig {
            account_id: self.public(
                "cloudflare.account_id",
                &cloudflare.account_id,
                "CLOUDFLARE_ACCOUNT_ID",
                Kind::CloudflareAccountId,
                Need::Required,
            ),
            api_token: self.secret(
                "cloudflare.api_token",
                &cloudflare.api_token,
                Kind::CloudflareApiToken,
                Need::Required,
            ),
            script: script.unwrap_or_else(|| "pan-api".to_owned()),
            environment,
            wrangler,
            secrets,
            api_base: api_base?,
        })
    }

    /// A variable that holds a secret.
    fn secret(&mut self, setting: &str, named: &At<SecretVariable>, kind: Kind, need: Need) -> Variable<Secret> {
        let name = &named.value.env.0;
        if hardcoded::is_token(name) {
            self.diagnostics.secret(named.span.clone());
        }
        let (value, origin) = self.value_of(name);
        Variable {
            name: name.clone(),
            setting: setting.to_owned(),
            line: named.span.as_ref().map(|span| self.diagnostics.line(span.start)),
            kind,
            origin,
            problem: value_problem::find(kind, need.is_required(), value.as_deref()),
            value: value.map(Secret::new),
        }
    }

    /// A variable that is not secret. A literal value has the name of the default variable.
    fn public(
        &mut self,
        setting: &str,
        given: &At<PublicVariable>,
        default: &str,
        kind: Kind,
        need: Need,
    ) -> Variable<String> {
        let line = given.span.as_ref().map(|span| self.diagnostics.line(span.start));
        let (name, value, origin) = match &given.value {
            PublicVariable::Named(SecretVariable { env }) => {
                let (value, origin) = self.value_of(&env.0);
                (env.0.as_str(), value, origin)
            }
            PublicVariable::Literal(Word(text)) => {
                self.literal(setting, text, given, default, kind);
                let origin = Origin::File(self.diagnostics.text.path.clone(), line.unwrap_or(1));
                (default, Some(text.clone()), origin)
            }
        };
        self.misplaced.extend(value.as_deref().filter(|value| kind::is_hidden(kind, value)).map(Secret::new));
        Variable {
            name: name.to_owned(),
            setting: setting.to_owned(),
            line,
            kind,
            origin,
            problem: value_problem::find(kind, need.is_required(), value.as_deref()),
            value,
        }
    }

    /// Rejects a literal that is a secret, or a variable's name instead of its value.
    fn literal(&mut self, setting: &str, text: &str, given: &At<PublicVariable>, default: &str, kind: Kind) {
        let ours = ["STRIPE_", "CLERK_", "CLOUDFLARE_", "PREFLIGHT_"].iter().any(|prefix| text.starts_with(prefix));
        let names = text == default || ours || self.values.get(text).is_some();
        if kind::is_hidden(kind, text) {
            self.diagnostics.secret(given.span.clone().map(|span| span.start + 1..span.end.saturating_sub(1)));
        } else if names && hardcoded::is_variable_name(text) {
            let message = format!("`{setting}` is a variable's name, not its value");
            let diagnostic = Diagnostic::at(given.span.clone(), message);
            self.diagnostics.add(diagnostic.label(format!("to name the variable, write {{ env = \"{text}\" }}")));
        }
    }

    /// The value of a variable and its origin. An empty value is not set, but has an origin.
    fn value_of(&self, name: &str) -> (Option<String>, Origin) {
        self.values.get(name).map_or((None, Origin::Unset), |(value, origin)| {
            ((!bare(value).is_empty()).then(|| value.to_owned()), origin.clone())
        })
    }
}

/// Whether a value must be set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

impl Need {
    fn is_required(self) -> bool {
        self == Self::Required
    }
}

/// What must be set on the deployed Worker.
struct Needed<'a> {
    stripe: Option<&'a StripeConfig>,
    clerk: Option<&'a ClerkConfig>,
    tiers: Option<&'a [Tier]>,
}

impl Needed<'_> {
    fn secrets(&self, required: Vec<String>) -> Vec<String> {
        let stripe = self.stripe.into_iter().flat_map(|stripe| [&stripe.secret_key.name, &stripe.webhook_secret.name]);
        let clerk = self.clerk.into_iter().map(|clerk| &clerk.secret_key.name);
        let prices = self.tiers.into_iter().flatten().flat_map(|tier| &tier.prices).map(|price| &price.price_id.name);
        let mut names: Vec<String> = Vec::new();
        for name in stripe.chain(clerk).chain(prices).cloned().chain(required) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// A table that is left out is fine; one with an error is not.
#[expect(clippy::option_option, reason = "the outer one is for an error, the inner one for an optional table")]
fn flattened<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        None => Some(None),
        Some(made) => made.map(Some),
    }
}

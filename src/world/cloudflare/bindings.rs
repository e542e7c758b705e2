//! What ought to be bound to the deployed script, and what is.

use super::super::seen::Seen;
use super::super::subjects::{Offer, offers};
use super::super::{NoAnswer, sound};
use super::{Binding, Cloudflare, Settings};
use crate::config::{KvNamespace, Secret, Variable, is_secret, mode_of};
use crate::finding::{Answered, Cause};

/// The variable by which Workers of this stack are told the template. The configuration names the template itself.
const TEMPLATE: &str = "CLERK_JWT_TEMPLATE";

/// The deployed script's bindings, compared with what was meant, one by one.
#[derive(Debug, Clone)]
pub struct ComparedBindings {
    /// Every binding of the script.
    pub settings: Seen<Settings>,
    /// Each that something is meant for.
    pub parts: Vec<BindingPart>,
}

/// One binding, compared with what was meant.
#[derive(Debug, Clone)]
pub struct BindingPart {
    /// The name that the script uses.
    pub name: String,
    /// How it is, or why that cannot be told.
    pub state: Answered<BindingState>,
}

/// How a binding is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindingState {
    /// As it was meant.
    AsMeant,
    /// It is another one.
    Differs {
        /// What it ought to be, and who says so.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// It is not there.
    Missing {
        /// What it ought to be, and who says so.
        expected: String,
    },
    /// The namespace belongs to another environment, too.
    SharedNamespace {
        /// Its ID.
        id: String,
        /// Whose it is: `env.staging of wrangler.toml`.
        owner: String,
        /// Whether nothing but this machine's own previews may be meant.
        perhaps_meant: bool,
    },
}

/// What a variable ought to be, and who says so.
struct Wanted {
    name: String,
    value: String,
    says: String,
    /// Whether it has to be there. What only this configuration names may be a constant of the Worker's code.
    declared: bool,
}

/// A namespace of an environment that does not serve.
struct Foreign {
    id: String,
    owner: String,
    perhaps_meant: bool,
}

impl Cloudflare<'_> {
    /// Compares the bindings of the script that serves with the Wrangler file and with this configuration; asked by
    /// `worker/bindings`.
    ///
    /// # Errors
    /// Blocked by `worker/secrets` where there is no such script.
    pub async fn bindings(self) -> Answered<ComparedBindings> {
        let settings = self.deployed_settings().await?;
        let mut parts = self.namespaces(&settings.value).await;
        for wanted in self.declared_variables() {
            parts.push(BindingPart { name: wanted.name.clone(), state: variable(&settings.value, wanted) });
        }
        for (name, state) in self.our_variables(&settings.value).await {
            // Who is asked first is heard: the file that is deployed from.
            let is_wrong = |part: &&BindingPart| part.name == name && part.state != Ok(BindingState::AsMeant);
            if !parts.iter().any(|part| is_wrong(&part)) {
                parts.push(BindingPart { name, state });
            }
        }
        Ok(ComparedBindings { settings, parts })
    }

    /// Whether one of the names is bound to something else than was meant.
    pub(in crate::world) async fn differing(self, names: &[&str]) -> Answered<bool> {
        let compared = self.bindings().await?;
        let is_wrong = |part: &BindingPart| part.state.as_ref().is_ok_and(|state| *state != BindingState::AsMeant);
        Ok(compared.parts.iter().any(|part| names.contains(&part.name.as_str()) && is_wrong(part)))
    }

    /// The declared namespaces, and that none on the script is another environment's.
    async fn namespaces(self, settings: &Settings) -> Vec<BindingPart> {
        let declared: Vec<&KvNamespace> =
            self.config.declared().iter().flat_map(|declared| &declared.kv_namespaces).collect();
        let mut foreign = self.declared_elsewhere(&declared);
        let mut parts = Vec::new();
        let bound: Vec<&Binding> = settings.bindings.iter().filter(|binding| binding.kind == "kv_namespace").collect();
        for other in self.config.other_scripts().iter().filter(|_| !bound.is_empty()) {
            match self.settings(other).await {
                Ok(found) => foreign.extend(found.iter().flat_map(|found| on_script(other, &found.value))),
                Err(why) => parts.push(BindingPart { name: format!("KV namespaces of {other}"), state: Err(why) }),
            }
        }
        for binding in &bound {
            let wanted = declared.iter().find(|wanted| wanted.binding == binding.name);
            let state = namespace(binding, wanted.copied(), &foreign);
            parts.push(BindingPart { name: binding.name.clone(), state });
        }
        for wanted in declared.iter().filter(|wanted| !bound.iter().any(|binding| binding.name == wanted.binding)) {
            let missing = BindingState::Missing { expected: namespace_words(wanted.id.as_deref()) };
            let state = settings.binding(&wanted.binding).map(|_| missing);
            parts.push(BindingPart { name: wanted.binding.clone(), state });
        }
        parts
    }

    /// The namespaces that the Wrangler file declares for what does not serve.
    fn declared_elsewhere(self, declared: &[&KvNamespace]) -> Vec<Foreign> {
        let Some(wrangler) = &self.config.wrangler else { return Vec::new() };
        let file = wrangler.path.display();
        let mut foreign = Vec::new();
        for (name, other) in self.config.declared_elsewhere() {
            let owner = name.map_or_else(|| format!("the top level of {file}"), |name| format!("env.{name} of {file}"));
            for id in other.kv_namespaces.iter().filter_map(|namespace| namespace.id.clone()) {
                // The top level may stand for no deployment of its own.
                foreign.push(Foreign { id, owner: owner.clone(), perhaps_meant: name.is_none() });
            }
        }
        let all = self.config.declared_elsewhere().into_iter().flat_map(|(_, other)| &other.kv_namespaces);
        for (namespace, id) in
            all.chain(declared.iter().copied()).filter_map(|one| Some((one, one.preview_id.clone()?)))
        {
            let perhaps_meant = namespace.id.as_ref() == Some(&id);
            let owner = format!("preview_id of {} in {file}", namespace.binding);
            foreign.push(Foreign { id, owner, perhaps_meant });
        }
        // What is certain comes first.
        foreign.sort_by_key(|foreign| foreign.perhaps_meant);
        foreign
    }

    fn declared_variables(self) -> Vec<Wanted> {
        let (Some(wrangler), Some(declared)) = (&self.config.wrangler, self.config.declared()) else {
            return Vec::new();
        };
        let texts = declared.vars.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        let says = wrangler.path.display().to_string();
        texts.map(|(name, value)| Wanted { name, value, says: says.clone(), declared: true }).collect()
    }

    /// The values of this configuration that the script has under the same names. A value of ours that is another check's
    /// finding proves nothing about the script.
    async fn our_variables(self, settings: &Settings) -> Vec<(String, Answered<BindingState>)> {
        let config = &self.world.config;
        let is_read =
            |name: &str| settings.bindings.iter().any(|binding| binding.name == name && binding.text.value().is_some());
        let same = |variable: &Variable<String>| variable.is_set() && is_read(&variable.name);
        let compare = |name: &str, value: Answered<String>, says: &str| {
            let (name, says) = (name.to_owned(), says.to_owned());
            let state =
                value.and_then(|value| variable(settings, Wanted { name: name.clone(), value, says, declared: false }));
            (name, state)
        };
        let mut compared = Vec::new();
        for offer in offers(self.world).iter().filter(|offer| same(&offer.price.price_id)) {
            compared.push(compare(&offer.price.price_id.name, self.our_price(offer).await, "this configuration"));
        }
        for variable in [&config.stripe.portal_configuration, &config.clerk.publishable_key] {
            if same(variable) {
                compared.push(compare(&variable.name, self.our_value(variable), "this configuration"));
            }
        }
        if let Some(template) = &config.clerk.jwt_template {
            let (name, state) = compare(TEMPLATE, Ok(template.clone()), "clerk.jwt_template");
            let state = match state {
                // Ours may be the wrong one, which is the finding of `clerk/jwt-template`.
                Ok(BindingState::Differs { .. }) => Box::pin(self.world.clerk().usable_template()).await.and(state),
                state => state,
            };
            compared.push((name, state));
        }
        compared
    }

    async fn our_price(self, offer: &Offer<'_>) -> Answered<String> {
        self.world.stripe().valid_price(offer).await.map(|_| offer.id().to_owned())
    }

    fn our_value(self, variable: &Variable<String>) -> Answered<String> {
        let value = sound(variable)?;
        match mode_of(value) {
            Some(mode) if mode != self.world.config.project.mode => Err(NoAnswer::Because(Cause::KeyOfOtherMode)),
            _ => Ok(value.clone()),
        }
    }
}

fn on_script(script: &str, settings: &Settings) -> Vec<Foreign> {
    let bound = settings.bindings.iter().filter(|binding| binding.kind == "kv_namespace");
    let ids = bound.filter_map(|binding| binding.namespace_id.value().cloned());
    ids.map(|id| Foreign { id, owner: format!("the Worker {script}"), perhaps_meant: false }).collect()
}

fn namespace_words(id: Option<&str>) -> String {
    id.map_or_else(|| "a KV namespace".to_owned(), |id| format!("the KV namespace {id}"))
}

fn namespace(binding: &Binding, wanted: Option<&KvNamespace>, foreign: &[Foreign]) -> Answered<BindingState> {
    let id = binding.namespace_id.known(format_args!("namespace_id of the binding {}", binding.name))?;
    if let Some(shared) = foreign.iter().find(|foreign| foreign.id == *id) {
        let (owner, perhaps_meant) = (shared.owner.clone(), shared.perhaps_meant);
        return Ok(BindingState::SharedNamespace { id: id.clone(), owner, perhaps_meant });
    }
    match wanted.and_then(|wanted| wanted.id.as_ref()) {
        Some(wanted) if wanted != id => {
            Ok(BindingState::Differs { expected: namespace_words(Some(wanted)), actual: namespace_words(Some(id)) })
        }
        _ => Ok(BindingState::AsMeant),
    }
}

fn variable(settings: &Settings, wanted: Wanted) -> Answered<BindingState> {
    let Wanted { name, value, says, declared } = wanted;
    let expected = format!("{}, as {says} says", shown(&value));
    Ok(match settings.binding(&name)? {
        None if declared => BindingState::Missing { expected },
        Some(binding) if binding.kind == "plain_text" => {
            let text = binding.text.known(format_args!("text of the binding {name}"))?;
            if *text == value { BindingState::AsMeant } else { BindingState::Differs { expected, actual: shown(text) } }
        }
        // A secret of that name takes the variable's place, and cannot be read.
        _ => BindingState::AsMeant,
    })
}

/// A secret may have been put into a variable by mistake: that is another check's finding, and is not repeated here.
fn shown(value: &str) -> String {
    if is_secret(value) { Secret::new(value).to_string() } else { format!("\"{value}\"") }
}

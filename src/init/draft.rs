//! What each setting is guessed from.

use url::Url;

use super::accounts::Accounts;
use super::code;
use super::file::{Draft, Entry, Table, inline_env, is_bare_key, quoted};
use super::folder::{Folder, SERVING};
use super::tiers::{Tiers, tiers};
use super::variables::{SETTINGS, Variables};
use crate::config::{Kind, Mode, Source};
use crate::holder::HolderKind;
use crate::source::SourceFacts;
use crate::world::{ClaimTemplate, Endpoint, is_development_host};

/// The path of the Worker's webhook route in the reference stack.
const WEBHOOK: &str = "/webhook/stripe";

/// The events that only a handler of purchases selects.
const PURCHASES: [&str; 2] = ["checkout.session.completed", "customer.subscription."];

/// Variables that hold the frontend's address, the usual ones first.
const FRONTENDS: [&str; 8] = [
    "FRONTEND_URL",
    "APP_URL",
    "SITE_URL",
    "NEXT_PUBLIC_APP_URL",
    "NEXT_PUBLIC_SITE_URL",
    "PUBLIC_APP_URL",
    "CLIENT_URL",
    "ALLOWED_ORIGINS",
];

/// Drafts the file from what the folder and the accounts say.
#[must_use]
pub fn draft(folder: &Folder, variables: &Variables, accounts: &Accounts) -> Draft {
    let mut remarks: Vec<String> = folder.remarks.iter().chain(&variables.remarks).cloned().collect();
    remarks.extend(accounts.remarks());
    let plan = plan_claim(accounts);
    let (holder, holder_from) = holder(plan.as_ref(), &folder.source);
    let sold = tiers(accounts.prices.as_deref().unwrap_or_default(), variables, folder);
    remarks.extend(sold.remarks.clone());
    let endpoint = endpoint(accounts);
    let (worker, webhook) = worker(endpoint.as_ref(), folder, variables.mode, accounts);
    let mut tables = vec![project(folder, variables), worker];
    tables.push(settings("stripe", variables, holder));
    tables.push(webhook);
    let mut entitlement = entitlement(&sold);
    let entry = Entry::new("holder", quoted(holder.word()), holder_from).unless(holder == HolderKind::User);
    entitlement.entries.insert(0, entry);
    tables.push(entitlement);
    let mut clerk = settings("clerk", variables, holder);
    clerk.entries.extend(claim(plan.as_ref(), accounts, &folder.source));
    tables.push(clerk);
    tables.extend(cloudflare(folder, variables));
    tables.extend(frontend(folder, variables, accounts));
    tables.extend(free(plan.as_ref(), &sold));
    if sold.tables.is_empty() {
        tables.push(example(accounts));
    }
    tables.extend(sold.tables);
    code::add(&folder.source, holder, &mut tables);
    Draft { tables, remarks, holder }
}

/// A tier to be replaced: without one there is nothing to check.
fn example(accounts: &Accounts) -> Table {
    let mut table = Table::new("[tiers.pro]");
    let price = Entry::new("price", quoted("29.00"), "an example to replace");
    let why = if accounts.prices.is_ok() { "no price was found at Stripe" } else { "Stripe was not asked" };
    table.entries.push(price.doubtful(format!("each tier that you sell, under its name, and what it costs: {why}")));
    table
}

fn project(folder: &Folder, variables: &Variables) -> Table {
    let mut table = Table::new("[project]");
    table.entries.push(match &folder.name {
        Some((name, from)) => Entry::new("name", quoted(name), from),
        None => Entry::new("name", quoted("my-project"), "an example to replace").doubtful("the title of the report"),
    });
    let from = if variables.has_keys { "the keys that were found" } else { "the default: no key was found" };
    let entry = Entry::new("mode", quoted(variables.mode.word()), from);
    table.entries.push(entry.unless(variables.mode == Mode::Live));
    table
}

/// The variables of a table that have another name than usual.
fn settings(table: &str, variables: &Variables, holder: HolderKind) -> Table {
    let mut made = Table::new(&format!("[{table}]"));
    let is_wanted = |kind| holder == HolderKind::Organization || kind != Kind::ClerkOrganizationId;
    for setting in SETTINGS.into_iter().filter(|setting| setting.table == table && is_wanted(setting.kind)) {
        let Some(held) = variables.held(setting) else { continue };
        let is_usual = held.name == setting.default;
        let entry = Entry::new(setting.key, inline_env(&held.name), held.place).unless(is_usual);
        made.entries.push(if held.others.is_empty() || is_usual {
            entry
        } else {
            entry.doubtful(format!("{} holds such a value, too", held.others.join(", ")))
        });
    }
    made
}

/// The endpoint that this Worker receives purchases at, and the hosts of others that could be it.
fn endpoint(accounts: &Accounts) -> Option<(Endpoint, Vec<String>)> {
    let all = accounts.endpoints.as_deref().unwrap_or_default().iter();
    let serves = |endpoint: &&Endpoint| {
        let is_public = endpoint.url.as_ref().is_some_and(|url| !is_development_host(url));
        let is_ours = endpoint.events().is_ok_and(|events| {
            events.iter().any(|event| event == "*" || PURCHASES.iter().any(|ours| event.starts_with(ours)))
        });
        is_public && is_ours && endpoint.enabled != Ok(false)
    };
    let mut found: Vec<&Endpoint> = all.filter(serves).collect();
    // A handler of purchases selects few events; an integration for everything selects all.
    let events = |endpoint: &Endpoint| {
        endpoint.events().map_or(usize::MAX, |events| {
            if events.iter().any(|event| event == "*") { usize::MAX } else { events.len() }
        })
    };
    found.sort_by_key(|endpoint| (!endpoint.url_text.contains("stripe"), events(endpoint)));
    let first = (*found.first()?).clone();
    let host = |endpoint: &Endpoint| endpoint.url.as_ref().and_then(Url::host_str).map(str::to_owned);
    let mut others: Vec<String> = found[1..].iter().filter_map(|endpoint| host(endpoint)).collect();
    others.retain(|other| Some(other) != host(&first).as_ref());
    others.dedup();
    Some((first, others))
}

fn worker(
    endpoint: Option<&(Endpoint, Vec<String>)>,
    folder: &Folder,
    mode: Mode,
    accounts: &Accounts,
) -> (Table, Table) {
    let (mut worker, mut webhook) = (Table::new("[worker]"), Table::new("[webhook]"));
    let found = endpoint.and_then(|(endpoint, others)| Some((endpoint, endpoint.url.clone()?, others)));
    let route = folder.route(mode);
    let wrangler = folder.wrangler.as_ref().map_or_else(String::new, |wrangler| wrangler.path.display().to_string());
    let Some((endpoint, url, others)) = found else {
        worker.entries.push(if let Some((url, pattern)) = route {
            Entry::new("url", quoted(&url), format!("the route {pattern} in {wrangler}"))
        } else {
            let is_asked = accounts.endpoints.is_ok();
            let why = if is_asked { "Stripe has no endpoint that shows it" } else { "Stripe was not asked" };
            let unknown = quoted("https://your-worker.example.workers.dev");
            let unknown = Entry::new("url", unknown, "an example to replace");
            unknown.doubtful(format!("the address of your deployed Worker: {why}"))
        });
        return (worker, webhook);
    };
    let from = format!("Stripe: {}", endpoint.id);
    let origin = url.origin().ascii_serialization();
    let entry = Entry::new("url", quoted(&origin), from.clone());
    let script = folder.wrangler.as_ref().and_then(|wrangler| wrangler.name());
    worker.entries.push(match script.filter(|script| is_another_script(&url, script)) {
        _ if !others.is_empty() => entry.doubtful(format!("Stripe also delivers purchases to {}", others.join(", "))),
        Some(script) => entry.doubtful(format!("the Wrangler file calls the script {script}")),
        None if route.as_ref().is_some_and(|(route, _)| *route != origin) => {
            let route = route.map_or_else(String::new, |(route, _)| route);
            entry.doubtful(format!("the Wrangler file serves {route}, but Stripe delivers to {origin}"))
        }
        None => entry,
    });
    // A slash at the end is a mistake at Stripe, and not the route.
    let registered = url.as_str().trim_end_matches('/');
    webhook
        .entries
        .push(Entry::new("url", quoted(registered), from).unless(registered == format!("{origin}{WEBHOOK}")));
    (worker, webhook)
}

/// Whether a workers.dev address is that of another script: it begins with the script's name, and perhaps an environment's.
fn is_another_script(url: &Url, script: &str) -> bool {
    let host = url.host_str().unwrap_or_default();
    let label = host.strip_suffix(".workers.dev").and_then(|rest| rest.split('.').next());
    label.is_some_and(|label| label != script && !SERVING.iter().any(|name| label == format!("{script}-{name}")))
}

fn entitlement(sold: &Tiers) -> Table {
    let mut table = Table::new("[entitlement]");
    if sold.tables.is_empty() {
        return table;
    }
    let (source, from) = &sold.source;
    let word = match source {
        Source::ProductMetadata => "product-metadata",
        Source::SubscriptionMetadata => "subscription-metadata",
        Source::PriceMetadata => "price-metadata",
        Source::PriceId => "price-id",
    };
    let entry = Entry::new("source", quoted(word), from).unless(*source == Source::ProductMetadata);
    table.entries.push(if *source == Source::PriceId {
        entry.doubtful("or \"subscription-metadata\", if Checkout puts the tier there")
    } else {
        entry
    });
    table.entries.push(Entry::new("key", quoted(&sold.key), from).unless(sold.key == "plan"));
    table
}

/// What has the plans, and where that comes from: the code, if it names only organizations, or else the template.
fn holder(plan: Option<&PlanClaim>, source: &SourceFacts) -> (HolderKind, String) {
    let of_template = plan.and_then(|plan| Some((plan.holder?, format!("Clerk: the JWT template {}", plan.template))));
    let in_code = source.organization_key.first().filter(|_| source.user_key.is_empty());
    let of_code = in_code.map(|found| (HolderKind::Organization, code::place(found)));
    of_code.or(of_template).unwrap_or_default()
}

/// A claim of a template that carries the plan.
struct PlanClaim {
    template: String,
    path: String,
    claim: ClaimTemplate,
    /// Whose public metadata it reads.
    holder: Option<HolderKind>,
    /// The key in public metadata that it reads.
    metadata_key: String,
    /// Whether it reads all of the public metadata, so that the key is a guess.
    is_whole: bool,
}

/// The claim that carries the plan, if a template has one.
fn plan_claim(accounts: &Accounts) -> Option<PlanClaim> {
    let templates = accounts.templates.as_deref().unwrap_or_default();
    let mut all: Vec<((bool, bool), PlanClaim)> = Vec::new();
    for template in templates {
        for (path, claim) in template.claims().into_iter().flatten() {
            let sources = claim.sources();
            let found = HolderKind::ALL.into_iter().find_map(|kind| {
                let rest = sources.iter().find_map(|source| source.strip_prefix(kind.public_metadata()));
                let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with('.'));
                rest.map(|rest| (kind, rest.to_owned()))
            });
            let (holder, read) = found.map_or((None, None), |(kind, rest)| (Some(kind), Some(rest)));
            let is_plan = path.rsplit('.').next().is_some_and(|name| ["plan", "tier"].contains(&name));
            // A claim that is called so but reads the wrong metadata is a mistake, and still the intended one.
            if read.is_none() && !is_plan {
                continue;
            }
            // As a whole, it holds the plan.
            let is_whole = read.as_deref() == Some("");
            let path = if is_whole { format!("{path}.plan") } else { path };
            let key = read.as_deref().and_then(|rest| rest.strip_prefix('.')).unwrap_or("plan").to_owned();
            let place = (!is_plan, read.is_none());
            let template = template.name.clone();
            all.push((place, PlanClaim { template, path, claim, holder, metadata_key: key, is_whole }));
        }
    }
    all.into_iter().min_by_key(|(place, _)| *place).map(|(_, claim)| claim)
}

fn claim(plan: Option<&PlanClaim>, accounts: &Accounts, source: &SourceFacts) -> Vec<Entry> {
    let Some(PlanClaim { template, path, metadata_key, is_whole, .. }) = plan else {
        let Ok(templates) = &accounts.templates else { return Vec::new() };
        let why = format!("Clerk: none of {} JWT templates reads the public metadata", templates.len());
        let entry = Entry::new("jwt_template", "false", why);
        return vec![
            entry.doubtful("the session token itself must carry the plan, as Clerk's dashboard sets it under Sessions"),
        ];
    };
    let from = format!("Clerk: the JWT template {template}");
    // The default is the reference stack's.
    let name = Entry::new("jwt_template", quoted(template), from.clone()).unless(template == "pan-api");
    // Which key of the metadata is the plan, only the source says.
    if *is_whole && !source.claim.is_empty() {
        return vec![name];
    }
    let claim = Entry::new("plan_claim", quoted(path), from.clone()).unless(path == "plan");
    let key = Entry::new("metadata_key", quoted(metadata_key), from).unless(metadata_key == "plan");
    let doubt = "the key of the plan in the public metadata, which the template copies as a whole";
    vec![name, if *is_whole { claim.doubtful(doubt) } else { claim }, key]
}

fn cloudflare(folder: &Folder, variables: &Variables) -> Option<Table> {
    let mut table = settings("cloudflare", variables, HolderKind::User);
    let wrangler = folder.wrangler.as_ref()?;
    // Without both values its checks could not ask anything.
    if table.entries.len() < 2 {
        return None;
    }
    let path = wrangler.path.display().to_string();
    let script = wrangler.name()?;
    table.entries.push(Entry::new("script", quoted(script), path.clone()));
    let environments: Vec<&str> = wrangler.environments().collect();
    match folder.serving_environment(variables.mode) {
        Some(name) => table.entries.push(Entry::new("environment", quoted(name), path.clone())),
        None if !environments.is_empty() => {
            let doubt =
                format!("the Wrangler file has the environments {}: name the one that serves", environments.join(", "));
            if let Some(script) = table.entries.last_mut() {
                script.doubt = Some(doubt);
            }
        }
        None => {}
    }
    table.entries.push(Entry::new("wrangler", quoted(&path), path.clone()).unless(path == "api/wrangler.toml"));
    Some(table)
}

fn frontend(folder: &Folder, variables: &Variables, accounts: &Accounts) -> Option<Table> {
    let mut table = Table::new("[frontend]");
    let deployed = folder.wrangler.iter().flat_map(|wrangler| {
        let path = wrangler.path.display().to_string();
        let environments = wrangler.environments().map(Some).chain([None]);
        let declared = environments.filter_map(|name| wrangler.declared(name));
        let vars = declared.flat_map(|declared| &declared.vars);
        vars.filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?, path.clone()))).collect::<Vec<_>>()
    });
    let named: Vec<(&str, &str, String)> = deployed.chain(variables.named(|name| FRONTENDS.contains(&name))).collect();
    let found = FRONTENDS.iter().find_map(|wanted| {
        let mut of_name = named.iter().filter(|(name, ..)| name == wanted);
        of_name.find_map(|(name, value, place)| Some((address(value)?, format!("{name} in {place}"))))
    });
    if let Some((url, from)) = found {
        table.entries.push(Entry::new("url", quoted(&url), from));
        return Some(table);
    }
    let domain = accounts.domain.clone().ok().flatten().or_else(|| {
        let host = variables.clerk_host()?;
        host.strip_prefix("clerk.").map(str::to_owned)
    })?;
    let entry = Entry::new("url", quoted(&format!("https://{domain}")), "Clerk: the instance's domain");
    table.entries.push(entry.doubtful("the page that customers open, if it is another one"));
    Some(table)
}

/// The first public address of a value, which may list several.
fn address(value: &str) -> Option<String> {
    let addresses = value.split([',', ' ']).filter_map(|part| Url::parse(part.trim()).ok());
    let mut public =
        addresses.filter(|url| url.scheme() == "https" && url.username().is_empty() && !is_development_host(url));
    public.next().map(|url| url.as_str().trim_end_matches('/').to_owned())
}

/// The free tier: the one that tokens fall back to.
fn free(plan: Option<&PlanClaim>, sold: &Tiers) -> Option<Table> {
    let fallback = plan.and_then(|PlanClaim { claim, .. }| {
        let fallbacks = claim.text().split("||").skip(1);
        let quoted = fallbacks.filter_map(|text| text.split(['\'', '"']).nth(1));
        quoted.map(str::to_owned).next()
    });
    let name = fallback.unwrap_or_else(|| "free".to_owned());
    let header = format!("[tiers.{name}]");
    (is_bare_key(&name) && !sold.tables.iter().any(|table| table.header == header)).then(|| Table::new(&header))
}

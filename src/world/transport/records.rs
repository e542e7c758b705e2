//! Looks up CNAME and CAA records.

use std::collections::BTreeMap;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolveHosts;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::sync::OnceCell;

use super::Options;

/// What the DNS has for a host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alias {
    /// A CNAME record with this target.
    For(String),
    /// Addresses: the record is proxied, flattened, or of another type.
    Addresses,
    /// Nothing.
    Nothing,
}

/// The machine's resolver, or the sandbox's table.
#[derive(Debug)]
pub(super) enum Records {
    Open { timeout: Duration, resolver: OnceCell<Result<Hidden, String>> },
    Closed { aliases: BTreeMap<String, String>, issuers: BTreeMap<String, Vec<String>>, addresses: Vec<String> },
}

/// A resolver, for which `Debug` prints only its name.
pub(super) struct Hidden(Box<TokioResolver>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Resolver")
    }
}

impl Records {
    pub fn new(options: &Options) -> Self {
        match &options.names {
            Some(names) => {
                let addresses = names.keys().cloned().collect();
                Self::Closed { aliases: options.aliases.clone(), issuers: options.issuers.clone(), addresses }
            }
            None => Self::Open { timeout: options.timeout.min(Duration::from_secs(5)), resolver: OnceCell::new() },
        }
    }

    /// Looks up `host`. An error says why there is no answer.
    pub async fn alias(&self, host: &str) -> Result<Alias, String> {
        let host = host.trim_end_matches('.').to_lowercase();
        match self {
            Self::Closed { aliases, addresses, .. } => Ok(match aliases.get(&host) {
                Some(value) => Alias::For(value.clone()),
                None if addresses.contains(&host) => Alias::Addresses,
                None => Alias::Nothing,
            }),
            Self::Open { timeout, resolver } => {
                let resolver = open(resolver, *timeout).await?;
                look_up(resolver, &host).await.map_err(|error| error.to_string())
            }
        }
    }

    /// The certificate authorities that the CAA records of `domain` allow; `None` if there are no such records.
    pub async fn issuers(&self, domain: &str) -> Result<Option<Vec<String>>, String> {
        let domain = domain.trim_end_matches('.').to_lowercase();
        match self {
            Self::Closed { issuers, .. } => Ok(issuers.get(&domain).cloned()),
            Self::Open { timeout, resolver } => {
                let resolver = open(resolver, *timeout).await?;
                match resolver.lookup(format!("{domain}.").as_str(), RecordType::CAA).await {
                    Ok(found) => Ok(issuers(found.answers().iter().map(|record| &record.data))),
                    Err(error) if error.is_no_records_found() || error.is_nx_domain() => Ok(None),
                    Err(error) => Err(error.to_string()),
                }
            }
        }
    }
}

/// The authorities that `issue` records name. Only such records limit who may issue a certificate for one name.
fn issuers<'r>(records: impl Iterator<Item = &'r RData>) -> Option<Vec<String>> {
    let issue = records.filter_map(|record| match record {
        RData::CAA(caa) if caa.tag.eq_ignore_ascii_case("issue") => {
            Some(String::from_utf8_lossy(&caa.value).into_owned())
        }
        _ => None,
    });
    // Parameters follow a semicolon. A lone one allows no authority.
    let named: Vec<String> =
        issue.map(|value| value.split(';').next().unwrap_or_default().trim().to_lowercase()).collect();
    (!named.is_empty()).then_some(named)
}

async fn open(resolver: &OnceCell<Result<Hidden, String>>, timeout: Duration) -> Result<&TokioResolver, String> {
    let made = resolver.get_or_init(|| async { resolver_of_the_machine(timeout) }).await;
    Ok(&made.as_ref().map_err(Clone::clone)?.0)
}

fn resolver_of_the_machine(timeout: Duration) -> Result<Hidden, String> {
    let mut builder = TokioResolver::builder_tokio().map_err(|error| error.to_string())?;
    let options = builder.options_mut();
    options.timeout = timeout;
    // The hosts file applies to this machine only.
    options.use_hosts_file = ResolveHosts::Never;
    Ok(Hidden(Box::new(builder.build().map_err(|error| error.to_string())?)))
}

async fn look_up(resolver: &TokioResolver, host: &str) -> Result<Alias, NetError> {
    // The final dot keeps the machine's search domain out of it.
    let name = format!("{host}.");
    match resolver.lookup(name.as_str(), RecordType::CNAME).await {
        Ok(found) => {
            let aliases = found.answers().iter().filter_map(|record| match &record.data {
                RData::CNAME(target) => Some(target.0.to_utf8().trim_end_matches('.').to_lowercase()),
                _ => None,
            });
            if let Some(target) = aliases.into_iter().next() {
                return Ok(Alias::For(target));
            }
        }
        Err(error) if error.is_nx_domain() => return Ok(Alias::Nothing),
        Err(error) if error.is_no_records_found() => {}
        Err(error) => return Err(error),
    }
    for kind in [RecordType::A, RecordType::AAAA] {
        match resolver.lookup(name.as_str(), kind).await {
            Ok(_) => return Ok(Alias::Addresses),
            Err(error) if error.is_no_records_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Alias::Nothing)
}

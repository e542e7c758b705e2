//! Resolves host names.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Options;
use super::trouble::{NoSuchName, limit_of_the_machine};

/// The machine's resolver with overrides, or a closed list of hosts.
#[derive(Debug)]
pub(super) enum HostResolver {
    /// The machine's resolver, except for these hosts.
    Open(HashMap<String, IpAddr>),
    /// Only these hosts.
    Closed(BTreeMap<String, SocketAddr>),
}

impl HostResolver {
    pub fn new(options: &Options) -> Self {
        match &options.names {
            Some(names) => Self::Closed(names.clone()),
            None => {
                Self::Open(options.resolve.iter().map(|entry| (entry.host.to_lowercase(), entry.address)).collect())
            }
        }
    }
}

impl Resolve for HostResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_lowercase();
        let known = match self {
            Self::Closed(names) => Some(names.get(&host).copied()),
            Self::Open(overrides) => overrides.get(&host).map(|address| Some(SocketAddr::new(*address, 0))),
        };
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = match known {
                Some(known) => known.into_iter().collect(),
                // Port 0 keeps the port of the URL.
                None => match tokio::net::lookup_host((host.as_str(), 0)).await {
                    Ok(addresses) => addresses.collect(),
                    Err(error) if limit_of_the_machine(&error).is_some() => return Err(error.into()),
                    Err(error) => {
                        // A resolver that is out of sockets only reports that it found nothing.
                        if let Err(own) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
                            return Err(own.into());
                        }
                        return Err(NoSuchName(format!("{host} does not resolve ({error})")).into());
                    }
                },
            };
            if addresses.is_empty() {
                return Err(NoSuchName(format!("{host} does not resolve")).into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

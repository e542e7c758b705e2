//! Development hosts, and how two hosts are related.

use url::{Host, Url};

/// Whether an address is a development host: localhost, a private network, or a tunnel.
#[must_use]
pub fn is_development_host(url: &Url) -> bool {
    const TUNNELS: &[&str] = &[
        ".ngrok.io",
        ".ngrok.app",
        ".ngrok.dev",
        ".ngrok-free.app",
        ".ngrok-free.dev",
        ".trycloudflare.com",
        ".loca.lt",
        ".localtunnel.me",
        ".serveo.net",
        ".lhr.life",
        ".localhost.run",
        ".tunnelmole.net",
        ".devtunnels.ms",
        ".pinggy.link",
        ".pinggy.io",
        ".zrok.io",
        ".localhost",
        ".local",
        ".test",
        ".internal",
        ".webhook.site",
        ".hookdeck.com",
    ];
    match url.host() {
        Some(Host::Domain(host)) => {
            let host = host.to_lowercase();
            host == "localhost" || host == "webhook.site" || TUNNELS.iter().any(|tunnel| host.ends_with(tunnel))
        }
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private() || address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unique_local(),
        None => true,
    }
}

/// How two hosts are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostRelation {
    /// One is the other or a subdomain of it: `acme.com` and `app.acme.com`.
    SameHost,
    /// They share a registrable domain: `app.acme.com` and `www.acme.com`.
    SameSite,
    /// They have different registrable domains.
    CrossSite,
}

/// How two hosts are related.
#[must_use]
pub fn host_relation(one: &str, other: &str) -> HostRelation {
    let is_within =
        |low: &str, high: &str| low == high || low.strip_suffix(high).is_some_and(|rest| rest.ends_with('.'));
    if registrable_domain(one) != registrable_domain(other) {
        HostRelation::CrossSite
    } else if is_within(one, other) || is_within(other, one) {
        HostRelation::SameHost
    } else {
        HostRelation::SameSite
    }
}

/// The registrable domain of a host by the public suffix list: `acme.co.uk` for `app.acme.co.uk`, `acme.pages.dev` for
/// `main.acme.pages.dev`. A host without one, such as an IP address, is returned unchanged.
pub(in crate::world) fn registrable_domain(host: &str) -> &str {
    let is_number = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    if is_number { host } else { psl::domain_str(host).unwrap_or(host) }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{HostRelation, host_relation, is_development_host, registrable_domain};

    #[test]
    fn a_developers_machine_is_development_host() {
        let is_development = |url: &str| is_development_host(&Url::parse(url).unwrap());
        assert!(is_development("http://localhost:5173/") && is_development("http://192.168.1.2/"));
        assert!(is_development("https://acme-dev.ngrok-free.app/") && !is_development("https://app.acme.com/"));
    }

    #[test]
    fn hosts_of_one_domain_are_one_site() {
        assert_eq!(host_relation("app.acme.com", "acme.com"), HostRelation::SameHost);
        assert_eq!(host_relation("app.acme.com", "www.acme.com"), HostRelation::SameSite);
        assert_eq!(host_relation("acme.com", "evilacme.com"), HostRelation::CrossSite);
        assert_eq!(host_relation("acme.com", "other.com"), HostRelation::CrossSite);
    }

    #[test]
    fn hosts_that_share_only_a_public_suffix_are_cross_site() {
        for suffix in ["pages.dev", "workers.dev", "vercel.app", "co.uk", "github.io"] {
            assert_eq!(
                host_relation(&format!("acme.{suffix}"), &format!("evil.{suffix}")),
                HostRelation::CrossSite,
                "{suffix}"
            );
            assert_eq!(host_relation(&format!("acme.{suffix}"), suffix), HostRelation::CrossSite, "{suffix}");
        }
        assert_eq!(host_relation("app.acme.co.uk", "www.acme.co.uk"), HostRelation::SameSite);
        assert_eq!(host_relation("main.acme.pages.dev", "acme.pages.dev"), HostRelation::SameHost);
    }

    #[test]
    fn a_host_without_a_registrable_domain_stays_as_it_is() {
        for host in ["127.0.0.1", "[::1]", "localhost", "pages.dev"] {
            assert_eq!(registrable_domain(host), host);
        }
    }
}

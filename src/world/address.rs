//! Where an address leads, as far as its name tells.

use url::{Host, Url};

/// Whether an address is one that only a developer's machine answers: localhost, a private network, or a tunnel.
#[must_use]
pub fn is_out_of_reach(url: &Url) -> bool {
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

/// How near two hosts are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// One is the other, or stands below it: `acme.com` and `app.acme.com`.
    Same,
    /// Both stand below one domain that somebody registered: `app.acme.com` and `www.acme.com`.
    Siblings,
    /// They have nothing in common.
    Strangers,
}

/// How near two hosts are to each other.
#[must_use]
pub fn kinship(one: &str, other: &str) -> Kinship {
    let below = |low: &str, high: &str| low == high || low.strip_suffix(high).is_some_and(|rest| rest.ends_with('.'));
    if registrable_domain(one) != registrable_domain(other) {
        Kinship::Strangers
    } else if below(one, other) || below(other, one) {
        Kinship::Same
    } else {
        Kinship::Siblings
    }
}

/// The domain that the owner of a host registered: `acme.co.uk` of `app.acme.co.uk`, and `acme.pages.dev` of
/// `main.acme.pages.dev`, by the public suffix list. A host that has none, such as an address in numbers, is its own.
#[must_use]
pub fn registrable_domain(host: &str) -> &str {
    let is_number = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    if is_number { host } else { psl::domain_str(host).unwrap_or(host) }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{Kinship, is_out_of_reach, kinship, registrable_domain};

    #[test]
    fn a_developers_machine_is_out_of_reach() {
        let out_of_reach = |url: &str| is_out_of_reach(&Url::parse(url).unwrap());
        assert!(out_of_reach("http://localhost:5173/") && out_of_reach("http://192.168.1.2/"));
        assert!(out_of_reach("https://acme-dev.ngrok-free.app/") && !out_of_reach("https://app.acme.com/"));
    }

    #[test]
    fn a_company_has_several_hosts() {
        assert_eq!(kinship("app.acme.com", "acme.com"), Kinship::Same);
        assert_eq!(kinship("app.acme.com", "www.acme.com"), Kinship::Siblings);
        assert_eq!(kinship("acme.com", "evilacme.com"), Kinship::Strangers);
        assert_eq!(kinship("acme.com", "other.com"), Kinship::Strangers);
    }

    #[test]
    fn strangers_under_one_public_suffix_are_strangers() {
        for suffix in ["pages.dev", "workers.dev", "vercel.app", "co.uk", "github.io"] {
            assert_eq!(kinship(&format!("acme.{suffix}"), &format!("evil.{suffix}")), Kinship::Strangers, "{suffix}");
            assert_eq!(kinship(&format!("acme.{suffix}"), suffix), Kinship::Strangers, "{suffix}");
        }
        assert_eq!(kinship("app.acme.co.uk", "www.acme.co.uk"), Kinship::Siblings);
        assert_eq!(kinship("main.acme.pages.dev", "acme.pages.dev"), Kinship::Same);
    }

    #[test]
    fn a_host_without_a_domain_is_its_own() {
        for host in ["127.0.0.1", "[::1]", "localhost", "pages.dev"] {
            assert_eq!(registrable_domain(host), host);
        }
    }
}

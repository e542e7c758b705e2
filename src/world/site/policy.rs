//! The Content-Security-Policy of a page: which hosts a browser loads scripts from and connects to.

use url::Url;

/// One policy. A page can have several, and all of them apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentPolicy {
    /// Each directive's name, and its sources.
    directives: Vec<(String, Vec<String>)>,
}

/// What a page fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// A script.
    Script,
    /// A request of a script.
    Connection,
}

impl Fetch {
    /// The directive that decides it.
    #[must_use]
    pub const fn directive(self) -> &'static str {
        match self {
            Self::Script => "script-src",
            Self::Connection => "connect-src",
        }
    }
}

/// The most policies and directives that are read: no real page has more.
const MOST: usize = 100;
/// The longest policy in a report, in characters.
const LONGEST: usize = 300;

impl ContentPolicy {
    /// The policies in the value of a header or a `<meta>` tag. A comma separates policies, and a semicolon directives.
    pub(super) fn read(text: &str) -> Vec<Self> {
        let policies = text.split(',').take(MOST).map(|policy| {
            let mut directives: Vec<(String, Vec<String>)> = Vec::new();
            for directive in policy.split(';').take(MOST) {
                let mut words = directive.split_ascii_whitespace().map(str::to_lowercase);
                let Some(name) = words.next() else { continue };
                // Browsers ignore a second directive with the same name.
                if !directives.iter().any(|(known, _)| *known == name) {
                    directives.push((name, words.take(MOST).collect()));
                }
            }
            Self { directives }
        });
        policies.filter(|policy| !policy.directives.is_empty()).collect()
    }

    /// Whether the page at `page` may fetch something from `https://<host>`. If that depends on the page's code, it may.
    #[must_use]
    pub fn allows(&self, fetch: Fetch, host: &str, page: &str) -> bool {
        let names: &[&str] = match fetch {
            Fetch::Script => &["script-src-elem", "script-src", "default-src"],
            Fetch::Connection => &["connect-src", "default-src"],
        };
        let directive = names.iter().find_map(|name| self.directives.iter().find(|(known, _)| known == name));
        let Some((_, sources)) = directive else { return true };
        let depends_on_the_code = |source: &String| {
            fetch == Fetch::Script
                && ["'strict-dynamic'", "'nonce-", "'sha256-", "'sha384-", "'sha512-"]
                    .iter()
                    .any(|start| source.starts_with(start))
        };
        sources.iter().any(|source| depends_on_the_code(source) || matches(source, host, page))
    }

    /// The policy, for a report.
    #[must_use]
    pub fn shown(&self) -> String {
        let directives = self.directives.iter().map(|(name, sources)| format!("{name} {}", sources.join(" ")));
        let text = directives.collect::<Vec<_>>().join("; ");
        text.char_indices().nth(LONGEST).map_or_else(|| text.clone(), |(end, _)| format!("{}…", &text[..end]))
    }
}

/// Whether a source covers `https://<host>`. A path in a source is not compared.
fn matches(source: &str, host: &str, page: &str) -> bool {
    if source == "'self'" {
        return Url::parse(page).is_ok_and(|page| page.host_str() == Some(host));
    }
    if source == "*" || source == "https:" || source == "http:" {
        return true;
    }
    let (scheme, rest) = source.split_once("://").unwrap_or(("https", source));
    if !matches!(scheme, "https" | "http" | "wss" | "ws") {
        return false;
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let (name, port) = authority.split_once(':').unwrap_or((authority, "443"));
    if !matches!(port, "443" | "80" | "*") {
        return false;
    }
    let host = host.to_lowercase();
    match name.strip_prefix("*.") {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => name == host,
    }
}

#[cfg(test)]
mod tests {
    use super::{ContentPolicy, Fetch};

    fn allows(policy: &str, fetch: Fetch, host: &str) -> bool {
        ContentPolicy::read(policy).iter().all(|policy| policy.allows(fetch, host, "https://app.acme.com/"))
    }

    #[test]
    fn a_host_is_named_alone_or_by_its_domain() {
        let policy = "connect-src 'self' https://clerk.acme.com *.workers.dev";
        for (host, is_allowed) in [
            ("clerk.acme.com", true),
            ("app.acme.com", true),
            ("pan-api.acme.workers.dev", true),
            ("workers.dev", false),
            ("api.acme.com", false),
        ] {
            assert_eq!(allows(policy, Fetch::Connection, host), is_allowed, "{host}");
        }
    }

    #[test]
    fn a_directive_that_is_not_there_is_the_default() {
        assert!(!allows("default-src 'self'", Fetch::Connection, "clerk.acme.com"));
        assert!(!allows("default-src 'self'; script-src 'none'", Fetch::Script, "clerk.acme.com"));
        assert!(allows("default-src 'self'; connect-src https:", Fetch::Connection, "clerk.acme.com"));
        assert!(allows("frame-ancestors 'none'", Fetch::Script, "clerk.acme.com"));
    }

    #[test]
    fn every_policy_must_allow_it() {
        assert!(!allows("connect-src *, connect-src 'self'", Fetch::Connection, "clerk.acme.com"));
    }

    #[test]
    fn what_depends_on_the_code_is_allowed_for_scripts_only() {
        let policy = "script-src 'nonce-abc' 'strict-dynamic'; connect-src 'self'";
        assert!(allows(policy, Fetch::Script, "clerk.acme.com"));
        assert!(!allows(policy, Fetch::Connection, "clerk.acme.com"));
    }

    #[test]
    fn another_port_is_another_place() {
        assert!(!allows("connect-src clerk.acme.com:8443", Fetch::Connection, "clerk.acme.com"));
        assert!(allows("connect-src clerk.acme.com:*", Fetch::Connection, "clerk.acme.com"));
    }
}

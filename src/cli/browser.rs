//! Opens a page in the person's browser.

use std::env;
use std::io::{self, IsTerminal};

use preflight::config::is_loopback;
use url::Url;

/// Opens the page of a Checkout Session, if there is a person with a browser. Whatever happens, they have its address.
pub async fn open(page: &str) {
    let has = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    if !io::stderr().is_terminal() || !has_a_browser(has) {
        return;
    }
    let Some(page) = page_of_checkout(page) else { return };
    // Starting a browser may take a while.
    drop(tokio::task::spawn_blocking(move || webbrowser::open(page.as_str())).await);
}

/// Whether this machine is likely to have a browser with windows. Over SSH, it would open on the other machine.
fn has_a_browser(has: impl Fn(&str) -> bool) -> bool {
    let has_windows = cfg!(any(windows, target_os = "macos")) || has("DISPLAY") || has("WAYLAND_DISPLAY");
    !has("CI") && (has("BROWSER") || has_windows && !has("SSH_CONNECTION"))
}

/// The address, if it is a page over TLS or the sandbox's. Anything else could be a file or a program.
fn page_of_checkout(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::{has_a_browser, page_of_checkout};

    #[test]
    fn only_a_page_over_tls_or_of_the_sandbox_is_opened() {
        for page in ["https://checkout.stripe.com/c/pay/cs_live_a1#fid", "http://127.0.0.1:4100/c/pay/cs_live_a1"] {
            assert_eq!(page_of_checkout(page).map(String::from).as_deref(), Some(page));
        }
        for other in ["http://checkout.stripe.com/", "file:///etc/passwd", "javascript:alert(1)", "--help", "calc.exe"]
        {
            assert_eq!(page_of_checkout(other), None, "{other}");
        }
    }

    #[test]
    fn a_build_server_has_no_browser_and_a_variable_names_one() {
        assert!(!has_a_browser(|name| ["CI", "BROWSER", "DISPLAY"].contains(&name)));
        assert!(has_a_browser(|name| ["SSH_CONNECTION", "BROWSER"].contains(&name)));
        assert!(!has_a_browser(|name| ["SSH_CONNECTION", "DISPLAY"].contains(&name)));
    }
}

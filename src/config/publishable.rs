//! What Clerk's publishable key says.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use url::Url;

/// Clerk writes the padding or leaves it away.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The frontend API that a publishable key of Clerk names: `pk_live_` and the base64 of its host and a `$`
/// (docs/providers.md, "Clerk keys and API conventions"). `None` where the text is no such key.
#[must_use]
pub fn frontend_api_of(publishable_key: &str) -> Option<Url> {
    let key = publishable_key.trim();
    let body = key.strip_prefix("pk_live_").or_else(|| key.strip_prefix("pk_test_"))?;
    let decoded = String::from_utf8(BASE64.decode(body).ok()?).ok()?;
    let host = decoded.strip_suffix('$')?;
    let clean = host.contains('.') && !host.contains(['$', '/', '?', '#', '@']) && !host.contains(char::is_whitespace);
    if clean { Url::parse(&format!("https://{host}")).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::frontend_api_of;

    fn host(key: &str) -> Option<String> {
        frontend_api_of(key).map(|url| url.to_string())
    }

    #[test]
    fn the_host_is_read_with_and_without_padding() {
        // `clerk.acme.com$`, whose base64 needs no padding, and `clerk.acme.dev.x$`, whose does.
        assert_eq!(host("pk_live_Y2xlcmsuYWNtZS5jb20k").as_deref(), Some("https://clerk.acme.com/"));
        assert_eq!(host("pk_test_Y2xlcmsuYWNtZS5kZXYueCQ=").as_deref(), Some("https://clerk.acme.dev.x/"));
        assert_eq!(host("pk_test_Y2xlcmsuYWNtZS5kZXYueCQ").as_deref(), Some("https://clerk.acme.dev.x/"));
    }

    #[test]
    fn a_key_of_stripe_names_no_host() {
        assert_eq!(host("pk_live_51HqABCdefGhIjKlM0123456789"), None);
    }

    #[test]
    fn a_key_that_was_cut_short_names_no_host() {
        assert_eq!(host("pk_live_Y2xlcmsuYWNtZS5jb20"), None);
        assert_eq!(host("pk_live_"), None);
    }
}

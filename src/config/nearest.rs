//! "Did you mean …?"

/// The candidate nearest to a mistyped word, if any is near enough.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let word = plain(word);
    let near = candidates.into_iter().filter_map(|candidate| {
        let plain = plain(candidate);
        let distance = strsim::damerau_levenshtein(&word, &plain);
        let length = word.chars().count().max(plain.chars().count());
        (distance <= (length / 3).max(1) && distance < length).then_some((distance, candidate))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typo_finds_the_nearest_word() {
        let keys = ["secret_key", "publishable_key", "webhook_secret", "account"];
        assert_eq!(nearest("secret_kye", keys), Some("secret_key"));
        assert_eq!(nearest("webhookSecret", keys), Some("webhook_secret"));
        assert_eq!(nearest("acount", keys), Some("account"));
    }

    #[test]
    fn an_unrelated_word_finds_nothing() {
        assert_eq!(nearest("colour", ["secret_key", "account", "on"]), None);
    }
}

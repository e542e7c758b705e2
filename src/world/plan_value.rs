//! How the text of a plan differs from the values of the tiers.

use crate::config::Tier;

/// How a plan differs from every tier's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanMismatch {
    /// There is white space around it.
    Whitespace {
        /// The intended value.
        intended: String,
    },
    /// Only the case differs.
    Case {
        /// The intended value.
        intended: String,
    },
    /// A character only looks like the right one.
    Lookalike {
        /// The intended value.
        intended: String,
        /// The first such character.
        character: char,
    },
    /// No tier has a similar value.
    UnknownTier,
}

impl PlanMismatch {
    /// The intended value, if there is one.
    #[must_use]
    pub fn intended(&self) -> Option<&str> {
        match self {
            Self::Whitespace { intended } | Self::Case { intended } | Self::Lookalike { intended, .. } => {
                Some(intended)
            }
            Self::UnknownTier => None,
        }
    }

    /// The difference, as the end of a sentence.
    #[must_use]
    pub fn difference(&self) -> String {
        match self {
            Self::Whitespace { intended } => format!("has white space around \"{intended}\""),
            Self::Case { intended } => format!("differs from \"{intended}\" in upper and lower case"),
            Self::Lookalike { intended, character } => {
                format!("looks like \"{intended}\" but contains U+{:04X}", u32::from(*character))
            }
            Self::UnknownTier => "is not the value of any tier".to_owned(),
        }
    }
}

/// The text of a plan in metadata, or its JSON if it is not a string; `None` for null.
#[must_use]
pub fn plan_text(plan: &serde_json::Value) -> Option<String> {
    match plan {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// How `plan` differs from the tiers' values; `None` if it is exactly one of them.
#[must_use]
pub fn plan_mismatch(plan: &str, tiers: &[Tier]) -> Option<PlanMismatch> {
    let values = || tiers.iter().map(|tier| tier.metadata.as_str());
    if values().any(|value| value == plan) {
        return None;
    }
    // Also the white space outside of ASCII, and characters without width.
    let is_blank = |character: char| {
        character.is_whitespace() || matches!(character, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
    };
    let odd = plan.chars().find(|character| !character.is_ascii());
    let trimmed = plan.trim_matches(is_blank);
    let similar = |text: &str| values().find(|value| value.eq_ignore_ascii_case(text)).map(str::to_owned);
    if let (Some(intended), None) = (values().find(|value| *value == trimmed), odd) {
        return Some(PlanMismatch::Whitespace { intended: intended.to_owned() });
    }
    if let (Some(intended), None) = (similar(trimmed), odd) {
        return Some(PlanMismatch::Case { intended });
    }
    let latin: String = plan.chars().filter(|character| !is_blank(*character)).map(plain_form).collect();
    match (similar(&latin), odd) {
        (Some(intended), Some(character)) => Some(PlanMismatch::Lookalike { intended, character }),
        _ => Some(PlanMismatch::UnknownTier),
    }
}

/// The tier whose value `plan` is, or is intended to be.
#[must_use]
pub fn intended_tier<'t>(plan: &str, tiers: &'t [Tier]) -> Option<&'t Tier> {
    let mismatch = plan_mismatch(plan, tiers);
    let intended = mismatch.as_ref().map_or(Some(plan), PlanMismatch::intended)?;
    tiers.iter().find(|tier| tier.metadata == intended)
}

/// The ASCII character that a character looks like: Cyrillic and Greek letters of the same shape, full-width forms and
/// dashes. Any other character is returned as it is.
fn plain_form(character: char) -> char {
    const SHAPES: &[(char, &str)] = &[
        ('-', "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2212}"),
        ('a', "аАα"),
        ('b', "вВ"),
        ('c', "сСⅽ"),
        ('d', "ԁⅾ"),
        ('e', "еёЕεΕ"),
        ('h', "нН"),
        ('i', "іїІιıⅰ"),
        ('j', "ј"),
        ('k', "кКκ"),
        ('l', "ⅼ"),
        ('m', "мМⅿ"),
        ('o', "оОοΟ"),
        ('p', "рРρΡ"),
        ('q', "ԛ"),
        ('s', "ѕ"),
        ('t', "тТτΤ"),
        ('u', "υ"),
        ('v', "ν"),
        ('w', "ԝ"),
        ('x', "хХχ"),
        ('y', "уУ"),
    ];
    if let Some((plain, _)) = SHAPES.iter().find(|(_, shapes)| shapes.contains(character)) {
        return *plain;
    }
    // Full-width forms are in the order of ASCII.
    match u32::from(character) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(character),
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::{PlanMismatch, plan_mismatch};
    use crate::config::{Limit, Tier};

    fn mismatch(plan: &str) -> Option<PlanMismatch> {
        let tiers = ["free", "pro", "enterprise"].map(|name| Tier {
            name: name.to_owned(),
            limit: Some(Limit::Unlimited),
            metadata: name.to_owned(),
            prices: Vec::new(),
        });
        plan_mismatch(plan, &tiers)
    }

    #[test]
    fn the_exact_value_of_a_tier_is_no_mismatch() {
        assert_eq!(mismatch("pro"), None);
    }

    #[test]
    fn a_difference_in_case_is_not_one_in_white_space() {
        assert_eq!(mismatch("Pro"), Some(PlanMismatch::Case { intended: "pro".to_owned() }));
        assert_eq!(mismatch("pro "), Some(PlanMismatch::Whitespace { intended: "pro".to_owned() }));
    }

    #[test]
    fn a_lookalike_is_named_by_its_code_point() {
        assert_eq!(mismatch("prо"), Some(PlanMismatch::Lookalike { intended: "pro".to_owned(), character: 'о' }));
        let no_break_space = mismatch("pro\u{a0}");
        assert_eq!(no_break_space, Some(PlanMismatch::Lookalike { intended: "pro".to_owned(), character: '\u{a0}' }));
        assert!(mismatch("pro\u{200b}").is_some_and(|mismatch| mismatch.difference().contains("U+200B")));
    }

    #[test]
    fn an_unknown_word_has_no_intended_tier() {
        assert_eq!(mismatch("premium"), Some(PlanMismatch::UnknownTier));
        assert_eq!(mismatch(""), Some(PlanMismatch::UnknownTier));
    }
}

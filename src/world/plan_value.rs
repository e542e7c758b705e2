//! Whether a word is exactly a tier's value.

use crate::config::Tier;

/// How a word misses every tier's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanSlip {
    /// White space around a value.
    Whitespace {
        /// The value that is meant.
        meant: String,
    },
    /// Only upper and lower case differ.
    Case {
        /// The value that is meant.
        meant: String,
    },
    /// A character that only looks like the right one.
    Lookalike {
        /// The value that is meant.
        meant: String,
        /// The first such character.
        character: char,
    },
    /// No tier has anything like it.
    UnknownTier,
}

impl PlanSlip {
    /// The value that is meant, where that can be told.
    #[must_use]
    pub fn meant(&self) -> Option<&str> {
        match self {
            Self::Whitespace { meant } | Self::Case { meant } | Self::Lookalike { meant, .. } => Some(meant),
            Self::UnknownTier => None,
        }
    }

    /// What is wrong, as the end of a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Whitespace { meant } => format!("has white space around \"{meant}\""),
            Self::Case { meant } => format!("differs from \"{meant}\" in upper and lower case"),
            Self::Lookalike { meant, character } => {
                format!("looks like \"{meant}\" but has U+{:04X} in it", u32::from(*character))
            }
            Self::UnknownTier => "is no tier's value".to_owned(),
        }
    }
}

/// A plan as it stands in metadata: its text, or JSON where it is no text; `None` for null.
#[must_use]
pub fn plan_text(plan: &serde_json::Value) -> Option<String> {
    match plan {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// What is wrong with `word` as a tier's value; `None` where it is exactly one of `tiers`.
#[must_use]
pub fn judge_plan(word: &str, tiers: &[Tier]) -> Option<PlanSlip> {
    let values = || tiers.iter().map(|tier| tier.metadata.as_str());
    if values().any(|value| value == word) {
        return None;
    }
    // White space as people see it: also what ASCII does not know, and what has no width.
    let is_blank = |character: char| {
        character.is_whitespace() || matches!(character, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
    };
    let odd = word.chars().find(|character| !character.is_ascii());
    let trimmed = word.trim_matches(is_blank);
    let meant = |wanted: &str| values().find(|value| value.eq_ignore_ascii_case(wanted)).map(str::to_owned);
    if let (Some(meant), None) = (values().find(|value| *value == trimmed), odd) {
        return Some(PlanSlip::Whitespace { meant: meant.to_owned() });
    }
    if let (Some(meant), None) = (meant(trimmed), odd) {
        return Some(PlanSlip::Case { meant });
    }
    let plain: String = word.chars().filter(|character| !is_blank(*character)).map(plain_form).collect();
    match (meant(&plain), odd) {
        (Some(meant), Some(character)) => Some(PlanSlip::Lookalike { meant, character }),
        _ => Some(PlanSlip::UnknownTier),
    }
}

/// The tier whose value `word` is, or is meant to be.
#[must_use]
pub fn meant_tier<'t>(word: &str, tiers: &'t [Tier]) -> Option<&'t Tier> {
    let slip = judge_plan(word, tiers);
    let meant = slip.as_ref().map_or(Some(word), PlanSlip::meant)?;
    tiers.iter().find(|tier| tier.metadata == meant)
}

/// The Latin letter or ASCII sign that a character is easily taken for: Cyrillic and Greek letters that share their
/// shapes, full-width forms, and the dashes. Every other character stands for itself.
fn plain_form(character: char) -> char {
    const SHAPES: &[(char, char)] = &[
        ('а', 'a'),
        ('в', 'b'),
        ('е', 'e'),
        ('ё', 'e'),
        ('і', 'i'),
        ('ї', 'i'),
        ('ј', 'j'),
        ('к', 'k'),
        ('м', 'm'),
        ('н', 'h'),
        ('о', 'o'),
        ('р', 'p'),
        ('с', 'c'),
        ('ѕ', 's'),
        ('т', 't'),
        ('у', 'y'),
        ('х', 'x'),
        ('ԁ', 'd'),
        ('ԛ', 'q'),
        ('ԝ', 'w'),
        ('А', 'a'),
        ('В', 'b'),
        ('Е', 'e'),
        ('І', 'i'),
        ('К', 'k'),
        ('М', 'm'),
        ('Н', 'h'),
        ('О', 'o'),
        ('Р', 'p'),
        ('С', 'c'),
        ('Т', 't'),
        ('У', 'y'),
        ('Х', 'x'),
        ('α', 'a'),
        ('ε', 'e'),
        ('ι', 'i'),
        ('κ', 'k'),
        ('ν', 'v'),
        ('ο', 'o'),
        ('ρ', 'p'),
        ('τ', 't'),
        ('υ', 'u'),
        ('χ', 'x'),
        ('Ο', 'o'),
        ('Ρ', 'p'),
        ('Ε', 'e'),
        ('Τ', 't'),
        ('ı', 'i'),
        ('ⅰ', 'i'),
        ('ⅼ', 'l'),
        ('ⅽ', 'c'),
        ('ⅾ', 'd'),
        ('ⅿ', 'm'),
        ('\u{2010}', '-'),
        ('\u{2011}', '-'),
        ('\u{2012}', '-'),
        ('\u{2013}', '-'),
        ('\u{2014}', '-'),
        ('\u{2212}', '-'),
    ];
    if let Some((_, plain)) = SHAPES.iter().find(|(shape, _)| *shape == character) {
        return *plain;
    }
    // Full-width forms stand in the order of ASCII.
    match u32::from(character) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(character),
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::{PlanSlip, judge_plan};
    use crate::config::{Limit, Tier};

    fn slip(word: &str) -> Option<PlanSlip> {
        let tiers = ["free", "pro", "enterprise"].map(|name| Tier {
            name: name.to_owned(),
            limit: Limit::Unlimited,
            metadata: name.to_owned(),
            prices: Vec::new(),
            line: 1,
        });
        judge_plan(word, &tiers)
    }

    #[test]
    fn a_tiers_exact_value_is_no_slip() {
        assert_eq!(slip("pro"), None);
    }

    #[test]
    fn upper_case_is_told_from_white_space() {
        assert_eq!(slip("Pro"), Some(PlanSlip::Case { meant: "pro".to_owned() }));
        assert_eq!(slip("pro "), Some(PlanSlip::Whitespace { meant: "pro".to_owned() }));
    }

    #[test]
    fn a_lookalike_is_named_by_its_code_point() {
        assert_eq!(slip("prо"), Some(PlanSlip::Lookalike { meant: "pro".to_owned(), character: 'о' }));
        let no_break_space = slip("pro\u{a0}");
        assert_eq!(no_break_space, Some(PlanSlip::Lookalike { meant: "pro".to_owned(), character: '\u{a0}' }));
        assert!(slip("pro\u{200b}").is_some_and(|slip| slip.words().contains("U+200B")));
    }

    #[test]
    fn another_word_is_no_tier() {
        assert_eq!(slip("premium"), Some(PlanSlip::UnknownTier));
        assert_eq!(slip(""), Some(PlanSlip::UnknownTier));
    }
}

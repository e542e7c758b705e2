//! An amount of money, as a person writes it and as Stripe counts it.

use std::fmt;

/// An amount in a currency's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// In the smallest unit: cents, or whole yen.
    pub minor: i64,
    /// Three lower-case letters.
    pub currency: String,
}

impl Money {
    /// How many decimals a currency has: Stripe's list of currencies without a minor unit, and of those with three
    /// decimals; all others have two.
    #[must_use]
    pub fn decimals(currency: &str) -> u32 {
        match currency {
            "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "ugx" | "vnd" | "vuv"
            | "xaf" | "xof" | "xpf" => 0,
            "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
            _ => 2,
        }
    }

    /// Reads `29.00`, as a person writes it.
    ///
    /// # Errors
    /// In words, what the text should have been.
    pub fn parse(text: &str, currency: &str) -> Result<Self, String> {
        let decimals = Self::decimals(currency) as usize;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
            return Err("an amount such as \"29.00\"".to_owned());
        }
        if fraction.len() > decimals {
            return Err(match decimals {
                0 => format!("a whole number: {currency} has no minor unit"),
                _ => format!("at most {decimals} decimals: {currency} has no more"),
            });
        }
        let minor = format!("{whole}{fraction:0<decimals$}").parse().map_err(|_| "a smaller amount".to_owned())?;
        Ok(Self { minor, currency: currency.to_owned() })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = Self::decimals(&self.currency);
        let unit = 10_i64.pow(decimals);
        let currency = self.currency.to_uppercase();
        if decimals == 0 {
            write!(formatter, "{} {currency}", self.minor)
        } else {
            let width = decimals as usize;
            let sign = if self.minor < 0 { "-" } else { "" };
            write!(formatter, "{sign}{}.{:0width$} {currency}", (self.minor / unit).abs(), (self.minor % unit).abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Money;

    #[test]
    fn a_dollar_amount_is_counted_in_cents() {
        assert_eq!(Money::parse("29.00", "usd").map(|money| money.minor), Ok(2900));
        assert_eq!(Money::parse("29.5", "usd").map(|money| money.minor), Ok(2950));
    }

    #[test]
    fn yen_have_no_minor_unit() {
        assert_eq!(Money::parse("2900", "jpy").map(|money| money.minor), Ok(2900));
        assert_eq!(Money::parse("29.00", "jpy"), Err("a whole number: jpy has no minor unit".to_owned()));
    }

    #[test]
    fn an_amount_is_shown_as_it_is_written() {
        assert_eq!(Money { minor: 2905, currency: "usd".to_owned() }.to_string(), "29.05 USD");
        assert_eq!(Money { minor: 2900, currency: "jpy".to_owned() }.to_string(), "2900 JPY");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "free", "29,00", "-1", "29.", ".50", "1e3"] {
            assert!(Money::parse(text, "usd").is_err(), "{text:?}");
        }
    }
}

//! Parsers for flag values.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use preflight::world::Resolve;

/// A format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal.
    Table,
    /// For programs. `preflight schema report` prints its schema.
    Json,
    /// For pull requests, wikis and email.
    Markdown,
    /// For the test page of a CI service.
    Junit,
    /// For code scanning.
    Sarif,
    /// For a browser.
    Html,
    /// For GitHub Actions: annotations, and the step summary.
    Github,
}

impl Format {
    /// All names, for an error message.
    fn names() -> String {
        let names = Self::value_variants().iter().filter_map(Self::to_possible_value);
        let names: Vec<String> = names.map(|name| format!("`{}`", name.get_name())).collect();
        let (last, others) = names.split_last().map_or(("", &names[..]), |(last, others)| (last.as_str(), others));
        format!("{} or {last}", others.join(", "))
    }
}

/// The format of a text about preflight itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextFormat {
    /// For a terminal.
    Table,
    /// For programs.
    Json,
}

/// `--report FORMAT=PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportTarget {
    /// The format.
    pub format: Format,
    /// The path.
    pub path: PathBuf,
}

impl FromStr for ReportTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or("expected FORMAT=PATH, such as `json=preflight.json`")?;
        let format = Format::from_str(format, false)
            .map_err(|_| format!("unknown format `{format}`; expected {}", Format::names()))?;
        if path.is_empty() {
            return Err("expected a path after the `=`".to_owned());
        }
        Ok(Self { format, path: PathBuf::from(path) })
    }
}

/// A duration: `10s`, `500ms`, `2m`, or seconds without a unit.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a duration such as `10s`, `500ms`, `2m`, or a number of seconds".to_owned();
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| expected())?;
    let seconds = match unit {
        "" | "s" => number,
        "ms" => number / 1000.0,
        "m" => number * 60.0,
        _ => return Err(expected()),
    };
    let duration = Duration::try_from_secs_f64(seconds).map_err(|_| expected())?;
    if duration.is_zero() { Err("the duration must be longer than zero".to_owned()) } else { Ok(duration) }
}

/// `HOST:PORT:ADDR`, as in curl. An IPv6 address may be in brackets.
pub fn resolve(text: &str) -> Result<Resolve, String> {
    let expected = || "expected HOST:PORT:ADDR, such as `api.acme.com:443:203.0.113.7`".to_owned();
    let mut parts = text.splitn(3, ':');
    let (Some(host), Some(port), Some(address)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(expected());
    };
    if host.is_empty() {
        return Err(expected());
    }
    let port = port.parse().map_err(|_| format!("`{port}` is not a port; {}", expected()))?;
    let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    let address: IpAddr = bare.parse().map_err(|_| format!("`{address}` is not an IP address; {}", expected()))?;
    Ok(Resolve { host: host.to_ascii_lowercase(), port, address })
}

/// A comma-separated list of names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameList(pub Vec<String>);

impl FromStr for NameList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self(names.map(str::to_owned).collect()))
    }
}

/// The checks of `--only` or `--skip`. At least one, because an empty selection could mean none or all.
pub fn checks(text: &str) -> Result<NameList, String> {
    let names: NameList = text.parse()?;
    if names.0.is_empty() {
        return Err(
            "expected at least one check, group or pattern, such as `stripe/price-mode`, `webhook` or `*/secrets`"
                .to_owned(),
        );
    }
    Ok(names)
}

/// All names of a repeatable flag.
pub fn joined(names: &[NameList]) -> Vec<String> {
    names.iter().flat_map(|names| names.0.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_or_is_in_seconds() {
        let parsed = ["10s", "500ms", "2m", "7", "1.5s"].map(|text| duration(text).unwrap().as_millis());
        assert_eq!(parsed, [10_000, 500, 120_000, 7_000, 1_500]);
    }

    #[test]
    fn an_invalid_duration_shows_valid_ones() {
        for text in ["", "s", "10h", "-1s", "1e9s", "ten", "99999999999999999999m"] {
            assert!(duration(text).unwrap_err().contains("`10s`, `500ms`, `2m`"), "{text}");
        }
        assert_eq!(duration("0s").unwrap_err(), "the duration must be longer than zero");
    }

    #[test]
    fn resolve_takes_the_syntax_of_curl() {
        let resolved = resolve("API.acme.com:443:203.0.113.7").unwrap();
        assert_eq!((resolved.host.as_str(), resolved.port), ("api.acme.com", 443));
        assert_eq!(resolve("a.b:443:[::1]").unwrap().address, resolve("a.b:443:::1").unwrap().address);
    }

    #[test]
    fn an_invalid_resolve_says_why() {
        assert!(resolve("a.b:443").unwrap_err().starts_with("expected HOST:PORT:ADDR"));
        assert!(resolve("a.b:x:127.0.0.1").unwrap_err().starts_with("`x` is not a port"));
        assert!(resolve("a.b:443:a.c").unwrap_err().starts_with("`a.c` is not an IP address"));
    }

    #[test]
    fn a_report_target_is_a_format_and_a_path() {
        let target: ReportTarget = "json=a=b.json".parse().unwrap();
        assert_eq!(target, ReportTarget { format: Format::Json, path: PathBuf::from("a=b.json") });
        let unknown =
            "unknown format `xml`; expected `table`, `json`, `markdown`, `junit`, `sarif`, `html` or `github`";
        assert_eq!("xml=a".parse::<ReportTarget>().unwrap_err(), unknown);
        assert!("report.json".parse::<ReportTarget>().unwrap_err().contains("expected FORMAT=PATH"));
        assert!("json=".parse::<ReportTarget>().unwrap_err().contains("a path"));
    }

    #[test]
    fn an_empty_selection_is_an_error() {
        for empty in ["", " ", ",", " , "] {
            assert!(checks(empty).unwrap_err().contains("at least one check"), "{empty:?}");
        }
        assert_eq!(checks("stripe,webhook").unwrap().0, ["stripe", "webhook"]);
    }

    #[test]
    fn names_can_be_separated_by_commas_or_repeated_flags() {
        let names: Vec<NameList> = ["a, b", "", "c"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(joined(&names), ["a", "b", "c"]);
    }
}

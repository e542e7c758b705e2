//! The values of flags.

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
    /// For programs; `preflight schema report` describes it.
    Json,
    /// For people who read it later or elsewhere.
    Markdown,
}

/// `--report FORMAT=PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// In which format.
    pub format: Format,
    /// Where to.
    pub path: PathBuf,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or("expected FORMAT=PATH, such as `json=preflight.json`")?;
        let format = Format::from_str(format, false)
            .map_err(|_| format!("there is no format `{format}`; expected `table`, `json` or `markdown`"))?;
        if path.is_empty() {
            return Err("a path must stand behind the `=`".to_owned());
        }
        Ok(Self { format, path: PathBuf::from(path) })
    }
}

/// A time: `10s`, `500ms`, `2m`, or seconds without a unit.
pub fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time such as `10s`, `500ms`, `2m`, or a number of seconds".to_owned();
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
    if duration.is_zero() { Err("a time must be longer than nothing".to_owned()) } else { Ok(duration) }
}

/// `HOST:PORT:ADDR`, as curl has it: an IPv6 address may stand in brackets.
pub fn resolve(text: &str) -> Result<Resolve, String> {
    let expected = || "expected HOST:PORT:ADDR, such as `api.acme.com:443:203.0.113.7`".to_owned();
    let mut parts = text.splitn(3, ':');
    let (Some(host), Some(port), Some(address)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(expected());
    };
    if host.is_empty() {
        return Err(expected());
    }
    let port = port.parse().map_err(|_| format!("`{port}` is no port; {}", expected()))?;
    let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
    let address: IpAddr = bare.parse().map_err(|_| format!("`{address}` is no IP address; {}", expected()))?;
    Ok(Resolve { host: host.to_ascii_lowercase(), port, address })
}

/// A name, or a list of them with commas between.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(pub Vec<String>);

impl FromStr for Names {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self(names.map(str::to_owned).collect()))
    }
}

/// The names of checks in `--only` and `--skip`: at least one, since an empty selection would be none or all.
pub fn checks(text: &str) -> Result<Names, String> {
    let names: Names = text.parse()?;
    if names.0.is_empty() {
        return Err(
            "expected at least one check, group or pattern, such as `stripe/price-mode`, `webhook` or `*/secrets`"
                .to_owned(),
        );
    }
    Ok(names)
}

/// All names of a flag that may be given more than once.
pub fn joined(names: &[Names]) -> Vec<String> {
    names.iter().flat_map(|names| names.0.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        let told = ["10s", "500ms", "2m", "7", "1.5s"].map(|text| duration(text).unwrap().as_millis());
        assert_eq!(told, [10_000, 500, 120_000, 7_000, 1_500]);
    }

    #[test]
    fn what_is_no_time_says_what_is_one() {
        for text in ["", "s", "10h", "-1s", "1e9s", "ten", "99999999999999999999m"] {
            assert!(duration(text).unwrap_err().contains("`10s`, `500ms`, `2m`"), "{text}");
        }
        assert_eq!(duration("0s").unwrap_err(), "a time must be longer than nothing");
    }

    #[test]
    fn an_address_for_a_name_is_written_as_for_curl() {
        let resolved = resolve("API.acme.com:443:203.0.113.7").unwrap();
        assert_eq!((resolved.host.as_str(), resolved.port), ("api.acme.com", 443));
        assert_eq!(resolve("a.b:443:[::1]").unwrap().address, resolve("a.b:443:::1").unwrap().address);
    }

    #[test]
    fn what_is_no_address_for_a_name_says_why() {
        assert!(resolve("a.b:443").unwrap_err().starts_with("expected HOST:PORT:ADDR"));
        assert!(resolve("a.b:x:127.0.0.1").unwrap_err().starts_with("`x` is no port"));
        assert!(resolve("a.b:443:a.c").unwrap_err().starts_with("`a.c` is no IP address"));
    }

    #[test]
    fn a_report_is_a_format_and_a_path() {
        let target: Target = "json=a=b.json".parse().unwrap();
        assert_eq!(target, Target { format: Format::Json, path: PathBuf::from("a=b.json") });
        assert!("xml=a".parse::<Target>().unwrap_err().contains("there is no format `xml`"));
        assert!("report.json".parse::<Target>().unwrap_err().contains("expected FORMAT=PATH"));
        assert!("json=".parse::<Target>().unwrap_err().contains("a path"));
    }

    #[test]
    fn a_selection_of_no_check_is_an_error() {
        for empty in ["", " ", ",", " , "] {
            assert!(checks(empty).unwrap_err().contains("at least one check"), "{empty:?}");
        }
        assert_eq!(checks("stripe,webhook").unwrap().0, ["stripe", "webhook"]);
    }

    #[test]
    fn names_stand_between_commas_or_in_flags_of_their_own() {
        let names: Vec<Names> = ["a, b", "", "c"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(joined(&names), ["a", "b", "c"]);
    }
}

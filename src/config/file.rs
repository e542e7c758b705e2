//! `preflight.toml`, the operator's values and the command line into a [`Config`].

use std::fmt;
use std::io;
use std::path::Path;

use serde::Deserialize;
use toml::de::{DeTable, Deserializer};

use super::build::Build;
use super::problem::{Problems, both};
use super::schema::schema;
use super::source::{Fault, Faults, Text, why_unreadable};
use super::wrangler::Wrangler;
use super::{Config, Mode, Values, raw, shape};

/// What the command line has to say about the configuration.
#[derive(Clone)]
pub struct Options<'a> {
    /// Overrides `project.mode`.
    pub mode: Option<Mode>,
    /// Hosts beyond the providers' own and loopback that a secret may be sent to, each with or without a port.
    pub allow_hosts: Vec<String>,
    /// Reads the Wrangler file.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl Default for Options<'_> {
    /// Nothing overridden, no host allowed, files read from the disk.
    fn default() -> Self {
        Self { mode: None, allow_hosts: Vec::new(), read: &read_from_disk }
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = formatter.debug_struct("Options");
        options.field("mode", &self.mode).field("allow_hosts", &self.allow_hosts).finish_non_exhaustive()
    }
}

fn read_from_disk(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// Where the reference stack has its Wrangler file.
const WRANGLER: &str = "api/wrangler.toml";

/// Makes a [`Config`] of the text of `preflight.toml`, the operator's values and the command line. Reads nothing but the
/// Wrangler file, relative to the folder of `preflight.toml`.
///
/// # Errors
/// Every problem at once. Where the text is not TOML, only that is told (and the secrets in it): all else would be a
/// guess at what was meant.
pub fn load(source: &Text, values: &Values, options: &Options<'_>) -> Result<Config, Problems> {
    let mut faults = Faults::new(source);
    let Some(file) = parse(&mut faults) else { return faults.finish(None) };
    let wrangler = wrangler(file.cloudflare.as_ref(), options, &mut faults);
    let found = wrangler.as_ref().ok().cloned().flatten();
    let config = Build::new(&mut faults, values, options).config(file, found);
    both(faults.finish(config), wrangler).map(|(config, _)| config)
}

/// The file as it is written, without what has the wrong shape. `None` where it is not TOML.
fn parse(faults: &mut Faults<'_>) -> Option<raw::File> {
    let (mut document, errors) = DeTable::parse_recoverable(&faults.text.contents);
    if errors.is_empty() {
        shape::check(document.get_mut(), &schema(), faults);
        return match raw::File::deserialize(Deserializer::from(document)) {
            Ok(file) => Some(file),
            Err(error) => {
                faults.add(Fault::at(error.span(), error.message()));
                None
            }
        };
    }
    for error in errors {
        faults.add(Fault::at(error.span(), "this is not TOML").label(error.message()));
    }
    None
}

/// What the Wrangler file says, where one is named or stands where the reference stack has it.
fn wrangler(
    cloudflare: Option<&raw::Cloudflare>,
    options: &Options<'_>,
    faults: &mut Faults<'_>,
) -> Result<Option<Wrangler>, Problems> {
    let Some(cloudflare) = cloudflare else { return Ok(None) };
    let named = cloudflare.wrangler.as_ref();
    let folder = faults.text.path.parent().unwrap_or(Path::new(""));
    let path = folder.join(named.map_or(WRANGLER, |named| &named.value.0));
    match (options.read)(&path) {
        Ok(contents) => Wrangler::parse(&Text::new(path, contents)).map(Some),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let message = format!("cannot read {}: {}", path.display(), why_unreadable(&error));
            let fault = Fault::at(named.and_then(|named| named.span.clone()), message);
            faults.add(fault.help("the path is relative to the folder of preflight.toml"));
            Ok(None)
        }
    }
}


//! The deployment to check: the user's own, or the sandbox.

use std::path::{Path, PathBuf};

use preflight::config::{self, Config, Mode, Text, Values};
use preflight::run;
use preflight::sandbox::{self, Sandbox};
use preflight::world::{self, World};

use super::exit::CliError;

/// The default configuration file.
pub const CONFIGURATION: &str = "preflight.toml";

/// Where the configuration of the user's deployment comes from.
#[derive(Debug)]
pub struct Sources<'a> {
    /// `--config`.
    pub config: Option<&'a Path>,
    /// `--env-file`, each.
    pub env_files: &'a [PathBuf],
    /// `--mode`.
    pub mode: Option<Mode>,
    /// `--allow-host`, each.
    pub allow_hosts: &'a [String],
}

/// The deployment that the configuration describes, at the providers or in a sandbox. A sandbox has values only for a
/// configuration without env files.
pub fn configured(
    sources: &Sources<'_>,
    sandbox: Option<&Sandbox>,
    options: world::Options,
) -> Result<World, CliError> {
    let path = sources.config.unwrap_or(Path::new(CONFIGURATION));
    if sources.config.is_none() && !path.exists() {
        return Err(CliError::Unconfigured(NOT_CONFIGURED.to_owned()));
    }
    let values = match sandbox {
        None => Values::read(sources.env_files, std::env::vars_os()),
        Some(sandbox) if sources.env_files.is_empty() => Values::of(&[], sandbox.environment().clone()),
        Some(_) => Values::read(sources.env_files, []),
    };
    let (text, values) = (Text::read(path)?, values?);
    let reading =
        config::Options { mode: sources.mode, allow_hosts: sources.allow_hosts.to_vec(), ..Default::default() };
    let config = config::load(&text, &values, &reading)?;
    waivers_name_checks(&config)?;
    let options = match sandbox {
        Some(sandbox) => sandbox.options(options),
        None => options,
    };
    Ok(World::new(config, options)?)
}

/// The sandbox with scenarios. It runs for as long as the [`Sandbox`] is held.
pub async fn sandboxed(
    scenarios: &[&str],
    sandbox: sandbox::Options,
    mode: Option<Mode>,
    options: world::Options,
) -> Result<(World, Sandbox), CliError> {
    let sandbox = Sandbox::start(scenarios, sandbox).await?;
    let world = World::new(sandbox.config(mode)?, sandbox.options(options))?;
    Ok((world, sandbox))
}

/// Rejects waivers for checks that do not exist, since they would silently never apply.
fn waivers_name_checks(config: &Config) -> Result<(), CliError> {
    let unknown = run::unknown_checks(config);
    if unknown.is_empty() {
        return Ok(());
    }
    let path = config.path.display();
    let lines = unknown.into_iter().map(|(line, unknown)| format!("{path}:{line}: {unknown}"));
    Err(CliError::Unconfigured(lines.collect::<Vec<String>>().join("\n")))
}

impl From<sandbox::Error> for CliError {
    fn from(error: sandbox::Error) -> Self {
        match error {
            sandbox::Error::UnknownScenario { .. } => {
                Self::Usage(format!("{error}\nTo list them, run `preflight sandbox --list`"))
            }
            sandbox::Error::Patch { .. } | sandbox::Error::Document(_) => {
                Self::Usage(format!("these scenarios cannot be applied: {error}"))
            }
            sandbox::Error::File { .. } | sandbox::Error::Circle(_) => Self::Usage(error.to_string()),
            other => Self::Defect(format!("could not start the sandbox: {other}")),
        }
    }
}

impl From<world::WorldError> for CliError {
    fn from(error: world::WorldError) -> Self {
        match error {
            world::WorldError::Client(_) => Self::Defect(error.to_string()),
            // The other errors are about a flag.
            _ => Self::Usage(error.to_string()),
        }
    }
}

const NOT_CONFIGURED: &str = "\
there is no preflight.toml in this folder

It describes the deployment that you want. A complete example:

    [project]
    name = \"acme\"

    [worker]
    url = \"https://api.acme.workers.dev\"

    [tiers.free]
    limit = 10

    [tiers.pro]
    price = \"29.00\"
    limit = 50

Keep keys out of it: preflight reads them from the environment or from `--env-file .env`.
If the file is somewhere else, use `--config FILE`.
To try preflight without any of this, run: preflight run --sandbox";

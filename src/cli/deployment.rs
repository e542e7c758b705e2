//! What is to be judged: the user's own deployment, or the world inside the binary.

use std::path::{Path, PathBuf};

use preflight::config::{self, Config, Mode, Text, Values};
use preflight::run;
use preflight::sandbox::{self, Sandbox};
use preflight::world::{self, World};

use super::exit::Failure;

/// The configuration that is looked for where none is named.
pub const CONFIGURATION: &str = "preflight.toml";

/// Where the user's own deployment is described.
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

/// The deployment that the configuration describes.
pub fn configured(sources: &Sources<'_>, options: world::Options) -> Result<World, Failure> {
    let path = sources.config.unwrap_or(Path::new(CONFIGURATION));
    if sources.config.is_none() && !path.exists() {
        return Err(Failure::Unconfigured(NOT_CONFIGURED.to_owned()));
    }
    let (text, values) = (Text::read(path), Values::read(sources.env_files, std::env::vars_os()));
    let (text, values) = (text?, values?);
    let reading =
        config::Options { mode: sources.mode, allow_hosts: sources.allow_hosts.to_vec(), ..Default::default() };
    let config = config::load(&text, &values, &reading)?;
    waivers_name_checks(&config)?;
    Ok(World::new(config, options)?)
}

/// The world inside the binary, with scenarios. It lives as long as the [`Sandbox`] is held.
pub async fn sandboxed(
    scenarios: &[&str],
    sandbox: sandbox::Options,
    mode: Option<Mode>,
    options: world::Options,
) -> Result<(World, Sandbox), Failure> {
    let sandbox = Sandbox::start(scenarios, sandbox).await?;
    let world = World::new(sandbox.config(mode)?, sandbox.options(options))?;
    Ok((world, sandbox))
}

/// A waiver for a check that does not exist would never be used, and nobody would know why.
fn waivers_name_checks(config: &Config) -> Result<(), Failure> {
    let unknown = run::unknown_checks(config);
    if unknown.is_empty() {
        return Ok(());
    }
    let path = config.path.display();
    let lines = unknown.into_iter().map(|(line, unknown)| {
        let hint = unknown.nearest.map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default();
        format!("{path}:{line}: the waiver's check `{}` does not exist{hint}", unknown.name)
    });
    Err(Failure::Unconfigured(lines.collect::<Vec<String>>().join("\n")))
}

impl From<sandbox::Error> for Failure {
    fn from(error: sandbox::Error) -> Self {
        match error {
            sandbox::Error::UnknownScenario { .. } => {
                Self::Usage(format!("{error}\n`preflight sandbox --list` names them all"))
            }
            sandbox::Error::Patch { .. } => Self::Usage(format!("these scenarios do not go together: {error}")),
            other => Self::Defect(format!("the sandbox could not be started: {other}")),
        }
    }
}

impl From<world::Error> for Failure {
    fn from(error: world::Error) -> Self {
        match error {
            world::Error::Client(_) => Self::Defect(error.to_string()),
            // The others are about a flag.
            _ => Self::Usage(error.to_string()),
        }
    }
}

const NOT_CONFIGURED: &str = "\
there is no preflight.toml in this folder

It says what is intended, and this is a whole one:

    [project]
    name = \"acme\"

    [worker]
    url = \"https://api.acme.workers.dev\"

    [tiers.free]
    limit = 10

    [tiers.pro]
    price = \"29.00\"
    limit = 50

Keys stay out of it: they are read from the environment, or from `--env-file .env`.
One that lies elsewhere is named with `--config FILE`.
To see preflight at work without any of this: preflight run --sandbox";

//! Which deployment to check, and how to reach it: flags that commands share.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use preflight::change::quoted;
use preflight::config::Mode;
use preflight::sandbox::{self, Sandbox};
use preflight::world::{self, Resolve, World};

use super::deployment::{self, Sources};
use super::exit::CliError;
use super::values::{self, NameList};

/// Which deployment to check, and how to reach it.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// The configuration file [default: preflight.toml]
    #[arg(short, long = "config", value_name = "FILE")]
    pub configs: Vec<PathBuf>,
    /// Read values from a dotenv or .dev.vars file (repeatable); environment variables take precedence
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Check this mode instead of the configured one: live or test
    #[arg(long, value_parser = mode_parser(), hide_possible_values = true)]
    mode: Option<Mode>,
    /// Check the built-in sandbox instead, healthy or with these problems (names, or TOML files). Needs no account, network or
    /// configuration; with -c, it is checked against that file
    #[arg(long, value_name = "SCENARIO,…", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub sandbox: Option<NameList>,

    /// Time limit for one request [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Requests")]
    timeout: Option<Duration>,
    /// Time limit for the run; checks that need more are unknown [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Requests")]
    pub deadline: Option<Duration>,
    /// How often to retry a request that is safe to repeat [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10), help_heading = "Requests")]
    retries: Option<u32>,
    /// How many requests to make at once [default: 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Requests")]
    concurrency: Option<u16>,
    /// Connect to a host at another address, as in curl (repeatable), such as a new deployment before you switch DNS
    #[arg(long, value_name = "HOST:PORT:ADDR", value_parser = values::resolve, conflicts_with = "sandbox")]
    #[arg(help_heading = "Requests")]
    resolve: Vec<Resolve>,
    /// Trust only the certificates in this PEM file
    #[arg(long, value_name = "FILE", conflicts_with = "sandbox", help_heading = "Requests")]
    cacert: Option<PathBuf>,
    /// Allow sending secrets to this host, for an `api_base` that points to a proxy (repeatable)
    #[arg(long, value_name = "HOST", conflicts_with = "sandbox", help_heading = "Requests")]
    allow_host: Vec<String>,
}

fn mode_parser() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new([Mode::Live.word(), Mode::Test.word()])
        .map(|word| if word == Mode::Test.word() { Mode::Test } else { Mode::Live })
}

impl TargetArgs {
    /// `--config`, the first.
    pub fn config(&self) -> Option<&Path> {
        self.configs.first().map(PathBuf::as_path)
    }

    /// The flags for one of several configurations, with an env file beside it.
    pub fn for_one(&self, config: &Path, env_file: Option<PathBuf>) -> Self {
        let env_file = self.env_file.iter().cloned().chain(env_file).collect();
        Self { configs: vec![config.to_owned()], env_file, ..self.clone() }
    }

    /// The deployment to check. A sandbox runs for as long as it is held.
    pub async fn world(&self, options: world::Options) -> Result<(World, Option<Sandbox>), CliError> {
        if self.configs.len() > 1 {
            return Err(CliError::Usage("only `preflight run` takes several configurations".to_owned()));
        }
        let sandbox = self.started_sandbox().await?;
        Ok((self.world_again(sandbox.as_ref(), options)?, sandbox))
    }

    /// The sandbox, if it replaces the accounts.
    pub async fn started_sandbox(&self) -> Result<Option<Sandbox>, CliError> {
        let Some(scenarios) = &self.sandbox else { return Ok(None) };
        let scenarios: Vec<&str> = scenarios.0.iter().map(String::as_str).collect();
        Ok(Some(Sandbox::start(&scenarios, sandbox::Options::default()).await?))
    }

    /// `--env-file`, each.
    pub fn env_files(&self) -> &[PathBuf] {
        &self.env_file
    }

    /// `--mode`.
    pub const fn mode(&self) -> Option<Mode> {
        self.mode
    }

    /// The same deployment, asked anew.
    pub fn world_again(&self, sandbox: Option<&Sandbox>, options: world::Options) -> Result<World, CliError> {
        match sandbox {
            Some(sandbox) if self.configs.is_empty() && self.env_file.is_empty() => {
                Ok(World::new(sandbox.config(self.mode)?, sandbox.options(options))?)
            }
            sandbox => deployment::configured(&self.sources(), sandbox, options),
        }
    }

    /// These flags as they are typed, for a command that verifies a fix: ` -c acme.toml --env-file .env`.
    pub fn flags(&self) -> String {
        self.flags_with(&self.env_file)
    }

    /// The same with these env files.
    pub fn flags_with(&self, env_files: &[PathBuf]) -> String {
        let mut flags = String::new();
        let mut add = |flag: &str, value: &str| flags.push_str(&format!(" {flag}{}", quoted(value)));
        for path in &self.configs {
            add("-c ", &path.to_string_lossy());
        }
        for path in env_files {
            add("--env-file ", &path.to_string_lossy());
        }
        if let Some(mode) = self.mode {
            add("--mode ", mode.word());
        }
        match &self.sandbox {
            Some(scenarios) if scenarios.0.is_empty() => flags.push_str(" --sandbox"),
            Some(scenarios) => flags.push_str(&format!(" --sandbox={}", quoted(&scenarios.0.join(",")))),
            None => {}
        }
        let mut add = |flag: &str, value: &str| flags.push_str(&format!(" {flag}{}", quoted(value)));
        for Resolve { host, port, address } in &self.resolve {
            add("--resolve ", &format!("{host}:{port}:{address}"));
        }
        if let Some(path) = &self.cacert {
            add("--cacert ", &path.to_string_lossy());
        }
        self.allow_host.iter().for_each(|host| add("--allow-host ", host));
        flags
    }

    fn sources(&self) -> Sources<'_> {
        Sources { config: self.config(), env_files: &self.env_file, mode: self.mode, allow_hosts: &self.allow_host }
    }

    /// How to reach it. Changes in a sandbox end with it, so its journal does not go into the user's folder.
    pub fn options(&self, journal: PathBuf) -> Result<world::Options, CliError> {
        let usual = world::Options::default();
        let certificates = self.cacert.as_ref().map(|path| {
            fs::read(path).map_err(|error| CliError::Usage(format!("--cacert {}: {error}", path.display())))
        });
        Ok(world::Options {
            timeout: self.timeout.unwrap_or(usual.timeout),
            deadline: self.deadline.or(usual.deadline),
            retries: self.retries.unwrap_or(usual.retries),
            concurrency: self.concurrency.map_or(usual.concurrency, usize::from),
            resolve: self.resolve.clone(),
            certificates: certificates.transpose()?,
            journal: if self.sandbox.is_some() { sandbox_file("jsonl") } else { journal },
            ..usual
        })
    }

    /// Puts the environment of a sandbox into an env file, so that a fix can change it.
    pub fn keep_environment(sandbox: &mut Sandbox) -> Result<(), CliError> {
        let path = sandbox_file("env");
        let failed = |error| CliError::Defect(format!("could not write {}: {error}", path.display()));
        sandbox.keep_environment_in(path.clone()).map_err(failed)
    }

    /// Removes the files of a sandbox.
    pub fn forget_files(&self) {
        if self.sandbox.is_some() {
            for extension in ["env", "jsonl"] {
                let _ = fs::remove_file(sandbox_file(extension));
            }
        }
    }
}

fn sandbox_file(extension: &str) -> PathBuf {
    std::env::temp_dir().join(format!("preflight-sandbox-{}.{extension}", std::process::id()))
}

//! What can be asked for.

use clap::{Parser, Subcommand};

use super::terminal::Color;
use super::{completions, explain, manual, run, sandbox, schema};

/// Proves, from outside and in seconds, that a subscription business on Stripe, Clerk and Cloudflare Workers is ready to
/// take real money, and where it is not, names the slip and the command that mends it.
#[derive(Debug, Parser)]
#[command(name = "preflight", version, after_help = FIRST_STEPS, after_long_help = ENDS)]
pub struct Arguments {
    /// When to write colour.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    #[arg(help = "Colour: auto, always or never")]
    pub color: Color,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the checks, write the report, and end in GO, NO-GO or NOT PROVEN.
    Run(Box<run::Command>),
    /// List the checks by group, with what each needs and sends.
    List,
    /// Tell why a check matters, how it is verified, and how to mend what it finds.
    Explain(explain::Command),
    /// Serve a small complete world on loopback, for trying things out.
    Sandbox(sandbox::Command),
    /// Print a JSON Schema.
    Schema(schema::Command),
    /// Print completions for a shell.
    Completions(completions::Command),
    /// Print the man page.
    Man(manual::Command),
}

const FIRST_STEPS: &str = "\
First steps:
  preflight run --sandbox                   see it work, without any account
  preflight run --sandbox=price-test-mode   see what a slip looks like
  preflight run --env-file .env             judge your own deployment";

const ENDS: &str = "\
First steps:
  preflight run --sandbox                   see it work, without any account
  preflight run --sandbox=price-test-mode   see what a slip looks like
  preflight run --env-file .env             judge your own deployment

Exit status of `run`:
    0  GO: every required check was seen to pass
    1  NO-GO: something failed
    2  NOT PROVEN: nothing failed, but a required check could not be verified
    4  no check ran
   64  the command line could not be understood
   70  preflight itself failed: it has a defect, or it could not write a GO down
   78  the configuration is not sound
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_does_not_exist_yet_is_unknown() {
        for command in ["init", "rehearse", "cleanup", "trace", "reconcile", "permissions", "report"] {
            assert!(Arguments::try_parse_from(["preflight", command]).is_err(), "{command}");
        }
        for flag in ["--watch", "--failed", "--plan", "--shard=1/2", "--format=html", "--fail-on=new"] {
            assert!(Arguments::try_parse_from(["preflight", "run", flag]).is_err(), "{flag}");
        }
    }

    #[test]
    fn what_the_sandbox_brings_cannot_be_given_besides() {
        for flag in ["--config=a", "--env-file=a", "--resolve=a.b:1:::1", "--cacert=a", "--allow-host=a", "--offline"] {
            let result = Arguments::try_parse_from(["preflight", "run", "--sandbox", flag]);
            assert_eq!(result.is_err(), flag != "--offline", "{flag}");
        }
    }

    #[test]
    fn a_scenario_stands_behind_an_equals_sign() {
        let run = |arguments: &[&str]| match Arguments::try_parse_from(arguments).unwrap().command {
            Command::Run(run) => run.sandbox.map(|names| names.0),
            other => panic!("{other:?}"),
        };
        assert_eq!(run(&["preflight", "run"]), None);
        assert_eq!(run(&["preflight", "run", "--sandbox"]), Some(vec![]));
        let both = run(&["preflight", "run", "--sandbox=price-test-mode,metadata-case"]);
        assert_eq!(both, Some(vec!["price-test-mode".to_owned(), "metadata-case".to_owned()]));
    }
}

//! `preflight sandbox`.

use std::fmt::Write;
use std::time::Duration;

use clap::{Args, ValueEnum};
use preflight::report::paragraph::wrap;
use preflight::run::Interruption;
use preflight::sandbox::{self, Plain, Sandbox, Scenario};
use url::Url;

use super::exit::{self, Failure};
use super::run::runtime;
use super::score;
use super::signals::{self, Signals};
use super::terminal::{self, Terminal};
use super::values::{self, Names};

/// Serve a small complete world on loopback, for trying things out.
#[derive(Debug, Args)]
pub struct Command {
    /// What is wrong in it, with commas between; without it nothing is
    #[arg(value_name = "SCENARIO,…")]
    scenarios: Vec<Names>,
    /// List the scenarios, with what each must be found by
    #[arg(long, conflicts_with_all = ["scenarios", "latency", "worker", "score"])]
    list: bool,
    /// Run every scenario and print how many are found; or tamper with one answer after the other
    #[arg(long, value_name = "WHAT", value_enum, num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "scenarios", conflicts_with = "worker")]
    score: Option<Score>,
    /// With `--score=unanswerable` or `=fields`: each request or field in one way only
    #[arg(long, requires = "score")]
    sample: bool,
    /// Milliseconds that are added to every answer
    #[arg(long, value_name = "MS")]
    latency: Option<u64>,
    /// Send what is for the Worker to another one, such as yours in `wrangler dev`
    #[arg(long, value_name = "URL")]
    worker: Option<Url>,
}

/// What is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Score {
    /// How many scenarios are found
    Scenarios,
    /// What is green, or fails, when a request gets no answer
    Unanswerable,
    /// What fails, or cannot be told, when a field of an answer is missing or wrong
    Fields,
}

/// Serves, lists or scores.
pub fn execute(command: &Command, terminal: Terminal) -> Result<u8, Failure> {
    if command.list {
        terminal::print(&catalogue(sandbox::scenarios(), terminal))?;
        return Ok(exit::GO);
    }
    let runtime = runtime()?;
    let status = runtime.block_on(async {
        let names = values::joined(&command.scenarios);
        match command.score {
            None => serve(command).await,
            Some(Score::Scenarios) if !names.is_empty() || command.sample => Err(Failure::Usage(
                "`--score` runs every scenario as it is: it takes neither names nor `--sample`".to_owned(),
            )),
            Some(Score::Scenarios) => score::execute(command.latency(), terminal).await,
            Some(Score::Fields) => score::fields::execute(&names, command.sample, command.latency(), terminal).await,
            Some(Score::Unanswerable) => {
                score::unanswerable::execute(&names, command.sample, command.latency(), terminal).await
            }
        }
    });
    runtime.shutdown_background();
    status
}

async fn serve(command: &Command) -> Result<u8, Failure> {
    let names = values::joined(&command.scenarios);
    let scenarios: Vec<&str> = names.iter().map(String::as_str).collect();
    let options = sandbox::Options { latency: command.latency(), worker: command.worker.clone(), ..Default::default() };
    let sandbox = Sandbox::start(&scenarios, options).await?;
    let signals = Signals::listen()?;
    terminal::print(&directions(&sandbox, &names))?;
    Ok(match signals.first().await {
        // This is how it is meant to end.
        Interruption::Interrupt => exit::GO,
        other => signals::status(other),
    })
}

impl Command {
    fn latency(&self) -> Duration {
        Duration::from_millis(self.latency.unwrap_or(0))
    }
}

/// What somebody needs to know to use the sandbox.
fn directions(sandbox: &Sandbox, scenarios: &[String]) -> String {
    let what = if scenarios.is_empty() { "A sound deployment".to_owned() } else { scenarios.join(", ") };
    let mut text = format!("# {what}, served on loopback until Ctrl-C.\n\n# preflight.toml\n");
    let _ = writeln!(text, "{}", pointed_at(sandbox.configuration(), sandbox.plain()));
    text.push_str("\n# The environment for it. These keys open nothing but the sandbox.\n");
    for (name, value) in sandbox.environment() {
        let _ = writeln!(text, "export {name}={}", quoted(value));
    }
    text.push_str("\n# The servers, without TLS, for other programs. The Worker and the frontend are known to the others by their names
# alone; preflight itself reaches all of it with `preflight run --sandbox`.\n");
    for (name, url) in servers(sandbox.plain()) {
        let _ = writeln!(text, "#   {name:<17} {url}");
    }
    text
}

fn servers(plain: &Plain) -> [(&'static str, &Url); 6] {
    [
        ("Stripe", &plain.stripe),
        ("Clerk", &plain.clerk),
        ("Clerk's frontend", &plain.clerk_frontend),
        ("Cloudflare", &plain.cloudflare),
        ("the Worker", &plain.worker),
        ("the frontend", &plain.frontend),
    ]
}

/// The configuration with the sandbox's own addresses in the place of the providers', and otherwise as it stands. The
/// Worker and the frontend keep their names, since it is the names that are registered at Stripe and Clerk.
fn pointed_at(configuration: &str, plain: &Plain) -> String {
    let address = |key: &str, url: &Url| format!("{key} = \"{}\"", url.as_str().trim_end_matches('/'));
    let clerk = [address("api_base", &plain.clerk), address("frontend_api", &plain.clerk_frontend)].join("\n");
    let additions = [
        ("[stripe]", address("api_base", &plain.stripe), true),
        ("[clerk]", clerk, true),
        // Without its table Cloudflare is not configured, and stays so.
        ("[cloudflare]", address("api_base", &plain.cloudflare), false),
    ];
    let mut lines: Vec<String> = configuration.trim_end().lines().map(str::to_owned).collect();
    for (table, addition, is_needed) in additions {
        match lines.iter().position(|line| line.trim_end() == table) {
            Some(at) => lines.insert(at + 1, addition),
            None if is_needed => lines.push(format!("\n{table}\n{addition}")),
            None => {}
        }
    }
    lines.join("\n")
}

/// A value as a shell reads it back, whatever is in it.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Every scenario under its group.
fn catalogue(scenarios: &[Scenario], terminal: Terminal) -> String {
    let width = terminal.width.min(100);
    let mut text = String::new();
    for group in scenarios.chunk_by(|left, right| left.group == right.group) {
        let heading = group.first().map_or("", |scenario| scenario.group.as_str());
        let _ = write!(text, "{}{}\n\n", if text.is_empty() { "" } else { "\n" }, terminal.strong(heading));
        for scenario in group {
            text.push_str(&wrap(&scenario.about, &format!("  {}\n      ", scenario.name), "      ", width));
            for expected in &scenario.finds {
                let warning = if expected.warning { " (a warning)" } else { "" };
                let found = format!("found by {}: {}{warning}", expected.check, expected.code);
                text.push_str(&wrap(&found, "      ", "      ", width));
            }
            if !scenario.unknown.is_empty() {
                let unknown = format!("unknown then: {}", scenario.unknown.join(", "));
                text.push_str(&wrap(&unknown, "      ", "      ", width));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Plain {
        let url = |port: u16| Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        Plain {
            stripe: url(1),
            clerk: url(2),
            clerk_frontend: url(3),
            cloudflare: url(4).join("/client/v4").unwrap(),
            worker: url(5),
            frontend: url(6),
        }
    }

    #[test]
    fn the_configuration_points_at_the_sandbox() {
        let text = pointed_at("[project]\nname = \"acme\"\n[cloudflare]\nscript = \"a\"\n", &plain());
        let document: toml::Table = text.parse().unwrap();
        assert_eq!(document["stripe"]["api_base"].as_str(), Some("http://127.0.0.1:1"));
        assert_eq!(document["clerk"]["frontend_api"].as_str(), Some("http://127.0.0.1:3"));
        assert_eq!(document["cloudflare"]["api_base"].as_str(), Some("http://127.0.0.1:4/client/v4"));
        assert_eq!(document["cloudflare"]["script"].as_str(), Some("a"));
    }

    #[test]
    fn what_is_not_configured_stays_so() {
        let text = pointed_at("[project]\nname = \"acme\"\n", &plain());
        assert!(!text.contains("cloudflare"), "{text}");
    }

    #[test]
    fn a_value_comes_through_a_shell_as_it_is() {
        assert_eq!(quoted("a'b\n"), "'a'\\''b\n'");
    }
}

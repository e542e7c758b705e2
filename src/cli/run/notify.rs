//! `--notify` and `--heartbeat`: messages to the user's own addresses at the end of a run. They carry no key and change no verdict.

use std::time::Duration;

use clap::Args;
use preflight::report::history::PastRun;
use preflight::report::outline;
use preflight::report::text::clean;
use preflight::run::Report;
use reqwest::{Client, RequestBuilder, redirect};
use serde_json::{Value, json};
use url::Url;

use crate::cli::exit::CliError;
use crate::cli::terminal::note;

/// Messages at the end of a run.
#[derive(Debug, Args)]
pub struct NotifyArgs {
    /// POST a message here when the verdict is not that of the last run, such as a Slack webhook
    #[arg(long, value_name = "URL", env = "PREFLIGHT_NOTIFY_URL", hide_env_values = true, help_heading = "Reports")]
    notify: Option<String>,
    /// GET this address when a run is finished, so that a monitor can tell that none was
    #[arg(long, value_name = "URL", env = "PREFLIGHT_HEARTBEAT_URL", hide_env_values = true, help_heading = "Reports")]
    heartbeat: Option<String>,
}

impl NotifyArgs {
    /// Whether anything is to be sent.
    pub const fn is_asked_for(&self) -> bool {
        self.notify.is_some() || self.heartbeat.is_some()
    }
}

/// Where messages go at the end of a run.
#[derive(Debug)]
pub struct Messages {
    notify: Option<Url>,
    heartbeat: Option<Url>,
}

/// How long the receiver may take.
const TIMEOUT: Duration = Duration::from_secs(10);

impl NotifyArgs {
    /// The addresses.
    ///
    /// # Errors
    /// If one is not an address. It may hold a secret, so the error does not repeat it.
    pub fn messages(&self) -> Result<Messages, CliError> {
        let parsed = |flag: &str, text: Option<&String>| {
            let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
            let url = text.filter(|text| !text.is_empty()).map(|text| Url::parse(text).ok().filter(is_web));
            url.map(|url| url.ok_or_else(|| CliError::Usage(format!("{flag} needs an address such as https://…"))))
                .transpose()
        };
        Ok(Messages {
            notify: parsed("--notify", self.notify.as_ref())?,
            heartbeat: parsed("--heartbeat", self.heartbeat.as_ref())?,
        })
    }
}

impl Messages {
    /// Sends what is due after a finished run. `last` is the run before, if there was one.
    pub async fn send(&self, report: &Report, last: Option<&PastRun>) {
        if report.interruption.is_some() || self.notify.is_none() && self.heartbeat.is_none() {
            return;
        }
        let client = Client::builder().user_agent(concat!("preflight/", env!("CARGO_PKG_VERSION"))).timeout(TIMEOUT);
        let client = match client.redirect(redirect::Policy::none()).build() {
            Ok(client) => client,
            Err(error) => return note(&format!("warning: could not send a message: {error}")),
        };
        if let Some(url) = self.notify.as_ref().filter(|_| is_news(report, last)) {
            deliver("--notify", url, client.post(url.clone()).json(&message(report, last))).await;
        }
        if let Some(url) = &self.heartbeat {
            deliver("--heartbeat", url, client.get(url.clone())).await;
        }
    }
}

/// Sends a request. Its address may hold a secret, so a warning names only the host.
async fn deliver(flag: &str, url: &Url, request: RequestBuilder) {
    let problem = match request.send().await {
        Ok(answer) if answer.status().is_success() => return,
        Ok(answer) => format!("answered {}", answer.status().as_u16()),
        Err(error) if error.is_timeout() => format!("did not answer within {} s", TIMEOUT.as_secs()),
        Err(_) => "could not be reached".to_owned(),
    };
    note(&format!("warning: {flag}: {} {problem}", url.host_str().unwrap_or_default()));
}

/// Whether the verdict is another one than last time. The first run is news if it is not GO.
fn is_news(report: &Report, last: Option<&PastRun>) -> bool {
    outline::verdict(report.decision) != last.map_or("GO", |last| last.verdict.as_str())
}

/// The message: `text` is what Slack and its like show, and the rest is for programs.
fn message(report: &Report, last: Option<&PastRun>) -> Value {
    let (project, verdict) = (clean(&report.project), outline::verdict(report.decision));
    let before = last.map(|last| last.verdict.as_str());
    let was = before.map_or_else(String::new, |before| format!(" (was {before})"));
    let mut lines = vec![format!("{project}, {} mode: {verdict}{was}", report.mode.word())];
    lines.extend(outline::failures(report).iter().map(|found| format!("- {}", outline::name(found))));
    lines.push(clean(&report.next_action()));
    json!({
        // Slack reads these three characters as markup.
        "text": lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        "project": project,
        "mode": report.mode.word(),
        "verdict": verdict,
        "previous_verdict": before,
        "started_at": report.started_at.to_string(),
        "new": report.since_last.as_ref().map(|since| &since.new),
        "fixed": report.since_last.as_ref().map(|since| &since.fixed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run::since::tests::report;

    fn past(report: &Report) -> PastRun {
        PastRun::of(report, None)
    }

    #[test]
    fn an_address_that_is_none_is_an_error_that_does_not_repeat_it() {
        let args = |text: &str| NotifyArgs { notify: Some(text.to_owned()), heartbeat: None };
        for text in ["hooks.example.com/T0/secret", "ftp://hooks.example.com/secret", "https:"] {
            let error = args(text).messages().unwrap_err();
            assert_eq!(error.status(), 64, "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!(args("").messages().unwrap().notify.is_none(), "a secret that is not set in CI is empty");
        assert!(args("https://hooks.example.com/T0/secret").messages().unwrap().notify.is_some());
    }

    #[tokio::test]
    async fn another_verdict_is_news_and_the_first_one_only_if_it_is_not_go() {
        let (go, no_go) = (report("healthy", &["stripe"]).await, report("metadata-case", &["stripe"]).await);
        assert!(is_news(&no_go, Some(&past(&go))) && is_news(&go, Some(&past(&no_go))) && is_news(&no_go, None));
        assert!(!is_news(&go, Some(&past(&go))) && !is_news(&no_go, Some(&past(&no_go))) && !is_news(&go, None));
    }

    #[tokio::test]
    async fn a_message_has_a_text_for_people_and_fields_for_programs() {
        let (go, mut no_go) = (report("healthy", &["stripe"]).await, report("metadata-case", &["stripe"]).await);
        let last = past(&go);
        no_go.project = "A <B> & C".to_owned();
        no_go.since_last = Some(last.until(&no_go));
        let message = message(&no_go, Some(&last));
        let text = message["text"].as_str().unwrap();
        assert!(
            text.starts_with("A &lt;B&gt; &amp; C, live mode: NO-GO (was GO)\n- stripe/product-metadata: "),
            "{text}"
        );
        assert_eq!((&message["verdict"], &message["previous_verdict"]), (&json!("NO-GO"), &json!("GO")));
        assert_eq!(message["new"].as_array().unwrap().len(), 1, "{message:#}");
    }
}

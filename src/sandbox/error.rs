//! Why a sandbox could not be started.

/// Why a sandbox could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No scenario has this name.
    #[error("there is no scenario `{name}`{}", nearest.as_ref().map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default())]
    UnknownScenario {
        /// What was asked for.
        name: String,
        /// The known name that is nearest to it, where one is near.
        nearest: Option<String>,
    },
    /// The catalogue of scenarios is not what it ought to be.
    #[error("the catalogue of scenarios: {0}")]
    Catalogue(String),
    /// A scenario changes something that is not in the document.
    #[error("scenario `{scenario}`: `{path}`: {reason}")]
    Patch {
        /// The scenario.
        scenario: String,
        /// The dotted path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The document is not what the sandbox can build a world of.
    #[error("the document: {0}")]
    Document(String),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A port could not be furnished with its certificate.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// A port could not be opened.
    #[error("a port on loopback could not be opened: {0}")]
    Port(#[from] std::io::Error),
}

impl From<toml::de::Error> for Error {
    fn from(error: toml::de::Error) -> Self {
        Self::Document(error.to_string().trim_end().to_owned())
    }
}

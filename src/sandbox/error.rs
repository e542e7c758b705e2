//! Why a sandbox could not be started.

/// Why a sandbox could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No scenario has this name.
    #[error("there is no scenario `{name}`{}", nearest.as_ref().map(|nearest| format!("; did you mean `{nearest}`?")).unwrap_or_default())]
    UnknownScenario {
        /// The requested name.
        name: String,
        /// The most similar known name, if any.
        nearest: Option<String>,
    },
    /// The catalog of scenarios is invalid.
    #[error("the catalog of scenarios: {0}")]
    Catalog(String),
    /// The file of a scenario cannot be read, or is invalid.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A scenario extends itself.
    #[error("scenario `{0}` extends itself")]
    Circle(String),
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
    /// The document is invalid.
    #[error("the document: {0}")]
    Document(String),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS could not be set up for a port.
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

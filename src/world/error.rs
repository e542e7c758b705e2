//! Why a world could not be created.

/// Why a world could not be created.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The `--cacert` file contains an invalid certificate.
    #[error("--cacert: could not read a PEM certificate from this file ({0})")]
    Certificates(#[source] reqwest::Error),
    /// The `--cacert` file contains no certificate.
    #[error("--cacert: this file contains no certificate; expected `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// The HTTP client could not be created.
    #[error("could not create an HTTPS client: {0}")]
    Client(#[source] reqwest::Error),
    /// `--resolve` names a port that the configuration does not use.
    #[error("--resolve {host}:{port}: the configuration does not use this port, but {host}:{asked}")]
    Resolve {
        /// The host.
        host: String,
        /// The port of the flag.
        port: u16,
        /// The port of the configuration.
        asked: u16,
    },
}

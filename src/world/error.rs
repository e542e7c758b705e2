//! Why a world cannot be made.

/// Why a world cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of `--cacert` cannot be read as certificates.
    #[error("--cacert: the file holds no certificate in PEM that can be read ({0})")]
    Certificates(#[source] reqwest::Error),
    /// The file of `--cacert` holds none.
    #[error("--cacert: the file holds no certificate; expected `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// No HTTP client can be made on this machine.
    #[error("no HTTPS client can be made on this machine: {0}")]
    Client(#[source] reqwest::Error),
    /// `--resolve` names a port at which nothing is asked.
    #[error("--resolve {host}:{port}: nothing is asked there; this configuration asks {host} at port {asked}")]
    Resolve {
        /// The name.
        host: String,
        /// The port that was given.
        port: u16,
        /// The port that is used.
        asked: u16,
    },
}

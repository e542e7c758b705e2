//! Ctrl-C and `kill`.

use std::process;

use preflight::run::Interruption;
use tokio::sync::oneshot;

use super::exit::CliError;

/// Waits for the first signal, after which the run shuts down cleanly. A second signal ends the program immediately.
#[derive(Debug)]
pub struct Signals(oneshot::Receiver<Interruption>);

impl Signals {
    /// Starts listening. Must be called within the runtime.
    pub fn listen() -> Result<Self, CliError> {
        let mut listener =
            Listener::new().map_err(|error| CliError::Defect(format!("could not listen for Ctrl-C: {error}")))?;
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            let first = listener.next().await;
            // If the receiver is gone, the first signal already ends the program.
            let last = if sender.send(first).is_ok() { listener.next().await } else { first };
            process::exit(i32::from(status(last)));
        });
        Ok(Self(receiver))
    }

    /// Waits for the first signal.
    pub async fn first(&mut self) -> Interruption {
        match (&mut self.0).await {
            Ok(interruption) => interruption,
            // The listening task lives as long as the program.
            Err(_) => std::future::pending().await,
        }
    }
}

/// The exit status of a program ended by a signal.
pub const fn status(interruption: Interruption) -> u8 {
    match interruption {
        Interruption::Terminate => 143,
        _ => 130,
    }
}

#[cfg(unix)]
struct Listener {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Listener {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Interruption {
        tokio::select! {
            _ = self.interrupt.recv() => Interruption::Interrupt,
            _ = self.terminate.recv() => Interruption::Terminate,
        }
    }
}

#[cfg(windows)]
struct Listener(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Listener {
    fn new() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> Interruption {
        self.0.recv().await;
        Interruption::Interrupt
    }
}

//! Ctrl-C and `kill`.

use std::process;

use preflight::run::Interruption;
use tokio::sync::oneshot;

/// Waits for the first signal, and gives the user what is finished; at the second the program ends at once. Has to be
/// called within the runtime.
pub async fn first() -> Interruption {
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        let first = signal().await;
        // Nobody waits any more when the run is over; then this is the signal that ends the program.
        if sender.send(first).is_ok() {
            process::exit(status(signal().await));
        }
        process::exit(status(first));
    });
    match receiver.await {
        Ok(interruption) => interruption,
        // The task above is not cancelled before the runtime is.
        Err(_) => std::future::pending().await,
    }
}

const fn status(interruption: Interruption) -> i32 {
    match interruption {
        Interruption::Terminate => 143,
        _ => 130,
    }
}

#[cfg(unix)]
async fn signal() -> Interruption {
    use tokio::signal::unix::{SignalKind, signal};

    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => drop(signals.recv().await),
            // Where nobody may listen for it, the default action ends the program.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = interrupt() => Interruption::Interrupt,
        () = terminate => Interruption::Terminate,
    }
}

#[cfg(not(unix))]
async fn signal() -> Interruption {
    interrupt().await;
    Interruption::Interrupt
}

async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

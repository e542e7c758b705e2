//! A port on loopback and what listens on it, over TLS or plain.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tower::util::MapResult;

use super::fault_responses::ConnectionReset;

/// An open port. Dropping it closes the port and every connection through it.
pub(super) struct Port {
    address: SocketAddr,
    // Either a server, or a port that is held so that nobody else listens on it.
    server: Option<JoinHandle<()>>,
    _closed: Option<TcpSocket>,
}

impl Port {
    /// A port where `router` answers. A connection takes as long to be made as the link takes for a round trip.
    pub(super) fn open(
        port: u16,
        tls: Option<Arc<ServerConfig>>,
        latency: Duration,
        router: Router,
    ) -> std::io::Result<Self> {
        let listener = bound(port)?.listen(1024)?;
        let address = listener.local_addr()?;
        let server =
            tokio::spawn(serve(listener, move |stream| connection(stream, tls.clone(), latency, router.clone())));
        Ok(Self { address, server: Some(server), _closed: None })
    }

    /// A port where every connection is torn down at once.
    pub(super) fn resetting(port: u16) -> std::io::Result<Self> {
        let listener = bound(port)?.listen(1024)?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(serve(listener, |stream| async move {
            // Closed without lingering, a connection ends in a reset and not in an orderly end.
            drop(stream.set_zero_linger());
        }));
        Ok(Self { address, server: Some(server), _closed: None })
    }

    /// A port where nothing listens.
    pub(super) fn closed(port: u16) -> std::io::Result<Self> {
        let socket = bound(port)?;
        Ok(Self { address: socket.local_addr()?, server: None, _closed: Some(socket) })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

fn bound(port: u16) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

async fn serve<F: Future<Output = ()> + Send + 'static>(listener: TcpListener, answer: impl Fn(TcpStream) -> F) {
    // The set goes with this task, and the connections go with the set.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                while connections.try_join_next().is_some() {}
                connections.spawn(answer(stream));
            }
            // Out of file descriptors, for one: others must get their turn before it can be better.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn connection(stream: TcpStream, tls: Option<Arc<ServerConfig>>, latency: Duration, router: Router) {
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    // Without it a small answer waits for the acknowledgement of the one before, and loopback takes 40 ms.
    drop(stream.set_nodelay(true));
    match tls {
        None => talk(stream, router).await,
        // A handshake that fails is the client's finding, not ours.
        Some(tls) => {
            if let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await {
                talk(stream, router).await;
            }
        }
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let builder = Builder::new(TokioExecutor::new());
    let service = MapResult::new(router, |answer: Result<Response, Infallible>| match answer {
        // A service's error breaks its connection, and over HTTP/2 its stream alone.
        Ok(response) => response.extensions().get::<ConnectionReset>().copied().map_or(Ok(response), Err),
        Err(never) => match never {},
    });
    // Clients hang up as they please.
    drop(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await);
}

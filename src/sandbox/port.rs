//! A port on loopback and what listens on it, with or without TLS.

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
    // Either a server, or a port that is bound so that no other process listens on it.
    server: Option<JoinHandle<()>>,
    _closed: Option<TcpSocket>,
}

impl Port {
    /// A port where `router` responds. Opening a connection takes one round trip of the link.
    pub(super) fn open(tls: Option<Arc<ServerConfig>>, latency: Duration, router: Router) -> std::io::Result<Self> {
        let listener = bound()?.listen(1024)?;
        let address = listener.local_addr()?;
        let server =
            tokio::spawn(serve(listener, move |stream| connection(stream, tls.clone(), latency, router.clone())));
        Ok(Self { address, server: Some(server), _closed: None })
    }

    /// A port that resets every connection at once.
    pub(super) fn resetting() -> std::io::Result<Self> {
        let listener = bound()?.listen(1024)?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(serve(listener, |stream| async move {
            // With zero linger, closing a connection resets it.
            drop(stream.set_zero_linger());
        }));
        Ok(Self { address, server: Some(server), _closed: None })
    }

    /// A port where nothing listens.
    pub(super) fn closed() -> std::io::Result<Self> {
        let socket = bound()?;
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

/// A free port.
fn bound() -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(socket)
}

async fn serve<F: Future<Output = ()> + Send + 'static>(listener: TcpListener, answer: impl Fn(TcpStream) -> F) {
    // Dropped with this task, which closes the connections.
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                while connections.try_join_next().is_some() {}
                connections.spawn(answer(stream));
            }
            // Probably out of file descriptors: let other tasks free some.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn connection(stream: TcpStream, tls: Option<Arc<ServerConfig>>, latency: Duration, router: Router) {
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    // Without this, a small response waits up to 40 ms for the acknowledgement of the previous one.
    drop(stream.set_nodelay(true));
    match tls {
        None => talk(stream, router).await,
        // A failed handshake is for the client to report.
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
        // A service's error resets its connection, or only its stream over HTTP/2.
        Ok(response) => response.extensions().get::<ConnectionReset>().copied().map_or(Ok(response), Err),
        Err(never) => match never {},
    });
    // Clients may disconnect at any time.
    drop(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await);
}

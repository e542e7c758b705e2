//! A server whose responses are as large as possible.

use std::fmt::Write;
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// Just below the largest body that is read.
const LARGE: usize = (8 << 20) - 4096;

/// What every response contains.
#[derive(Debug, Clone, Copy)]
pub enum Oversized {
    /// One long text.
    Text,
    /// An object whose strings have megabytes each.
    LongValues,
    /// A list of as many small objects as fit.
    ManyObjects,
    /// A page that loads hundreds of large scripts.
    Scripts,
    /// As many headers as a client accepts.
    Headers,
}

impl Oversized {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Text, Self::LongValues, Self::ManyObjects, Self::Scripts, Self::Headers];

    /// Serves such responses for as long as the runtime lives, and returns the address.
    pub async fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let body = Bytes::from(self.body());
        let app = Router::new().fallback(move |request: Request| {
            let body = body.clone();
            async move { self.answer(&request, body) }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    fn answer(self, request: &Request, body: Bytes) -> Response {
        let kind = match self {
            Self::Scripts if Path::new(request.uri().path()).extension().is_some_and(|found| found == "js") => {
                "text/javascript"
            }
            Self::Text | Self::Scripts => "text/html",
            Self::LongValues | Self::ManyObjects | Self::Headers => "application/json",
        };
        let mut answer = ([(header::CONTENT_TYPE, kind)], body).into_response();
        if matches!(self, Self::Headers) {
            let long = HeaderValue::from_str(&"x".repeat(4000)).expect("a header");
            for _ in 0..90 {
                answer.headers_mut().append("x-long", long.clone());
            }
        }
        answer
    }

    fn body(self) -> String {
        let mut body = String::with_capacity(LARGE + 4096);
        match self {
            Self::Text => body = "x".repeat(LARGE),
            Self::Headers => body.push_str("{}"),
            Self::LongValues => {
                let long = "x".repeat(LARGE / 8);
                body.push('{');
                for name in ["id", "object", "url", "status", "name", "email", "message"] {
                    let _ = write!(body, "\"{name}\": \"{long}\", ");
                }
                body.push_str("\"data\": []}");
            }
            Self::ManyObjects => {
                body.push_str("{\"object\": \"list\", \"has_more\": true, \"data\": [");
                let mut number = 0;
                while body.len() < LARGE {
                    let _ = write!(body, "{{\"id\": \"price_{number}\", \"type\": \"{}\"}}, ", "x".repeat(40));
                    number += 1;
                }
                body.push_str("{}]}");
            }
            Self::Scripts => {
                body.push_str("<!doctype html><html><head>");
                for number in 0..300 {
                    let _ = write!(body, "<script src=\"/{number}.js\"></script>");
                }
                while body.len() < LARGE {
                    let _ = write!(body, "\n\"/assets/chunk-{}.js\"", body.len());
                }
            }
        }
        body
    }
}

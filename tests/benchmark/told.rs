//! A server that answers everything at great length.

use std::fmt::Write;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// As large as an answer may be that is read at all, but for a little.
const LARGE: usize = (8 << 20) - 4096;

/// What everything is answered with.
#[derive(Debug, Clone, Copy)]
pub enum Told {
    /// A text without an end.
    Text,
    /// An object of which every text has megabytes.
    LongValues,
    /// A list of as many small objects as fit.
    ManyObjects,
    /// A page that loads hundreds of scripts, each as large.
    Scripts,
    /// As many headers as a client takes.
    Headers,
}

impl Told {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Text, Self::LongValues, Self::ManyObjects, Self::Scripts, Self::Headers];

    /// Answers so at the address that is returned, for as long as the runtime is there.
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
            Self::Scripts if request.uri().path().ends_with(".js") => "text/javascript",
            Self::Text | Self::Scripts => "text/html",
            Self::LongValues | Self::ManyObjects | Self::Headers => "application/json",
        };
        let mut answer = ([(header::CONTENT_TYPE, kind)], body).into_response();
        if matches!(self, Self::Headers) {
            let long = HeaderValue::from_str(&"x".repeat(4000)).expect("a header");
            for _ in 0..90 {
                answer.headers_mut().append("x-told", long.clone());
            }
        }
        answer
    }

    fn body(self) -> String {
        let mut body = String::with_capacity(LARGE + 4096);
        match self {
            Self::Text => body = "x".repeat(LARGE),
            Self::Headers => body = "{}".to_owned(),
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

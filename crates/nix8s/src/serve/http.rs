//! The HTTP server of `nix8s run`: it only reads, and tells no secrets.

use std::net::SocketAddr;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::Timestamp;
use nix8s_engine::port::Store as _;
use nix8s_engine::state::dir::StateDir;
use nix8s_engine::state::overview;

use super::board::Shared;
use super::metrics;
use crate::error::CliError;
use crate::error::Exit;
use crate::report::history;
use crate::report::html;
use crate::report::html::Page;

/// What pages are made from.
#[derive(Clone)]
pub struct Served {
    /// What the loop said.
    pub board: Shared,
    /// What it wrote.
    pub state: Arc<StateDir>,
    /// Whether machines are simulated.
    pub is_simulated: bool,
}

/// Listens, and answers on a thread of its own until the process ends. Says where it listens: a port of 0 becomes a
/// free one.
pub fn serve(at: SocketAddr, served: Served) -> Result<SocketAddr, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Failed, format!("could not listen at {at}"))
            .because(error)
            .hint("Something else may listen there: choose another address with --listen.")
    };
    let listener = TcpListener::bind(at).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let here = listener.local_addr().map_err(failed)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
    // The loop has a runtime of its own, whose time may be a simulated one.
    thread::spawn(move || {
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("it does not block");
            // Serving ends only with the process.
            let _ = axum::serve(listener, router(served)).await;
        });
    });
    Ok(here)
}

/// What is answered.
pub fn router(served: Served) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/metrics", get(measured))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state(served)
}

async fn alive(State(served): State<Served>) -> impl IntoResponse {
    told(served.board.get().is_dead(Timestamp::now()))
}

async fn ready(State(served): State<Served>) -> impl IntoResponse {
    told(served.board.get().is_unready())
}

fn told(problem: Option<String>) -> (StatusCode, String) {
    match problem {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

async fn measured(State(served): State<Served>) -> impl IntoResponse {
    // Metrics without machines are better than none.
    let overview = overview::read(&*served.state).ok().flatten();
    let text = metrics::render(&served.board.get(), overview.as_ref());
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text)
}

async fn page(State(served): State<Served>) -> axum::response::Response {
    let read = || Ok::<_, std::io::Error>((overview::read(&*served.state)?, served.state.events()?));
    match read() {
        Ok((Some(overview), events)) => {
            let runs = history::runs(&events);
            let is_simulated = served.is_simulated;
            Html(html::page(&Page { overview: &overview, runs: &runs, plan: None, is_simulated }))
                .into_response()
        }
        Ok((None, _)) => told(Some("it has not looked at the machines yet".to_owned())).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

//! What is answered at which path.

mod actions;
mod events;
mod guard;
mod health;
mod logs;
mod pages;

use std::sync::Arc;

use axum::{
    Router,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use maud::Markup;
use registry_host::{Error, ErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::guard::Guard;
use crate::{Bound, Page};

/// What every answer is made from.
#[derive(Clone)]
pub(super) struct Site {
    page: Page,
    guard: Arc<Guard>,
    /// As many as streams may be open at once.
    streams: Arc<Semaphore>,
}

/// How many streams may be open at once: each is a connection, and the browser's to close.
const STREAMS: usize = 64;

impl Site {
    /// What a stream keeps for as long as it is open; `None` if there are as many as may be.
    fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }
}

/// Answers requests until the future is ready; connections that are open then are ended.
pub(crate) async fn serve(bound: Bound, until: impl Future<Output = ()> + Send + 'static) {
    let Bound { page, listener, address, token } = bound;
    let guard = Arc::new(Guard::new(address, token));
    let site = Site { page, guard, streams: Arc::new(Semaphore::new(STREAMS)) };
    let served = axum::serve(listener, router(site));
    tokio::select! {
        // It only ends with an error of the listener, which axum waits out.
        _ = served => {}
        () = until => {}
    }
}

fn router(site: Site) -> Router {
    let guard = Arc::clone(&site.guard);
    Router::new()
        .route("/", get(pages::whole))
        .route("/events", get(events::stream))
        .route("/tree", get(pages::tree))
        .route("/tasks", post(actions::submit))
        .route("/tasks/{id}", get(pages::task))
        .route("/tasks/{id}/events", get(events::task))
        .route("/tasks/{id}/log", get(logs::stream))
        .route("/tasks/{id}/cancel", post(actions::cancel))
        .route("/tasks/{id}/retry", post(actions::retry))
        .route("/metrics", get(health::metrics))
        .route("/healthz", get(crate::probes::alive))
        .route("/readyz", get(health::ready))
        .route("/page.css", get(|| asset("text/css; charset=utf-8", include_str!("../../assets/page.css"))))
        .route("/page.js", get(|| asset("text/javascript; charset=utf-8", include_str!("../../assets/page.js"))))
        .layer(middleware::from_fn_with_state(guard, guard::watch_over))
        .with_state(site)
}

async fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], text)
}

/// HTML as an answer.
fn html(markup: Markup) -> axum::response::Html<String> {
    axum::response::Html(markup.into_string())
}

/// An error as an answer.
fn refused(error: &Error) -> Response {
    let code = match error.kind() {
        ErrorKind::InvalidKey | ErrorKind::InvalidConfig => StatusCode::BAD_REQUEST,
        ErrorKind::PermissionDenied => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::ConditionFailed => StatusCode::CONFLICT,
        ErrorKind::Other => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, format!("{error}\n")).into_response()
}

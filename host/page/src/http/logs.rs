//! The output of a task, as it grows: read from its worker, and what the record keeps of it once that is gone.

use std::convert::Infallible;

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
    response::{
        IntoResponse as _, Response,
        sse::{Event, Sse},
    },
};
use futures_util::{Stream, StreamExt as _, stream};
use registry_host::Result;
use registry_tasks::{
    client::{Followed, Output},
    record::{State, TaskId},
};
use tokio::sync::OwnedSemaphorePermit;

use super::{Site, events::too_many};

/// How many lines of the end are shown at first.
const LINES: u64 = 1_000;

/// Events `log` with text to be added, then one `end`.
pub(super) async fn stream(Shared(site): Shared<Site>, Path(id): Path<String>) -> Response {
    let Some(permit) = site.permit() else { return too_many() };
    match begun(&site, &id).await {
        Ok(Output::Worker(followed)) => answer(permit, stream::unfold(followed, next)),
        Ok(Output::Tail { tail, .. }) => answer(permit, stream::iter([tail])),
        Err(error) => (StatusCode::NOT_FOUND, format!("{error}\n")).into_response(),
    }
}

/// The output of the last attempt, once one has begun: a page may be opened while its task waits.
async fn begun(site: &Site, id: &str) -> Result<Output> {
    let id = TaskId::new(id)?;
    let inner = &site.page.0;
    let mut changes = inner.board.changes();
    loop {
        changes.mark_unchanged();
        let output = inner.client.output(&id, None, Some(LINES), true).await;
        let stored = inner.client.store().get(&id).await?;
        let waits = stored.is_some_and(|stored| stored.record.state.is_queued() || stored.record.state == State::Sent);
        if output.is_ok() || !waits || changes.changed().await.is_err() {
            return output;
        }
    }
}

/// The next text; `None` at the end, or once the worker is gone.
async fn next(mut followed: Box<Followed>) -> Option<(String, Box<Followed>)> {
    let data = followed.next().await.ok().flatten()?;
    Some((String::from_utf8_lossy(&data).into_owned(), followed))
}

fn answer(permit: OwnedSemaphorePermit, texts: impl Stream<Item = String> + Send + 'static) -> Response {
    let event = |name: &'static str, text: String| {
        Ok::<_, Infallible>(Event::default().event(name).data(serde_json::Value::from(text).to_string()))
    };
    let texts = texts.map(move |text| event("log", text));
    let end = async move {
        drop(permit);
        event("end", String::new())
    };
    Sse::new(texts.chain(stream::once(end))).into_response()
}

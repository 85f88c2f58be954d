//! What changes something: a master does it, as it does for the command line.

use axum::{
    Form,
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use registry_host::Result;
use registry_tasks::record::{Cancel, Spec, TaskId};
use serde::Deserialize;

use super::{Site, refused};

/// SIGTERM, and 10 s until SIGKILL: the command line's own defaults.
const CANCEL: Cancel = Cancel { signal: 15, grace: 10_000 };

/// The form on the page.
#[derive(Deserialize)]
pub(super) struct Submitted {
    /// A word of the command in each line.
    command: String,
    group: String,
    priority: u8,
    at_most_once: Option<String>,
}

/// Submits a task, and leads to its page.
pub(super) async fn submit(State(site): State<Site>, Form(form): Form<Submitted>) -> Response {
    let submit = async {
        let words = form.command.lines().map(str::trim_end).filter(|word| !word.is_empty());
        let spec = Spec {
            group: form.group.trim().to_owned(),
            priority: form.priority,
            at_most_once: form.at_most_once.is_some(),
            ..Spec::new(words)
        };
        let id = TaskId::random();
        site.page.0.client.submit(&id, &spec).await?;
        Ok(id)
    };
    answer(submit.await)
}

/// Cancels a task.
pub(super) async fn cancel(State(site): State<Site>, Path(id): Path<String>) -> Response {
    let cancel = async {
        let id = TaskId::new(&id)?;
        site.page.0.client.cancel(&id, CANCEL).await?;
        Ok(id)
    };
    answer(cancel.await)
}

/// Queues a task again.
pub(super) async fn retry(State(site): State<Site>, Path(id): Path<String>) -> Response {
    let retry = async {
        let id = TaskId::new(&id)?;
        site.page.0.client.retry(&id).await?;
        Ok(id)
    };
    answer(retry.await)
}

/// Leads to the task, or says why it could not be done.
fn answer(done: Result<TaskId>) -> Response {
    match done {
        Ok(id) => Redirect::to(&format!("/tasks/{}", id.as_str())).into_response(),
        Err(error) => refused(&error),
    }
}

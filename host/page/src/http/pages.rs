//! Pages that are read.

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header::SET_COOKIE},
    response::{IntoResponse as _, Redirect, Response},
};
use registry_host::{Entry, ErrorKind, Result};
use registry_tasks::{record::TaskId, store::Stored};
use serde::Deserialize;

use super::{Site, html, refused};
use crate::{filter::Filter, render};

#[derive(Deserialize)]
pub(super) struct Opened {
    token: Option<String>,
    #[serde(default)]
    tasks: String,
    #[serde(default)]
    events: String,
}

/// The whole page; with the right token it is kept in a cookie, and leaves the address.
pub(super) async fn whole(State(site): State<Site>, Query(opened): Query<Opened>, headers: HeaderMap) -> Response {
    match opened.token {
        Some(token) if site.guard.is_token(&token) => {
            ([(SET_COOKIE, site.guard.cookie())], Redirect::to("/")).into_response()
        }
        Some(_) => (StatusCode::FORBIDDEN, "the token is wrong: open the address as it was printed\n").into_response(),
        None => {
            let inner = &site.page.0;
            let filter = Filter { tasks: opened.tasks, events: opened.events };
            let sections = render::sections(inner.client.cluster(), &inner.board, &filter);
            html(render::page(&sections, site.guard.may_change(&headers), &filter)).into_response()
        }
    }
}

/// One task.
pub(super) async fn task(State(site): State<Site>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    // One that was submitted a moment ago may not have been told of yet: it is read.
    let read = async || -> Result<Option<Stored>> { site.page.0.client.store().get(&TaskId::new(id)?).await };
    match read().await {
        Ok(Some(stored)) => html(render::task(&stored.record, site.guard.may_change(&headers))).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, "there is no such task\n").into_response(),
        Err(error) => refused(&error),
    }
}

#[derive(Deserialize)]
pub(super) struct TreeQuery {
    key: String,
    part: Option<String>,
}

/// An entry and what is directly below it, read at this moment.
pub(super) async fn tree(State(site): State<Site>, Query(place): Query<TreeQuery>) -> Response {
    let registry = site.page.0.client.cluster().registry();
    let read = async || -> Result<(Option<Entry>, Vec<String>)> {
        let entry = if place.key == "/" { None } else { registry.get(&place.key).await? };
        let children = match registry.children(&place.key).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            children => children?,
        };
        Ok((entry, children))
    };
    match read().await {
        Ok((entry, children)) => {
            html(render::tree(&place.key, entry.as_ref(), &children, place.part.is_some())).into_response()
        }
        Err(error) => refused(&error),
    }
}

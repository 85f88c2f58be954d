//! The stream of what changes: the whole state first, then each section that is another one than before.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse as _, Response,
        sse::{Event, Sse},
    },
};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Site;
use crate::{feed::Section, filter::Filter, render};

/// What one browser was sent.
struct Reader {
    site: Site,
    filter: Filter,
    _permit: OwnedSemaphorePermit,
    states: watch::Receiver<Arc<Vec<Section>>>,
    pending: std::vec::IntoIter<Section>,
    sent: HashMap<&'static str, Arc<str>>,
}

/// Sections as events: their names, and their HTML as JSON text, which has no line ends in it.
pub(super) async fn stream(State(site): State<Site>, Query(filter): Query<Filter>) -> Response {
    let Some(permit) = site.permit() else { return too_many() };
    let inner = &site.page.0;
    let states = inner.feed.states();
    let whole = render::sections(inner.client.cluster(), &inner.board, &filter);
    let pending = whole.into_iter();
    let reader = Reader { site, filter, _permit: permit, states, pending, sent: HashMap::new() };
    Sse::new(stream::unfold(reader, |mut reader| async move {
        let (name, html) = reader.next().await?;
        Some((Ok::<_, Infallible>(event(name, &html)), reader))
    }))
    .into_response()
}

/// What is answered when as many streams are open as may be.
pub(super) fn too_many() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "too many streams of this page are open: close some\n").into_response()
}

/// The same for the page of one task, as long as its record is there.
pub(super) async fn task(State(site): State<Site>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let Some(permit) = site.permit() else { return too_many() };
    let may_change = site.guard.may_change(&headers);
    // A beat of the whole page proves that this one lives, too.
    let states = site.page.0.feed.states();
    let begun = (site, states, permit, true);
    Sse::new(stream::unfold(begun, move |(site, mut states, permit, is_first)| {
        let id = id.clone();
        async move {
            if !is_first {
                states.changed().await.ok()?;
            }
            let html = loop {
                match site.page.0.board.known().tasks.get(&id) {
                    Some(Ok(stored)) => break render::task_section(&stored.record, may_change),
                    Some(Err(_)) => return None,
                    // It was submitted a moment ago, or is gone.
                    None => {}
                }
                states.changed().await.ok()?;
            };
            Some((Ok::<_, Infallible>(event("task", &html.into_string())), (site, states, permit, false)))
        }
    }))
    .into_response()
}

fn event(name: &str, html: &str) -> Event {
    Event::default().event(name).data(serde_json::Value::from(html).to_string())
}

impl Reader {
    /// The next section that has changed; `None` once the page is gone.
    async fn next(&mut self) -> Option<Section> {
        loop {
            for (name, html) in self.pending.by_ref() {
                if self.sent.get(name) != Some(&html) {
                    self.sent.insert(name, Arc::clone(&html));
                    return Some((name, html));
                }
            }
            self.states.changed().await.ok()?;
            let mut sections = self.states.borrow_and_update().as_ref().clone();
            if !self.filter.is_empty() {
                let inner = &self.site.page.0;
                for (name, html) in render::filtered(inner.client.cluster(), &inner.board, &self.filter) {
                    sections
                        .iter_mut()
                        .filter(|section| section.0 == name)
                        .for_each(|section| section.1 = html.clone());
                }
            }
            self.pending = sections.into_iter();
        }
    }
}

//! The stream of what changes: the whole state first, then each section that is another one than before.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::sse::{Event, Sse},
};
use futures_util::{Stream, stream};
use tokio::sync::watch;

use super::Site;
use crate::{feed::Section, render};

/// What one browser was sent.
struct Reader {
    states: watch::Receiver<Arc<Vec<Section>>>,
    pending: std::vec::IntoIter<Section>,
    sent: HashMap<&'static str, Arc<str>>,
}

/// Sections as events: their names, and their HTML as JSON text, which has no line ends in it.
pub(super) async fn stream(State(site): State<Site>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let inner = &site.page.0;
    let states = inner.feed.states();
    let whole = render::sections(inner.client.cluster(), &inner.board);
    let reader = Reader { states, pending: whole.into_iter(), sent: HashMap::new() };
    Sse::new(stream::unfold(reader, |mut reader| async move {
        let (name, html) = reader.next().await?;
        Some((Ok(event(name, &html)), reader))
    }))
}

/// The same for the page of one task, as long as its record is there.
pub(super) async fn task(
    State(site): State<Site>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let may_change = site.guard.may_change(&headers);
    // A beat of the whole page proves that this one lives, too.
    let states = site.page.0.feed.states();
    let begun = (site, states, true);
    Sse::new(stream::unfold(begun, move |(site, mut states, is_first)| {
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
            Some((Ok(event("task", &html.into_string())), (site, states, false)))
        }
    }))
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
            self.pending = self.states.borrow_and_update().as_ref().clone().into_iter();
        }
    }
}

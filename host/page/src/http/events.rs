//! The stream of what changes: the whole state first, then each section that is another one than before.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use axum::{
    extract::State,
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
        let event = Event::default().event(name).data(serde_json::Value::from(&*html).to_string());
        Some((Ok(event), reader))
    }))
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

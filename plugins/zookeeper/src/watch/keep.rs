//! Keeping a server watch, whatever becomes of connection and session (contract 5.4).

use std::sync::Arc;

use tokio::{select, time::sleep};
use zookeeper_client::{EventType, PersistentWatcher, SessionState};

use super::{hub::Hub, passes, watched_path::WatchedPath};
use crate::{error::of_read, session::Link};

/// How it ended that the server told of a path.
enum Break {
    /// Another connection, or another session, has taken the place of the one it was told on.
    Anew,
    /// The session has ended.
    Over,
    /// There are no watches on the path any more.
    Unwatched,
}

impl Hub {
    /// Keeps the server watch on a path until there are no watches on it.
    pub(super) async fn keep(self: Arc<Self>, path: Arc<WatchedPath>) {
        let mut connections = self.session.connections();
        let mut backoff = self.session.dial().backoff();
        // On the client's next connection it tells nothing any more. It goes when the next one is there: as long as
        // there is one for the path, the client removes nothing from the server.
        let mut former: Option<(Arc<Link>, PersistentWatcher)> = None;
        loop {
            let Ok(client) = self.session.client() else { return };
            // A client that is not used any more is let go of.
            former = former.filter(|(last, _)| Arc::ptr_eq(last, &client));
            let added = select! {
                added = client.wait(self.server_watches.add(&client, path.path())) => added.map_err(of_read),
                () = self.session.replaced(&client, &mut connections) => continue,
            };
            let mut watcher = match added {
                Ok(watcher) => watcher,
                Err(error) if passes(&error) => {
                    tracing::debug!(path = path.path(), %error, "the server does not watch yet");
                    select! {
                        () = sleep(backoff.next_pause()) => continue,
                        () = self.session.replaced(&client, &mut connections) => continue,
                        () = path.ended() => break,
                    }
                }
                Err(error) => {
                    self.fail(&path, &error);
                    break;
                }
            };
            drop(former.take());
            backoff.reset();
            path.begin(&client);
            let broken = select! {
                broken = self.pass_on(&path, &client, &mut watcher) => broken,
                () = self.session.replaced(&client, &mut connections) => Break::Anew,
            };
            path.pause();
            former = Some((client, watcher));
            match broken {
                Break::Anew => {}
                Break::Unwatched => break,
                Break::Over => {
                    // What is told now would be more than the last word.
                    let Some((client, _)) = former.take() else { continue };
                    select! {
                        () = self.session.replaced(&client, &mut connections) => {}
                        () = path.ended() => break,
                    }
                }
            }
        }
        if let Some((client, watcher)) = former {
            let replaced = self.session.replaced(&client, &mut connections);
            self.server_watches.remove(client.clone(), watcher, replaced).await;
        }
    }

    /// Passes on what the server tells, until it tells nothing any more.
    async fn pass_on(&self, path: &WatchedPath, link: &Link, watcher: &mut PersistentWatcher) -> Break {
        loop {
            let event = select! {
                event = link.told(watcher) => event,
                () = path.ended() => return Break::Unwatched,
            };
            let Some(event) = event else { return Break::Anew };
            match (event.event_type, event.session_state) {
                (EventType::Session, SessionState::Disconnected) => path.pause(),
                (EventType::Session, state) if state.is_terminated() => return Break::Over,
                (EventType::Session, _) => return Break::Anew,
                // What happened is to be seen when it is read.
                _ => self.paths.key(&event.path).into_iter().for_each(|key| path.change(key)),
            }
        }
    }
}

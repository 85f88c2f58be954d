//! Which paths are watched, and by whom.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use registry_plugin::{Context, Error, Key, Result, Scope};

use super::{
    gate::Gate,
    heard::{Heard, News},
    line::Line,
};
use crate::{paths::Paths, session::Session};

/// The one server watch on each path that is watched, however many watches there are.
pub(crate) struct Hub {
    pub(super) session: Arc<Session>,
    pub(super) paths: Arc<Paths>,
    pub(super) gate: Gate,
    lines: Mutex<HashMap<String, Arc<Line>>>,
}

/// A watch's place in the hub, which it leaves when it is dropped.
pub(super) struct Place {
    hub: Arc<Hub>,
    line: Arc<Line>,
    heard: Arc<Heard>,
}

impl Hub {
    /// A hub that watches nothing yet.
    pub(crate) fn new(session: Arc<Session>, paths: Arc<Paths>) -> Arc<Self> {
        Arc::new(Hub { session, paths, gate: Gate::default(), lines: Mutex::default() })
    }

    /// Has a watch told what happens at its key and below it, as far as the scope goes.
    pub(super) fn join(self: &Arc<Self>, context: &Context, key: Key<'_>, scope: Scope) -> Place {
        let path = self.paths.path(key);
        let heard = Arc::new(Heard::new(key, scope));
        let mut lines = self.lock();
        let line = match lines.get(&path) {
            Some(line) => line.clone(),
            None => {
                let line = Arc::new(Line::new(path.clone()));
                lines.insert(path, line.clone());
                let (hub, watched) = (self.clone(), line.clone());
                context.keep("a watch", move || hub.clone().keep(watched.clone()));
                line
            }
        };
        line.join(heard.clone());
        Place { hub: self.clone(), line, heard }
    }

    /// Ends all watches on a path.
    pub(super) fn fail(&self, line: &Arc<Line>, error: &Error) {
        let mut lines = self.lock();
        forget(&mut lines, line);
        line.fail(error);
    }

    fn leave(&self, line: &Arc<Line>, heard: &Arc<Heard>) {
        let mut lines = self.lock();
        if line.leave(heard) {
            forget(&mut lines, line);
            line.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the path to others, unless that has happened already.
fn forget(lines: &mut HashMap<String, Arc<Line>>, line: &Arc<Line>) {
    if lines.get(line.path()).is_some_and(|other| Arc::ptr_eq(other, line)) {
        lines.remove(line.path());
    }
}

impl Place {
    /// Waits for something to be read.
    ///
    /// # Errors
    ///
    /// What ends all watches on the path.
    pub(super) async fn news(&self) -> Result<News> {
        self.heard.news().await
    }

    /// What was read can't be relied on: it is to be read anew.
    pub(super) fn miss(&self) {
        self.heard.miss();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.leave(&self.line, &self.heard);
    }
}

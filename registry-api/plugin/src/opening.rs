//! The progress of opening a connection, as reported to the host, and how long it may take.

use std::{
    fmt::{self, Display},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use registry_api::{Error, ErrorKind, Outcome, Result};
use tokio::time::timeout;

/// How many servers are remembered; more are not shown anyway.
const MOST: usize = 64;

/// How much later than its limit an opening is given up from outside: a backend that keeps the limit itself can say
/// more.
const GRACE: Duration = Duration::from_millis(100);

/// Hears of a server that is tried, and why that failed, once it has.
pub(crate) type Listener = Box<dyn Fn(&str, Option<&str>) + Send + Sync>;

/// Where a backend reports which servers it tries while it opens a connection, and why they gave none.
///
/// # Behavior
///
/// The host tells its user when opening takes longer than a second. What is reported later than that is of no interest
/// to anybody, and forgotten.
#[derive(Clone)]
pub struct Opening(Arc<Shared>);

struct Shared {
    limit: Option<Duration>,
    listener: Listener,
    servers: Mutex<Vec<(String, Option<String>)>>,
}

impl Opening {
    pub(crate) fn new(limit: Option<Duration>, listener: Listener) -> Self {
        Opening(Arc::new(Shared { limit, listener, servers: Mutex::default() }))
    }

    /// One that is neither reported to a host nor limited.
    pub(crate) fn unheard() -> Self {
        Opening::new(None, Box::new(|_, _| ()))
    }

    /// How long opening may take: the backend's own limit, or the host's if that is shorter.
    pub fn within(&self, own: Duration) -> Duration {
        self.0.limit.map_or(own, |limit| limit.min(own))
    }

    /// A server is tried, or tried again.
    pub fn trying(&self, server: impl Display) {
        self.report(server.to_string(), None);
    }

    /// A server that was tried has given no connection.
    pub fn failed(&self, server: impl Display, why: impl Display) {
        self.report(server.to_string(), Some(why.to_string()));
    }

    /// A line for each server that is or was tried, in the order in which they were first tried.
    pub fn servers(&self) -> Vec<String> {
        let line = |(server, why): &(String, Option<String>)| match why {
            Some(why) => format!("{server}: {why}"),
            None => format!("{server}: no answer"),
        };
        self.lock().iter().map(line).collect()
    }

    /// Opens a connection within the host's limit, if there is one.
    pub(crate) async fn run<T>(&self, connect: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(limit) = self.0.limit else { return connect.await };
        timeout(limit.saturating_add(GRACE), connect).await.unwrap_or_else(|_| {
            let error = Error::new(ErrorKind::Timeout, format!("no session could be opened within {limit:?}"));
            let error = error.set_outcome(Outcome::NotApplied);
            Err(self.servers().into_iter().fold(error, |error, server| error.with_cause_text(server)))
        })
    }

    fn report(&self, server: String, why: Option<String>) {
        let mut servers = self.lock();
        match servers.iter().position(|(known, _)| *known == server) {
            // That it is tried once more does not undo why it failed.
            Some(at) => servers[at].1 = why.clone().or(servers[at].1.take()),
            None if servers.len() < MOST => servers.push((server.clone(), why.clone())),
            None => return,
        }
        drop(servers);
        (self.0.listener)(&server, why.as_deref());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(String, Option<String>)>> {
        self.0.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("limit", &self.0.limit).field("servers", &self.servers()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_opening_that_takes_too_long_tells_what_was_tried() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let listener = move |server: &str, why: Option<&str>| {
            hears.lock().expect("no panic").push(format!("{server} {why:?}"));
        };
        let opening = Opening::new(Some(Duration::from_secs(2)), Box::new(listener));
        assert_eq!(opening.within(Duration::from_secs(15)), Duration::from_secs(2));
        assert_eq!(opening.within(Duration::from_secs(1)), Duration::from_secs(1));
        let connect = async {
            opening.trying("a:1");
            opening.failed("a:1", "refused");
            opening.trying("b:2");
            pending::<Result<()>>().await
        };
        let error = opening.run(connect).await.expect_err("nobody answers");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Timeout, Outcome::NotApplied));
        assert_eq!(error.causes(), ["a:1: refused", "b:2: no answer"]);
        assert_eq!(*told.lock().expect("no panic"), ["a:1 None", "a:1 Some(\"refused\")", "b:2 None"]);
    }

    #[test]
    fn no_more_than_so_many_servers_are_remembered() {
        let opening = Opening::unheard();
        (0..2 * MOST).for_each(|number| opening.trying(number));
        assert_eq!(opening.servers().len(), MOST);
    }
}

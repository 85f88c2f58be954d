//! Watches: the state at a revision, then all that happens from the next one on (contract 5).

use std::{pin::pin, time::Duration};

use etcd_client::{
    WatchOptions, WatchStream,
    proto::{PbEvent, PbWatchResponse},
};
use registry_plugin::{Effect, Entry, Error, ErrorKind, Key, Outcome, Result, Scope, WatchSink};
use tokio::{
    select,
    time::{Instant, sleep, timeout},
};

use crate::{
    access::{Access, Keys},
    endpoints::{Connection, Endpoints},
    error::translate,
    history::Mark,
    keys::{Namespace, after},
    read::{Reader, State},
    session::Session,
};

/// How often a watch is tried again that the server denies although the same keys could be read.
const DENIALS: u32 = 3;

/// How a stream of events ended.
pub(crate) enum Break {
    /// The connection broke, was silent, or the revision can't be read any more: the state is read again.
    Anew(Option<Error>),
    /// The server denies the watch.
    Denied,
}

/// One watch.
pub(crate) struct Watch<'w> {
    pub(crate) endpoints: &'w Endpoints,
    pub(crate) namespace: &'w Namespace,
    pub(crate) access: &'w Access,
    pub(crate) session: &'w Session,
    pub(crate) key: Key<'w>,
    pub(crate) scope: Scope,
    pub(crate) sink: &'w WatchSink,
}

impl Watch<'_> {
    /// Feeds the sink until it closes.
    ///
    /// # Behavior
    ///
    /// After a break the state is read again and told as such. The consumer must learn when it is up to date again,
    /// which the server does not tell of a stream that is resumed at an old revision.
    ///
    /// # Errors
    ///
    /// What can't pass by itself: the user may not read the keys, or is not known any more.
    pub(crate) async fn run(self) -> Result<()> {
        select! {
            ended = self.feed() => ended,
            () = self.sink.closed() => Ok(()),
        }
    }

    async fn feed(&self) -> Result<()> {
        let mut backoff = self.endpoints.retry().backoff();
        let mut denials = 0;
        loop {
            let begun = Instant::now();
            let cause = match self.follow().await {
                Ok(Break::Denied) => {
                    denials += 1;
                    if denials == DENIALS {
                        return Err(Error::new(
                            ErrorKind::PermissionDenied,
                            "the etcd user may not watch this, grant its role to read the key's range",
                        ));
                    }
                    None
                }
                Ok(Break::Anew(cause)) => cause,
                Err(error) if passes(&error) => Some(error),
                Err(error) => return Err(error),
            };
            tracing::debug!(key = %self.key, cause = cause.map(tracing::field::display), "the watch broke off and goes on");
            if begun.elapsed() > self.patience() {
                backoff.reset();
                denials = 0;
            }
            sleep(backoff.next_pause()).await;
        }
    }

    /// Tells the present state and what follows, until that ends.
    async fn follow(&self) -> Result<Break> {
        let reader = Reader { endpoints: self.endpoints, namespace: self.namespace, access: Some(self.access) };
        // Told even if no stream comes about: meanwhile it is all the news there is.
        let state = self.sink.begin_resync();
        let Some(read) = reader.state(self.key, self.scope, |entries| state.page(self.own(entries))).await? else {
            return Ok(Break::Anew(None));
        };
        state.finish();
        let (number, endpoint) = self.endpoints.current();
        let broken = |error: Error| {
            self.endpoints.failed(number);
            Break::Anew(Some(error.with_cause_text(format!("at {}", endpoint.address()))))
        };
        let opened = timeout(self.patience(), async {
            let connection = endpoint.connection().await?;
            Ok((connection, self.open(connection, &read).await?))
        });
        match opened.await {
            Ok(Ok((connection, stream))) => match self.tell(stream, number, read.at).await {
                Ok(Break::Denied) => {
                    // A token that has run out is denied in the same words.
                    match timeout(self.patience(), connection.refresh_token()).await {
                        Ok(refreshed) => refreshed.map(|()| Break::Denied),
                        Err(_) => Ok(broken(silent())),
                    }
                }
                Ok(ended) => Ok(ended),
                Err(error) => Ok(broken(error)),
            },
            Ok(Err(error)) if passes(&error) => Ok(broken(error)),
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(broken(silent())),
        }
    }

    /// Has the server tell of all that was read, from the next revision on; in parts where the user may not read the
    /// whole.
    pub(crate) async fn open(&self, connection: &Connection, read: &State) -> Result<WatchStream> {
        let options = |range: &Keys| {
            let options = WatchOptions::new().with_start_revision(read.at.revision() + 1);
            // A single key costs the server less if it is not told of as a range.
            let single = range.end == after(range.start.clone());
            if single { options } else { options.with_range(range.end.clone()) }
        };
        let mut ranges = self.ranges(read).into_iter();
        let first = ranges.next().unwrap_or_default();
        let options_of_first = options(&first);
        let opened = connection.watch.clone().watch(first.start, Some(options_of_first)).await;
        let mut stream = opened.map_err(|error| translate(error, Effect::Repeatable))?;
        for range in ranges {
            let options = options(&range);
            let added = stream.watch(range.start, Some(options)).await;
            added.map_err(|error| translate(error, Effect::Repeatable))?;
        }
        Ok(stream)
    }

    /// The ranges to be watched, at least one.
    fn ranges(&self, read: &State) -> Vec<Keys> {
        let own = self.namespace.raw(self.key);
        let own = || own.clone()..after(own.clone());
        match (self.scope, &read.parts) {
            (Scope::Node, _) => vec![own()],
            (Scope::Children, None) => vec![self.namespace.below(self.key)],
            (_, None) => vec![self.namespace.around(self.key)],
            (_, Some(parts)) if self.key.is_root() => parts.clone(),
            // Also for the children alone: that none of them may be read is no reason not to wait.
            (_, Some(parts)) => [own()].into_iter().chain(parts.iter().cloned()).collect(),
        }
    }

    /// Passes events on until the stream ends; one that is idle is asked for a sign of life, and so is one of an
    /// endpoint that calls have turned away from.
    ///
    /// # Behavior
    ///
    /// A server whose data is not what it was would be silent until it has come as far: where it has not come to what
    /// the watch began at, a read shows whether it ever will.
    pub(crate) async fn tell(&self, mut stream: WatchStream, number: usize, at: Mark) -> Result<Break> {
        let history = self.endpoints.history();
        let mut left = pin!(history.left(at.turn));
        let mut asked = false;
        let (mut moved, mut doubted) = (pin!(self.endpoints.moved_from(number)), false);
        let mut idle = pin!(sleep(self.patience()));
        loop {
            let answer = select! {
                answer = stream.message() => answer.map_err(|error| translate(error, Effect::Read))?,
                () = &mut idle => {
                    if asked {
                        return Err(silent());
                    }
                    let request = stream.request_progress().await;
                    request.map_err(|error| translate(error, Effect::Read))?;
                    asked = true;
                    idle.as_mut().reset(Instant::now() + self.patience().min(self.endpoints.patience()));
                    continue;
                }
                () = &mut left => return Ok(Break::Anew(None)),
                () = &mut moved, if !doubted => {
                    doubted = true;
                    if !asked {
                        idle.as_mut().reset(Instant::now());
                    }
                    continue;
                }
            };
            let Some(answer) = answer else {
                return Err(Error::new(ErrorKind::Unavailable, "the etcd server ended the watch"));
            };
            history.check(at, &answer.0, Effect::Repeatable)?;
            if at.is_ahead_of(&answer.0) {
                self.endpoints.look().await?;
            }
            if answer.canceled() {
                return Ok(cancelled(&answer.0));
            }
            answer.0.events.into_iter().for_each(|event| self.event(event));
            asked = false;
            idle.as_mut().reset(Instant::now() + self.patience());
        }
    }

    fn event(&self, event: PbEvent) {
        // By number: a kind of event that is not known is passed over, the state is told at the next resync.
        const PUT: i32 = 0;
        const DELETE: i32 = 1;
        let (kind, Some(found)) = (event.r#type, event.kv) else { return };
        // The sink passes over what is outside the scope.
        match kind {
            PUT => self.own(self.namespace.entry(found)).into_iter().for_each(|entry| self.sink.put(entry)),
            DELETE => self.namespace.key(&found.key).into_iter().for_each(|key| self.sink.delete(key.as_str())),
            _ => {}
        }
    }

    /// Entries with the sessions that own them, by whichever of their leases.
    fn own<E: IntoIterator<Item = Entry>>(&self, entries: E) -> Vec<Entry> {
        let mut entries: Vec<_> = entries.into_iter().collect();
        self.session.leases().name_owners(&mut entries);
        entries
    }

    /// Half of the third of the session timeout in which a silent server is noticed.
    fn patience(&self) -> Duration {
        self.session.timeout() / 6
    }
}

fn cancelled(answer: &PbWatchResponse) -> Break {
    if answer.compact_revision > 0 {
        return Break::Anew(None);
    }
    // Denied watches are cancelled without a reason by 3.4, and have no number.
    if answer.watch_id == -1 || answer.cancel_reason.contains("permission denied") {
        return Break::Denied;
    }
    Break::Anew(Some(Error::new(
        ErrorKind::Unavailable,
        format!("the etcd server cancelled the watch: {}", answer.cancel_reason),
    )))
}

/// Whether it can pass by itself.
fn passes(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unauthenticated | ErrorKind::Unsupported)
}

fn silent() -> Error {
    Error::new(ErrorKind::Timeout, "the etcd server does not answer").set_outcome(Outcome::NotApplied)
}

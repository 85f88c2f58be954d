//! What the answers show of the data that they come from: whose it is, and how far it has come (contract 4.3).

use std::sync::{Mutex, MutexGuard, PoisonError};

use etcd_client::{
    GetResponse, LeaseKeepAliveResponse, LeaseTimeToLiveResponse, MemberListResponse, ResponseHeader, RoleGetResponse,
    StatusResponse, TxnResponse, UserGetResponse,
    proto::{PbRangeResponse, PbResponseHeader, PbWatchResponse},
};
use registry_plugin::{Effect, Error, ErrorKind, Result, SessionReporter};
use tokio::sync::watch;

/// One cluster's data as it goes on, revision by revision.
///
/// # Behavior
///
/// An answer of another cluster, or with an older revision than one already seen, means another history: somebody gave
/// the address to another cluster, or wiped or restored the data. Nothing that rests on the old one can be relied on,
/// so that the session is lost at once, and every call that was under way fails. From then on the new history counts.
pub(crate) struct History {
    seen: Mutex<Seen>,
    /// The number of the present history.
    turn: watch::Sender<u64>,
    /// The highest term of leadership that anything showed.
    terms: watch::Sender<u64>,
    reporter: SessionReporter,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    /// 0 until a server has told it.
    cluster: u64,
    /// The newest revision that anything showed.
    revision: i64,
}

/// What had been seen at some moment.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) turn: u64,
    revision: i64,
}

/// What a member says of itself with each answer; 0 is what it doesn't say, as proxies may.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    cluster: u64,
    revision: i64,
    term: u64,
}

/// An answer that says what it comes from.
pub(crate) trait Answer {
    /// Whether it shows all that had been written when it was asked for; else its member may lag behind others.
    const NEWEST: bool = true;

    fn header(&self) -> Option<Header>;
}

impl History {
    /// A history of which nothing is known yet. When another takes its place, that is reported.
    pub(crate) fn new(reporter: SessionReporter) -> Self {
        History { seen: Mutex::default(), turn: watch::Sender::new(0), terms: watch::Sender::new(0), reporter }
    }

    /// What has been seen so far: to be asked for before a request is sent.
    pub(crate) fn mark(&self) -> Mark {
        let seen = self.lock();
        Mark { turn: *self.turn.borrow(), revision: seen.revision }
    }

    /// The highest term of leadership that any answer of this history has shown; 0 until one has.
    pub(crate) fn terms(&self) -> watch::Receiver<u64> {
        self.terms.subscribe()
    }

    /// Waits until another history has taken the place of this one.
    pub(crate) async fn left(&self, turn: u64) {
        // The sender lives as long as this.
        let _ = self.turn.subscribe().wait_for(|present| *present != turn).await;
    }

    /// Takes in an answer to what was asked at a mark.
    ///
    /// # Errors
    ///
    /// `SessionLost` if it comes from another history.
    pub(crate) fn check<A: Answer>(&self, asked: Mark, answer: &A, effect: Effect) -> Result<()> {
        let Some(header) = answer.header() else { return Ok(()) };
        let mut seen = self.lock();
        let present = *self.turn.borrow();
        let other = header.cluster != 0 && seen.cluster != 0 && header.cluster != seen.cluster;
        let back = A::NEWEST && header.revision != 0 && header.revision < asked.revision;
        // What was asked of one history must not be answered by another, whichever it is by now.
        if asked.turn == present && !other && !back {
            seen.cluster = if seen.cluster == 0 { header.cluster } else { seen.cluster };
            seen.revision = seen.revision.max(header.revision);
            self.terms.send_if_modified(|term| {
                let later = header.term > *term;
                *term = header.term.max(*term);
                later
            });
            return Ok(());
        }
        if asked.turn == present {
            tracing::error!(
                cluster = format_args!("{:x}", header.cluster),
                revision = header.revision,
                before = format_args!("{:x}", seen.cluster),
                revision_before = seen.revision,
                "the etcd server's data is not what it was: it belongs to another cluster, was wiped or was restored from a \
                 backup; the session counts as lost"
            );
            *seen = Seen { cluster: header.cluster, revision: header.revision };
            self.terms.send_replace(header.term);
            // Before anything else can be asked of the new one.
            self.reporter.lost_by(&"the etcd server's data is not what it was");
            self.turn.send_modify(|turn| *turn += 1);
        }
        let outcome = effect.unanswered();
        let message = "the etcd server's data is not what it was (another cluster, wiped, or restored from a backup), \
                       the session is lost";
        Err(Error::new(ErrorKind::SessionLost, message).set_outcome(outcome))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mark {
    pub(crate) fn new(turn: u64, revision: i64) -> Self {
        Mark { turn, revision }
    }

    /// Whether a member lags behind what had been seen; it may do so for a moment, or its data may be from before.
    pub(crate) fn is_ahead_of<A: Answer>(self, answer: &A) -> bool {
        answer.header().is_some_and(|header| header.revision != 0 && header.revision < self.revision)
    }

    /// The same history at that revision.
    pub(crate) fn at(self, revision: i64) -> Self {
        Mark { revision, ..self }
    }

    pub(crate) fn revision(self) -> i64 {
        self.revision
    }
}

impl From<&ResponseHeader> for Header {
    fn from(header: &ResponseHeader) -> Self {
        Header { cluster: header.cluster_id(), revision: header.revision(), term: header.raft_term() }
    }
}

impl From<&PbResponseHeader> for Header {
    fn from(header: &PbResponseHeader) -> Self {
        Header { cluster: header.cluster_id, revision: header.revision, term: header.raft_term }
    }
}

/// Answers of the client's own types; of those after `own`, each member tells what it has come to itself.
macro_rules! answers {
    (newest: $($newest:ty),+; own: $($own:ty),+) => {
        $(impl Answer for $newest {
            fn header(&self) -> Option<Header> {
                self.header().map(Header::from)
            }
        })+
        $(impl Answer for $own {
            const NEWEST: bool = false;

            fn header(&self) -> Option<Header> {
                self.header().map(Header::from)
            }
        })+
    };
}

answers! {
    newest: GetResponse, TxnResponse;
    own: StatusResponse, LeaseKeepAliveResponse, LeaseTimeToLiveResponse, MemberListResponse, RoleGetResponse,
        UserGetResponse
}

/// A range at a revision that may be none any more.
impl Answer for Option<PbRangeResponse> {
    fn header(&self) -> Option<Header> {
        self.as_ref().and_then(|answer| answer.header.as_ref()).map(Header::from)
    }
}

impl Answer for PbWatchResponse {
    const NEWEST: bool = false;

    fn header(&self) -> Option<Header> {
        self.header.as_ref().map(Header::from)
    }
}

/// What is only done, or not.
impl Answer for () {
    fn header(&self) -> Option<Header> {
        None
    }
}

#[cfg(test)]
impl Answer for Header {
    fn header(&self) -> Option<Header> {
        Some(*self)
    }
}

#[cfg(test)]
impl Header {
    /// What any member of the cluster may say that has come to a revision.
    pub(crate) fn come_to(revision: i64) -> Self {
        Header { cluster: 0, revision, term: 0 }
    }
}

#[cfg(test)]
mod tests {
    use registry_plugin::{Context, Options};
    use tokio::runtime::Handle;

    use registry_plugin::Outcome;

    use super::*;

    struct Own(Header);

    impl Answer for Own {
        const NEWEST: bool = false;

        fn header(&self) -> Option<Header> {
            Some(self.0)
        }
    }

    fn history() -> History {
        let context = Context::detached::<crate::Etcd>(Options::new("registry.etcd"), Handle::current());
        History::new(context.session().clone())
    }

    fn newest(cluster: u64, revision: i64) -> Header {
        Header { cluster, revision, term: 0 }
    }

    #[tokio::test]
    async fn an_answer_that_comes_late_is_no_other_history() {
        let history = history();
        let first = history.mark();
        history.check(first, &newest(1, 7), Effect::Write).expect("the first that is known");
        // It was asked before the other was answered.
        history.check(first, &newest(1, 5), Effect::Write).expect("out of order");
        history
            .check(history.mark(), &Own(Header { cluster: 1, revision: 4, term: 0 }), Effect::Repeatable)
            .expect("it lags");
        history.check(history.mark(), &newest(0, 0), Effect::Repeatable).expect("a proxy that says nothing");
        assert_eq!(history.mark().turn, first.turn);
    }

    #[tokio::test]
    async fn another_cluster_or_older_revision_is_another_history() {
        for other in [newest(2, 9), newest(1, 6)] {
            let history = history();
            history.check(history.mark(), &newest(1, 7), Effect::Write).expect("the first that is known");
            let (asked, under_way) = (history.mark(), history.mark());
            let error = history.check(asked, &other, Effect::Write).expect_err("another history");
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::SessionLost, Outcome::Unknown));
            let error = history.check(under_way, &newest(1, 8), Effect::Repeatable).expect_err("asked of the old one");
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::SessionLost, Outcome::NotApplied));
            assert_ne!(history.mark().turn, asked.turn);
            history.check(history.mark(), &other, Effect::Write).expect("it counts by now");
        }
    }
}

//! The session: one lease at a time, which everything ephemeral hangs on (contract 4).

mod attached;
mod gather;
mod keep;
mod leases;
mod members;
mod relocate;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use registry_plugin::{
    Contact, Context, Effect, Error, ErrorKind, Moment, Outcome, Result, SessionId, SessionReporter,
};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use self::{attached::Attached, leases::Leases};
use crate::{
    endpoints::Endpoints,
    error::is_lease_gone,
    history::{Answer, Header},
};

/// The shortest session that an etcd of default settings grants.
pub(crate) const SHORTEST: Duration = Duration::from_secs(2);

/// The connection's one session, or the ones after it when it is lost.
pub(crate) struct Session {
    endpoints: Arc<Endpoints>,
    reporter: SessionReporter,
    /// How long one request may take in the background.
    patience: Duration,
    /// The lease asked for, in seconds.
    ttl: i64,
    leases: Leases,
    attached: Attached,
    /// Leases of sessions that were given up, until they are known to be gone.
    abandoned: Mutex<Vec<i64>>,
    /// Somebody lost contact with the server: the next keepalive should not wait.
    doubt: Notify,
    closing: watch::Sender<bool>,
}

/// A lease as the server granted it.
struct Lease {
    id: i64,
    timeout: Duration,
    sent: Moment,
    header: Option<Header>,
}

/// The member that grants it has come as far as the grant.
impl Answer for Lease {
    fn header(&self) -> Option<Header> {
        self.header
    }
}

impl Session {
    /// Opens the session and keeps it alive in the background.
    ///
    /// # Errors
    ///
    /// Those of the last endpoint that was asked for a lease.
    pub(crate) async fn open(endpoints: Arc<Endpoints>, context: &Context) -> Result<Arc<Self>> {
        let asked = context.session_timeout();
        // The server counts in seconds.
        let seconds = asked.as_secs() + u64::from(asked.subsec_nanos() > 0);
        let leases = Leases::new(endpoints.history().terms());
        let session = Arc::new(Session {
            endpoints,
            reporter: context.session().clone(),
            patience: context.operation_timeout(),
            ttl: i64::try_from(seconds).unwrap_or(i64::MAX),
            leases,
            attached: Attached::default(),
            abandoned: Mutex::new(Vec::new()),
            doubt: Notify::new(),
            closing: watch::Sender::new(false),
        });
        let seen = session.leases.term();
        let lease = session.grant().await?;
        let granted = lease.timeout;
        // Nothing may have shown a term before, where the user may not read what was looked at.
        session.begin(lease, if seen == 0 { session.leases.term() } else { seen });
        let kept = session.clone();
        context.keep("the session", move || kept.clone().keep(granted));
        Ok(session)
    }

    /// The lease for what is put now.
    pub(crate) fn lease(&self) -> i64 {
        self.leases.current()
    }

    /// All the leases that it has and had.
    pub(crate) fn leases(&self) -> &Leases {
        &self.leases
    }

    /// The keys that may hang on them.
    pub(crate) fn attached(&self) -> &Attached {
        &self.attached
    }

    /// The timeout asked for; the server grants no shorter one.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(number(self.ttl))
    }

    /// Passes an answer on; one that shows lost contact has the session looked at now.
    pub(crate) fn watched<T>(&self, answer: Result<T>) -> Result<T> {
        answer.inspect_err(|error| {
            if error.kind() == ErrorKind::Unavailable {
                self.doubt.notify_one();
            }
        })
    }

    /// The server said that the lease `id` is gone.
    pub(crate) fn gone(&self, id: i64) {
        if self.lease() == id {
            // The keeper opens another when it hears of it.
            self.reporter.lost();
        }
    }

    /// Ends the session: what hangs on it is gone when this returns (4.2).
    ///
    /// # Errors
    ///
    /// Of unknown outcome, if the server does not say that the lease is gone.
    pub(crate) async fn close(&self) -> Result<()> {
        self.closing.send_replace(true);
        let mut leases = self.abandoned().clone();
        let (old, current) = self.leases.all();
        leases.extend(old);
        // Last: what is just being moved comes to hang on it.
        leases.push(current);
        for id in leases {
            let revoked = timeout(self.patience, self.revoke(id)).await;
            revoked
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "the etcd server does not answer")))
                .map_err(|error| {
                    Error::new(
                        error.kind(),
                        format!("the session could not be ended, it ends by itself within {:?}", self.timeout()),
                    )
                    .set_outcome(Outcome::Unknown)
                    .with_cause(&error)
                })?;
        }
        Ok(())
    }

    async fn grant(&self) -> Result<Lease> {
        let ttl = self.ttl;
        self.endpoints
            // A lease that nobody heard of holds nothing and runs out.
            .call(Effect::Repeatable, |connection| {
                let mut client = connection.lease.clone();
                async move {
                    let sent = Moment::now();
                    let granted = client.grant(ttl, None).await?;
                    let (timeout, header) = (Duration::from_secs(number(granted.ttl())), granted.header());
                    Ok(Lease { id: granted.id(), timeout, sent, header: header.map(Header::from) })
                }
            })
            .await
    }

    /// Begins with a lease that was asked for when `term` had been seen.
    fn begin(&self, lease: Lease, term: u64) {
        self.attached.clear();
        self.leases.begin(lease.id, term);
        tracing::debug!(lease = format_args!("{:x}", lease.id), timeout = ?lease.timeout, "the session is open");
        self.reporter.connected(SessionId(lease.id.cast_unsigned()), lease.timeout, Contact::Sent(lease.sent));
    }

    /// Asks the server to end a lease; one that is gone already is not an error.
    async fn revoke(&self, id: i64) -> Result<()> {
        let revoked = self.endpoints.call(Effect::Repeatable, |connection| {
            let mut client = connection.lease.clone();
            async move {
                match client.revoke(id).await {
                    Err(error) if !is_lease_gone(&error) => Err(error),
                    _ => Ok(()),
                }
            }
        });
        revoked.await?;
        self.abandoned().retain(|abandoned| *abandoned != id);
        Ok(())
    }

    fn abandoned(&self) -> std::sync::MutexGuard<'_, Vec<i64>> {
        self.abandoned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn number(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0)
}

//! One server's place, from its registration to its end.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use registry_cluster::{Failover, Membership, MembershipState, Slot};
use registry_host::Session;
use registry_hosts::{Event, Nanos, ServerId, now};
use tokio::sync::{mpsc, watch};

use crate::log::tell;

/// How often a master looks at its slot, as one does that gives out work.
const LOOKS: Duration = Duration::from_millis(2);

/// What a server is asked for; nothing comes after it.
pub(crate) enum Asked {
    Leave,
    Drop,
}

pub(crate) struct Seat {
    own: ServerId,
    /// `None` once it has ended.
    membership: Arc<Mutex<Option<Membership>>>,
    session: Session,
    standings: watch::Receiver<MembershipState>,
    failover: Option<Failover>,
}

impl Seat {
    pub(crate) fn new(own: ServerId, membership: Membership, failover: Option<Failover>) -> Self {
        let (session, standings) = (membership.cluster().registry().session(), membership.states());
        let membership = Arc::new(Mutex::new(Some(membership)));
        if failover.is_some() {
            let looking = Looking { own: own.clone(), membership: Arc::clone(&membership), slot: None, found: now() };
            // One that sleeps on the runtime wakes up after others do.
            thread::spawn(|| looking.look_always());
        }
        Seat { own, membership, session, standings, failover }
    }

    /// Tells what becomes of the server, until it leaves, is dropped or is to stop.
    pub(crate) async fn sit(self, mut asked: mpsc::Receiver<Asked>) {
        tell(Event::Registered { own: self.own.clone(), session: self.session.id().0 });
        let mut standings = self.standings.clone();
        loop {
            tokio::select! {
                asked = asked.recv() => return self.end(asked).await,
                Ok(()) = standings.changed() => match standings.borrow_and_update().clone() {
                    MembershipState::Serving => tell(Event::Serving { own: self.own.clone(), session: self.session.id().0 }),
                    MembershipState::Stopped(stop) => {
                        let cause = format!("{stop:?}").split([' ', '(']).next().unwrap_or_default().to_owned();
                        self.membership();
                        return tell(Event::Stopped { own: self.own, cause });
                    }
                    _ => tell(Event::Waiting { own: self.own.clone() }),
                },
            }
        }
    }

    async fn end(self, asked: Option<Asked>) {
        let membership = self.membership();
        // A leaving server takes over for nobody any more.
        drop(self.failover);
        if let (Some(Asked::Leave), Some(membership)) = (asked, membership) {
            match membership.leave().await {
                Ok(()) => tell(Event::HasLeft { own: self.own }),
                Err(error) => tell(Event::Failed(format!("{} could not leave: {error}", self.own.address))),
            }
        }
    }

    fn membership(&self) -> Option<Membership> {
        self.membership.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A master that looks at its slot all the time.
struct Looking {
    own: ServerId,
    membership: Arc<Mutex<Option<Membership>>>,
    slot: Option<(usize, usize)>,
    /// Right before the last look that found the slot.
    found: Nanos,
}

impl Looking {
    fn look_always(mut self) {
        while self.look() {
            thread::sleep(LOOKS);
        }
    }

    /// Looks at the slot; whether it may have one yet.
    fn look(&mut self) -> bool {
        let membership = self.membership.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the look: if the process is stopped in between, the slot was found before that.
        let before = now();
        let slot = membership.as_ref().and_then(|it| it.slot().ok()).map(|Slot { index, count }| (index, count));
        if slot != self.slot {
            tell(Event::Slot { own: self.own.clone(), slot, until: self.found });
            self.slot = slot;
        }
        if slot.is_some() {
            self.found = before;
        }
        membership.is_some()
    }
}

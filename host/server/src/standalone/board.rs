//! Who is there, as the servers see it.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::Arc;

use registry_cluster::{Change as MemberChange, Incarnation, Member, MembershipState, Status, Stop};
use registry_host::SessionState;

use crate::output::heartbeat::reason;

/// What the servers of this process know.
pub(super) struct Board {
    own: Vec<Own>,
}

/// A server of this process, and the members that it sees.
struct Own {
    address: String,
    incarnation: Incarnation,
    state: SessionState,
    standing: MembershipState,
    abandoned: bool,
    sees: BTreeMap<String, Arc<Member>>,
}

/// A server as the table shows it.
pub(super) struct Row {
    pub(super) address: String,
    pub(super) state: String,
    /// How many of this process's servers see it.
    pub(super) seen_by: usize,
    /// None for one of this process that the others don't see.
    pub(super) member: Option<Arc<Member>>,
    is_well: bool,
}

/// Something that has changed.
pub(super) struct Change {
    pub(super) what: &'static str,
    pub(super) address: String,
    /// How many are there now.
    pub(super) members: usize,
    /// Who has come or gone.
    pub(super) member: Option<Arc<Member>>,
    /// Why it is to stop, or has another status than before.
    pub(super) cause: Option<String>,
}

impl Own {
    fn state(&self) -> String {
        match &self.standing {
            _ if self.abandoned => "abandoned".to_owned(),
            MembershipState::Serving => self.state.to_string(),
            MembershipState::Waiting => format!("{}, waiting", self.state),
            _ => "stopped".to_owned(),
        }
    }

    fn is_well(&self) -> bool {
        !self.abandoned && self.state == SessionState::Connected && matches!(self.standing, MembershipState::Serving)
    }

    fn cause(&self) -> Option<&Arc<Stop>> {
        match &self.standing {
            MembershipState::Stopped(stop) => Some(stop),
            _ => None,
        }
    }

    fn is(&self, member: &Member) -> bool {
        self.address == member.address && member.incarnation() == Some(self.incarnation)
    }
}

impl Row {
    /// Whether nothing is known to be wrong with it.
    pub(super) fn is_well(&self) -> bool {
        self.is_well && self.member.as_ref().is_some_and(|member| member.is_normal())
    }
}

impl Board {
    /// A board of servers that have just been registered: where they are, and which process each is.
    pub(super) fn new(servers: impl IntoIterator<Item = (String, Incarnation)>) -> Self {
        let own = servers.into_iter().map(|(address, incarnation)| Own {
            address,
            incarnation,
            state: SessionState::Connected,
            standing: MembershipState::Serving,
            abandoned: false,
            sees: BTreeMap::new(),
        });
        Board { own: own.collect() }
    }

    /// Takes in what a server has seen; the first one's eyes are the table's.
    pub(super) fn seen(&mut self, number: usize, seen: MemberChange) -> Option<Change> {
        let own = self.living(number)?;
        let member = Arc::clone(seen.member());
        let before = match seen {
            MemberChange::Left(_) => own.sees.remove(&member.address),
            _ => own.sees.insert(member.address.clone(), Arc::clone(&member)),
        };
        let what = match (seen, before) {
            (MemberChange::Left(_), before) => before.map(|_| "left"),
            (_, None) => Some("joined"),
            (_, Some(before)) => member.status().filter(|now| before.status() != Some(*now)).map(Status::name),
        };
        let what = what.filter(|_| number == 0)?;
        let change = self.change(what, member.address.clone());
        // Servers that came or went say the rest themselves.
        let cause = reason(&member).filter(|_| !["joined", "left"].contains(&what));
        Some(Change { cause, member: Some(member), ..change })
    }

    /// Takes in the state of a server's session; being connected is told only after it was not.
    pub(super) fn session(&mut self, number: usize, state: SessionState) -> Option<Change> {
        let own = self.living(number)?;
        if std::mem::replace(&mut own.state, state) == state {
            return None;
        }
        let what = match state {
            SessionState::Connected => "connected",
            SessionState::Suspended => "suspended",
            SessionState::Lost => "lost",
            _ => "closed",
        };
        let address = own.address.clone();
        Some(self.change(what, address))
    }

    /// Takes in how a server stands; that it still waits, after a session that did not last, is not told again.
    pub(super) fn standing(&mut self, number: usize, standing: MembershipState) -> Option<Change> {
        let own = self.living(number)?;
        let before = std::mem::replace(&mut own.standing, standing);
        if discriminant(&before) == discriminant(&own.standing) {
            return None;
        }
        let what = match own.standing {
            MembershipState::Serving => "serving",
            MembershipState::Waiting => "waiting",
            _ => "stopped",
        };
        let (address, cause) = (own.address.clone(), own.cause().map(ToString::to_string));
        Some(Change { cause, ..self.change(what, address) })
    }

    /// Notes that a server of this process is to die.
    pub(super) fn abandoned(&mut self, address: &str) -> Change {
        if let Some(own) = self.own.iter_mut().find(|own| own.address == address) {
            own.abandoned = true;
            own.sees.clear();
        }
        self.change("abandoned", address.to_owned())
    }

    /// What an abandoned server told before may still be on its way.
    fn living(&mut self, number: usize) -> Option<&mut Own> {
        self.own.get_mut(number).filter(|own| !own.abandoned)
    }

    fn change(&self, what: &'static str, address: String) -> Change {
        let members = self.own.first().map_or(0, |own| own.sees.len());
        Change { what, address, members, member: None, cause: None }
    }

    /// How many servers of this process are alive: one that was told to stop still watches.
    pub(super) fn alive(&self) -> usize {
        self.own.iter().filter(|own| !own.abandoned).count()
    }

    /// Why the last of this process's servers was told to stop, if none is left that may serve.
    pub(super) fn over(&self) -> Option<&Arc<Stop>> {
        let mut left = self.own.iter().filter(|own| !own.abandoned);
        let last = left.next_back()?.cause()?;
        left.all(|own| own.cause().is_some()).then_some(last)
    }

    /// Those of this process that were told to stop, and why.
    pub(super) fn stopped(&self) -> impl Iterator<Item = (&str, &Stop)> {
        self.own.iter().filter_map(|own| Some((&*own.address, &**own.cause()?)))
    }

    /// All that the first server sees, sorted by address; then those of this process that it doesn't see for a
    /// reason.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        let sees = self.own.first().into_iter().flat_map(|own| own.sees.values());
        let seen = sees.clone().map(|member| {
            let own = self.own.iter().find(|own| own.is(member));
            Row {
                address: member.address.clone(),
                state: own.map_or_else(|| "elsewhere".to_owned(), Own::state),
                seen_by: self.own.iter().filter(|own| own.sees.contains_key(&member.address)).count(),
                member: Some(Arc::clone(member)),
                is_well: own.is_none_or(Own::is_well),
            }
        });
        let ailing = self.own.iter().filter(|own| !own.abandoned && !own.is_well());
        let unseen = ailing.filter(move |own| !sees.clone().any(|member| own.is(member))).map(|own| Row {
            address: own.address.clone(),
            state: own.state(),
            seen_by: 0,
            member: None,
            is_well: false,
        });
        seen.chain(unseen)
    }
}

#[cfg(test)]
mod tests;

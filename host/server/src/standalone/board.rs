//! Who is there, as the servers see it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use registry_host::{Entry, Event, SessionState};

use super::figures::Report;
use super::server::Server;

/// What the servers of this process know.
pub(super) struct Board {
    own: Vec<Own>,
}

/// A server of this process, and the members that it sees.
struct Own {
    address: String,
    state: SessionState,
    abandoned: bool,
    sees: BTreeMap<String, Entry>,
}

/// A member as the table shows it.
pub(super) struct Member {
    pub(super) address: String,
    pub(super) state: String,
    /// None where its value is no report.
    pub(super) report: Option<Report>,
    /// How many of this process's servers see it.
    pub(super) seen_by: usize,
}

impl Member {
    /// Whether nothing is known to be wrong with it.
    pub(super) fn is_well(&self) -> bool {
        ["connected", "elsewhere"].contains(&self.state.as_str())
    }
}

/// Something that has changed.
pub(super) struct Change {
    pub(super) what: &'static str,
    pub(super) address: String,
    /// How many are there now.
    pub(super) members: usize,
    pub(super) entry: Option<Entry>,
}

impl Board {
    pub(super) fn new(servers: &[Server]) -> Self {
        let own = servers.iter().map(|server| Own {
            address: server.address().to_string(),
            state: SessionState::Connected,
            abandoned: false,
            sees: BTreeMap::new(),
        });
        Board { own: own.collect() }
    }

    /// Takes in what a server has seen; the first one's eyes are the table's.
    pub(super) fn event(&mut self, number: usize, event: Event) -> Option<Change> {
        // What an abandoned server told before may still be on its way.
        let own = self.own.get_mut(number).filter(|own| !own.abandoned)?;
        let (what, entry) = match event {
            Event::Put { entry, .. } => {
                let joined = own.sees.insert(entry.key.clone(), entry.clone()).is_none();
                (joined.then_some("joined"), entry)
            }
            Event::Delete { last } => (own.sees.remove(&last.key).map(|_| "left"), last),
            _ => return None,
        };
        let what = what.filter(|_| number == 0)?;
        let address = entry.key().name().to_owned();
        Some(Change { what, address, members: own.sees.len(), entry: Some(entry) })
    }

    /// Takes in the state of a server's session; being connected is told only after it was not.
    pub(super) fn session(&mut self, number: usize, state: SessionState) -> Option<Change> {
        let own = self.own.get_mut(number).filter(|own| !own.abandoned)?;
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

    /// Notes that a server of this process is to die.
    pub(super) fn abandoned(&mut self, address: SocketAddr) -> Change {
        let address = address.to_string();
        if let Some(own) = self.own.iter_mut().find(|own| own.address == address) {
            own.abandoned = true;
            own.sees.clear();
        }
        self.change("abandoned", address)
    }

    fn change(&self, what: &'static str, address: String) -> Change {
        Change { what, address, members: self.own.first().map_or(0, |own| own.sees.len()), entry: None }
    }

    /// How many servers of this process are alive.
    pub(super) fn alive(&self) -> usize {
        self.own.iter().filter(|own| !own.abandoned).count()
    }

    /// Everyone whom the first server sees, sorted by address.
    pub(super) fn members(&self) -> impl Iterator<Item = Member> {
        let seen = self.own.first().into_iter().flat_map(|own| own.sees.values());
        seen.map(|entry| {
            let address = entry.key().name();
            let state = match self.own.iter().find(|own| own.address == address) {
                Some(own) if own.abandoned => "abandoned".to_owned(),
                Some(own) => own.state.to_string(),
                None => "elsewhere".to_owned(),
            };
            Member {
                address: address.to_owned(),
                state,
                report: serde_json::from_slice(&entry.value).ok(),
                seen_by: self.own.iter().filter(|own| own.sees.contains_key(&entry.key)).count(),
            }
        })
    }
}

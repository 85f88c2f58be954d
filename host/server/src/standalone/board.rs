//! Who is there, as the servers see it.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::Arc;

use registry_cluster::{Change as Seen, Life, Member, Standing, Stop};
use registry_host::SessionState;

/// What the servers of this process know.
pub(super) struct Board {
    own: Vec<Own>,
}

/// A server of this process, and the members that it sees.
struct Own {
    address: String,
    life: Life,
    state: SessionState,
    standing: Standing,
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
    /// Why it is to stop.
    pub(super) cause: Option<Arc<Stop>>,
}

impl Own {
    fn state(&self) -> String {
        match &self.standing {
            _ if self.abandoned => "abandoned".to_owned(),
            Standing::Serving => self.state.to_string(),
            Standing::Waiting => format!("{}, waiting", self.state),
            _ => "stopped".to_owned(),
        }
    }

    fn is_well(&self) -> bool {
        !self.abandoned && self.state == SessionState::Connected && matches!(self.standing, Standing::Serving)
    }

    fn cause(&self) -> Option<&Arc<Stop>> {
        match &self.standing {
            Standing::Stopped(stop) => Some(stop),
            _ => None,
        }
    }

    fn is(&self, member: &Member) -> bool {
        self.address == member.address && member.life() == Some(self.life)
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
    pub(super) fn new(servers: impl IntoIterator<Item = (String, Life)>) -> Self {
        let own = servers.into_iter().map(|(address, life)| Own {
            address,
            life,
            state: SessionState::Connected,
            standing: Standing::Serving,
            abandoned: false,
            sees: BTreeMap::new(),
        });
        Board { own: own.collect() }
    }

    /// Takes in what a server has seen; the first one's eyes are the table's.
    pub(super) fn seen(&mut self, number: usize, seen: Seen) -> Option<Change> {
        let own = self.living(number)?;
        let member = Arc::clone(seen.member());
        let what = match seen {
            Seen::Left(_) => own.sees.remove(&member.address).map(|_| "left"),
            _ => own.sees.insert(member.address.clone(), Arc::clone(&member)).is_none().then_some("joined"),
        };
        let what = what.filter(|_| number == 0)?;
        let change = self.change(what, member.address.clone());
        Some(Change { member: Some(member), ..change })
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
    pub(super) fn standing(&mut self, number: usize, standing: Standing) -> Option<Change> {
        let own = self.living(number)?;
        let before = std::mem::replace(&mut own.standing, standing);
        if discriminant(&before) == discriminant(&own.standing) {
            return None;
        }
        let what = match own.standing {
            Standing::Serving => "serving",
            Standing::Waiting => "waiting",
            _ => "stopped",
        };
        let (address, cause) = (own.address.clone(), own.cause().cloned());
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

    /// Everyone whom the first server sees, sorted by address; then those of this process that it doesn't see for a reason.
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
mod tests {
    use registry_cluster::Heartbeat;
    use registry_host::{Entry, SessionId};

    use super::*;

    fn life(number: i64) -> Life {
        Life { startup_time: number, process_id: 7 }
    }

    fn member(number: i64) -> Arc<Member> {
        let Life { startup_time, process_id } = life(number);
        let value = Heartbeat { startup_time, process_id, ..Heartbeat::default() }.write();
        let key = format!("/nodes/worker/default/a:{number}");
        Arc::new(Member::of(&Entry::new(key, value, 1, 1, Some(SessionId(1)))).unwrap())
    }

    /// Servers that all see each other.
    fn board(count: i64) -> Board {
        let mut board = Board::new((1..=count).map(|number| (format!("a:{number}"), life(number))));
        for seeing in 0..board.own.len() {
            for seen in 1..=count {
                board.seen(seeing, Seen::Joined(member(seen)));
            }
        }
        board
    }

    fn rows(board: &Board) -> Vec<(String, String, usize, bool)> {
        board.rows().map(|row| (row.address.clone(), row.state.clone(), row.seen_by, row.is_well())).collect()
    }

    fn row(address: &str, state: &str, seen_by: usize, is_well: bool) -> (String, String, usize, bool) {
        (address.to_owned(), state.to_owned(), seen_by, is_well)
    }

    #[test]
    fn a_server_that_is_to_stop_stays_in_the_table_and_its_cause_is_told() {
        let mut board = board(2);
        let told = board.standing(1, Standing::Stopped(Arc::new(Stop::DeclaredDead))).unwrap();
        assert_eq!((told.what, told.address.as_str(), told.members), ("stopped", "a:2", 2));
        assert!(matches!(told.cause.as_deref(), Some(Stop::DeclaredDead)));
        assert_eq!(rows(&board), [row("a:1", "connected", 2, true), row("a:2", "stopped", 2, false)]);
        board.seen(0, Seen::Left(member(2)));
        assert_eq!(rows(&board), [row("a:1", "connected", 2, true), row("a:2", "stopped", 0, false)]);
        assert_eq!(board.stopped().map(|(address, _)| address).collect::<Vec<_>>(), ["a:2"]);
        assert!(board.over().is_none(), "one is left");
        board.standing(0, Standing::Stopped(Arc::new(Stop::FailedOver)));
        assert!(board.over().is_some());
    }

    #[test]
    fn a_server_without_a_session_is_shown_as_waiting_until_it_serves_again() {
        let mut board = board(1);
        let mut told = Vec::new();
        told.extend(board.session(0, SessionState::Connected));
        told.extend(board.session(0, SessionState::Suspended));
        assert_eq!(rows(&board), [row("a:1", "suspended", 1, false)]);
        told.extend(board.session(0, SessionState::Lost));
        told.extend(board.standing(0, Standing::Waiting));
        told.extend(board.standing(0, Standing::Waiting));
        assert_eq!(rows(&board), [row("a:1", "lost, waiting", 1, false)]);
        board.seen(0, Seen::Left(member(1)));
        assert_eq!(rows(&board), [row("a:1", "lost, waiting", 0, false)]);
        told.extend(board.session(0, SessionState::Connected));
        told.extend(board.standing(0, Standing::Serving));
        board.seen(0, Seen::Joined(member(1)));
        assert_eq!(rows(&board), [row("a:1", "connected", 1, true)]);
        let told: Vec<_> = told.iter().map(|change| change.what).collect();
        assert_eq!(told, ["suspended", "lost", "waiting", "connected", "serving"]);
    }

    #[test]
    fn an_abandoned_server_says_nothing_more_and_is_shown_as_long_as_others_see_it() {
        let mut board = board(3);
        assert_eq!(board.abandoned("a:3").members, 3);
        assert!(board.session(2, SessionState::Closed).is_none());
        assert!(board.seen(2, Seen::Left(member(1))).is_none());
        assert_eq!((board.alive(), rows(&board).last()), (2, Some(&row("a:3", "abandoned", 2, false))));
        board.seen(0, Seen::Left(member(3)));
        assert_eq!(board.rows().count(), 2);
        for number in [0, 1] {
            board.standing(number, Standing::Stopped(Arc::new(Stop::DeclaredDead)));
        }
        assert!(board.over().is_some());
    }

    #[test]
    fn another_process_at_a_servers_address_is_another_server() {
        let mut board = board(1);
        let other = Heartbeat { startup_time: 9, process_id: 9, ..Heartbeat::default() }.write();
        let other = Entry::new("/nodes/worker/default/a:1", other, 2, 1, Some(SessionId(2)));
        board.seen(0, Seen::Left(member(1)));
        board.seen(0, Seen::Joined(Arc::new(Member::of(&other).unwrap())));
        let replaced = Stop::Replaced { key: other.key.clone(), by: None };
        board.standing(0, Standing::Stopped(Arc::new(replaced)));
        assert_eq!(rows(&board), [row("a:1", "elsewhere", 1, true), row("a:1", "stopped", 0, false)]);
    }
}

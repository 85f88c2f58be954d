//! What all hosts of a test have told, and what must hold of it whatever the test.

use std::{
    collections::HashMap,
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use registry_cluster::Role;
use registry_hosts::{End, Event, Nanos, ServerId, TimedEvent, now};
use registry_suite::{SOON, eventually, wait_until};

/// Lines of all hosts, in the order in which they were read.
#[derive(Clone)]
pub(crate) struct EventLog(Arc<Inner>);

struct Inner {
    title: &'static str,
    opened: Nanos,
    lines: Mutex<Vec<Line>>,
}

/// What a host has told.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) host: String,
    pub(crate) at: Nanos,
    pub(crate) event: Event,
}

/// One take-over.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    /// The master.
    pub(crate) by: ServerId,
    pub(crate) at: Nanos,
    pub(crate) departed: ServerId,
    pub(crate) restarted: bool,
    pub(crate) token: u64,
}

impl EventLog {
    pub(crate) fn new(title: &'static str) -> Self {
        EventLog(Arc::new(Inner { title, opened: now(), lines: Mutex::default() }))
    }

    pub(crate) fn add(&self, host: &str, told: TimedEvent) {
        let line = Line { host: host.to_owned(), at: told.at, event: told.event };
        self.lock().push(line);
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lock().clone()
    }

    /// How many lines there are, to wait for one that follows.
    pub(crate) fn mark(&self) -> usize {
        self.lock().len()
    }

    /// Waits until, from a mark on, there is a line of a host for which this gives something.
    pub(crate) async fn wait_for<T>(
        &self,
        mark: usize,
        host: &str,
        what: impl Display,
        pick: impl Fn(&Line) -> Option<T>,
    ) -> T {
        let mut mark = mark;
        // What was looked at is not looked at again.
        let find = async || {
            let lines = self.lock();
            let found = lines[mark..].iter().filter(|line| line.host == host).find_map(&pick);
            mark = lines.len();
            found
        };
        eventually(format!("{host}: {what}, on {}", self.0.title), SOON * 4, find).await
    }

    /// Waits until any host has told something.
    pub(crate) async fn tells(&self, what: impl Display, is_it: impl Fn(&Event) -> bool) {
        let told = || self.lock().iter().any(|line| is_it(&line.event));
        wait_until(format!("{what}, on {}", self.0.title), SOON * 4, told).await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Line>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a life was taken over for.
    pub(crate) async fn taken_over(&self, departed: &ServerId) {
        let what = format!("{departed:?} is taken over for, on {}", self.0.title);
        wait_until(what, SOON * 4, || self.done(departed) > 0).await;
    }

    /// Waits until somebody begins to take over for a life.
    pub(crate) async fn begins(&self, departed: &ServerId) -> Begun {
        let find = || self.begun().into_iter().find(|begun| begun.departed == *departed);
        wait_until(format!("somebody takes over for {departed:?}, on {}", self.0.title), SOON * 4, || find().is_some())
            .await;
        find().expect("it was there")
    }

    /// How often a life was taken over for.
    pub(crate) fn done(&self, incarnation: &ServerId) -> usize {
        let is_done =
            |event: &Event| matches!(event, Event::Ends { departed, end: End::Done, .. } if departed == incarnation);
        self.lock().iter().filter(|line| is_done(&line.event)).count()
    }

    /// The take-overs that have begun, in the order of their times.
    pub(crate) fn begun(&self) -> Vec<Begun> {
        let mut begun: Vec<_> = self.lock().iter().filter_map(Begun::of).collect();
        begun.sort_by_key(|begun| begun.at);
        begun
    }

    /// As [`judge`](Self::judge), and that these lives and no others were taken over for, each once.
    pub(crate) fn judge_with_once_each(&self, lives: &[&ServerId]) {
        self.judge();
        for incarnation in lives {
            assert_eq!(self.done(incarnation), 1, "{incarnation:?} is taken over for once");
        }
        for begun in self.begun() {
            assert!(lives.contains(&&begun.departed), "nobody is to take over for {:?}", begun.departed);
        }
    }

    /// What must hold whatever has happened.
    ///
    /// - Tokens grow with time.
    /// - An incarnation that is gone and taken over does nothing: its master had its slot last before anyone took over
    ///   for it, takes over for nobody after that, and is told to serve no more.
    /// - Nothing failed that was asked for.
    pub(crate) fn judge(&self) {
        let (lines, begun) = (self.lines(), self.begun());
        for role in Role::ALL {
            let tokens: Vec<_> =
                begun.iter().filter(|begun| begun.departed.role == role).map(|begun| begun.token).collect();
            assert!(tokens.is_sorted(), "tokens of {role}s grow: {tokens:?}");
        }
        // Where another process has begun at the address, the former one may run, and learn of it a moment after the
        // others.
        let gone = begun.iter().rev().filter(|begun| !begun.restarted);
        let over: HashMap<_, _> = gone.map(|begun| (&begun.departed, begun.at)).collect();
        for Begun { by, at, .. } in &begun {
            assert!(over.get(by).is_none_or(|over| at < over), "{by:?} takes over after it was taken over for");
        }
        for line in &lines {
            match &line.event {
                Event::Slot { own, slot, until } => {
                    let Some(over) = over.get(own) else { continue };
                    assert!(until <= over, "{own:?} had its slot {} ns too long", until - over);
                    assert!(slot.is_none() || line.at < *over, "{own:?} has a slot again");
                }
                Event::Serving { own, .. } => {
                    let over = over.get(own);
                    assert!(over.is_none_or(|over| line.at < *over), "{own:?} serves after it was taken over for");
                }
                Event::Failed(what) => panic!("{}: {what}", line.host),
                _ => {}
            }
        }
    }
}

impl Begun {
    fn of(line: &Line) -> Option<Self> {
        let Event::Begins { by, departed, restarted, token } = line.event.clone() else { return None };
        Some(Begun { by, at: line.at, departed, restarted, token })
    }
}

/// What all have told is shown if the test fails.
impl Drop for Inner {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        let mut lines = std::mem::take(self.lines.get_mut().unwrap_or_else(PoisonError::into_inner));
        lines.sort_by_key(|line| line.at);
        eprintln!("what the hosts on {} told:", self.title);
        for Line { host, at, event } in lines {
            eprintln!("{:>6} ms {host}: {event:?}", at.saturating_sub(self.opened) / 1_000_000);
        }
    }
}

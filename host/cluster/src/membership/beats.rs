//! Beating, until there is a reason to stop.

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use registry_host::{
    Backoff, DisconnectStrategy, EphemeralEvent, Error, ErrorKind, Result, Session, SessionState, States,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};

use super::{BeforeRelease, Entries, MembershipState, RELEASE_WITHIN, Stop, Tasks, looking::Ownership};
use crate::{
    Cluster, Figures, Heartbeat, Incarnation, Limits, Options, Role, RoleOptions, Server, Status,
    compat::dolphinscheduler::dates, counts, gauge::Reading, record::now,
};

/// What it takes to beat.
pub(super) struct Beats {
    cluster: Cluster,
    server: Server,
    pub(super) incarnation: Incarnation,
    options: Options,
    limits: Limits,
    entries: Option<Entries>,
    last: Heartbeat,
    /// When it was written.
    written: Instant,
}

impl Beats {
    pub(super) fn new(cluster: &Cluster, server: &Server, incarnation: Incarnation) -> Self {
        let options = cluster.options().of_role(server.role());
        let (cluster, server, limits) = (cluster.clone(), server.clone(), options.limits());
        let last = Heartbeat::default();
        Beats { cluster, server, incarnation, options, limits, entries: None, last, written: Instant::now() }
    }

    /// The entries have been put with a first heartbeat.
    pub(super) fn begin(&mut self, entries: Entries, heartbeat: Heartbeat) {
        if heartbeat.status() != Status::Normal {
            self.tell_status(&heartbeat);
        }
        (self.entries, self.last, self.written) = (Some(entries), heartbeat, Instant::now());
    }

    /// The heartbeat of a server that was found like this.
    pub(super) fn heartbeat(&self, figures: &Figures, tasks: Tasks) -> Heartbeat {
        let options = &self.options;
        let within = self.limits.hold(figures.load_average, figures.available_memory);
        let worker = self.server.role() == Role::Worker;
        let (format, has_dates) = (options.heartbeat_format, options.heartbeat_format.has_dates());
        let busy = options.worker.load_protection.is_some_and(|protection| protection.is_exceeded(figures));
        Heartbeat {
            startup_time: self.incarnation.startup_time,
            report_time: if has_dates { dates::now() } else { now() },
            cpu_usage: figures.cpu_usage,
            memory_usage: figures.memory_usage,
            load_average: figures.load_average,
            available_physical_memory_size: figures.available_memory,
            max_cpuload_avg: self.limits.max_cpu_load_avg,
            reserved_memory: self.limits.reserved_memory,
            process_id: self.incarnation.process_id,
            disk_available: figures.disk_available,
            server_status: worker.then(|| match Status::of(within, tasks.waiting, options.exec_threads) {
                Status::Normal if busy => Status::Busy,
                status => status,
            }),
            worker_host_weight: worker.then_some(options.host_weight),
            worker_waiting_task_count: worker.then_some(tasks.waiting),
            worker_exec_thread_count: worker.then_some(options.exec_threads),
            keeps_record: true,
            draining: tasks.draining,
            format,
            has_dates,
        }
    }

    fn is_connected(&self) -> bool {
        self.cluster.registry().session().state() == SessionState::Connected
    }

    /// Whether a beat would tell nothing, and nothing has to be proved yet.
    fn can_wait(&self, heartbeat: &Heartbeat) -> bool {
        let unchanged = self.options.max_unchanged_interval;
        unchanged.is_some_and(|longest| self.written.elapsed() < longest) && !heartbeat.is_news_after(&self.last)
    }

    /// Writes a heartbeat; says why if the server is to stop.
    async fn beat(&mut self, heartbeat: Heartbeat) -> Result<Option<Stop>> {
        let Some(entries) = &mut self.entries else { return Ok(Some(Stop::Left)) };
        let found = entries.beat(&heartbeat).await?;
        let stop = self.settle(found, &heartbeat).await?;
        if heartbeat.status() != self.last.status() {
            self.tell_status(&heartbeat);
        }
        (self.last, self.written) = (heartbeat, Instant::now());
        Ok(stop)
    }

    fn tell_status(&self, heartbeat: &Heartbeat) {
        let (server, status) = (&self.server, heartbeat.status());
        match heartbeat.cause() {
            None => tracing::info!(%server, %status, "the server has another status"),
            Some(cause) => tracing::info!(%server, %status, cause, "the server is not given new work"),
        }
    }

    /// Looks after the entries without beating; says why if the server is to stop.
    async fn check(&mut self, heartbeat: &Heartbeat) -> Result<Option<Stop>> {
        let Some(entries) = &mut self.entries else { return Ok(Some(Stop::Left)) };
        let found = entries.look().await?;
        self.settle(found, heartbeat).await
    }

    /// Does what follows from what was found: says why if the server is to stop.
    async fn settle(&mut self, found: Ownership, heartbeat: &Heartbeat) -> Result<Option<Stop>> {
        let key = match found {
            Ownership::Own => return Ok(None),
            Ownership::Stop(stop) => return Ok(Some(stop)),
            Ownership::Emptied(key) => key,
        };
        let said = self.options.said_of(self.server.role()).disconnect_strategy;
        let strategy = said.unwrap_or_else(|| self.cluster.registry().disconnect_strategy());
        let waits = matches!(strategy, DisconnectStrategy::Wait { .. });
        let Some(entries) = self.entries.as_mut().filter(|_| waits) else { return Ok(Some(Stop::Emptied { key })) };
        let stop = entries.put_again(heartbeat).await?;
        if stop.is_none() {
            let server = &self.server;
            tracing::warn!(%server, key, "the registry's data were deleted, the server has registered again");
        }
        Ok(stop)
    }
}

/// What the loop hears from its host and its machine, and what it tells.
pub(super) struct Signals {
    pub(super) figures: Reading,
    pub(super) tasks: watch::Receiver<Tasks>,
    pub(super) standing: watch::Sender<MembershipState>,
    /// Why the last beat failed; `None` if it didn't.
    pub(super) failing: watch::Sender<Option<Error>>,
    /// Who asks to leave waits for the answer.
    pub(super) leaving: mpsc::Receiver<oneshot::Sender<Result<()>>>,
    pub(super) before_release: BeforeRelease,
}

/// What makes the loop go round.
enum Reason {
    /// It is time.
    Tick,
    /// The last beat has failed.
    Retry,
    /// The server may have another status.
    Measured,
    /// The session has another state.
    Session(Option<SessionState>),
    /// Somebody has done something to an entry.
    Touched,
    /// The host asks to leave; `None` if it has dropped the membership.
    Leave(Option<oneshot::Sender<Result<()>>>),
}

/// Beats until the server is to stop or leaves.
pub(super) async fn beat(mut beats: Beats, mut signals: Signals) {
    let standing = signals.standing.clone();
    let session = beats.cluster.registry().session();
    let role = beats.options.said_of(beats.server.role()).clone();
    let stop = tokio::select! {
        biased;
        // Neither waits for a beat that is on its way, which may wait for an answer until long after others have taken
        // over.
        error = stop_wanted(&session, &role) => Stop::Disconnected(error),
        never = wait_when_lost(session.states(), &standing) => match never {},
        stop = rounds(&mut beats, &mut signals) => stop,
    };
    // A request to leave is answered from now on with the order to stop: releasing the entries may take until there is
    // contact again.
    let Signals { leaving, before_release, .. } = signals;
    drop(leaving);
    end(beats, stop, standing, &before_release).await;
}

/// Waits until the server is to stop for want of a session, by its own role's strategy where that has one.
pub(super) async fn stop_wanted(session: &Session, role: &RoleOptions) -> Error {
    match role.disconnect_strategy {
        Some(strategy) => session.stop_wanted_by(strategy).await,
        None => session.stop_wanted().await,
    }
}

/// Says of the server that it waits, as soon as its session is lost.
async fn wait_when_lost(mut states: States, standing: &watch::Sender<MembershipState>) -> Infallible {
    while let Some(state) = states.next().await {
        if state == SessionState::Lost {
            standing.send_replace(MembershipState::Waiting);
        }
    }
    pending().await
}

/// Beats, measures and looks after the entries until the server is to stop.
async fn rounds(beats: &mut Beats, signals: &mut Signals) -> Stop {
    let Signals { figures, tasks, standing, failing, leaving, .. } = signals;
    let registry = beats.cluster.registry().clone();
    let mut touched = registry.ephemerals();
    let mut states = registry.session().states();
    let period = beats.options.max_heartbeat_interval;
    let mut clock = interval(period);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once, and the entries have just been put.
    clock.tick().await;
    let mut backoff = backoff(period);
    // When to try again what has failed.
    let mut again: Option<Instant> = None;
    // How the session is now: only what becomes of it is a reason to beat.
    states.next().await;
    loop {
        let reason = tokio::select! {
            biased;
            asked = leaving.recv() => Reason::Leave(asked),
            event = touched.next() => match event {
                Some(event) if is_of(beats, &event) => Reason::Touched,
                Some(_) => continue,
                None => Reason::Session(None),
            },
            state = states.next() => Reason::Session(state),
            () = sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => Reason::Retry,
            _ = clock.tick() => Reason::Tick,
            Ok(()) = tasks.changed() => Reason::Measured,
            Ok(()) = figures.changed() => Reason::Measured,
        };
        let heartbeat = beats.heartbeat(&figures.now(), *tasks.borrow_and_update());
        // A beat that was answered too late says nothing of the session that follows.
        let session = registry.session().id();
        let done = match reason {
            Reason::Leave(Some(answer)) => match leave(beats, answer).await {
                Some(stop) => break stop,
                None => continue,
            },
            Reason::Leave(None) => break Stop::Left,
            Reason::Session(None | Some(SessionState::Closed)) => {
                break Stop::Disconnected(Error::new(ErrorKind::Closed, "the registry is closed"));
            }
            Reason::Session(Some(SessionState::Connected)) => beats.beat(heartbeat).await,
            Reason::Session(Some(_)) => continue,
            // Nothing is sent without contact; the state says when there is some again.
            _ if !beats.is_connected() => {
                again = None;
                continue;
            }
            Reason::Touched => beats.check(&heartbeat).await,
            Reason::Measured if heartbeat.status() == beats.last.status() => continue,
            Reason::Tick if again.is_none() && beats.can_wait(&heartbeat) => continue,
            Reason::Measured | Reason::Tick | Reason::Retry => beats.beat(heartbeat).await,
        };
        again = None;
        match done {
            Ok(Some(stop)) => break stop,
            Ok(None) => {
                counts::heartbeat(true);
                backoff.reset();
                if failing.send_replace(None).is_some() {
                    tracing::info!(server = %beats.server, "heartbeats are written again");
                }
                let serves = beats.is_connected() && registry.session().id() == session;
                standing.send_if_modified(|standing| {
                    let again = serves && matches!(standing, MembershipState::Waiting);
                    if again {
                        *standing = MembershipState::Serving;
                    }
                    again
                });
            }
            Err(error) => {
                counts::heartbeat(false);
                again = Some(Instant::now() + backoff.next_pause());
                // It is told once, not with every attempt.
                if failing.borrow().is_none() {
                    tracing::warn!(server = %beats.server, %error, "heartbeat failed, retrying");
                }
                failing.send_replace(Some(error));
            }
        }
    }
}

/// Releases the entries and tells the host to stop.
async fn end(mut beats: Beats, stop: Stop, standing: watch::Sender<MembershipState>, before: &BeforeRelease) {
    let limit = beats.cluster.registry().operation_timeout();
    match &stop {
        Stop::Left => {}
        stop => tracing::error!(server = %beats.server, cause = %stop, "the server is to stop"),
    }
    let Some(mut entries) = beats.entries.take() else { return };
    let stop = Arc::new(stop);
    // Who has left has done it before.
    if let Some(work) = before.take().filter(|_| !matches!(*stop, Stop::Left))
        && timeout(RELEASE_WITHIN, work(Arc::clone(&stop))).await.is_err()
    {
        tracing::error!(server = %beats.server, "the server's work has not ended in time, others take over for it");
    }
    let mut released = false;
    // Without a session there is nothing to be released before the host is told.
    if !matches!(*stop, Stop::Disconnected(_)) {
        released = matches!(timeout(2 * limit, entries.release()).await, Ok(Ok(())));
    }
    standing.send_replace(MembershipState::Stopped(stop));
    // Else they would come back with the next session.
    let mut backoff = backoff(limit);
    while !released {
        match entries.release().await {
            Err(error) if error.kind() != ErrorKind::Closed => sleep(backoff.next_pause()).await,
            _ => released = true,
        }
    }
}

/// Leaves in order, and answers; gives why the server stops if it does.
async fn leave(beats: &mut Beats, answer: oneshot::Sender<Result<()>>) -> Option<Stop> {
    let left = match &mut beats.entries {
        Some(entries) => entries.leave().await,
        None => Ok(Some(Stop::Left)),
    };
    let (stop, left) = match left {
        Ok(None) => (Some(Stop::Left), Ok(())),
        Ok(Some(stop)) => {
            let error = Error::new(ErrorKind::SessionLost, format!("{} could not leave: {stop}", beats.server));
            (Some(stop), Err(error))
        }
        // A leaving server writes nothing more, and must not look alive.
        Err(error) => (Some(Stop::Left), Err(error)),
    };
    // The caller may have stopped waiting.
    let _ = answer.send(left);
    stop
}

fn is_of(beats: &Beats, event: &EphemeralEvent) -> bool {
    let key = match event {
        EphemeralEvent::Deleted { key } | EphemeralEvent::Refused { key, .. } => key,
        EphemeralEvent::TakenOver { by } => &by.key,
        _ => return false,
    };
    beats.entries.as_ref().is_some_and(|entries| entries.keys().any(|own| own == key))
}

/// Pauses between attempts, several within a period.
fn backoff(period: Duration) -> Backoff {
    Backoff::new((period / 50).max(Duration::from_millis(10)), period / 5)
}

#[cfg(test)]
mod tests {
    use registry_host::{Event, Registry, Scope};
    use registry_suite::{Ending, SOON, memory, open, within};

    use super::*;
    use crate::{HeartbeatFormat, Options};

    async fn beats(max_unchanged_interval: Option<Duration>) -> Beats {
        let options = Options { max_unchanged_interval, ..Options::default() };
        let cluster = Cluster::open(open(memory()).await.unwrap(), options).await.unwrap();
        let server = Server::worker("w:1", ["a"]).unwrap();
        Beats::new(&cluster, &server, Incarnation::begin(HeartbeatFormat::Json))
    }

    #[tokio::test]
    async fn unchanged_heartbeats_are_skipped_on_request() {
        let figures = Figures { cpu_usage: 0.5, available_memory: 8.0, ..Figures::default() };
        let hour = Duration::from_secs(3600);
        for (interval, waits) in [(Some(hour), true), (Some(Duration::ZERO), false), (None, false)] {
            let mut beats = beats(interval).await;
            beats.last = beats.heartbeat(&figures, Tasks::default());
            assert_eq!(beats.can_wait(&beats.heartbeat(&figures, Tasks::default())), waits, "{interval:?}");
            let busier = Figures { cpu_usage: 0.6, ..figures };
            assert!(!beats.can_wait(&beats.heartbeat(&busier, Tasks::default())));
            assert!(!beats.can_wait(&beats.heartbeat(&figures, Tasks { waiting: 1, draining: false })));
        }
    }

    /// A server whose figures never change, and which ends with this.
    struct Beating {
        _tasks: watch::Sender<Tasks>,
        standing: watch::Receiver<MembershipState>,
        _leaving: mpsc::Sender<oneshot::Sender<Result<()>>>,
    }

    impl Beating {
        async fn begin(registry: &Registry, address: &str, max_unchanged_interval: Option<Duration>) -> Self {
            let max_heartbeat_interval = Duration::from_millis(10);
            let options = Options { max_heartbeat_interval, max_unchanged_interval, ..Options::default() };
            let cluster = Cluster::open(registry.clone(), options).await.unwrap();
            let (server, incarnation) =
                (Server::worker(address, ["a"]).unwrap(), Incarnation::begin(HeartbeatFormat::Json));
            let mut beats = Beats::new(&cluster, &server, incarnation);
            let figures = Figures { available_memory: 8.0, ..Figures::default() };
            let first = beats.heartbeat(&figures, Tasks::default());
            let put = Entries::put(registry, &server, incarnation, &first, None, registry.operation_timeout());
            beats.begin(put.await.unwrap(), first);
            let ((_tasks, tasks), (tell, standing)) =
                (watch::channel(Tasks::default()), watch::channel(MembershipState::Serving));
            let (_leaving, leaving) = mpsc::channel(1);
            tokio::spawn(beat(
                beats,
                Signals {
                    figures: Reading::fixed(figures),
                    tasks,
                    standing: tell,
                    failing: watch::channel(None).0,
                    leaving,
                    before_release: BeforeRelease::default(),
                },
            ));
            Beating { _tasks, standing, _leaving }
        }
    }

    #[tokio::test]
    async fn a_server_that_skips_heartbeats_stays_visible() {
        for settings in [memory()].into_iter().chain(Ending::each().map(|(settings, _)| settings)) {
            let registry = open(settings).await.unwrap();
            let intervals = [None, Some(Duration::from_millis(500)), Some(Duration::from_secs(3600))];
            let mut servers = Vec::new();
            for (number, interval) in intervals.into_iter().enumerate() {
                servers.push(Beating::begin(&registry, &format!("w:{}", number + 1), interval).await);
            }
            // What is written, as a watch tells it.
            let mut written = [0; 3];
            let mut watch = registry.watch("/nodes/worker/a", Scope::Children).await.unwrap();
            while written[1] < 3 {
                let event = within("a heartbeat", SOON, watch.next()).await.unwrap().unwrap();
                if let Event::Put { entry, new: false } = event {
                    let number = entry.key.rsplit(':').next().unwrap().parse::<usize>().unwrap();
                    written[number - 1] += 1;
                }
            }
            assert!(written[0] > written[1], "{written:?}");
            assert_eq!(written[2], 0, "it had nothing to tell");
            // Its session says that it lives.
            assert_eq!(registry.children("/nodes/worker/a").await.unwrap(), ["w:1", "w:2", "w:3"]);
            assert!(servers.iter().all(|server| matches!(*server.standing.borrow(), MembershipState::Serving)));
        }
    }

    #[test]
    fn attempts_follow_one_another_several_times_within_a_period() {
        let period = Duration::from_secs(10);
        // Jitter makes them longer, up to twice as long.
        let mut backoff = backoff(period);
        assert!((0..1_000).all(|_| backoff.next_pause() <= period / 2));
    }
}

//! A client: a process with a registry, whose plugin it loads, that does all at once and tells of everything.

mod calls;
mod holds;
mod log;
mod servers;
mod stalls;
mod trace;
mod watching;
mod work;

use std::{
    io::{self, BufRead as _},
    path::PathBuf,
    process::{self, ExitCode},
    sync::Arc,
    thread,
    time::Duration,
};

use clap::Args;
use fastrand::Rng;
use registry_chaos::history::{self, Event, State, Who};
use registry_host::{EphemeralEvent, Registry, Result, Scope, SessionState, Settings, SettingsBuilder};
use tokio::{
    runtime,
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use self::{
    calls::Calls,
    holds::Holds,
    log::Log,
    servers::Servers,
    watching::{Watching, tell_tree},
    work::Asked,
};
use crate::message::Reached;

pub(crate) use self::work::TOP;

/// How long any call may take.
pub(crate) const OPERATION_TIMEOUT: Duration = Duration::from_secs(2);

/// Is a client; the conductor starts it.
#[derive(Args, Clone)]
pub(crate) struct Arguments {
    /// Its number.
    #[arg(long)]
    number: u32,
    /// Which of its lives this is.
    #[arg(long)]
    life: u32,
    /// What its choices follow from.
    #[arg(long)]
    seed: u64,
    /// Where the plugin is.
    #[arg(long)]
    plugin_dir: PathBuf,
    /// An assignment for the registry's configuration.
    #[arg(long)]
    set: Vec<String>,
}

/// Lives until it is asked to close, or nobody can ask any more.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    trace::begin();
    // A thread that is kept for later would count as held.
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_keep_alive(Duration::from_millis(50))
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("registry-chaos client: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(live(arguments));
    ExitCode::SUCCESS
}

async fn live(arguments: &Arguments) {
    let log = Log::new(Who::Client(arguments.number, arguments.life));
    tell_panics(&log);
    let asked = listen();
    log.tell(Holds::now().told("start"));
    // What is loaded and allocated once is there from now on.
    let Some(warm) = warm_up(arguments, &log, &asked).await else { return log.reached(Reached::Closed) };
    log.tell(warm.told("warm"));
    let Some(registry) = open(arguments, &log, &asked).await else { return log.reached(Reached::Closed) };
    let session = registry.session();
    log.tell(Event::Opened { session: session.id().0, timeout_ms: session.timeout().as_millis() as u64 });
    let begin = Holds::now();
    log.tell(begin.told(history::BEGIN));
    log.reached(Reached::Working);

    let hearing = hear_states(&registry, &log);
    let reports = hear_reports(&registry, &log);
    let calls = Arc::new(Calls::new(registry, log.clone(), arguments.number, arguments.life));
    let watching = [
        Watching::begin(&calls, 0, TOP, Scope::Subtree),
        Watching::begin(&calls, 1, &format!("{TOP}/shared/0"), Scope::Node),
        Watching::begin(&calls, 2, &format!("{TOP}/made"), Scope::Children),
    ];
    let servers = Servers::begin(arguments, &log);
    let mut rng = Rng::with_seed(arguments.seed);
    work::work(&calls, arguments.number, &mut rng, &asked).await;
    log.reached(Reached::Stopped);

    until(&asked, Reached::Settled).await;
    for watching in &watching {
        watching.settle(&calls).await;
    }
    tell_tree(&calls, TOP).await;
    servers.tell_seen().await;
    log.reached(Reached::Settled);

    until(&asked, Reached::Closed).await;
    servers.leave().await;
    drop(watching);
    reports.abort();
    log.tell(Holds::not_above(&begin).await.told(history::END));
    let closed = calls.close().await;
    log.tell(Event::Ended { error: closed.err().map(|error| error.to_string()) });
    drop(calls);
    if timeout(Duration::from_secs(10), hearing).await.is_err() {
        log.wrong("the session's states have not ended though the registry was closed");
    }
    log.tell(Holds::not_above(&warm).await.told("closed"));
    log.reached(Reached::Closed);
}

/// A panic anywhere is told of, also in a task that nobody waits for.
fn tell_panics(log: &Log) {
    let (log, print) = (log.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        log.wrong(panic.to_string());
        print(panic);
    }));
}

/// Hears what is asked for, and ends the process when nobody can ask any more.
fn listen() -> Asked {
    let (sender, asked) = watch::channel(Reached::Working);
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(io::Result::ok) {
            if let Some(reached) = Reached::from_asked(&line) {
                sender.send_replace(reached);
            }
        }
        process::exit(1);
    });
    asked
}

async fn until(asked: &Asked, reached: Reached) {
    // The caller lives as long as the process.
    let _ = asked.clone().wait_for(|asked| *asked >= reached).await;
}

/// Opens and closes a registry once, so that what stays from that is not counted as left over.
async fn warm_up(arguments: &Arguments, log: &Log, asked: &Asked) -> Option<Holds> {
    let registry = open(arguments, log, asked).await?;
    // Under a fault it may fail: the session then ends by itself.
    let _ = registry.close().await;
    let plugin = registry.plugin().name().to_owned();
    drop(registry);
    Some(Holds::at_rest(&plugin).await)
}

/// Opens a registry, again until it succeeds; `None` if the client is to close before.
async fn open(arguments: &Arguments, log: &Log, asked: &Asked) -> Option<Registry> {
    loop {
        match opened(arguments).await {
            Ok(registry) => return Some(registry),
            Err(error) if *asked.borrow() >= Reached::Closed => {
                log.failed_undisturbed("no registry could be opened", &error).await;
                return None;
            }
            Err(error) => eprintln!("opening: {error}"),
        }
        sleep(Duration::from_millis(300)).await;
    }
}

async fn opened(arguments: &Arguments) -> Result<Registry> {
    Registry::open(settings(arguments).build()?).await
}

fn settings(arguments: &Arguments) -> SettingsBuilder {
    let settings = Settings::builder().plugin_dir(&arguments.plugin_dir);
    let settings = arguments.set.iter().fold(settings, |settings, assignment| settings.set(assignment));
    settings.set_value("registry.operation-timeout", format!("{}s", OPERATION_TIMEOUT.as_secs()))
}

/// Tells of every state of the session until it is closed.
fn hear_states(registry: &Registry, log: &Log) -> JoinHandle<()> {
    let (session, log) = (registry.session(), log.clone());
    let mut states = session.states();
    tokio::spawn(async move {
        let mut id = session.id().0;
        while let Some(state) = states.next().await {
            let state = match state {
                SessionState::Connected => {
                    id = session.id().0;
                    State::Connected
                }
                SessionState::Suspended => State::Suspended,
                SessionState::Lost => State::Lost,
                SessionState::Closed => State::Closed,
                unknown => return log.wrong(format!("the session is {unknown}")),
            };
            log.tell(Event::Session { state, session: id });
            if state == State::Closed {
                return;
            }
        }
    })
}

/// Tells of what has become of the ephemeral entries.
fn hear_reports(registry: &Registry, log: &Log) -> JoinHandle<()> {
    let (mut reports, log) = (registry.ephemerals(), log.clone());
    tokio::spawn(async move {
        while let Some(report) = reports.next().await {
            let (key, report) = match report {
                EphemeralEvent::Renewed { key, .. } => (key, "renewed"),
                EphemeralEvent::Deleted { key } => (key, "deleted"),
                EphemeralEvent::TakenOver { by } => (by.key, "taken over"),
                EphemeralEvent::Refused { key, .. } => (key, "refused"),
                unknown => {
                    log.wrong(format!("an ephemeral entry is {unknown:?}"));
                    continue;
                }
            };
            log.tell(Event::Ephemeral { key, report: report.to_owned() });
        }
    })
}

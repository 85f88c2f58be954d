//! `registry standalone`: a master, workers and the page, all in one process.

mod board;
mod options;
mod role;
mod screen;
mod server;
mod sight;
mod workload;

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use registry_cluster::{Options, Stop};
use registry_host::{Error, ErrorKind, Settings, Source};
use registry_tasks::settings::{MasterSettings, ServersSettings, WorkerSettings};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::board::Board;
use self::role::Kind;
use self::screen::Screen;
use self::server::{Server, Update};
use self::sight::Sight;
use crate::context::Context;
use crate::exit::{Done, Failure, OK};
use crate::measuring;
use crate::options::duration;
use crate::output::Output;
use crate::signals::Signals;

/// How many things servers may have told before they wait to be heard.
const UNHEARD: usize = 256;

/// Runs a master, workers and the page in one process, with tasks to watch
///
/// The first server is a master, the others are workers of the group default. Every few seconds a small task is
/// submitted, so that there is something to see. The address of the page is printed, and what to try next. With
/// --no-tasks the servers are workers that register, beat and watch each other, and run nothing.
///
/// They are a cluster of their own, in the namespace <registry.namespace>-standalone, so that no host gives them work.
/// With --join, or if --set names a namespace, they are in that of the hosts.
///
/// Each opens the configured registry with a session of its own, registers at a port of this machine, beats, and
/// watches the others. Its heartbeat is that of any host: 'registry servers' and DolphinScheduler show it. It beats as
/// often as registry.cluster.max-heartbeat-interval says; if that is not set, every second, or every ten where there
/// are more than 100 servers. On a terminal a live table shows who is there, whichever process they run in; else a line
/// is printed for every change.
///
/// A server may be told to stop, because it was declared dead, say, or its session was lost for longer than
/// registry.disconnect-strategy allows. It is then shown as stopped with the cause, and only watches. When all are, the
/// program ends with 3. Ctrl-C or SIGTERM drains the workers, lets all servers leave and closes the sessions, and the
/// entries are gone.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry standalone
  registry --set registry.namespace=dolphinscheduler-standalone servers
  registry standalone --kill-after 5s --set registry.session-timeout=6s
  registry standalone --set registry.cluster.max-heartbeat-interval=10s
  registry standalone --set registry.type=etcd \\
    --set registry.etcd.endpoints=127.0.0.1:2379")]
pub(crate) struct Standalone {
    /// Joins the cluster of the hosts, in registry.namespace: they see these servers, and may give them work
    #[arg(long)]
    join: bool,
    /// How many servers, the master among them
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u16).range(1..=500))]
    servers: u16,
    /// Without a master and tasks: all servers are workers that run nothing
    #[arg(long)]
    no_tasks: bool,
    /// Without the page
    #[arg(long)]
    no_page: bool,
    /// Where the page listens [default: 127.0.0.1:7117, or any port that is free]
    #[arg(long, value_name = "IP:PORT", conflicts_with = "no_page")]
    page: Option<SocketAddr>,
    /// Abandons one server after this long, as if it had died: its entry goes when its session times out
    ///
    /// What it leaves behind for a master to take over stays below /cluster/lives.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    kill_after: Option<Duration>,
    /// Ends after this long
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    run_for: Option<Duration>,
}

impl Standalone {
    pub(crate) async fn run(self, context: &mut Context) -> Done {
        if self.kill_after.is_some() && self.servers < 2 {
            return Err(Failure::Usage(
                "--kill-after needs --servers 2 or more, so that one is left to see it".to_owned(),
            ));
        }
        if !self.no_tasks && self.servers < 2 {
            return Err(Failure::Usage(
                "tasks need --servers 2 or more, a master and a worker; --no-tasks runs one server".to_owned(),
            ));
        }
        let settings = self.settings(context)?;
        let options = options::of(&settings, self.servers)?;
        let kinds = self.kinds(&settings)?;
        let mut signals = Signals::listen()?;
        // Before the registries are opened, whose calls are measured.
        let measuring = if self.no_page { None } else { Some(measuring::start()?) };
        let (metrics, _upkeep) = measuring.unzip();
        let mut servers = tokio::select! {
            servers = open(context, &settings, &options, kinds) => servers?,
            ending = signals.next() => return Ok(ending.code()),
        };
        let begun = Instant::now();
        let screen = Screen::new(&settings, &servers, &context.output);
        let sight = tokio::select! {
            sight = Sight::open(&self, context, &settings, &servers, metrics) => sight.map_err(Err),
            ending = signals.next() => Err(Ok(ending.code())),
        };
        let done = match sight {
            Ok(_sight) => self.watch(&mut servers, screen, &mut context.output, &mut signals).await,
            Err(done) => done,
        };
        let closed = tokio::select! {
            closed = close(&mut servers) => closed,
            // A second signal means: don't wait.
            _ = signals.next() => return done,
        };
        done?;
        closed?;
        let sessions = servers.iter().filter(|server| !server.abandoned).count();
        screen::closed(sessions, begun.elapsed(), &mut context.output).await
    }

    /// What each server is to do.
    fn kinds(&self, settings: &Settings) -> Result<Vec<Kind>, Failure> {
        let count = usize::from(self.servers);
        if self.no_tasks {
            return Ok(vec![Kind::Member; count]);
        }
        let servers = ServersSettings::of(settings)?;
        let (mut master, mut worker) = (MasterSettings::of(settings)?, WorkerSettings::of(settings)?);
        // Beside others on this machine, and beside each other.
        (master.listen_port, worker.listen_port) = (0, 0);
        (master.address, worker.address) = (None, None);
        let workers = vec![Kind::Worker(worker, servers.clone()); count - 1];
        Ok([vec![Kind::Master(master, servers)], workers].concat())
    }

    /// The configuration, with a namespace that no host is in unless one was asked for.
    fn settings(&self, context: &Context) -> Result<Settings, Failure> {
        // For a look at the thing itself, memory is right unless another is asked for.
        let layers = context.layers()?.default_type("memory");
        let settings = layers.clone().build()?;
        let place = match settings.namespace_origin() {
            _ if self.join => return Ok(settings),
            Some((_, Source::Set(_))) => return Ok(settings),
            Some((key, _)) => key,
            None => "registry.namespace".to_owned(),
        };
        let own = match settings.namespace() {
            "" => "standalone".to_owned(),
            namespace => format!("{namespace}-standalone"),
        };
        Ok(layers.set_value(place, own).build()?)
    }

    /// Shows who is there until it is time to end.
    async fn watch(
        &self,
        servers: &mut [Server],
        mut screen: Screen,
        output: &mut Output,
        signals: &mut Signals,
    ) -> Done {
        let begun = Instant::now();
        let (tell, mut told) = mpsc::channel(UNHEARD);
        for (number, server) in servers.iter_mut().enumerate() {
            server.start(number, tell.clone());
        }
        let mut board = Board::new(servers.iter().map(|server| (server.address().to_owned(), server.incarnation())));
        let mut clock = interval(Duration::from_secs(1));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut kill_at = self.kill_after.map(|after| begun + after);
        let end_at = self.run_for.map(|after| begun + after);
        loop {
            let change = tokio::select! {
                _ = signals.next() => return Ok(OK),
                () = at(end_at) => return Ok(OK),
                () = at(kill_at) => {
                    kill_at = None;
                    let Some(server) = servers.last_mut() else { continue };
                    server.abandon().await;
                    Some(board.abandoned(server.address()))
                }
                told = told.recv() => {
                    let change = match told {
                        Some((number, Update::Change(change))) => board.seen(number, change),
                        Some((number, Update::Session(state))) => board.session(number, state),
                        Some((number, Update::MembershipState(standing))) => board.standing(number, standing),
                        None => return Ok(OK),
                    };
                    if change.is_none() {
                        continue;
                    }
                    change
                }
                _ = clock.tick() => None,
            };
            tokio::select! {
                shown = screen.show(&board, change.as_ref(), begun.elapsed(), output) => shown?,
                // A reader that does not read must not keep the servers.
                _ = signals.next() => return Ok(OK),
            }
            if let Some(stop) = board.over() {
                return Err(over(stop).into());
            }
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

/// Why the program ends by itself: no server is left.
fn over(stop: &Stop) -> Error {
    Error::new(ErrorKind::SessionLost, "every server was told to stop").with_cause_text(stop.to_string())
}

/// Opens all servers, or closes those that could be opened.
async fn open(
    context: &Context,
    settings: &Settings,
    options: &Options,
    kinds: Vec<Kind>,
) -> Result<Vec<Server>, Failure> {
    let opening = kinds.into_iter().enumerate().map(|(number, kind)| {
        let opening = context.opening(settings.clone());
        // All wait for the same: one of them tells of it.
        let opening = if number == 0 { opening } else { opening.on_progress(|_| ()) };
        Server::open(opening, options.clone(), kind)
    });
    let opened = join_all(opening).await;
    let (good, bad): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
    let mut servers: Vec<Server> = good.into_iter().flatten().collect();
    match bad.into_iter().find_map(Result::err) {
        None => Ok(servers),
        Some(error) => {
            join_all(servers.iter_mut().map(Server::close)).await;
            Err(error.into())
        }
    }
}

/// Ends all servers, the workers first: what they still have to say a master must hear.
async fn close(servers: &mut [Server]) -> registry_host::Result<()> {
    let (masters, others): (Vec<_>, Vec<_>) = servers.iter_mut().partition(|server| server.is_master());
    let mut closed = join_all(others.into_iter().map(Server::close)).await;
    closed.extend(join_all(masters.into_iter().map(Server::close)).await);
    closed.into_iter().collect()
}

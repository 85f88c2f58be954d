//! The conductor: starts servers and clients, makes faults, and has the history judged that comes of it.

mod clock;
mod cluster;
mod disks;
mod history;
mod observer;
mod player;
mod report;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{Args, ValueEnum as _};
use fastrand::Rng;
use registry_chaos::history::{BEGIN, END, Event, Record};
use registry_suite::beside;
use registry_test_servers::Proxy;
use tokio::{task::JoinSet, time::timeout};

use self::{clock::Clock, observer::Observer, player::Casting};
pub(crate) use self::{
    cluster::{Backend, Cluster},
    history::{History, read},
    player::Player,
};
use crate::{
    client::TOP,
    faults::{Kind, Planned, Stage, Target, draw, play_on_client, play_on_members},
    message::Reached,
};

/// Why there could be no run.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long a session may be out of contact.
const SESSION: Duration = Duration::from_secs(5);
/// Nothing changes any more that has not changed for so long: a session that is out of contact has ended by then.
const QUIET: Duration = Duration::from_millis(8_500);
/// How long clients may take from one step to the next at the end.
const STEP: Duration = Duration::from_secs(60);
/// How long all before and after the faults may take.
const REST: Duration = Duration::from_secs(300);

/// What is played.
#[derive(Args, Clone)]
pub(crate) struct Arguments {
    /// The servers.
    #[arg(long)]
    backend: Backend,
    /// How many members they have.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=5))]
    members: u32,
    /// How many clients there are, each a process.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=16))]
    clients: u32,
    /// How long faults are made.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// What all choices follow from; one that nobody chose unless it is given.
    #[arg(long)]
    seed: Option<u64>,
    /// Where the history goes, the picture, and the logs.
    #[arg(long)]
    out: PathBuf,
    /// Gives each member a disk of its own, in memory, for faults to fill; takes a mount namespace (Linux).
    #[arg(long)]
    disks: bool,
    /// Which faults may be drawn; all that there are for the servers unless named, and none if it is empty.
    #[arg(long, value_delimiter = ',', num_args = 0..)]
    faults: Option<Vec<Kind>>,
    /// Where the plugins are; beside this executable unless named.
    #[arg(long)]
    plugin_dir: Option<PathBuf>,
}

impl Arguments {
    fn kinds(&self) -> Vec<Kind> {
        let kinds = self.faults.as_deref().unwrap_or(Kind::value_variants());
        kinds.iter().copied().filter(|kind| self.has(*kind)).collect()
    }

    fn has(&self, kind: Kind) -> bool {
        kind.applies(self.backend, self.members as usize, self.disks)
    }

    /// A fault that is named is wanted.
    fn check(&self) -> Result<(), Failure> {
        let named = self.faults.as_deref().unwrap_or_default();
        let Some(missing) = named.iter().find(|kind| !self.has(**kind)) else { return Ok(()) };
        let without = if self.disks { "" } else { " without --disks" };
        let (members, backend) = (self.members, self.backend.name());
        Err(format!("--faults: there is no {missing} with --backend {backend} and --members {members}{without}").into())
    }

    /// The command that plays the same once more.
    fn again(&self, seed: u64) -> String {
        let Arguments { backend, members, clients, seconds, out, disks, faults, plugin_dir, .. } = self;
        let mut command = format!(
            "registry-chaos run --backend {} --members {members} --clients {clients} --seconds {seconds} --seed {seed} --out {}",
            backend.name(),
            out.display()
        );
        if *disks {
            command += " --disks";
        }
        if let Some(faults) = faults {
            let names: Vec<_> = faults.iter().map(Kind::to_string).collect();
            command += &format!(" --faults {}", names.join(","));
        }
        if let Some(plugin_dir) = plugin_dir {
            command += &format!(" --plugin-dir {}", plugin_dir.display());
        }
        command
    }
}

/// Plays and judges.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    if let Err(error) = arguments.check().and_then(|()| disks::have_a_place(arguments.disks)) {
        return told(Err(error));
    }
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let played = play(arguments, seed).and_then(|records| Ok(report::report(&records, &arguments.out)?));
    println!("the same again: {}", arguments.again(seed));
    told(played)
}

/// Judges a history that was written.
pub(crate) fn judge_again(dir: &Path) -> ExitCode {
    let read = read(&dir.join(FILE));
    told(read.and_then(|records| report::report(&records, dir)).map_err(Failure::from))
}

fn told(judged: Result<ExitCode, Failure>) -> ExitCode {
    judged.unwrap_or_else(|error| {
        eprintln!("registry-chaos: {error}");
        ExitCode::from(2)
    })
}

/// The history's name in its folder.
pub(crate) const FILE: &str = "history.jsonl";

fn play(arguments: &Arguments, seed: u64) -> Result<Vec<Record>, Failure> {
    fs::create_dir_all(&arguments.out)?;
    clear(&arguments.out)?;
    let history = History::create(arguments.out.join(FILE))?;
    history.tell(Event::Run {
        backend: arguments.backend.name().to_owned(),
        seed,
        members: arguments.members as usize,
        clients: arguments.clients,
        seconds: arguments.seconds,
        faults: arguments.kinds().iter().map(Kind::to_string).collect(),
        timeout_ms: SESSION.as_millis() as u64,
    });
    let cluster = Arc::new(Cluster::start(arguments.backend, arguments.members as usize, arguments.disks)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let whole = Duration::from_secs(arguments.seconds) + REST;
    let played = runtime.block_on(async { timeout(whole, perform(arguments, seed, &cluster, &history)).await });
    // What blocks a thread must not keep the rest from its end.
    runtime.shutdown_background();
    match played {
        Ok(played) => played?,
        Err(_) => history.wrong(format!("the run has not come to an end within {whole:?}")),
    }
    for (number, member) in cluster.members().iter().enumerate() {
        fs::copy(member.log(), arguments.out.join(format!("member-{number}.log")))?;
    }
    Ok(history.finish()?)
}

/// Takes away the logs of a run before.
fn clear(out: &Path) -> Result<(), Failure> {
    for file in fs::read_dir(out)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

async fn perform(arguments: &Arguments, seed: u64, cluster: &Arc<Cluster>, history: &History) -> Result<(), Failure> {
    let mut rng = Rng::with_seed(seed);
    tell_servers(cluster, history, BEGIN, 0).await?;
    let plugin_dir = arguments.plugin_dir.clone().unwrap_or_else(beside);
    let namespace = "registry.namespace=chaos";
    let observer = Observer::open(arguments.backend, cluster, &plugin_dir, namespace, TOP, history).await?;

    let mut ways = Vec::new();
    let mut players = Vec::new();
    for number in 0..arguments.clients {
        let own = cluster.members().iter().map(|member| Proxy::to(member.address()));
        let own: Vec<Proxy> = own.collect::<Result<_, _>>()?;
        let found = arguments.backend.assignments(own.iter().map(Proxy::address));
        let more = [namespace.to_owned(), format!("registry.session-timeout={}s", SESSION.as_secs())];
        let jumps = arguments.kinds().contains(&Kind::ClockJump);
        let clock = jumps.then(|| Clock::new(&arguments.out, &format!("client-{number}.clock"))).transpose()?;
        players.push(Player::start(Casting {
            number,
            clock,
            seed: rng.u64(..),
            plugin_dir: plugin_dir.clone(),
            assignments: found.into_iter().chain(more).collect(),
            folder: arguments.out.clone(),
            history: history.clone(),
        })?);
        ways.push(own);
    }
    for player in &mut players {
        player.reach(Reached::Working, STEP).await;
    }
    let stage =
        Arc::new(Stage::new(Arc::clone(cluster), ways, history.clone(), Duration::from_secs(arguments.seconds)));
    let players = make_faults(arguments, &mut rng, &stage, players).await?;
    finish(players, &observer, history).await;
    let left = observer.ephemerals(SESSION * 4).await?;
    observer.tell_unfinished(history).await?;
    observer.close().await?;
    tell_servers(cluster, history, END, left).await
}

/// Makes all faults, each kind of target on its own; all are undone and all clients run when it is done.
async fn make_faults(
    arguments: &Arguments,
    rng: &mut Rng,
    stage: &Arc<Stage>,
    players: Vec<Player>,
) -> Result<Vec<Player>, Failure> {
    let (kinds, whole) = (arguments.kinds(), Duration::from_secs(arguments.seconds));
    let mut drawn = |target| -> Vec<Planned> { draw(rng, &kinds, target, whole, SESSION) };
    let members = drawn(Target::Members);
    let mut clients = JoinSet::new();
    for player in players {
        clients.spawn(play_on_client(Arc::clone(stage), player, drawn(Target::Client)));
    }
    let played = async {
        let mut players = Vec::new();
        while let Some(player) = clients.join_next().await {
            players.push(player?);
        }
        Ok(players)
    };
    tokio::join!(played, play_on_members(stage, members), tokio::time::sleep(whole)).0
}

/// Lets all clients come to rest, tell what they know, and close, each step together.
async fn finish(mut players: Vec<Player>, observer: &Observer, history: &History) {
    for reached in [Reached::Stopped, Reached::Settled, Reached::Closed] {
        for player in &mut players {
            player.ask(reached).await;
        }
        for player in &mut players {
            player.reach(reached, STEP).await;
        }
        // What a dead session owned goes yet, and what a lost one owned comes back.
        if reached == Reached::Stopped && !observer.quiet(QUIET, STEP).await {
            history.wrong(format!("the tree has not come to rest within {STEP:?}"));
        }
    }
    for player in players {
        player.end(STEP).await;
    }
}

async fn tell_servers(cluster: &Arc<Cluster>, history: &History, when: &str, entries: u64) -> Result<(), Failure> {
    let counted = Arc::clone(cluster);
    let (sessions, watches) = tokio::task::spawn_blocking(move || counted.holds()).await?;
    history.tell(Event::Servers { when: when.to_owned(), sessions, watches, entries });
    Ok(())
}

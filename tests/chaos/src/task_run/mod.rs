//! A run of masters and workers: real processes, tasks that write down what became of them, faults that a seed draws.

mod faults;
mod leftovers;
mod notes;
mod probe;
mod server;
mod work;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use comfy_table::Table;
use fastrand::Rng;
use registry_chaos::tasks::{
    Fault, Kind, Observation,
    judge::{Finding, judge},
};
use registry_host::{Registry, Settings};
use registry_suite::beside;
use registry_tasks::{client::Client, record::State, settings::ServersSettings};
use registry_test_servers::{Member, Port, Proxy};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

pub(crate) use self::notes::read;
pub(crate) use self::probe::{Arguments as Probe, run as probe};
use self::{
    notes::Notes,
    server::{Casting, Server},
    work::Work,
};
use crate::run::{Backend, Cluster, Failure};

/// How long a session may be out of contact.
const SESSION: Duration = Duration::from_secs(5);
/// How long tasks may take to end once there are no more faults.
const QUIET: Duration = Duration::from_secs(180);
/// How long all before and after the faults may take, that and more.
const REST: Duration = Duration::from_secs(480);

/// What is played.
#[derive(Args, Clone)]
pub(crate) struct Arguments {
    /// The registry's servers.
    #[arg(long)]
    backend: Backend,
    /// How many masters there are.
    #[arg(long, default_value_t = 3)]
    masters: u32,
    /// How many workers there are.
    #[arg(long, default_value_t = 5)]
    workers: u32,
    /// How many tasks are submitted.
    #[arg(long, default_value_t = 1_000)]
    tasks: u32,
    /// How long faults are made, and tasks submitted.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// What all choices follow from; one that nobody chose unless it is given.
    #[arg(long)]
    seed: Option<u64>,
    /// Where it is written what was seen, and the logs.
    #[arg(long)]
    out: PathBuf,
    /// Where the plugins are; beside this executable unless named.
    #[arg(long)]
    plugin_dir: Option<PathBuf>,
}

/// The name of the file with all that was seen.
pub(crate) const FILE: &str = "tasks.jsonl";

/// Plays and judges.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let played = play(arguments, seed);
    let Arguments { backend, masters, workers, tasks, seconds, out, .. } = arguments;
    println!(
        "the same again: registry-chaos tasks --backend {} --masters {masters} --workers {workers} --tasks {tasks} \
         --seconds {seconds} --seed {seed} --out {}",
        backend.name(),
        out.display()
    );
    match played {
        Ok(seen) => report(&seen, &judge(&seen)),
        Err(error) => {
            eprintln!("registry-chaos: {error}");
            ExitCode::from(2)
        }
    }
}

fn play(arguments: &Arguments, seed: u64) -> Result<Vec<Observation>, Failure> {
    for folder in ["marks", "data"] {
        let folder = arguments.out.join(folder);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(folder)?;
    }
    let out = fs::canonicalize(&arguments.out)?;
    let notes = Arc::new(Notes::default());
    let cluster = Arc::new(Cluster::start(arguments.backend, 3, false)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let whole = Duration::from_secs(arguments.seconds) + REST;
    let played = runtime.block_on(async { timeout(whole, perform(arguments, seed, &out, &cluster, &notes)).await });
    runtime.shutdown_background();
    match played {
        Ok(played) => played?,
        Err(_) => notes.add(Observation::Wrong { what: format!("the run has not come to an end within {whole:?}") }),
    }
    leftovers::tell_marks(&out.join("marks"), &notes)?;
    let seen = notes.take();
    notes::write(&out.join(FILE), &seen)?;
    Ok(seen)
}

async fn perform(
    arguments: &Arguments,
    seed: u64,
    out: &Path,
    cluster: &Arc<Cluster>,
    notes: &Arc<Notes>,
) -> Result<(), Failure> {
    let mut rng = Rng::with_seed(seed);
    let whole = Duration::from_secs(arguments.seconds);
    let plugin_dir = arguments.plugin_dir.clone().unwrap_or_else(beside);
    let run = format!("{seed}-{}", std::process::id());

    let settings = Settings::builder().plugin_dir(&plugin_dir).set("registry.session-timeout=20s");
    let found = arguments.backend.assignments(cluster.members().iter().map(Member::address));
    let settings = found.iter().fold(settings, |settings, one| settings.set(one));
    let registry = Registry::open(registry_tasks::settings::register(settings).build()?).await?;
    let client = Client::open(&registry, &ServersSettings::default()).await?;
    let marks = out.join("marks");
    let work = Arc::new(Work { client, notes: Arc::clone(notes), marks, run: run.clone() });

    let (leave, leaves) = watch::channel(false);
    let mut servers = JoinSet::new();
    let mut names = Vec::new();
    let roles = (0..arguments.masters).map(|number| ("master", number));
    let plans = faults::draw_all(&mut rng, &Kind::MADE, (arguments.masters, arguments.workers), whole, SESSION);
    let all = roles.chain((0..arguments.workers).map(|number| ("worker", number)));
    let began = Instant::now();
    for ((role, number), plan) in all.zip(plans) {
        let casting = cast(arguments, role, number, out, &plugin_dir, cluster, notes, rng.bool())?;
        names.push((casting.name.clone(), casting.own.address().to_string()));
        servers.spawn(Server::start(casting)?.live(began, plan, leaves.clone()));
    }
    notes.add(Observation::Run {
        backend: arguments.backend.name().to_owned(),
        seed,
        servers: names,
        session_ms: u64::try_from(SESSION.as_millis())?,
    });
    let disturbed = faults::disturb_registry(Arc::clone(cluster), rng.fork(), began + whole, Arc::clone(notes));
    let (submitted, disturbed) =
        tokio::join!(Arc::clone(&work).submit_all(rng.fork(), arguments.tasks, whole), disturbed);
    submitted?;
    disturbed?;
    work.wait_for_all(QUIET).await?;
    // A result may come yet of a task that is unknown.
    sleep(SESSION).await;
    leave.send_replace(true);
    while let Some(left) = servers.join_next().await {
        left??;
    }
    work.tell_records().await?;
    leftovers::tell(&registry, &out.join("data"), &run, notes).await?;
    Ok(registry.close().await?)
}

#[expect(clippy::too_many_arguments, reason = "all that makes a server")]
fn cast(
    arguments: &Arguments,
    role: &str,
    number: u32,
    out: &Path,
    plugin_dir: &Path,
    cluster: &Cluster,
    notes: &Arc<Notes>,
    stops: bool,
) -> Result<Casting, Failure> {
    let name = format!("{role}-{number}");
    let port = Port::take()?;
    let own = Proxy::to(port.address())?;
    let ways = cluster.members().iter().map(|member| Proxy::to(member.address()));
    let ways: Vec<Proxy> = ways.collect::<Result<_, _>>()?;
    let mut set: Vec<String> = arguments.backend.assignments(ways.iter().map(Proxy::address)).into();
    set.extend([
        format!("registry.session-timeout={}s", SESSION.as_secs()),
        format!("registry.disconnect-strategy={}", if stops { "stop" } else { "wait" }),
        // A machine that is busy may take that much longer to end what a worker ran whose session is lost.
        "registry.cluster.failover-grace=1s".to_owned(),
        "registry.cluster.max-heartbeat-interval=500ms".to_owned(),
        "registry.cluster.max-cpu-load-avg=10000".to_owned(),
        "registry.cluster.reserved-memory=0".to_owned(),
        format!("{role}.listen-port={}", port.address().port()),
        format!("{role}.address={}", own.address()),
    ]);
    if role == "worker" {
        set.push(format!("worker.data-dir={}", out.join("data").join(&name).display()));
        set.push("worker.exec-threads=8".to_owned());
    } else {
        set.push("master.dispatch-timeout=3s".to_owned());
    }
    let mut line = vec!["--plugin-dir".to_owned(), plugin_dir.display().to_string()];
    set.into_iter().for_each(|one| line.extend(["--set".to_owned(), one]));
    line.push(role.to_owned());
    Ok(Casting {
        program: beside().join("registry"),
        arguments: line,
        log: out.join(format!("{name}.log")),
        _port: port,
        own,
        registry: ways,
        notes: Arc::clone(notes),
        name,
    })
}

/// Judges again what was seen.
pub(crate) fn judge_again(dir: &Path) -> ExitCode {
    match read(&dir.join(FILE)) {
        Ok(seen) => report(&seen, &judge(&seen)),
        Err(error) => {
            eprintln!("registry-chaos: {error}");
            ExitCode::from(2)
        }
    }
}

fn report(seen: &[Observation], findings: &[Finding]) -> ExitCode {
    let mut states: BTreeMap<State, u32> = BTreeMap::new();
    let mut faults: BTreeMap<String, u32> = BTreeMap::new();
    let (mut commands, mut again) = (0, 0);
    for observation in seen {
        match observation {
            Observation::Record(record) => *states.entry(record.state).or_default() += 1,
            Observation::Fault(Fault { server, kind, .. }) => {
                let role = server.split('-').next().unwrap_or_default();
                *faults.entry(format!("{role}: {kind}")).or_default() += 1;
            }
            Observation::Process(mark) if !mark.is_child => {
                commands += 1;
                again += u32::from(mark.attempt > 1);
            }
            _ => {}
        }
    }
    let mut table = Table::new();
    table.set_header(["fault", "made"]);
    for (fault, count) in &faults {
        table.add_row([fault.clone(), count.to_string()]);
    }
    println!("{table}");
    let told: Vec<_> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    println!("tasks: {}; commands started: {commands}, of later attempts: {again}", told.join(", "));
    if findings.is_empty() {
        println!("nothing is wrong");
        return ExitCode::SUCCESS;
    }
    findings.iter().for_each(|finding| println!("{}: {}", finding.rule, finding.what));
    println!("{} findings", findings.len());
    ExitCode::FAILURE
}

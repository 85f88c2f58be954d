//! How long clients are without their servers, fault by fault: the plugins, and beside them Go's clientv3 and Curator,
//! which write to the same servers while the same fault is made.

#![forbid(unsafe_code)]

mod fault;
mod holder;
mod ours;
mod report;
mod round;
mod servers;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

use self::{fault::Fault, report::Report, servers::Backend};

/// What may go wrong: whatever it is, nothing is measured.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures how long clients are without their servers, fault by fault.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    wanted: Wanted,
}

#[derive(Subcommand)]
enum Part {
    /// Holds a lock until it is killed (what this program starts by itself).
    #[command(hide = true)]
    Hold { settings: Vec<String> },
}

#[derive(clap::Args)]
struct Wanted {
    /// How often each fault is made.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The clients' session timeout, in seconds.
    #[arg(long, default_value_t = 10)]
    session: u64,
    /// How long each fault lasts, and as long again is waited after it, in seconds.
    #[arg(long, default_value_t = 8)]
    lasts: u64,
    /// Which backends are measured; both unless named.
    #[arg(long, value_enum)]
    only: Vec<Backend>,
    /// Which faults are made; all unless named.
    #[arg(long, value_enum)]
    fault: Vec<Fault>,
    /// Where `tests/interop/build` has put the drivers of Go's clientv3 and of Curator; without it they are not
    /// measured.
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
    /// Where the plugins are; beside this executable unless named.
    #[arg(long, value_name = "DIR")]
    plugin_dir: Option<PathBuf>,
    /// Where the table is written as JSON.
    #[arg(long, default_value = "target/failover.json")]
    json: PathBuf,
}

impl Wanted {
    fn session(&self) -> Duration {
        Duration::from_secs(self.session)
    }

    fn lasts(&self) -> Duration {
        Duration::from_secs(self.lasts)
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.part {
        Some(Part::Hold { settings }) => holder::hold(settings).await,
        None => measure(&arguments.wanted).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("registry-failover: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(wanted: &Wanted) -> Result<(), Failure> {
    let all = [Backend::Etcd, Backend::Zookeeper];
    let backends = if wanted.only.is_empty() { &all[..] } else { &wanted.only };
    let faults = if wanted.fault.is_empty() { Fault::ALL } else { &wanted.fault };
    if let Some(built) = &wanted.peers {
        backends.iter().try_for_each(|backend| backend.peer().check(built))?;
    }
    let mut report = Report::new(wanted.session());
    for backend in backends {
        let servers = backend.start()?;
        report.version(servers.as_ref())?;
        for fault in faults {
            let mut row = report::Row::new(*backend, *fault);
            for _ in 0..wanted.rounds {
                let round = match fault {
                    Fault::HolderKilled => holder::round(servers.as_ref(), wanted).await,
                    fault => round::round(&servers, *fault, wanted).await,
                };
                row.add(round.map_err(|error| format!("{} on {}: {error}", fault.told(), backend.name()))?);
            }
            report.add(row);
        }
    }
    report.write(&wanted.json)?;
    print!("{report}");
    Ok(())
}

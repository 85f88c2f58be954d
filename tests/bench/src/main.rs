//! Ratios of each plugin to the raw client, and to clients in other languages, measured side by side in one run.
//!
//! Each pair takes turns, round by round, so that a machine that speeds up or slows down does so for both; the ratio
//! quoted is the median over the rounds.

#![forbid(unsafe_code)]

mod apart;
mod etcd;
mod measure;
mod memory;
mod open;
mod peers;
mod report;
mod tasks;
mod through;
mod watched_versions;
mod zookeeper;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;

use self::{measure::Failure, open::Plugins, peers::Peers, report::Report};

/// Measures the plugins against the raw clients.
#[derive(Parser)]
struct Arguments {
    /// How many rounds each pair takes; the median of their ratios is quoted.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// How many calls a round makes of an operation on a server; a hundred times as many of a memory one.
    #[arg(long, default_value_t = 2_000)]
    calls: usize,
    /// Which backends are measured; all of them unless named.
    #[arg(long, value_name = "TYPE", value_parser = ["memory", "etcd", "zookeeper"])]
    only: Vec<String>,
    /// Where the plugins are; beside this executable unless named.
    #[arg(long, value_name = "DIR")]
    plugin_dir: Option<PathBuf>,
    /// Where `tests/interop/build` has put the drivers of Go's clientv3 and of Curator; without it they are not
    /// measured.
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
    /// How many tasks are timed; 0 leaves all that is about tasks out.
    #[arg(long, default_value_t = 1_000)]
    tasks: usize,
    /// How many simulated workers one master has.
    #[arg(long, default_value_t = 1_000)]
    workers: usize,
    /// How often a worker, and a master, is killed.
    #[arg(long, default_value_t = 5)]
    kills: usize,
    /// How many seconds a master is watched that does nothing but hear its workers' beats.
    #[arg(long, default_value_t = 60)]
    idle: u64,
    /// Only serves, for this program itself.
    #[arg(long, hide = true)]
    serve: Option<tasks::Role>,
    /// What is set for that.
    #[arg(long, hide = true)]
    set: Vec<String>,
    /// Where the table is written as JSON.
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
}

fn main() -> ExitCode {
    // Workers run commands, and this program is the supervisor of each.
    if let Some(code) = registry_supervisor::supervisor_main() {
        return code;
    }
    begin()
}

#[tokio::main(worker_threads = 2)]
async fn begin() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(role) = arguments.serve {
        let Arguments { set, plugin_dir, .. } = arguments;
        return match tasks::serve(role, tasks::Site { backend: "memory", assignments: set, plugin_dir }).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("registry-bench: {error}");
                ExitCode::FAILURE
            }
        };
    }
    match run(&arguments).await {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("registry-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<Report, Failure> {
    let mut report = Report::new();
    let plugins = Plugins(arguments.plugin_dir.clone());
    let peers = Peers::find(arguments.peers.clone())?;
    let wanted = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    if wanted("memory") {
        memory::measure(&mut report, &plugins, arguments.rounds, arguments.calls * 100).await?;
    }
    if wanted("etcd") {
        etcd::measure(&mut report, &plugins, &peers, arguments.rounds, arguments.calls).await?;
    }
    if wanted("zookeeper") {
        zookeeper::measure(&mut report, &plugins, &peers, arguments.rounds, arguments.calls).await?;
    }
    if arguments.tasks > 0 {
        let extent = tasks::Extent {
            tasks: arguments.tasks,
            workers: arguments.workers,
            kills: arguments.kills,
            idle: Duration::from_secs(arguments.idle),
        };
        tasks::measure(&mut report, arguments.plugin_dir.clone(), wanted, &extent).await?;
    }
    report.write(&arguments.json)?;
    Ok(report)
}

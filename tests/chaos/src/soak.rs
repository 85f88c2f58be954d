//! A day of a cluster's life as fast as it goes: heartbeats, watches, hand-overs of a lock, breaks of the network. What
//! grows by then would grow in production.

mod curve;
mod day;
mod hosts;
mod sample;
mod server;
mod verdict;

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum as _};
use registry_suite::beside;

use self::{curve::draw, day::live, sample::Sample, server::Kind, verdict::verdict};
use crate::run::Failure;

/// How long, where, and on what.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many hours are lived through.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    hours: u64,
    /// After how many of its minutes it is looked what is held.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    every: u64,
    /// Where the curves go.
    #[arg(long, default_value = "target/soak")]
    out: PathBuf,
    /// On which backends; on all, one after the other, unless named.
    #[arg(long, value_delimiter = ',')]
    backend: Option<Vec<Kind>>,
    /// Where the plugins are; beside this executable unless named.
    #[arg(long)]
    plugin_dir: Option<PathBuf>,
}

/// Lives through it on each backend, draws what was held, and fails if anything grew.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match live_on_all(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("registry-chaos soak: {error}");
            ExitCode::from(2)
        }
    }
}

fn live_on_all(arguments: &Arguments) -> Result<ExitCode, Failure> {
    fs::create_dir_all(&arguments.out)?;
    let plugin_dir = arguments.plugin_dir.clone().unwrap_or_else(beside);
    let mut grown = false;
    for kind in arguments.backend.as_deref().unwrap_or(Kind::value_variants()) {
        // A runtime of its own: what one backend leaves is not counted as the next one's.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let lived = runtime.block_on(live(*kind, &plugin_dir, arguments.hours, arguments.every));
        runtime.shutdown_background();
        let lived = lived.map_err(|error| format!("{}: {error}", kind.name()))?;
        let path = arguments.out.join(format!("{}.svg", kind.name()));
        fs::write(&path, draw(&format!("{} hours on {}", arguments.hours, kind.name()), &lived.samples))?;
        println!("{}: {}, drawn in {}", kind.name(), lived.done, path.display());
        let verdict = verdict(&lived.samples);
        println!("{}: {}", kind.name(), verdict.told);
        for what in &verdict.grown {
            println!("{}: {what}", kind.name());
        }
        grown |= !verdict.grown.is_empty();
    }
    Ok(if grown { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

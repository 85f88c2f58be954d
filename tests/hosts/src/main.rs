//! A host server, as a process of its own.

#![forbid(unsafe_code)]

mod host;
mod log;
mod requests;
mod seat;
mod taking;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use registry_cluster::{Cluster, Options, SECTION};
use registry_host::{Registry, Result, Settings};
use registry_hosts::Event;

use self::{host::Host, log::tell};

/// A host server, which does what it reads on its standard input and tells on its standard output what becomes of it.
#[derive(Parser)]
#[command(name = "registry-hosts")]
struct Arguments {
    /// Where the plugin is.
    #[arg(long)]
    plugin_dir: PathBuf,
    /// An assignment for the configuration.
    #[arg(long)]
    set: Vec<String>,
    /// Whether each take-over waits until it is asked to go on.
    #[arg(long)]
    hesitates: bool,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let requests = requests::read();
    let cluster = match open(&arguments).await {
        Ok(cluster) => cluster,
        Err(error) => {
            eprintln!("registry-hosts: {error}");
            return ExitCode::FAILURE;
        }
    };
    tell(Event::Opened);
    Host::new(cluster, arguments.hesitates).serve(requests).await;
    ExitCode::SUCCESS
}

async fn open(arguments: &Arguments) -> Result<Cluster> {
    let settings = Settings::builder().section(SECTION).plugin_dir(&arguments.plugin_dir);
    let settings = arguments.set.iter().fold(settings, |settings, assignment| settings.set(assignment)).build()?;
    let options = Options::of(&settings)?;
    Cluster::open(Registry::open(settings).await?, options).await
}

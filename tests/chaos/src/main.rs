//! Plays clients and faults on real servers, and judges what came of both.
#![forbid(unsafe_code)]

mod client;
mod faults;
mod message;
mod mutants;
mod run;
mod soak;
mod task_run;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// Clients and faults on real servers, and a judge of what came of both.
#[derive(Parser)]
#[command(name = "registry-chaos")]
enum Command {
    /// Starts servers and clients, draws faults, and judges the history that they leave.
    Run(run::Arguments),
    /// Judges a history again.
    Judge {
        /// Where it is.
        dir: PathBuf,
    },
    /// Breaks the product on purpose, in many ways, and has runs find each of them.
    Mutants(mutants::Arguments),
    /// Lives through a day of a cluster as fast as it goes, and looks whether anything grows.
    Soak(soak::Arguments),
    /// Starts masters and workers, submits tasks, draws faults, and judges what became of each task.
    Tasks(task_run::Arguments),
    /// Judges again what was seen of tasks.
    JudgeTasks {
        /// Where it is.
        dir: PathBuf,
    },
    #[command(hide = true)]
    Client(client::Arguments),
    #[command(hide = true)]
    Probe(task_run::Probe),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Run(arguments) => run::run(&arguments),
        Command::Judge { dir } => run::judge_again(&dir),
        Command::Mutants(arguments) => mutants::run(&arguments),
        Command::Soak(arguments) => soak::run(&arguments),
        Command::Tasks(arguments) => task_run::run(&arguments),
        Command::JudgeTasks { dir } => task_run::judge_again(&dir),
        Command::Client(arguments) => client::run(&arguments),
        Command::Probe(arguments) => task_run::probe(&arguments),
    }
}

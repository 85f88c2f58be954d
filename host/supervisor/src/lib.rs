//! Runs commands under a process of its own, the supervisor, that ends them with their holder.
//!
//! A holder, such as `registry lock` or a worker, starts a supervisor for each command and speaks with it over a
//! socket. Whatever becomes of the holder, `kill -9` included, the supervisor notices, as their socket closes.
//! Whatever the command has started stays below the supervisor, which inherits the children of processes that end. So
//! it can end all of them.
//!
//! # Use
//!
//! The supervisor is the holder's own program, started again. Its `main` begins with [`supervisor_main`]:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     if let Some(code) = registry_supervisor::supervisor_main() {
//!         return code;
//!     }
//!     // What the program does otherwise.
//!     ExitCode::SUCCESS
//! }
//! ```
//!
//! Then it starts commands:
//!
//! ```no_run
//! use std::fs::File;
//!
//! use registry_supervisor::{Order, Report, Start, Supervised, supervisor};
//!
//! # async fn run() -> std::io::Result<()> {
//! let command = ["sleep".into(), "1".into()];
//! let mut supervised = Supervised::spawn(supervisor(&command), File::open("/dev/null")?).await?;
//! supervised.order(&Order::Start(Start::default())).await?;
//! while let Some(report) = supervised.next().await {
//!     println!("{report:?}");
//!     if matches!(report, Report::Gone) {
//!         break;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - When [`Report::Gone`] comes, no process of the command is left: not the command, nor what it has started, nor what
//!   has begun a session of its own.
//! - A holder that is killed leaves nothing: its commands get SIGTERM, and SIGKILL after [`Start::orphan_grace`].
//! - A holder that stands still (SIGSTOP, a machine that sleeps) and so doesn't say [`Order::Held`] any more: its
//!   commands are stopped after [`Patience::pause_after`], and killed after [`Patience::kill_after`].
//! - Output that is [kept](Start::output) never blocks the command, and takes no more than its limit.
//! - A supervisor that is killed itself: the holder inherits its processes, and [ends](end_adopted) them.
//!
//! Where a [cgroup](Cgroups) can be made, each command gets one, and the kernel kills all of it at once.

#![forbid(unsafe_code)]

mod cgroup;
mod messages;
mod orphans;
pub mod output;
mod processes;
pub mod signals;
mod starter;
mod supervised;
pub mod terminal;
mod watcher;

pub use cgroup::{Cgroups, CommandCgroup};
pub use messages::{Cause, Ended, Order, OutputFiles, Patience, Report, Start, Survivors, now};
pub use orphans::{end_adopted, kill_all_below};
pub use processes::Process;
pub use supervised::{Supervised, supervisor};
pub use watcher::supervisor_main;

//! The SDK: all that the author of a registry plugin adds.
//!
//! A backend is one safe Rust type that implements [`Backend`]: eight functions, a name and a typed configuration.
//! [`export_plugin!`] makes a loadable library of it. The SDK does the rest: the ABI, the runtime, the panic guard on
//! every poll and drop, deadlines, the session's clock, log forwarding, the watch buffer with resynchronisation by
//! difference, and the lock recipe. What each operation promises is the [`contract`]'s business.
//!
//! A whole backend to begin with is `examples/smallest`, which passes all laws; `docs/writing-a-backend.md` goes
//! through it.
//!
//! # Declare the configuration
//!
//! Each key is written once: name, type, default, description. [`config`](mod@config) has more.
//!
//! ```
//! use std::time::Duration;
//!
//! use registry_plugin::config::{Section, config};
//!
//! config! {
//!     /// What stands under `registry.mine`.
//!     #[derive(Debug)]
//!     pub struct Config {
//!         /// The servers.
//!         pub servers: Vec<String> = "127.0.0.1:4000",
//!         /// The pause between two attempts.
//!         pub retry_delay: Duration = "300ms",
//!     }
//! }
//!
//! assert_eq!(Config::default().retry_delay, Duration::from_millis(300));
//! assert_eq!(Config::keys()[0].name, "servers");
//! ```
//!
//! # Open a session
//!
//! [`Backend::connect`] tells the [`SessionReporter`] of each contact with the server. It keeps the clock: a session is
//! reported as lost before the server can have expired it.
//!
//! ```
//! use registry_plugin::{Contact, Context, Moment, Result, SessionId};
//!
//! async fn connect(context: &Context) -> Result<()> {
//!     let asked = Moment::now();
//!     // Here a server would be asked; `context.opening()` tells the host which one.
//!     let (session, timeout) = (SessionId(7), context.session_timeout());
//!     context.session().connected(session, timeout, Contact::Sent(asked));
//!     Ok(())
//! }
//! ```
//!
//! # Refuse a Txn
//!
//! [`Backend::commit`] is given a Txn that is within the limits. It names the checks that don't hold.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use registry_plugin::{Check, Entry, Error, ErrorKind, Result, Txn};
//!
//! fn check(entries: &BTreeMap<String, Entry>, txn: &Txn<'_>) -> Result<()> {
//!     let mut failed = Vec::new();
//!     for (number, check) in txn.checks.iter().enumerate() {
//!         let found = entries.get(check.key().as_str());
//!         let holds = match check {
//!             Check::Absent(_) => found.is_none(),
//!             Check::Present(_) => found.is_some(),
//!             Check::Version(_, version) => found.is_some_and(|entry| entry.version == *version),
//!             Check::Held { token, .. } => {
//!                 found.is_some_and(|entry| entry.is_ephemeral() && *token == entry.created.into())
//!             }
//!             _ => return Err(Error::new(ErrorKind::Unsupported, "an unknown check")),
//!         };
//!         if !holds {
//!             failed.push(number);
//!         }
//!     }
//!     if failed.is_empty() { Ok(()) } else { Err(Error::condition_failed(failed)) }
//! }
//! ```
//!
//! # Feed a watch
//!
//! [`Backend::watch`] gives its [`WatchSink`] the whole state, then each change, and after a break the whole state once
//! more. The SDK works out what is new, merges what a slow consumer has not read, and bounds it.
//!
//! ```
//! use registry_plugin::{Entry, Result, WatchSink};
//!
//! async fn feed(sink: WatchSink, mut state: tokio::sync::watch::Receiver<Vec<Entry>>) -> Result<()> {
//!     loop {
//!         let entries = state.borrow_and_update().clone();
//!         sink.resync(entries);
//!         tokio::select! {
//!             () = sink.closed() => return Ok(()),
//!             changed = state.changed() => if changed.is_err() { return Ok(()) },
//!         }
//!     }
//! }
//! ```
//!
//! # Locks
//!
//! [`Backend::lock`] has a default: a fair queue kept over `commit`, `list` and `watch`. A backend that keeps its
//! queues in another way gives [`contend`](lock::recipe::contend) a [`QueuePlace`](lock::QueuePlace) of its own.
//!
//! # Try it
//!
//! `registry conformance` holds the library to every clause of the contract:
//!
//! ```text
//! cargo build -p registry-smallest
//! registry --plugin-dir target/debug --type smallest conformance
//! ```

mod backend;
mod boundary;
mod call;
pub mod config;
mod context;
mod guarded;
pub mod lock;
mod opening;
pub mod race;
mod session;
mod tasks;
pub mod txn;
pub mod watch;

pub use backend::Backend;
#[doc(hidden)]
pub use boundary::export;
pub use bytes::Bytes;
pub use call::Effect;
pub use context::{Context, Options};
pub use lock::LockRequest;
pub use opening::Opening;
pub use registry_api::*;
pub use registry_config::ConfigKey;
pub use session::{Attempts, Contact, SessionReporter};
pub use watch::WatchSink;

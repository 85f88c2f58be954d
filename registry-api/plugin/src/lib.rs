//! The SDK: all that the author of a registry plugin adds.
//!
//! A backend is one safe Rust type that implements [`Backend`]: eight functions, a name and a typed configuration.
//! [`export_plugin!`] makes a loadable library of it. The SDK does the rest: the ABI, the runtime, the panic guard on
//! every poll and drop, deadlines, the session's clock, log forwarding, the watch buffer with resynchronisation by
//! difference, and the lock recipe.
//!
//! What each operation promises is the contract's business; `registry conformance` holds a plugin against it.

mod backend;
mod boundary;
mod call;
pub mod config;
mod context;
pub mod lock;
mod opening;
pub mod race;
mod session;
mod tasks;
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
pub use session::{Attempts, Contact, Moment, SessionReporter};
pub use watch::WatchSink;

//! The registry contract's words in plain Rust.
//!
//! Hosts and plugins both speak these types. What each operation promises stands in the [`contract`], clause by clause;
//! the numbers in brackets are its. The crate knows no runtime and no ABI.

#![forbid(unsafe_code)]

mod capability;
mod entry;
mod error;
mod key;
mod listing;
mod lock;
mod number;
mod session;
mod txn;
mod watch;

#[doc = include_str!("../CONTRACT.md")]
pub mod contract {}

pub use capability::{Capabilities, Capability};
pub use entry::Entry;
pub use error::{Error, ErrorKind, Outcome, Result};
pub use key::{InvalidKey, Key, MAX_KEY_BYTES, MAX_SEGMENTS};
pub use listing::{Cursor, Listing, Page};
pub use lock::Held;
pub use number::{FencingToken, Revision, Version};
pub use session::{SessionId, SessionState};
pub use txn::{Applied, Check, Committed, Mode, Operation, Txn, limits};
pub use watch::{Event, Scope};

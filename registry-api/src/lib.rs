//! The registry contract's words in plain Rust.
//!
//! Hosts and plugins both speak these types. What each operation promises stands in the [`contract`], clause by clause;
//! the numbers in brackets are its. The crate knows no runtime and no ABI.
//!
//! # Keys
//!
//! A [`Key`] is a path whose form has been checked (1.1).
//!
//! ```
//! use registry_api::Key;
//!
//! let key = Key::new("/nodes/worker/10.0.0.7:1234")?;
//! assert_eq!((key.name(), key.parent()), ("10.0.0.7:1234", Key::new("/nodes/worker").ok()));
//! assert!(Key::new("nodes//worker").is_err());
//! # Ok::<(), registry_api::InvalidKey>(())
//! ```
//!
//! # Entries and their numbers
//!
//! An [`Entry`] is what a key holds (1.3). Its [`Version`] grows with every write of the key. Its creation, a
//! [`Revision`], is its own for as long as it lives, and orders all entries. That of a lock's queue entry is the lock's
//! [`FencingToken`] (6.3).
//!
//! ```
//! use registry_api::{Entry, FencingToken, Revision, Version};
//!
//! let entry = Entry::new("/lock/ab-1", "10.0.0.7", Version::new(7), Revision::new(5), None);
//! assert!(!entry.is_ephemeral() && entry.version > Version::new(6));
//! assert_eq!(FencingToken::from(entry.created).get(), 5);
//! ```
//!
//! # Txns
//!
//! A [`Txn`] borrows its [checks](Check) and [operations](Operation), as a backend is given it (3.1).
//!
//! ```
//! use registry_api::{Check, Key, Mode, Operation, Txn};
//!
//! let (task, lock) = (Key::new("/task/7")?, Key::new("/lock/ab-1")?);
//! let checks = [Check::Held { entry: lock, token: 5.into() }];
//! let operations = [Operation::Put { key: task, value: b"taken", mode: Mode::Persistent }];
//! Txn::new(&checks, &operations).validate("namespace")?;
//! # Ok::<(), registry_api::Error>(())
//! ```
//!
//! # Watches
//!
//! A watch of some [`Scope`] gives [`Event`]s (5.1).
//!
//! ```
//! use registry_api::{Key, Scope};
//!
//! let (nodes, node) = (Key::new("/nodes")?, Key::new("/nodes/a")?);
//! assert!(Scope::Subtree.covers(nodes, node) && !Scope::Node.covers(nodes, node));
//! # Ok::<(), registry_api::InvalidKey>(())
//! ```
//!
//! # Errors
//!
//! An [`Error`] says its [kind](ErrorKind), whether a write was applied ([`Outcome`]), and whether a retry can help
//! (7.1).
//!
//! ```
//! use registry_api::{Error, ErrorKind, Outcome};
//!
//! let error = Error::new(ErrorKind::Timeout, "no answer in time").or_operation("put").or_key("/a");
//! assert_eq!(error.to_string(), "put /a: no answer in time");
//! assert!(error.is_retryable() && error.outcome() == Outcome::Unknown);
//! ```
//!
//! # What a backend can do
//!
//! [`Capabilities`] name what it can't keep, with the weaker promise that it makes instead.
//!
//! ```
//! use registry_api::{Capabilities, Capability};
//!
//! let some = Capabilities::all().without(Capability::SnapshotLists, "entries are read one after another");
//! assert!(!some.has(Capability::SnapshotLists) && some.has(Capability::ExactVersions));
//! ```

#![forbid(unsafe_code)]

mod backoff;
mod capability;
mod entry;
mod error;
mod key;
mod listing;
mod lock;
mod moment;
mod number;
mod panics;
mod session;
mod txn;
mod watch;

#[doc = include_str!("../CONTRACT.md")]
pub mod contract {}

pub use backoff::Backoff;
pub use capability::{Capabilities, Capability};
pub use entry::Entry;
pub use error::{Error, ErrorKind, Outcome, Result};
pub use key::{InvalidKey, Key, MAX_KEY_BYTES, MAX_SEGMENTS};
pub use listing::{Cursor, Listing, Page};
pub use lock::Held;
pub use moment::Moment;
pub use number::{FencingToken, Revision, Version};
pub use panics::panic_message;
pub use session::{SessionId, SessionState};
pub use txn::{Applied, Check, Committed, Mode, Operation, Txn, limits};
pub use watch::{Event, Scope};

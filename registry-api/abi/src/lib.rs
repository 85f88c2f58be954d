//! The stable ABI between a registry host and its plugins.
//!
//! This crate alone names `abi_stable` and `async-ffi`. Its package name and major version are the ABI's identity: a
//! host and a plugin that were built against different minors of it load each other, whichever is older.
//!
//! # How it evolves
//!
//! Methods are appended to the traits with a default body, fields to [`Root`] as optional ones; `last_prefix_field`
//! never moves, and a plain struct never changes. Kinds are integers with constants: one that the other side doesn't
//! know is refused or passed over as its documentation says, never misread. Moving `abi_stable` or `async-ffi` is a new
//! major.

mod bytes;
mod connection;
mod entry;
mod error;
mod guard;
mod host;
mod layout;
pub mod library;
mod root;
mod session;
mod txn;
mod watch;

pub use abi_stable::{
    library::{LibHeader, RootModule, RootModuleResult},
    sabi_trait::TD_Opaque,
    std_types::{RBox, RErr, RNone, ROk, ROption, RResult, RSlice, RSome, RStr, RString, RVec, Tuple2},
};
pub use async_ffi::{BorrowingFfiFuture, ContextExt, FfiContext, FfiFuture, FfiPoll};

pub use crate::bytes::RawBytes;
pub use crate::connection::{Connection, RawConnection, RawConnection_TO, RawLockRequest, Timeout};
pub use crate::entry::RawEntry;
pub use crate::error::{RawError, RawErrorKind, RawOutcome};
pub use crate::guard::{Guard, RawGuard, RawGuard_TO};
pub use crate::host::{DEPENDENCY_FIELD, Host, RawHost, RawHost_TO, RawLevel, RawLog};
pub use crate::root::{
    ALIAS, OPENING_TIMEOUT, QUEUE_ENTRY, RawAbout, RawConfigKey, RawOptions, Root, RootRef, SERVERS, construct, header,
};
pub use crate::session::{RawSession, RawSessionState};
pub use crate::txn::{RawApplied, RawCheck, RawCheckKind, RawMode, RawOperation, RawOperationKind, RawTxn};
pub use crate::watch::{RawEvent, RawEventKind, RawScope, RawWatch, RawWatch_TO, Watch};

/// The symbol of a plugin library's [`header`].
pub const HEADER_SYMBOL: &str = "_1as_0lib_1header_0root_bmodule_bloader";

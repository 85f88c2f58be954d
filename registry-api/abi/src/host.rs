//! What a host gives a plugin.

#![allow(non_local_definitions, non_camel_case_types, missing_docs, clippy::all, reason = "the macro's code")]

use abi_stable::{
    StableAbi, sabi_trait,
    std_types::{RBox, ROption, RSlice, RStr, Tuple2},
};

use crate::RawSession;

/// How grave a log line is; one that the host doesn't know is read as `INFO`.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RawLevel(pub u32);

impl RawLevel {
    /// Something has failed.
    pub const ERROR: RawLevel = RawLevel(1);
    /// Something may fail.
    pub const WARN: RawLevel = RawLevel(2);
    /// Something an operator wants to know.
    pub const INFO: RawLevel = RawLevel(3);
    /// Something a developer wants to know.
    pub const DEBUG: RawLevel = RawLevel(4);
    /// Everything.
    pub const TRACE: RawLevel = RawLevel(5);
}

/// One log line.
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct RawLog<'a> {
    /// How grave it is.
    pub level: RawLevel,
    /// The module that it comes from.
    pub target: RStr<'a>,
    /// The message.
    pub message: RStr<'a>,
    /// The fields beside the message, as text.
    pub fields: RSlice<'a, Tuple2<RStr<'a>, RStr<'a>>>,
}

/// The name of a [field](RawLog::fields) that says of which library, other than the plugin itself and its SDK, a line
/// is.
pub const DEPENDENCY_FIELD: &str = "registry.dependency";

/// What a plugin tells its host, from its own threads. Each method is quick and never panics across.
#[sabi_trait]
pub trait RawHost: Send + Sync {
    /// The session has changed; transitions are told in order.
    fn session(&self, session: RawSession);

    /// Whether lines of this level are wanted.
    fn log_enabled(&self, level: RawLevel) -> bool;

    /// A log line of the plugin.
    #[sabi(last_prefix_field)]
    fn log(&self, log: RawLog<'_>);

    /// A server is tried while a connection is opened, or, with a reason, has given none. Hosts older than 1.2 don't
    /// hear of it.
    fn tried(&self, _server: RStr<'_>, _failure: ROption<RStr<'_>>) {}

    /// Why the session is about to change, told right before [`session`](RawHost::session). Hosts older than 1.2 don't
    /// hear of it.
    fn session_cause(&self, _cause: RStr<'_>) {}
}

/// An owned [`RawHost`].
pub type Host = RawHost_TO<'static, RBox<()>>;

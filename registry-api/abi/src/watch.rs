//! Watches on their way across: a stream that the host pulls in batches.

#![allow(non_local_definitions, non_camel_case_types, missing_docs, clippy::all, reason = "the macro's code")]

use abi_stable::{
    StableAbi, sabi_trait,
    std_types::{RBox, ROption, RResult, RVec},
};
use async_ffi::{FfiContext, FfiPoll};
use registry_api::{Error, ErrorKind, Event, Scope};

use crate::{RawEntry, RawError};

/// A [`Scope`]. A plugin that doesn't know one refuses the watch as `Unsupported`.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawScope(pub u32);

impl RawScope {
    /// [`Scope::Node`].
    pub const NODE: RawScope = RawScope(1);
    /// [`Scope::Children`].
    pub const CHILDREN: RawScope = RawScope(2);
    /// [`Scope::Subtree`].
    pub const SUBTREE: RawScope = RawScope(3);
}

impl From<Scope> for RawScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Node => RawScope::NODE,
            Scope::Children => RawScope::CHILDREN,
            Scope::Subtree => RawScope::SUBTREE,
        }
    }
}

impl TryFrom<RawScope> for Scope {
    type Error = Error;

    fn try_from(raw: RawScope) -> Result<Self, Error> {
        match raw {
            RawScope::NODE => Ok(Scope::Node),
            RawScope::CHILDREN => Ok(Scope::Children),
            RawScope::SUBTREE => Ok(Scope::Subtree),
            RawScope(scope) => {
                Err(Error::new(ErrorKind::Unsupported, format!("this plugin knows no watch scope {scope}")))
            }
        }
    }
}

/// The kind of an event. One that the host doesn't know ends the watch with an error.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawEventKind(pub u32);

impl RawEventKind {
    /// [`Event::Put`] of a key that is new to the watch.
    pub const PUT_NEW: RawEventKind = RawEventKind(1);
    /// [`Event::Put`] of a key that the watch has told of.
    pub const PUT: RawEventKind = RawEventKind(2);
    /// [`Event::Delete`]; the entry is the last one told.
    pub const DELETE: RawEventKind = RawEventKind(3);
    /// [`Event::Synced`]; there is no entry.
    pub const SYNCED: RawEventKind = RawEventKind(4);
}

/// An [`Event`].
#[repr(C)]
#[derive(StableAbi)]
pub struct RawEvent {
    /// What happened.
    pub kind: RawEventKind,
    /// To what.
    pub entry: ROption<RawEntry>,
}

impl From<Event> for RawEvent {
    fn from(event: Event) -> Self {
        let (kind, entry) = match event {
            Event::Put { entry, new: true } => (RawEventKind::PUT_NEW, Some(entry)),
            Event::Put { entry, new: false } => (RawEventKind::PUT, Some(entry)),
            Event::Delete { last } => (RawEventKind::DELETE, Some(last)),
            Event::Synced => (RawEventKind::SYNCED, None),
            _ => (RawEventKind(0), None),
        };
        RawEvent { kind, entry: entry.map(RawEntry::from).into() }
    }
}

impl TryFrom<RawEvent> for Event {
    type Error = Error;

    fn try_from(raw: RawEvent) -> Result<Self, Error> {
        match (raw.kind, raw.entry) {
            (RawEventKind::PUT_NEW, ROption::RSome(entry)) => Ok(Event::Put { entry: entry.into(), new: true }),
            (RawEventKind::PUT, ROption::RSome(entry)) => Ok(Event::Put { entry: entry.into(), new: false }),
            (RawEventKind::DELETE, ROption::RSome(entry)) => Ok(Event::Delete { last: entry.into() }),
            (RawEventKind::SYNCED, _) => Ok(Event::Synced),
            (RawEventKind(kind), _) => Err(Error::new(
                ErrorKind::Unsupported,
                format!("the plugin told of an event of kind {kind}, which this host doesn't know; update the host"),
            )),
        }
    }
}

/// A watch's events, pulled by the host; dropping it ends the watch.
#[sabi_trait]
pub trait RawWatch: Send {
    /// Up to `max` events; an empty batch ends the watch, and so does an error.
    #[sabi(last_prefix_field)]
    fn poll_next_batch(
        &mut self,
        context: &mut FfiContext<'_>,
        max: usize,
    ) -> FfiPoll<RResult<RVec<RawEvent>, RawError>>;
}

/// An owned [`RawWatch`].
pub type Watch = RawWatch_TO<'static, RBox<()>>;

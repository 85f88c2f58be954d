//! Loads a registry plugin at run time and hands its host a [`Registry`].

pub mod blocking;
mod compat;
mod config;
mod layers;
pub mod plugin;
mod registry;
mod supervised;

pub use config::{DisconnectStrategy, HostSection, Section, Setting, Settings, SettingsBuilder};
pub use plugin::Plugin;
pub use registry::{
    Attempt, Delete, EphemeralEvent, Ephemerals, Guard, Leader, Lock, Observer, Opening, Progress, Put, Registry,
    Session, States, TxnBuilder, Watch,
};
pub use supervised::{panic_message, supervised};

pub use registry_api::{
    Applied, Capabilities, Capability, Committed, Entry, Error, ErrorKind, Event, FencingToken, Held, Key, Outcome,
    Result, Revision, Scope, SessionId, SessionState, Version, limits,
};
pub use registry_config::{ConfigKey, Source};

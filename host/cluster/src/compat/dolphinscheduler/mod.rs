//! DolphinScheduler: its keys, its formats of heartbeats, and its own sections of the configuration.

mod commas;
pub(crate) mod dates;
mod format;
pub(crate) mod layout;
mod sections;

pub(crate) use commas::{read, write};
pub use format::HeartbeatFormat;
pub use sections::{LoadProtection, RoleOptions};

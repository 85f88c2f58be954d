//! Hosts, what they have told, and where they meet.

mod event_log;
mod host;
mod site;

pub(crate) use self::{
    event_log::EventLog,
    host::{Host, Registered},
    site::{Site, on_both},
};

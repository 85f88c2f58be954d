//! The ZooKeeper registry backend.
//!
//! A key is the path `/<namespace><key>`, below the connect string's chroot. Everything hangs on the one session of one
//! client. A Txn is a `multi`, and what it rests on is checked in it. A watch is told of what the server says has
//! changed, but what it tells is what it then reads: events are hints, and some are lost with a connection.

#![forbid(unsafe_code)]

mod backend;
mod config;
mod error;
mod four_letter_word;
mod freshness;
mod lock;
mod opening;
mod paths;
mod read;
mod session;
mod txn;
mod watch;

#[cfg(test)]
mod tests;

pub use backend::Zookeeper;
pub use config::{Config, Servers};

registry_plugin::export_plugin!(Zookeeper);

//! The etcd registry backend.
//!
//! Keys lie flat on the server, `<namespace><key>`, readable with `etcdctl get --prefix`. A session is one lease at a
//! time, which everything ephemeral hangs on. A Txn is one of etcd's, its rules compares in it, so that the common case
//! is one round trip. A watch is the state at a revision and the events from the next one on. One server of the cluster
//! is used until it fails, or another answers while it is silent.

#![forbid(unsafe_code)]

mod access;
mod backend;
mod config;
mod endpoints;
mod error;
mod history;
mod keys;
mod read;
mod session;
mod txn;
mod watch;

#[cfg(test)]
mod tests;

pub use backend::Etcd;
pub use config::{Config, Tls};

registry_plugin::export_plugin!(Etcd);

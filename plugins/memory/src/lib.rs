//! The in-memory registry backend, and the model that the others are compared with.
//!
//! Sessions of one process that name the same tree (`registry.memory.name`) share it; the tree goes with the last of
//! them. Nothing is kept on disk and nothing is seen by other processes.

#![forbid(unsafe_code)]

mod backend;
mod config;
mod entries;
mod namespace;
mod session;
mod tree;
mod trees;
mod txn;
mod watch;

pub use backend::Memory;
pub use config::{Config, TreeName};

registry_plugin::export_plugin!(Memory);

//! A client of a backend without a host, for the tests in the backend's own crate: a library that is only loaded can't
//! be linked to tests of its own folder.
//!
//! Everything here is for tests: what fails panics, with the reason.

#![forbid(unsafe_code)]

mod client;
mod operations;
mod waiting;
mod watching;

pub use client::{Client, fresh, options};
pub use operations::{delete, ephemeral, key, put};
pub use waiting::{LIMIT, until};
pub use watching::{Running, watch};

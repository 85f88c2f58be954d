//! The boundary: what stands between a backend's safe Rust and the ABI.

mod connect;
mod connection;
pub(crate) mod guarded;
mod guards;
mod live;
mod logging;
mod runtime;
mod watches;

pub mod export;

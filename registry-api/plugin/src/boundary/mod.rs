//! The boundary: what stands between a backend's safe Rust and the ABI.

mod connect;
mod connection;
mod guards;
mod live;
mod logging;
mod runtime;
mod watches;

pub mod export;

//! Calling services by tonic, and being called.
//!
//! A [`channel`] is what clients that tonic generates call by: each call goes to one of those who provide the service
//! just then. [`serve`] has a tonic server be found as long as it serves. Dubbo's Triple is gRPC over HTTP/2 without
//! TLS, so that Dubbo's processes call such a server, and are called.

mod address;
mod channel;
mod link;
mod opening;
mod pool;
mod serve;

pub use ::tonic::transport::server::Router;

pub use self::{
    address::own_address,
    channel::{Channel, HASH_KEY},
    opening::{Level, Opening, channel},
    serve::{Serve, serve},
};

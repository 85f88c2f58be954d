//! How clients, masters and workers speak with each other: gRPC.

mod channels;
mod serving;
mod status;

/// The messages and services, as they are generated of `proto/tasks.proto`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated; the proto file documents them"
)]
pub mod messages {
    tonic::include_proto!("registry.tasks.v1");
}

pub use self::{
    channels::{Channels, MasterClient, WorkerClient},
    serving::{Bound, bind},
    status::{error_of, status_of},
};

/// The version of the protocol. A peer with another number before the point is refused.
pub const VERSION: &str = "1.0";

/// The metadata that carries the version.
const VERSION_KEY: &str = "registry-tasks-version";

/// How large a message may be: a record and something beside it.
pub(crate) const LARGEST: usize = 2 * 1024 * 1024;

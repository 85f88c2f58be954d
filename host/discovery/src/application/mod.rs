//! Services by application: instances of applications, and what each provides, as Dubbo has it since version 3.
//!
//! | key | what stands there |
//! |---|---|
//! | `/services/<application>/<host:port>` | an [instance](Instance), ephemeral |
//! | `/dubbo/mapping/<interface>` | the names of the applications that provide it, with commas between |
//! | `/dubbo/metadata/<application>/<revision>`, `/dubbo/<application>/<revision>` | [metadata](Metadata), where it is remote: Java and Go look at different places |
//!
//! Where metadata is local, consumers ask the instance itself, by the one method of [`metadata_service`].

mod asking;
mod follow;
mod instance;
mod mapping;
mod metadata;
mod register;
mod service;
#[cfg(test)]
mod tests;

pub(crate) use self::follow::Instances;
pub use self::{
    instance::{Instance, InstanceError, Storage},
    metadata::{Metadata, ServiceInfo},
    register::RegisteredApplication,
    service::metadata_service,
};

#[allow(missing_docs, unreachable_pub, clippy::all)]
mod proto {
    ::tonic::include_proto!("org.apache.dubbo.metadata");
}

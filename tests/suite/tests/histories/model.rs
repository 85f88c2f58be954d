//! The model, for sessions that are a client in one of its lives.

pub(crate) use registry_model::{Answer, Condition, Refusal};

/// A client in one of its sessions.
pub(crate) type Owner = (usize, usize);

pub(crate) type Holder = registry_model::Holder<Owner>;
pub(crate) type Kept = registry_model::Kept<Owner>;
pub(crate) type Model = registry_model::Model<Owner>;

//! Reading a backend's configuration into its own type.
//!
//! The host hands a plugin its section with every scalar as text. The SDK reads it into [`Backend::Config`] as
//! [`from_value`] does, and refuses what it can't read with the key's full path, the value, and what is accepted. What
//! a backend itself then finds wrong it refuses with [`invalid`].
//!
//! [`config!`](macro@config) declares the type, each key once: its name, type, default and description.
//!
//! [`Backend::Config`]: crate::Backend::Config

pub mod pem;
mod refusal;
mod workers;

pub use refusal::{both, invalid};
pub use registry_config::{
    ConfigError, Secret, Section, Value, config, duration, from_slice, from_value, reader, value,
};
pub(crate) use workers::{WORKER_THREADS, take_worker_threads};

#[cfg(test)]
mod tests {
    use crate::{Context, Options, SessionReporter, tasks::Tasks};

    /// A context without a host and of no backend.
    pub(super) fn context(options: Options) -> Context {
        let session = SessionReporter::new(Box::new(|_, _| ()), 10);
        Context::new(options, session, crate::Opening::unheard(), Tasks::new(tokio::runtime::Handle::current()))
    }
}

//! Contenders for a lock.

use registry_host::Registry;

use crate::{driver::Driver, holder::LockCommand, namespace::Namespace};

/// One that takes the lock again and again.
pub(crate) enum Contender {
    /// A registry of this process.
    Registry(Registry),
    /// A client that nobody here wrote.
    Theirs(Box<Driver>),
    /// A command, started for each turn.
    Command(LockCommand),
}

impl Contender {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Registry(_) => "registry",
            Self::Theirs(driver) => driver.client().name(),
            Self::Command(command) => command.name(),
        }
    }

    /// Whether it goes through the project's own code.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Registry(_) | Self::Command(LockCommand::Registry))
    }

    /// Whether it queues again as soon as it has had its turn, with no process to start first.
    pub(crate) fn is_steady(&self) -> bool {
        !matches!(self, Self::Command(_))
    }

    /// Waits for the lock, does the work with its entry in the queue, and releases the lock.
    pub(crate) async fn locked(&mut self, namespace: &Namespace, key: &str, work: impl AsyncFnOnce(&str)) {
        match self {
            Self::Registry(registry) => {
                let guard = registry.lock(key).await.expect("the lock");
                work(guard.entry()).await;
                assert!(!guard.is_lost(), "the lock was lost while it was held");
                guard.release().await.expect("a release");
            }
            Self::Theirs(driver) => {
                let entry = driver.lock(key).await;
                work(&entry).await;
                driver.unlock().await;
            }
            Self::Command(command) => {
                let holder = command.lock(namespace, key).await;
                work(holder.entry()).await;
                holder.release().await;
            }
        }
    }

    /// Ends its session.
    pub(crate) async fn close(self) {
        match self {
            // Another contender may share it.
            Self::Registry(_) | Self::Command(_) => {}
            Self::Theirs(driver) => driver.close().await,
        }
    }
}

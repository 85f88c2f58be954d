//! Every law of the contract on every backend, each a test of its own: `memory::1.1::the_root_is_no_entry`.
//!
//! memory is tried through the loaded plugin and linked in directly: a law that fails on both is broken by the backend, one
//! that fails on the loaded one alone is broken by the boundary.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use libtest_mimic::{Arguments, Failed, Trial};
use registry_conformance::{Court, Outcome, laws, try_law};
use registry_host::{Error, ErrorKind, Plugin, Result, Settings, SettingsBuilder};
use registry_test_servers::Etcd;
use tokio::runtime::Runtime;

/// Laws wait more than they work, so more of them run at once than there are processors.
const AT_ONCE: usize = 12;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let runtime = Arc::new(Runtime::new().expect("a runtime starts"));
    let mut trials = Vec::new();
    for (backend, open) in BACKENDS {
        let opening = runtime.clone();
        let court = Arc::new(LazyLock::new(move || opening.block_on(async { open()?.open().await })));
        for law in laws() {
            let (runtime, court) = (runtime.clone(), court.clone());
            let test = move || {
                let court = court.as_ref().as_ref().map_err(|error| Failed::from(error.to_string()))?;
                match runtime.block_on(try_law(court, law)) {
                    Outcome::Held => Ok(()),
                    // The project's own backends have every capability.
                    outcome => Err(Failed::from(outcome.to_string())),
                }
            };
            trials.push(Trial::test(format!("{backend}::{}::{}", law.clause, law.name), test));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// A backend and what opens a court on it.
type Backend = (&'static str, fn() -> Result<Opening>);

const BACKENDS: &[Backend] = &[
    ("memory", || Ok(Opening { linked: None, settings: loaded("memory").set("registry.memory.name=conformance") })),
    ("etcd", || {
        let server = Etcd::shared().map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))?;
        let endpoints = format!("registry.etcd.endpoints={}", server.endpoint());
        Ok(Opening { linked: None, settings: loaded("etcd").set(endpoints) })
    }),
    ("memory_linked", || {
        let linked = Some(Plugin::linked(registry_memory::linked_plugin())?);
        // Also in the empty namespace.
        let settings = Settings::builder().set("registry.memory.name=conformance").set("registry.namespace=");
        Ok(Opening { linked, settings })
    }),
];

struct Opening {
    linked: Option<Plugin>,
    settings: SettingsBuilder,
}

impl Opening {
    async fn open(self) -> Result<Court> {
        match self.linked {
            Some(plugin) => Court::with_plugin(plugin, self.settings).await,
            None => Court::open(self.settings).await,
        }
    }
}

/// The settings of a backend whose plugin lies beside this test.
fn loaded(name: &str) -> SettingsBuilder {
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(PathBuf::from)).unwrap_or_default();
    Settings::builder().plugin_dir(beside).set(format!("registry.type={name}"))
}

//! The clients that nobody here wrote, as `tests/interop/build` has built them.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// A client in its own language, behind a small driver of ours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// Go's `clientv3` with `concurrency.Mutex`, on etcd.
    Go,
    /// Java's Curator with `InterProcessMutex`, on ZooKeeper.
    Curator,
    /// Python's kazoo, its lock under Curator's names, on ZooKeeper.
    Kazoo,
}

impl Client {
    const ALL: [Self; 3] = [Self::Go, Self::Curator, Self::Kazoo];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Curator => "curator",
            Self::Kazoo => "kazoo",
        }
    }

    /// Its driver, which still lacks the server and the session's seconds.
    pub(crate) fn command(self) -> Command {
        let built = built();
        match self {
            Self::Go => Command::new(self.program()),
            Self::Curator => {
                let mut command = Command::new("java");
                // It lives for seconds: starting fast matters more than running fast.
                command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"]);
                command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error");
                let (classes, libraries) = (self.program(), built.join("java/libraries/*"));
                command.arg("-cp").arg(format!("{}:{}", classes.display(), libraries.display())).arg("Driver");
                command
            }
            Self::Kazoo => {
                let mut command = Command::new(built.join("python/bin/python3"));
                command.arg(self.program());
                command
            }
        }
    }

    /// What must be there.
    fn program(self) -> PathBuf {
        built().join(match self {
            Self::Go => "go/driver",
            Self::Curator => "java/classes",
            Self::Kazoo => "python/driver.py",
        })
    }
}

/// Fails with what to do if a driver was not built.
pub(crate) fn all_built() -> Result<(), String> {
    match Client::ALL.map(Client::program).iter().find(|program| !program.exists()) {
        Some(missing) => Err(format!("{} is missing: run `make interop`, which builds it", missing.display())),
        None => Ok(()),
    }
}

/// The folder beside this executable's own.
fn built() -> PathBuf {
    registry_suite::beside().parent().unwrap_or(Path::new("/")).join("interop")
}

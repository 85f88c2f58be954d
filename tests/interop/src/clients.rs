//! The clients and servers that nobody here wrote, as `tests/interop/build` has built them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::process::Command;

/// A client in its own language, behind a small driver of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Go's `clientv3` with `concurrency.Mutex`, on etcd.
    Go,
    /// Java's Curator with `InterProcessMutex`, on ZooKeeper.
    Curator,
    /// Python's kazoo, its lock under Curator's names, on ZooKeeper.
    Kazoo,
    /// A master or worker of DolphinScheduler 1.3.6 in its own classes, on ZooKeeper.
    DolphinScheduler13,
    /// The registry's part of DolphinScheduler 2.0.5, on ZooKeeper.
    DolphinScheduler20,
    /// A provider or consumer of dubbo-go 3.3.2, on ZooKeeper and etcd.
    DubboGo,
    /// A provider or consumer of Dubbo 3.3.6 in Java, on ZooKeeper.
    DubboJava,
}

/// How long a driver lives, which decides what it is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lives {
    /// Starting fast matters more than running fast.
    Seconds,
    /// Running fast is what matters: nothing is set that its users would not set.
    Minutes,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Go,
        Self::Curator,
        Self::Kazoo,
        Self::DolphinScheduler13,
        Self::DolphinScheduler20,
        Self::DubboGo,
        Self::DubboJava,
    ];

    /// A short name, for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Curator => "curator",
            Self::Kazoo => "kazoo",
            Self::DolphinScheduler13 => "dolphinscheduler 1.3.6",
            Self::DolphinScheduler20 => "dolphinscheduler 2.0.5",
            Self::DubboGo => "dubbo-go",
            Self::DubboJava => "dubbo in java",
        }
    }

    /// Asks whether its driver is in the folder that `tests/interop/build` made.
    ///
    /// # Errors
    ///
    /// What is missing, and what builds it.
    pub fn check(self, built: &Path) -> Result<(), String> {
        let program = self.program(built);
        if program.exists() {
            return Ok(());
        }
        Err(format!("{} is missing: `make interop`, `make bench` and `make failover` build it", program.display()))
    }

    /// Its driver, which still lacks its arguments.
    pub(crate) fn command(self, built: &Path, lives: Lives) -> Command {
        let program = self.program(built);
        match self {
            Self::Go => {
                let mut command = Command::new(program);
                // Else it warns of every call that it makes again.
                command.env("ETCD_CLIENT_DEBUG", "error");
                command
            }
            Self::Curator => {
                let mut command = java(lives, 128);
                command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error");
                let libraries = built.join("java/libraries/*");
                command.arg("-cp").arg(format!("{}:{}", program.display(), libraries.display())).arg("Driver");
                command
            }
            Self::DolphinScheduler13 | Self::DolphinScheduler20 => {
                let mut command = java(lives, 128);
                // Its Spring is older than Java's modules.
                command.args(["--add-opens", "java.base/java.lang=ALL-UNNAMED"]);
                let libraries = fs::read_to_string(program.with_file_name("libraries")).unwrap_or_default();
                command.arg("-cp").arg(format!("{}:{}", program.display(), libraries.trim())).arg("peer.Peer");
                command
            }
            Self::DubboGo => Command::new(program),
            Self::DubboJava => {
                let mut command = java(lives, 256);
                command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-Ddubbo.application.logger=slf4j"]);
                // It reports as errors what its clients say while they end.
                command.arg("-Dorg.slf4j.simpleLogger.log.org.apache.curator.framework.recipes.cache=off");
                // Else it takes the address of another interface for 127.0.0.1.
                command.args(["-Djava.net.preferIPv4Stack=true", "-Ddubbo.network.interface.ignored=.*"]);
                // It keeps files in its user's folder.
                command.arg(format!("-Duser.home={}", built.join("dubbo-java").display()));
                let libraries = built.join("dubbo-java/libraries/*");
                command.arg("-cp").arg(format!("{}:{}", program.display(), libraries.display())).arg("peer.Peer");
                command
            }
            Self::Kazoo => {
                let mut command = Command::new(built.join("python/bin/python3"));
                command.arg(program);
                command
            }
        }
    }

    /// What must be there.
    fn program(self, built: &Path) -> PathBuf {
        built.join(match self {
            Self::Go => "go/driver",
            Self::Curator => "java/classes",
            Self::Kazoo => "python/driver.py",
            Self::DolphinScheduler13 => "dolphinscheduler/1.3.6/classes",
            Self::DolphinScheduler20 => "dolphinscheduler/2.0.5/classes",
            Self::DubboGo => "dubbo-go/driver",
            Self::DubboJava => "dubbo-java/classes",
        })
    }
}

/// Java with at most so many megabytes.
fn java(lives: Lives, megabytes: u32) -> Command {
    let mut command = Command::new("java");
    if lives == Lives::Seconds {
        command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", &format!("-Xmx{megabytes}m")]);
    }
    command
}

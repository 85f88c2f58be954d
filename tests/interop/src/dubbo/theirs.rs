//! A provider or consumer in Go or Java, in a process of its own.

use registry_interop::{Client, Lives, Process};
use tokio::sync::Mutex;

use super::{
    LIMIT,
    caller::{Answers, Calls},
    place::free_port,
};
use crate::namespace::built;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Go,
    Java,
}

/// Dubbo in Go or Java.
pub(super) struct Theirs {
    language: Language,
    /// Where a provider serves.
    port: u16,
    process: Mutex<Process>,
}

impl Theirs {
    pub(super) fn start(language: Language, role: &str, registry: &str, level: &str, address: &str) -> Self {
        let port = free_port();
        let started = match language {
            Language::Go => {
                let (application, serves) = (format!("go-{role}"), format!("127.0.0.1:{port}"));
                let arguments = [role, registry, address, level, &application, "demo.EchoService", &serves];
                Process::run(Client::DubboGo, &built(), Lives::Seconds, &arguments)
            }
            Language::Java => {
                // It tells its consumers of changes at most every five seconds otherwise.
                let url = format!("{registry}://{address}?delay-notification=0");
                let (application, port) = (format!("java-{role}"), port.to_string());
                Process::run(Client::DubboJava, &built(), Lives::Seconds, &[role, &url, level, &application, &port])
            }
        };
        let process = started.unwrap_or_else(|error| panic!("{error}"));
        Theirs { language, port, process: Mutex::new(process) }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Ends it as its users do.
    pub(super) async fn close(self) {
        self.process.into_inner().close(LIMIT).await.unwrap_or_else(|error| panic!("{error}"));
    }

    pub(super) async fn kill(self) {
        self.process.into_inner().kill().await.unwrap_or_else(|error| panic!("{error}"));
    }

    async fn ask(&self, verb: &str, arguments: &[&str]) -> Vec<String> {
        let mut process = self.process.lock().await;
        process.ask(verb, arguments, LIMIT).await.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Calls for Theirs {
    fn who(&self) -> &'static str {
        match self.language {
            Language::Go => "Go's",
            Language::Java => "Java's",
        }
    }

    async fn begin(&self) {
        self.ask("started", &[]).await;
    }

    async fn call(&self, count: usize) -> Answers {
        let fields = self.ask("call", &[&count.to_string()]).await;
        let pair = |pair: &[String]| (pair[1].clone(), pair[0].parse().expect("a number"));
        fields.chunks_exact(2).map(pair).collect()
    }

    async fn end(self) {
        self.close().await;
    }
}

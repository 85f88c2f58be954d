use std::process::{Command, Stdio};

use serde_json::Value;

use crate::process::{find, without_settings};
use crate::{Certificates, Error, Result, Tls};

/// How `etcdctl` reaches an etcd and proves who it is.
pub(super) struct Client {
    endpoints: Vec<String>,
    security: Option<(Tls, Certificates)>,
    /// `name:password`
    login: Option<String>,
}

/// What a member says of itself.
pub(super) struct Status {
    pub(super) revision: i64,
    pub(super) version: String,
    member: u64,
    leader: u64,
    term: u64,
}

impl Client {
    pub(super) fn new(endpoints: Vec<String>, security: Option<(Tls, Certificates)>) -> Self {
        Self { endpoints, security, login: None }
    }

    pub(super) fn certificates(&self) -> Option<&Certificates> {
        self.security.as_ref().map(|(_, certificates)| certificates)
    }

    /// Makes `user` an administrator, with `root` beside it since etcd can't do without, and asks for logins from now
    /// on.
    pub(super) fn enable_users(&mut self, user: &str, password: &str) -> Result<()> {
        let mut users = vec!["root", user];
        users.dedup();
        for user in users {
            self.run(["user", "add", &format!("{user}:{password}")])?;
            self.run(["user", "grant-role", user, "root"])?;
        }
        self.run(["auth", "enable"])?;
        self.login = Some(format!("{user}:{password}"));
        Ok(())
    }

    pub(super) fn command(&self, endpoints: &[String]) -> Result<Command> {
        let program = std::env::var("ETCDCTL_BIN").unwrap_or_else(|_| "etcdctl".to_owned());
        let mut command = Command::new(find(&program, "etcd-client")?);
        without_settings(&mut command);
        command.env("ETCDCTL_API", "3").stdin(Stdio::null()).arg("--endpoints").arg(endpoints.join(","));
        // Its own 2 s and 5 s are too short for a busy machine.
        command.args(["--dial-timeout=20s", "--command-timeout=30s"]);
        if let Some((tls, certificates)) = &self.security {
            command.arg("--cacert").arg(certificates.ca_file());
            if *tls == Tls::Mutual {
                command.arg("--cert").arg(certificates.cert_file()).arg("--key").arg(certificates.key_file());
            }
        }
        if let Some(login) = &self.login {
            command.arg("--user").arg(login);
        }
        Ok(command)
    }

    pub(super) fn run<S: AsRef<str>>(&self, arguments: impl IntoIterator<Item = S>) -> Result<String> {
        self.run_on(&self.endpoints, arguments)
    }

    /// As [`status`](Self::status), of one of several members, of which some may be stopped.
    pub(super) fn glance(&self, endpoint: &str) -> Result<Status> {
        self.status_by(endpoint, &["--dial-timeout=5s", "--command-timeout=5s"])
    }

    pub(super) fn status(&self, endpoint: &str) -> Result<Status> {
        self.status_by(endpoint, &[])
    }

    fn status_by(&self, endpoint: &str, flags: &[&str]) -> Result<Status> {
        let question = ["endpoint", "status", "--write-out", "json"];
        // Of a flag that is given twice, the last counts.
        let printed = self.run_on(&[endpoint.to_owned()], question.iter().chain(flags))?;
        Status::read(&printed).ok_or_else(|| Error::new(format!("etcdctl's status is not understood: {printed}")))
    }

    fn run_on<S: AsRef<str>>(&self, endpoints: &[String], arguments: impl IntoIterator<Item = S>) -> Result<String> {
        let arguments: Vec<S> = arguments.into_iter().collect();
        // Never the whole line: the login is in it.
        let name = arguments.first().map_or("", AsRef::as_ref).to_owned();
        let mut command = self.command(endpoints)?;
        let output = command.args(arguments.iter().map(AsRef::as_ref)).output();
        let output = output.map_err(Error::during("starting etcdctl"))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(Error::new(format!("etcdctl {name} failed ({}): {}", output.status, errors.trim())));
        }
        String::from_utf8(output.stdout).map_err(Error::during(format!("reading what etcdctl {name} printed")))
    }
}

impl Status {
    fn read(printed: &str) -> Option<Self> {
        let printed: Value = serde_json::from_str(printed).ok()?;
        let status = printed.get(0)?.get("Status")?;
        let header = status.get("header")?;
        Some(Self {
            revision: header.get("revision")?.as_i64()?,
            version: status.get("version")?.as_str()?.to_owned(),
            member: header.get("member_id")?.as_u64()?,
            // Left out while there is none.
            term: status.get("raftTerm")?.as_u64()?,
            leader: status.get("leader").and_then(Value::as_u64).unwrap_or(0),
        })
    }

    /// The term that the member leads in, by its own word; `None` if it doesn't lead.
    pub(super) fn led_term(&self) -> Option<u64> {
        (self.member == self.leader).then_some(self.term)
    }
}

//! Why a server gives no session: the client doesn't say, so each server is looked at once more.

use std::{fmt, io::Error, time::Duration};

use futures_util::future::join_all;
use registry_plugin::Context;
use tokio::{
    join,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    config::{Dial, Server},
    four_letter_word,
};

/// How long a server may take to end a connection that it doesn't want.
const TURN: Duration = Duration::from_secs(1);

/// What was found out about each server.
pub(super) struct Diagnosis {
    findings: Vec<(String, Finding)>,
    in_tls: bool,
}

enum Finding {
    /// No connection came about.
    Unreachable(Error),
    /// No connection came about in time.
    Lost(Duration),
    /// It takes connections and says nothing.
    Silent,
    /// It ends every connection at once.
    TurnsAway,
    /// It ends the connection without a word once it is asked something.
    Closes,
    /// It answers in TLS what was asked in plain text.
    WantsTls,
    /// It answers in plain text, though TLS is configured.
    PlainText,
    /// One of the two doesn't trust the other.
    Handshake(Error),
    /// It answers as ZooKeeper does: the first line.
    Answers(String),
    /// It answers, but not as ZooKeeper does.
    Foreign,
}

/// Looks at every server, all at the same time.
pub(super) async fn of(dial: &Dial, within: Duration) -> Diagnosis {
    let looks =
        dial.servers().iter().map(|server| async move { (server.to_string(), look(dial, server, within).await) });
    Diagnosis { findings: join_all(looks).await, in_tls: dial.trust().is_some() }
}

impl Diagnosis {
    /// A line for each server.
    pub(super) fn findings(&self) -> impl Iterator<Item = String> {
        self.findings.iter().map(|(server, finding)| format!("{server} {finding}"))
    }

    /// What may help.
    pub(super) fn advice(&self, context: &Context) -> String {
        let any = |which: fn(&Finding) -> bool| self.findings.iter().any(|(_, finding)| which(finding));
        let key = context.config_key("tls.ca-file");
        if any(|finding| matches!(finding, Finding::PlainText)) {
            format!(", which speak plain text, while {key} asks for TLS")
        } else if any(|finding| matches!(finding, Finding::Handshake(_))) {
            let (cert, key) = (context.config_key("tls.cert-file"), context.config_key("tls.key-file"));
            format!(
                ", whether {} signed their certificate, and whether they want another than {cert} and {key} give",
                context.config_key("tls.ca-file")
            )
        } else if any(|finding| matches!(finding, Finding::TurnsAway)) {
            ", and whether this host has as many connections to them as their maxClientCnxns allows".to_owned()
        } else if !self.in_tls && any(|finding| matches!(finding, Finding::Closes | Finding::WantsTls)) {
            format!(", and whether they want TLS ({key})")
        } else {
            String::new()
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Unreachable(error) => write!(f, "can't be connected to: {error}"),
            Finding::Lost(within) => write!(f, "accepts no connection within {within:?}"),
            Finding::Silent => f.write_str("takes connections and stays silent"),
            Finding::TurnsAway => f.write_str("closes connections at once, before anything is asked"),
            Finding::Closes => f.write_str("closes connections in plain text without an answer"),
            Finding::WantsTls => f.write_str("answers plain text in TLS"),
            Finding::PlainText => f.write_str("answers in plain text, not in TLS"),
            Finding::Handshake(error) => write!(f, "and this client don't come to terms in TLS: {error}"),
            Finding::Answers(line) => write!(f, "answers, but gives no session: {line}"),
            Finding::Foreign => f.write_str("does not answer as ZooKeeper does"),
        }
    }
}

async fn look(dial: &Dial, server: &Server, within: Duration) -> Finding {
    let Some(trust) = dial.trust() else { return look_in_plain_text(server, within).await };
    let in_tls = async { four_letter_word::ask_in_tls(four_letter_word::connect(server).await?, server, trust).await };
    let (in_tls, plain) = join!(timeout(within, in_tls), look_in_plain_text(server, within));
    match (in_tls, plain) {
        (Ok(Ok(answer)), _) => understand(&answer),
        (_, Finding::Answers(_)) => Finding::PlainText,
        (_, plain @ (Finding::Unreachable(_) | Finding::Lost(_) | Finding::TurnsAway)) => plain,
        (Ok(Err(error)), _) => Finding::Handshake(error),
        (Err(_), _) => Finding::Silent,
    }
}

async fn look_in_plain_text(server: &Server, within: Duration) -> Finding {
    let deadline = Instant::now() + within;
    let stream = match timeout_at(deadline, four_letter_word::connect(server)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Finding::Unreachable(error),
        Err(_) => return Finding::Lost(within),
    };
    match timeout_at(deadline, four_letter_word::ask(stream)).await {
        Ok(Ok(answer)) => understand(&answer),
        Ok(Err(_)) if turns_away(server, deadline).await => Finding::TurnsAway,
        Ok(Err(_)) => Finding::Closes,
        Err(_) => Finding::Silent,
    }
}

/// Whether a server ends a connection on which nothing is said. One that speaks TLS waits for that to begin.
async fn turns_away(server: &Server, deadline: Instant) -> bool {
    let ended = async {
        let stream = four_letter_word::connect(server).await?;
        stream.peek(&mut [0]).await
    };
    let patience = TURN.min(deadline.saturating_duration_since(Instant::now()) / 2);
    matches!(timeout(patience, ended).await, Ok(Ok(0) | Err(_)))
}

fn understand(answer: &str) -> Finding {
    let line = answer.lines().next().unwrap_or_default();
    // The first byte of an alert.
    if answer.starts_with('\u{15}') {
        Finding::WantsTls
    } else if line.starts_with("Zookeeper version: ")
        || line.starts_with("This ZooKeeper instance")
        || line.starts_with("srvr ")
    {
        Finding::Answers(line.trim_end().to_owned())
    } else {
        Finding::Foreign
    }
}

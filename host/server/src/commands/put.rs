//! `registry put`.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

use clap::Args;
use registry_host::{Entry, EphemeralEvent, Ephemerals, Error, ErrorKind, Outcome, Registry, Version, limits};
use serde_json::json;

use super::Expected;
use crate::context::{Context, check_key};
use crate::exit::{Done, Failure, OK, TAKEN};
use crate::output::Output;
use crate::signals::Signals;

/// Writes an entry and prints its version
///
/// Missing ancestors are created, with empty values. Without a value standard input is read, unless it is a terminal.
///
/// With --ephemeral the entry lives as long as the command, which holds the session until Ctrl-C or SIGTERM and then
/// closes it. If the session is lost it ends with code 3, as registry.disconnect-strategy is stop by default. With
/// 'wait' it stays, puts the entry again in the next session and prints the new version (unless there is none within
/// registry.disconnect-max-wait). If somebody else deletes the entry or puts another in its place, the command says so
/// and ends with code 76.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry put /config/limits '{\"tasks\": 100}'
  registry put /config/logo < logo.png
  registry put /nodes/worker/default/10.0.0.7:1234 up --ephemeral")]
pub(crate) struct Put {
    /// The entry's key
    key: String,
    /// The value, '' for an empty one; - or none to read it from standard input
    #[arg(allow_negative_numbers = true)]
    value: Option<OsString>,
    /// Lets the entry go with the session, and holds that until Ctrl-C or SIGTERM
    #[arg(long)]
    ephemeral: bool,
    /// Writes only if there is no such entry, else exits with 1
    #[arg(long, conflicts_with = "if_version")]
    if_absent: bool,
    /// Writes only if the entry is at this version, else exits with 1
    #[arg(long, value_name = "N")]
    if_version: Option<Version>,
}

/// How long standard input may be silent until that is told.
const SILENCE: Duration = Duration::from_secs(2);

impl Put {
    pub(super) async fn run(mut self, context: &mut Context) -> Done {
        check_key("put", &self.key)?;
        let value = content("put", &self.key, self.value.take()).await?;
        if self.ephemeral {
            let held = context.standing(async |registry, output, signals| {
                // Asked for before there is an entry, so that nothing that becomes of it is missed.
                let mut events = registry.ephemerals();
                tokio::select! {
                    written = self.write(registry, &value, output) => written?,
                    ending = signals.next() => return Ok(ending.code()),
                };
                self.hold(registry, &mut events, output, signals).await
            });
            held.await
        } else {
            context.session(async |registry, output| self.write(registry, &value, output).await).await
        }
    }

    async fn write(&self, registry: &Registry, value: &[u8], output: &mut Output) -> Done {
        let mut put = registry.put(&self.key, value);
        if self.ephemeral {
            put = put.ephemeral();
        }
        if self.if_absent {
            put = put.if_absent();
        }
        if let Some(version) = self.if_version {
            put = put.if_version(version);
        }
        match put.await {
            Ok(version) => self.print(version, output).await,
            Err(error) => {
                let expected = self.if_version.map_or(Expected::Absent, Expected::Version);
                Err(expected.explain(registry, &self.key, error).await.into())
            }
        }
    }

    async fn print(&self, version: Version, output: &mut Output) -> Done {
        output.line(version, json!({"key": self.key, "version": version.get()}))?;
        output.flush().await?;
        Ok(OK)
    }

    /// Keeps the session until a signal, or until there is nothing left to keep.
    async fn hold(
        &self,
        registry: &Registry,
        events: &mut Ephemerals,
        output: &mut Output,
        signals: &mut Signals,
    ) -> Done {
        let told = |error: Error| error.set_outcome(Outcome::Applied).or_operation("put").or_key(&self.key);
        let stop = registry.session().stop_wanted();
        tokio::pin!(stop);
        loop {
            let event = tokio::select! {
                _ = signals.next() => return Ok(OK),
                lost = &mut stop => {
                    let message = format!("{}, and the entry with it: put it again", lost.message());
                    return Err(told(Error::new(ErrorKind::SessionLost, message)).into());
                }
                event = events.next() => event,
            };
            let taken = match event {
                Some(EphemeralEvent::Renewed { version, .. }) => {
                    self.print(version, output).await?;
                    continue;
                }
                Some(EphemeralEvent::Deleted { .. }) => {
                    Error::new(ErrorKind::NotFound, "the entry was deleted by somebody else")
                }
                Some(EphemeralEvent::TakenOver { by }) => Error::new(ErrorKind::Other, replaced(&by)),
                Some(EphemeralEvent::Refused { error, .. }) => {
                    Error::new(error.kind(), "the entry can't be put again").with_cause(&error)
                }
                Some(_) => continue,
                // The registry is closed, which `stop` tells of.
                None => std::future::pending().await,
            };
            return Err(Failure::Coded(TAKEN, told(taken)));
        }
    }
}

/// What is to be said of an entry that stands in the place of one's own.
fn replaced(by: &Entry) -> String {
    let owner = by.ephemeral.map_or_else(|| "persistent".to_owned(), |session| format!("of session {session}"));
    format!("somebody else has put an entry in its place, at version {}, {owner}", by.version)
}

/// What a command is to write: what it was given, or what standard input says.
pub(super) async fn content(command: &str, key: &str, given: Option<OsString>) -> Result<Vec<u8>, Failure> {
    let value = match given {
        None if std::io::stdin().is_terminal() => {
            let message = format!(
                "{command} {key}: the value is missing: give it as an argument ('' for an empty one), or pipe it in; \
                 see registry {command} --help"
            );
            return Err(Failure::Usage(message));
        }
        None => read_value(key).await?,
        Some(value) if value == "-" => read_value(key).await?,
        Some(value) => value.into_vec(),
    };
    check_size(key, &value)?;
    Ok(value)
}

async fn read_value(key: &str) -> Result<Vec<u8>, Failure> {
    let read = tokio::task::spawn_blocking(|| {
        let mut value = Vec::new();
        // One byte more tells a value at the limit from one beyond it.
        std::io::stdin().lock().take(limits::VALUE_BYTES as u64 + 1).read_to_end(&mut value).map(|_| value)
    });
    tokio::pin!(read);
    let read = match tokio::time::timeout(SILENCE, &mut read).await {
        Ok(read) => read,
        Err(_) => {
            tracing::warn!(key, "waiting for the value on standard input");
            read.await
        }
    };
    let value = read.map_err(std::io::Error::from).and_then(|value| value);
    value.map_err(|error| {
        let unread = Error::new(ErrorKind::InvalidTxn, "the value can't be read from standard input");
        unread.or_operation("put").or_key(key).with_cause(&error).into()
    })
}

fn check_size(key: &str, value: &[u8]) -> Result<(), Failure> {
    if value.len() <= limits::VALUE_BYTES {
        return Ok(());
    }
    let message = format!("the value has more bytes than the {} that are allowed", limits::VALUE_BYTES);
    Err(Error::new(ErrorKind::ValueTooLarge, message).or_operation("put").or_key(key).into())
}

//! `registry put`.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;

use clap::Args;
use registry_host::{Error, ErrorKind, Outcome, Registry, SessionState, limits};
use serde_json::json;

use super::Expected;
use crate::context::{Context, check_key};
use crate::exit::{Done, Failure, OK};
use crate::output::Output;
use crate::signals::Signals;

/// Writes an entry and prints its version
///
/// Missing ancestors are created, with empty values. With --ephemeral the entry lives as long as the command: it holds the
/// session until Ctrl-C or SIGTERM and then closes it; should the session be lost before, it says so and exits with 3.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry put /config/limits '{\"tasks\": 100}'
  registry put /config/logo - < logo.png
  registry put /nodes/worker/default/10.0.0.7:1234 up --ephemeral")]
pub(crate) struct Put {
    /// The entry's key
    key: String,
    /// The value, - to read it from standard input; without one it is empty
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
    if_version: Option<u64>,
}

impl Put {
    pub(super) async fn run(mut self, context: &mut Context) -> Done {
        check_key("put", &self.key)?;
        let value = match self.value.take() {
            None => Vec::new(),
            Some(value) if value == "-" => read_value(&self.key).await?,
            Some(value) => value.into_vec(),
        };
        check_size(&self.key, &value)?;
        if self.ephemeral {
            let held = context.standing(async |registry, output, signals| {
                tokio::select! {
                    written = self.write(registry, &value, output) => written?,
                    ending = signals.next() => return Ok(ending.code()),
                };
                hold(&self.key, registry, signals).await
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
        let version = put.await.map_err(|error| {
            let expected = self.if_version.map_or(Expected::Absent, Expected::Version);
            expected.explain(error)
        })?;
        output.line(version, json!({"key": self.key, "version": version}))?;
        output.flush().await?;
        Ok(OK)
    }
}

/// Keeps the session until a signal.
async fn hold(key: &str, registry: &Registry, signals: &mut Signals) -> Done {
    let mut states = registry.session().states();
    loop {
        let state = tokio::select! {
            _ = signals.next() => return Ok(OK),
            state = states.next() => state,
        };
        match state {
            Some(SessionState::Connected | SessionState::Suspended) => {}
            _ => {
                let lost =
                    Error::new(ErrorKind::SessionLost, "the session was lost, and the entry with it: put it again");
                return Err(lost.with_outcome(Outcome::Applied).with_operation("put").with_key(key).into());
            }
        }
    }
}

async fn read_value(key: &str) -> Result<Vec<u8>, Failure> {
    let read = tokio::task::spawn_blocking(|| {
        let mut value = Vec::new();
        // One byte more tells a value at the limit from one beyond it.
        std::io::stdin().lock().take(limits::VALUE_BYTES as u64 + 1).read_to_end(&mut value).map(|_| value)
    });
    let value = read.await.map_err(std::io::Error::from).and_then(|value| value);
    value.map_err(|error| {
        let unread = Error::new(ErrorKind::InvalidTxn, "the value can't be read from standard input");
        unread.with_operation("put").with_key(key).with_cause(&error).into()
    })
}

fn check_size(key: &str, value: &[u8]) -> Result<(), Failure> {
    if value.len() <= limits::VALUE_BYTES {
        return Ok(());
    }
    let message = format!("the value has more bytes than the {} that are allowed", limits::VALUE_BYTES);
    Err(Error::new(ErrorKind::ValueTooLarge, message).with_operation("put").with_key(key).into())
}

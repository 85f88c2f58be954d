//! `registry edit`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use clap::Args;
use registry_host::{Entry, Error, ErrorKind, Registry};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::process::Command;

use super::Expected;
use crate::context::{Context, check_key};
use crate::exit::{Done, Failure, NO, OK, USAGE, of_signal};
use crate::output::Output;
use crate::signals::{Ending, Signals};

/// Opens a value in an editor, and writes what comes of it
///
/// The editor is $VISUAL, else $EDITOR, else vi. The value is written only if it was changed and the entry is still at
/// the version that was read; an entry that was not there is created only if it still is not. Otherwise the command
/// exits with 1, keeps the text in a file, and says how to write it all the same. An ephemeral entry can't be edited:
/// it would become persistent. A newline at the end is the editor's, and left out, unless the value had one.
#[derive(Args)]
#[command(after_help = "Example:\n  EDITOR=nano registry edit /config/limits")]
pub(crate) struct Edit {
    /// The entry's key
    key: String,
}

impl Edit {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        check_key("edit", &self.key)?;
        let work = context.standing(async |registry, output, signals| {
            let before = tokio::select! {
                before = registry.get(&self.key) => before?,
                ending = signals.next() => return Ok(ending.code()),
            };
            self.edit(registry, before.as_ref(), output, signals).await
        });
        work.await
    }

    async fn edit(
        &self,
        registry: &Registry,
        before: Option<&Entry>,
        output: &mut Output,
        signals: &mut Signals,
    ) -> Done {
        if before.is_some_and(Entry::is_ephemeral) {
            let message = "the entry is ephemeral, and what is edited would stay for good: write it with registry put";
            return Err(Failure::Coded(NO, self.failed(Error::new(ErrorKind::Other, message))));
        }
        let old = before.map_or(&[][..], |entry| &entry.value);
        let file = self.file(old).map_err(|error| self.unusable("no file for the editor can be made", &error))?;
        match run_editor(file.path(), signals).await {
            Ok(Ok(status)) if status.success() => {}
            Ok(Ok(status)) => {
                let message = format!("the editor failed, and nothing is written: {status}");
                return Err(Failure::Coded(USAGE, self.failed(Error::new(ErrorKind::Other, message))));
            }
            Ok(Err(ending)) => {
                self.keep(file);
                return Ok(of_signal(ending.number));
            }
            Err(error) => return Err(self.unusable("the editor can't be run: set $VISUAL or $EDITOR", &error)),
        }
        let new = std::fs::read(file.path()).map_err(|error| self.unusable("the edited text can't be read", &error))?;
        let new = match new.strip_suffix(b"\n") {
            Some(line) if !old.ends_with(b"\n") => line,
            _ => &new,
        };
        if before.is_some_and(|before| before.value == new) || before.is_none() && new.is_empty() {
            output.line(
                "unchanged",
                json!({"key": self.key, "changed": false, "version": before.map(|e| e.version.get())}),
            )?;
            output.flush().await?;
            return Ok(OK);
        }
        let put = registry.put(&self.key, new);
        let put = match before {
            Some(before) => put.if_version(before.version),
            None => put.if_absent(),
        };
        match put.await {
            Ok(version) => {
                output.line(version, json!({"key": self.key, "changed": true, "version": version.get()}))?;
                output.flush().await?;
                Ok(OK)
            }
            Err(error) => {
                let expected = before.map_or(Expected::Absent, |before| Expected::Version(before.version));
                let error = expected.explain(registry, &self.key, error).await;
                Err(self.failed(self.kept(error, file, new)).into())
            }
        }
    }

    /// The file that is edited; its name ends as the key does, for the editor to know what it is.
    fn file(&self, value: &[u8]) -> io::Result<NamedTempFile> {
        let ending = self.key.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
        let ending = ending.filter(|ending| ending.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let ending = ending.map(|ending| format!(".{ending}")).unwrap_or_default();
        let mut file = tempfile::Builder::new().prefix("registry-edit-").suffix(&ending).tempfile()?;
        file.write_all(value)?;
        file.flush()?;
        Ok(file)
    }

    /// The error with where the text is, and how it can be written.
    fn kept(&self, error: Error, file: NamedTempFile, new: &[u8]) -> Error {
        // As it was to be written, without what the editor has added.
        let rewritten = std::fs::write(file.path(), new);
        let Some(kept) = self.keep(file).filter(|_| rewritten.is_ok()) else { return error };
        error.with_cause_text(format!(
            "the text is kept: look at what is there now with 'registry get {key}', and write yours with \
             'registry put {key} < {}'",
            kept.display(),
            key = self.key
        ))
    }

    /// Keeps the file, and says where.
    fn keep(&self, file: NamedTempFile) -> Option<PathBuf> {
        match file.keep() {
            Ok((_, path)) => {
                tracing::warn!(key = self.key, file = %path.display(), "the edited text is kept");
                Some(path)
            }
            Err(error) => {
                tracing::warn!(key = self.key, %error, "the edited text can't be kept");
                None
            }
        }
    }

    fn failed(&self, error: Error) -> Error {
        error.or_operation("edit").or_key(&self.key)
    }

    fn unusable(&self, what: &str, error: &io::Error) -> Failure {
        Failure::Coded(USAGE, self.failed(Error::new(ErrorKind::Other, what).with_cause(error)))
    }
}

/// Runs the editor until it ends, or until this program is asked to.
async fn run_editor(file: &Path, signals: &mut Signals) -> io::Result<Result<ExitStatus, Ending>> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(std::env::var_os).find(|editor| !editor.is_empty());
    let editor = named.unwrap_or_else(|| "vi".into());
    // It may have arguments, which a shell takes apart.
    let mut child = Command::new("sh")
        .arg("-c")
        .arg("eval \"exec $0 \\\"\\$1\\\"\"")
        .arg(editor)
        .arg(file)
        .stdin(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    loop {
        tokio::select! {
            status = child.wait() => return Ok(Ok(status?)),
            ending = signals.next() => {
                // The keys of the terminal are the editor's.
                if ending.by_key {
                    continue;
                }
                if let Some(pid) = pid {
                    let _ = kill_process(pid, Signal::TERM);
                }
                child.wait().await?;
                return Ok(Err(ending));
            }
        }
    }
}

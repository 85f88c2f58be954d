//! Verifying a plugin file in a process of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use registry_host::plugin::{Metadata, verify_in_child};
use registry_host::{Error, ErrorKind, Result, Settings};
use serde_json::json;

use crate::context::Context;
use crate::exit::{Done, OK};

/// What the child's command line begins with. It is not a command: it stands in neither help nor completions.
const CHILD: &str = "--verify-in-this-process";

/// How long loading may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// The file that this process was started to load, if it was started for that.
pub(crate) fn child_to_verify() -> Option<PathBuf> {
    let mut arguments = std::env::args_os().skip(1);
    (arguments.next()? == CHILD).then(|| arguments.next().map(PathBuf::from))?
}

/// Loads a file in a child; a digest that the configuration pins for its name must be its own.
pub(super) fn verify(file: &Path, settings: &Settings) -> Result<Metadata> {
    let executable = std::env::current_exe().map_err(|error| {
        Error::new(ErrorKind::PluginRejected, "this executable can't be found, to start it for the check")
            .with_cause(&error)
    })?;
    let load = |pin| verify_in_child(&executable, &[OsString::from(CHILD)], file, pin, DEADLINE);
    let metadata = load(None)?;
    match settings.plugin_sha256(&metadata.name) {
        Some(pin) => load(Some(pin)),
        None => Ok(metadata),
    }
}

/// `registry plugins verify`.
pub(super) async fn run(file: &Path, context: &mut Context) -> Done {
    let metadata = verify(file, &context.settings()?)?;
    let Metadata { name, version, api_version, .. } = &metadata;
    let text = format!("{}: good, the plugin {name} {version} for API {api_version}", file.display());
    let object = json!({"file": file.to_string_lossy(), "name": name, "version": version, "api_version": api_version});
    context.output.line(text, object)?;
    context.output.flush().await?;
    Ok(OK)
}

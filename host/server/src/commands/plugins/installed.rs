//! The table of plugins.

use std::collections::BTreeSet;

use registry_host::plugin::{self, Metadata, PluginFile};
use registry_host::{Error, ErrorKind, Settings};
use serde_json::{Value, json};

use super::verify::verify;
use crate::context::Context;
use crate::exit::{Done, OK};
use crate::output::{Format, table};

/// A file, and what loading it shows.
struct Installed {
    found: PluginFile,
    loaded: registry_host::Result<Metadata>,
    /// Whether another of the same name was found before.
    hidden: bool,
}

/// `registry plugins`.
pub(super) async fn run(context: &mut Context) -> Done {
    let settings = context.settings()?;
    let installed = look(&settings);
    let output = &mut context.output;
    if output.format == Format::Json {
        installed.iter().try_for_each(|plugin| output.line("", object(plugin)))?;
    } else if !installed.is_empty() {
        let rows = installed.iter().map(row).collect();
        let lines = table::lines(&["NAME", "VERSION", "API", "FILE", "STATUS"], rows, output);
        lines.into_iter().try_for_each(|line| output.line(line, ()))?;
    }
    output.flush().await?;
    if installed.iter().any(|plugin| plugin.loaded.is_ok()) {
        return Ok(OK);
    }
    let folders: Vec<_> = settings.plugin_dirs().iter().map(|folder| folder.display().to_string()).collect();
    let message = format!(
        "no plugin that can be loaded was found in {}: install one there, or name its folder with --plugin-dir",
        folders.join(", ")
    );
    Err(Error::new(ErrorKind::PluginRejected, message).into())
}

fn look(settings: &Settings) -> Vec<Installed> {
    let mut seen = BTreeSet::new();
    let installed = plugin::installed(settings.plugin_dirs()).into_iter().map(|found| Installed {
        loaded: verify(&found.file, settings).and_then(|metadata| named_rightly(&found, metadata)),
        hidden: !seen.insert(found.name.clone()),
        found,
    });
    installed.collect()
}

fn named_rightly(found: &PluginFile, metadata: Metadata) -> registry_host::Result<Metadata> {
    if metadata.name == found.name {
        return Ok(metadata);
    }
    let message = format!("{}: it holds the plugin '{}': rename the file", found.file.display(), metadata.name);
    Err(Error::new(ErrorKind::PluginRejected, message))
}

fn row(plugin: &Installed) -> Vec<String> {
    let file = plugin.found.file.display().to_string();
    let (version, api, status) = match &plugin.loaded {
        Ok(_) if plugin.hidden => ("", "", "not used: another of this name comes first".to_owned()),
        Ok(metadata) => (metadata.version.as_str(), metadata.api_version.as_str(), "good".to_owned()),
        // The file stands in the row already.
        Err(error) => ("", "", format!("refused: {}", without_file(error.message(), &file))),
    };
    vec![plugin.found.name.clone(), version.to_owned(), api.to_owned(), file, status]
}

fn without_file<'a>(message: &'a str, file: &str) -> &'a str {
    message.strip_prefix(file).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(message)
}

fn object(plugin: &Installed) -> Value {
    let (version, api_version, refused) = match &plugin.loaded {
        Ok(metadata) => (Some(&metadata.version), Some(&metadata.api_version), None),
        Err(error) => (None, None, Some(error.message())),
    };
    json!({
        "name": plugin.found.name,
        "file": plugin.found.file.to_string_lossy(),
        "version": version,
        "api_version": api_version,
        "used": plugin.loaded.is_ok() && !plugin.hidden,
        "refused": refused,
    })
}

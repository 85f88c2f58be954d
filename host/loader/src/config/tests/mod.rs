//! The rules of the configuration, a file for each part of it.

mod beside;
mod dolphinscheduler;
mod environment;
mod formats;
mod host_keys;
mod host_sections;
mod hostile;
mod layers;
mod missing;
mod names;
mod placeholders;
mod profiles;
mod properties;
mod section;
mod set;
mod targets;
mod warnings;

use std::path::PathBuf;
use std::sync::LazyLock;

use registry_config::ConfigKey;

use super::{HostSection, Settings, SettingsBuilder};

/// A configuration file that goes with the test.
struct Written {
    folder: tempfile::TempDir,
    name: &'static str,
}

impl Written {
    fn new(name: &'static str, text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join(name), text).expect("the file is written");
        Self { folder, name }
    }

    fn yaml(text: &str) -> Self {
        Self::new("registry.yaml", text)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    fn builder(&self) -> SettingsBuilder {
        Settings::builder().section(CLUSTER).file(self.path())
    }

    fn settings(&self) -> Settings {
        self.builder().build().expect("the configuration is good")
    }

    /// Where a line of the file is, as messages say it.
    fn line(&self, line: usize) -> String {
        format!("{}:{line}", self.path().display())
    }
}

static ETCD: LazyLock<Vec<ConfigKey>> = LazyLock::new(|| {
    vec![
        key("endpoints"),
        key("user"),
        key("password").secret(),
        key("pin").secret(),
        key("retry-delay"),
        key("tls.ca-file"),
        key("tls.key-file"),
        ConfigKey { alias_of: Some("session-timeout".into()), ..key("ttl") },
    ]
});

const CLUSTER: HostSection = HostSection { name: "cluster", keys: Vec::new, check: |_| Ok(Vec::new()) };

const fn key(name: &'static str) -> ConfigKey {
    ConfigKey::new(name, "", "", "")
}

fn refusal(builder: SettingsBuilder) -> String {
    let error = builder.build().expect_err("the configuration is refused");
    assert_eq!(error.kind(), registry_api::ErrorKind::InvalidConfig);
    error.to_string()
}

/// What the plugin reads at a path of its section, below `/`.
fn handed(settings: &Settings, pointer: &str) -> Option<String> {
    let section = settings.section(&ETCD).expect("the section is good");
    section.json().pointer(pointer).map(|value| value.as_str().expect("every scalar is a string").to_owned())
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
    assert!(!message.contains('\n'), "{message:?} is one line");
}

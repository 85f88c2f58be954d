//! The environment as a layer.
//!
//! Every name begins with `REGISTRY_`. Then comes a key of the host's (`REGISTRY_SESSION_TIMEOUT`), or the type and a
//! key of its section (`REGISTRY_ETCD_RETRY_DELAY`), or a section of the host's and a key of that, or a key of the
//! plugin's alone (`REGISTRY_ENDPOINTS`). `_` stands for `-`, and `__` goes one level down. Other programs use the
//! prefix too, so a name that is none of these is refused only if it is a slip, else warned of; what Kubernetes sets
//! is passed over.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use registry_config::{ConfigError, Source, kebab};

use super::Result;
use super::host_keys::HOST_KEYS;
use super::host_section::HostSection;
use super::keys;
use super::service_link::is_service_link;
use super::tree::{Map, Shape, Tree};

const PREFIX: &str = "REGISTRY_";

/// The command line's file and target, and what it tells the commands that it runs; no keys of the configuration.
const OURS: [&str; 11] = [
    "REGISTRY_CONFIG",
    "REGISTRY_TARGET",
    "REGISTRY_LOCK_KEY",
    "REGISTRY_LOCK_ENTRY",
    "REGISTRY_LOCK_TOKEN",
    "REGISTRY_ELECTION_KEY",
    "REGISTRY_ELECTION_ENTRY",
    "REGISTRY_ELECTION_TOKEN",
    "REGISTRY_EVENT_TYPE",
    "REGISTRY_EVENT_KEY",
    "REGISTRY_EVENT_VERSION",
];

/// The variables that matter, in the order of their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(Vec<Variable>);

/// One variable: `REGISTRY_ETCD_TLS__CA_FILE` is `["etcd-tls", "ca-file"]`.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: Arc<str>,
    pub(crate) path: Vec<String>,
    pub(crate) value: String,
}

impl Environment {
    pub(crate) fn read(variables: &[(OsString, OsString)]) -> Result<Self> {
        let mut kept = Vec::new();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX) && !OURS.contains(name)) else {
                continue;
            };
            let value = value
                .to_str()
                .ok_or_else(|| ConfigError::new(format!("environment variable {name}: is not UTF-8 text")))?;
            if is_service_link(name, value) {
                continue;
            }
            let value = value.to_owned();
            let path: Vec<String> = name[PREFIX.len()..].split("__").map(kebab).collect();
            let name: Arc<str> = name.into();
            keys::check_depth(2 + path.len(), &Source::Environment(Arc::clone(&name)))?;
            kept.push(Variable { name, path, value });
        }
        kept.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(Self(kept))
    }

    /// Variables that were probably meant for the registry, but don't begin as they must: `registry_type`,
    /// `REGSITRY_TYPE`.
    pub(crate) fn strangers(variables: &[(OsString, OsString)]) -> Vec<String> {
        let mut warnings: Vec<String> = Vec::new();
        for name in variables.iter().filter_map(|(name, _)| name.to_str()) {
            let Some((first, rest)) = name.split_once(['_', '.']).filter(|_| !name.starts_with(PREFIX)) else {
                continue;
            };
            let slip = first.chars().all(char::is_uppercase) && is_slip(first);
            if (first.eq_ignore_ascii_case("registry") || slip) && !rest.is_empty() {
                let meant = rest.replace(['.', '-'], "_").to_uppercase();
                warnings.push(format!("environment variable {name} is passed over; did you mean {PREFIX}{meant}?"));
            }
        }
        warnings.sort();
        warnings
    }

    /// What `REGISTRY_TYPE` says.
    pub(crate) fn registry_type(&self) -> Option<Tree> {
        self.0.iter().find(|variable| variable.path == ["type"]).map(Variable::tree)
    }

    /// What `REGISTRY_URL` says.
    pub(crate) fn url(&self) -> Option<Tree> {
        self.0.iter().find(|variable| variable.path == ["url"]).map(Variable::tree)
    }

    /// The layer for a backend, and the variables that only its plugin can know.
    pub(crate) fn layer(self, registry_type: &str, sections: &[HostSection]) -> (Map, Vec<Variable>) {
        let mut layer = Map::default();
        let mut others = Vec::new();
        for variable in self.0 {
            match variable.place(registry_type, sections) {
                Some(path) => {
                    let path: Vec<&str> = path.iter().map(String::as_str).collect();
                    layer.overlay(keys::single(&path, variable.tree()));
                }
                None => others.push(variable),
            }
        }
        (layer, others)
    }
}

/// One letter wrong, or two that have changed places.
fn is_slip(prefix: &str) -> bool {
    strsim::osa_distance(prefix, "REGISTRY") == 1
}

impl Variable {
    /// Where the variable goes below `registry`, if the host can tell.
    pub(crate) fn place(&self, registry_type: &str, sections: &[HostSection]) -> Option<Vec<String>> {
        let (first, rest) = self.path.split_first()?;
        if HOST_KEYS.contains(&first.as_str()) {
            return Some(self.path.clone());
        }
        [registry_type].into_iter().chain(sections.iter().map(|section| section.name)).find_map(|section| {
            let below = match first.strip_prefix(section)? {
                "" if !rest.is_empty() => Vec::new(),
                name => vec![name.strip_prefix('-').filter(|name| !name.is_empty())?.to_owned()],
            };
            Some([vec![section.to_owned()], below, rest.to_vec()].concat())
        })
    }

    pub(crate) fn tree(&self) -> Tree {
        let source = Source::Environment(Arc::clone(&self.name));
        if self.path == ["plugin-dirs"] {
            // As in PATH; an empty part would mean the working directory, which is never searched unasked.
            let folders = std::env::split_paths(OsStr::new(&self.value))
                .filter_map(|folder| folder.to_str().filter(|folder| !folder.is_empty()).map(str::to_owned))
                .map(|folder| Tree::scalar(source.clone(), folder))
                .collect();
            return Tree { source, shape: Shape::List(folders) };
        }
        Tree::scalar(source, self.value.clone())
    }
}

//! The merged configuration, for people to look at.

use std::path::PathBuf;

use registry_config::{ConfigKey, HIDDEN, Source, kebab, redacted};

use super::host_keys::{DEFAULTS, HOST_KEYS, HostKeys, NAMESPACE, PLUGIN_DIRS, SESSION_TIMEOUT};
use super::host_section;
use super::section::SectionKeys;
use super::tree::{Map, Shape, Tree};

/// A key of the merged configuration as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The full key, such as `registry.etcd.endpoints`.
    pub key: String,
    /// The value as written, `<hidden>` for a secret.
    pub value: String,
    /// Where it was written.
    pub source: Source,
}

/// Every key that counts: the host's, defaults included, then the plugin's.
pub(crate) fn settings(
    host: &HostKeys<'_>,
    usual_dirs: &[PathBuf],
    parts: &SectionKeys,
    keys: &[ConfigKey],
) -> Vec<Setting> {
    let registry_type = host.registry_type;
    let default = |name: &str, value: &str| Setting {
        key: format!("registry.{name}"),
        value: value.to_owned(),
        source: Source::Default,
    };
    let mut settings: Vec<Setting> =
        usual_dirs.iter().map(|folder| default(PLUGIN_DIRS, &folder.to_string_lossy())).collect();
    let consumed = host.registry.find(registry_type).and_then(Tree::as_map).into_iter().flat_map(Map::iter);
    let consumed: Vec<_> = consumed.filter(|(name, _)| host.is_consumed(name)).collect();
    let flat_timeout = |name: &str| host.is_flat_timeout(&kebab(name));
    for (name, tree) in host.registry.iter() {
        let kebab_name = kebab(name);
        let ours = HOST_KEYS.contains(&&*kebab_name) || host_section::is_one(host.sections, &kebab_name);
        if ours || flat_timeout(name) {
            leaves("registry", name, tree, &[], &mut settings);
        }
    }
    for (name, value) in DEFAULTS {
        // A default over which a nearer key takes precedence would only mislead.
        let overridden = match name {
            NAMESPACE => consumed.iter().any(|(name, _)| kebab(name) == NAMESPACE),
            SESSION_TIMEOUT => {
                consumed.iter().any(|(name, _)| kebab(name) != NAMESPACE)
                    || host.registry.iter().any(|(name, _)| flat_timeout(name))
            }
            _ => false,
        };
        if host.registry.find(name).is_none() && !overridden {
            settings.push(Setting {
                key: format!("registry.{name}"),
                value: value.to_owned(),
                source: Source::Default,
            });
        }
    }
    let own = format!("registry.{registry_type}");
    consumed.iter().for_each(|(name, tree)| leaves(&own, name, tree, keys, &mut settings));
    for (above, map) in [("registry", &parts.flat), (own.as_str(), &parts.nested)] {
        map.iter().for_each(|(name, tree)| leaves(above, name, tree, keys, &mut settings));
    }
    settings.sort_by(|left, right| left.key.cmp(&right.key));
    settings
}

pub(crate) fn leaves(above: &str, name: &str, tree: &Tree, keys: &[ConfigKey], settings: &mut Vec<Setting>) {
    tree.each_leaf(kebab(name), &mut |path, leaf| {
        let named = kebab(path.split('[').next().unwrap_or_default());
        let secret = keys.iter().any(|key| key.secret && key.name == named);
        let key = format!("{above}.{path}");
        let value = match &leaf.shape {
            Shape::Scalar(_) if secret || leaf.source.is_secret() => HIDDEN.to_owned(),
            Shape::Scalar(text) => redacted(&key, text).into_owned(),
            _ => String::new(),
        };
        settings.push(Setting { key, value, source: leaf.source.clone() });
    });
}

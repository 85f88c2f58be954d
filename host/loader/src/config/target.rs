//! Targets: several registries in one file, each by a name, with the keys that else stand below `registry`.

use std::path::Path;

use registry_config::{ConfigError, nearest};

use super::Result;
use super::keys;
use super::tree::{Map, Shape, Tree};

/// What they stand below, beside `registry`.
const TARGETS: &str = "targets";

/// The keys of a target.
pub(crate) fn find(name: &str, path: &Path, documents: &[Tree]) -> Result<Map> {
    let (mut found, mut names): (Option<Map>, Vec<String>) = (None, Vec::new());
    for document in documents {
        let Some(targets) = keys::below(TARGETS, document)? else { continue };
        for (target, tree) in targets {
            if target != name {
                names.push(target);
                continue;
            }
            if !matches!(tree.shape, Shape::Map(_)) {
                let problem = "must be a map of keys, as they stand below registry";
                return Err(ConfigError::at(format!("{TARGETS}.{name}"), problem).written_at(&tree.source));
            }
            let source = tree.source.clone();
            let mut registry = Map::default();
            registry.push(keys::ROOT, tree);
            let keys = keys::below(keys::ROOT, &Tree { source, shape: Shape::Map(registry) })?;
            found.get_or_insert_default().overlay(keys.unwrap_or_default());
        }
    }
    found.ok_or_else(|| {
        let near = nearest(name, names.iter().map(String::as_str));
        let near = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
        let has = if names.is_empty() { "has no targets".to_owned() } else { format!("has {}", names.join(", ")) };
        ConfigError::new(format!("{}: has no target '{name}'{near}; it {has}", path.display()))
    })
}

/// The names of all targets.
pub(crate) fn names(documents: &[Tree]) -> Vec<String> {
    let targets = documents.iter().filter_map(|document| keys::below(TARGETS, document).ok().flatten());
    targets.flatten().map(|(name, _)| name).collect()
}

//! What to say of a file that has no `registry`: a host that took the defaults would have a registry of its own in
//! silence.

use std::path::Path;

use registry_config::{ConfigError, kebab, slip_of};

use super::keys::ROOT;
use super::tree::Tree;
use super::{profile, target};
use crate::compat::dolphinscheduler;

/// How deep a section is looked for that stands below something else.
const DEPTH: usize = 3;

/// Why the file is refused, as near to the mistake as possible.
pub(crate) fn refusal(path: &Path, documents: &[Tree], others: &[Tree], profiles: &[String]) -> ConfigError {
    let all = || documents.iter().chain(others);
    if let Some((name, tree)) = all().find_map(|document| near_miss(document).next()) {
        return ConfigError::at(name, "is not a section; did you mean registry? The file has none")
            .written_at(&tree.source);
    }
    if let Some(refused) = all().find_map(|document| dolphinscheduler::check_document(document).err()) {
        return refused;
    }
    let mut of_profiles = Vec::new();
    for document in others.iter().filter(|document| has_registry(document)) {
        profile::bindings(document)
            .iter()
            .for_each(|(tree, text)| of_profiles.push(format!("{text} ({})", tree.source)));
    }
    let path = path.display();
    if !of_profiles.is_empty() {
        let active = if profiles.is_empty() { "none is".to_owned() } else { format!("{} is", profiles.join(", ")) };
        let of_profiles = of_profiles.join(", ");
        return ConfigError::new(format!(
            "{path}: has a registry section only for the Spring profile {of_profiles}, and {active} active; \
             name it in SPRING_PROFILES_ACTIVE"
        ));
    }
    let targets = target::names(documents);
    if !targets.is_empty() {
        let targets = targets.join(", ");
        return ConfigError::new(format!(
            "{path}: has no registry section, only targets; choose one of them: {targets}"
        ));
    }
    if let Some((place, tree)) = all().find_map(|document| deeper(document, "", DEPTH)) {
        return ConfigError::at(place, "is not read here; registry must stand by itself, below nothing else")
            .written_at(&tree.source);
    }
    ConfigError::new(format!(
        "{path}: has no registry section; write one, such as registry.type: etcd, or name another file"
    ))
}

/// Sections that were probably meant to be `registry`, beside the one that is.
pub(crate) fn near_misses(documents: &[Tree]) -> Vec<String> {
    let near = documents.iter().flat_map(near_miss);
    near.map(|(name, tree)| format!("{name} ({}) is passed over; did you mean registry?", tree.source)).collect()
}

fn near_miss(document: &Tree) -> impl Iterator<Item = (&str, &Tree)> {
    let keys = document.as_map().into_iter().flat_map(|map| map.iter());
    keys.filter(|(name, _)| slip_of(name.split('.').next().unwrap_or_default(), [ROOT]).is_some())
}

fn has_registry(document: &Tree) -> bool {
    let mut keys = document.as_map().into_iter().flat_map(|map| map.iter());
    keys.any(|(name, _)| name.split('.').next().is_some_and(|first| kebab(first) == ROOT))
}

/// A `registry` that was indented too far.
fn deeper<'a>(tree: &'a Tree, above: &str, depth: usize) -> Option<(String, &'a Tree)> {
    tree.as_map().filter(|_| depth > 0)?.iter().find_map(|(name, below)| {
        let place = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        match kebab(name) == ROOT && below.as_map().is_some() {
            true => Some((place, below)),
            false => deeper(below, &place, depth - 1),
        }
    })
}

//! Sections of an application's own file that stand beside `registry`, for code that knows them by name: `worker`, say.

use std::collections::BTreeMap;

use registry_config::{Source, kebab, slip_of};

use super::Result;
use super::merged::{self, Setting};
use super::section::{Section, note};
use super::tree::{Map, Tree};
use super::{Settings, keys};

/// What is known of a section, nested as it is in a file, what is not but nearly is, and all that is not.
#[derive(Default)]
struct Known {
    map: Map,
    near_misses: Vec<String>,
    unknown: Vec<String>,
}

impl Settings {
    /// A section that stands beside `registry` in the file, as far as the caller knows its keys: `worker`,
    /// with `exec-threads` and `server-load-protection.enabled`.
    ///
    /// # Behavior
    ///
    /// The environment takes precedence over the file: `WORKER_EXEC_THREADS`, or `WORKER_EXECTHREADS` as Spring spells
    /// it. What is [set](super::SettingsBuilder::beside) takes precedence over both.
    /// Other keys are the application's own and left alone, but those that are a letter or two off a known one are
    /// among the section's [near misses](Section::near_misses).
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if it is written as anything but a map, if a key is written twice, or for a placeholder that
    /// stands for nothing.
    pub fn section_beside(&self, name: &str, known: &[&str]) -> registry_api::Result<Section> {
        let Known { map, near_misses, unknown } = self.beside(name, known)?;
        let mut origins = BTreeMap::new();
        map.iter().for_each(|(key, tree)| note(name, key, tree, &mut origins));
        Ok(Section { prefix: name.to_owned(), json: map.to_json(), origins, near_misses, unknown })
    }

    /// The keys of such a section that are written, sorted, each with its source; secrets are hidden.
    ///
    /// # Errors
    ///
    /// As [`section_beside`](Settings::section_beside).
    pub fn merged_beside(&self, name: &str, known: &[&str]) -> registry_api::Result<Vec<Setting>> {
        let mut settings = Vec::new();
        self.beside(name, known)?
            .map
            .iter()
            .for_each(|(key, tree)| merged::leaves(name, key, tree, &[], &mut settings));
        settings.sort_by(|left, right| left.key.cmp(&right.key));
        Ok(settings)
    }

    fn beside(&self, name: &str, known: &[&str]) -> Result<Known> {
        let mut written = Map::default();
        for document in self.placeholders.documents() {
            if let Some(keys) = keys::below(name, document)? {
                written.overlay(keys);
            }
        }
        let mut found = Known::default();
        found.gather(name, "", &written, known);
        for (variable, value) in self.placeholders.environment() {
            if let Some(key) = named_by(variable, name, known) {
                let path: Vec<&str> = key.split('.').collect();
                let tree = Tree::scalar(Source::Environment(variable.as_str().into()), value.as_str());
                found.map.overlay(keys::single(&path, tree));
            }
        }
        if let Some(set) = self.set_beside.get(name) {
            found.gather(name, "", set, known);
        }
        found.map.iter_mut().try_for_each(|(key, tree)| self.placeholders.resolve(&format!("{name}.{key}"), tree))?;
        Ok(found)
    }
}

impl Known {
    fn gather(&mut self, section: &str, above: &str, map: &Map, known: &[&str]) {
        for (written, tree) in map.iter() {
            let name = kebab(written);
            let path = if above.is_empty() { name } else { format!("{above}.{name}") };
            let below = format!("{path}.");
            if known.contains(&&*path) {
                let names: Vec<&str> = path.split('.').collect();
                self.map.overlay(keys::single(&names, tree.clone()));
            } else if let (Some(map), true) = (tree.as_map(), known.iter().any(|key| key.starts_with(&below))) {
                self.gather(section, &path, map, known);
            } else {
                let passed_over = format!("{section}.{path} ({}) is passed over", tree.source);
                if let Some(meant) = slip_of(&path, known.iter().copied()) {
                    self.near_misses.push(format!("{passed_over}; did you mean {section}.{meant}?"));
                }
                self.unknown.push(format!("{passed_over}: nobody knows it"));
            }
        }
    }
}

/// The key that a variable sets, wherever its underscores are: `WORKER_EXEC_THREADS`, `WORKER_EXECTHREADS`.
fn named_by<'k>(variable: &str, section: &str, known: &[&'k str]) -> Option<&'k str> {
    let rest = variable.strip_prefix(&*section.to_uppercase())?.strip_prefix('_')?;
    let plain = |name: &str| name.replace(['_', '-', '.'], "").to_uppercase();
    known.iter().copied().find(|key| rest.bytes().all(|byte| !byte.is_ascii_lowercase()) && plain(key) == plain(rest))
}

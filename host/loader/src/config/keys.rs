//! From a document as written to the map of keys below one of its own, `registry` above all.
//!
//! A key may be written nested or dotted, and its name in kebab-case or camelCase. The names of the host's keys and
//! of the sections are ours; what stands deeper is read by the plugin, who alone knows where a name is the user's
//! own.

use registry_config::{ConfigError, Source, kebab};

use super::Result;
use super::tree::{Map, Shape, Tree};

/// The one top-level key that counts.
pub(crate) const ROOT: &str = "registry";

/// The key that decides how all others are read.
pub(crate) const TYPE: &str = "registry.type";

/// How deep a dot in a name separates keys: `registry`, its keys, and those of a section.
const DOTTED_LEVELS: usize = 3;

/// How many names a key may have, so that a tree of them is never deeper than a stack.
const DEEPEST: usize = 32;

/// Refuses a key of more names than any configuration has; the key itself would be no help in the message.
pub(crate) fn check_depth(names: usize, source: &Source) -> Result<()> {
    if names <= DEEPEST {
        return Ok(());
    }
    Err(ConfigError::new(format!("has a key of {names} names; a key has at most {DEEPEST}")).written_at(source))
}

/// The keys that a document has below one of its own, such as `registry`, if it has that at all; the rest of the
/// document is somebody else's.
pub(crate) fn below(root: &str, document: &Tree) -> Result<Option<Map>> {
    let source = &document.source;
    let document = match &document.shape {
        Shape::Map(document) => document,
        Shape::Null => return Ok(None),
        _ => {
            return Err(
                ConfigError::new("a configuration is a map of keys, such as registry.type: etcd").written_at(source)
            );
        }
    };
    let mut map = Map::default();
    let ours = |name: &str| kebab(name.split('.').next().unwrap_or_default()) == root;
    document.iter().filter(|(name, _)| ours(name)).for_each(|(name, tree)| map.push(name, tree.clone()));
    if map.is_empty() {
        return Ok(None);
    }
    let mut expanded = expand(map, &[])?;
    match expanded.find_mut(root).map(|tree| std::mem::replace(&mut tree.shape, Shape::Null)) {
        None => Ok(Some(Map::default())),
        Some(Shape::Map(keys)) => Ok(Some(keys)),
        Some(_) => Err(ConfigError::at(root, "must be a map of keys").written_at(source)),
    }
}

/// One key, dotted, with its value, as a map that can be laid over others.
pub(crate) fn single(path: &[&str], tree: Tree) -> Map {
    let mut map = Map::default();
    match path {
        [] => {}
        [name] => map.push(*name, tree),
        [name, rest @ ..] => {
            let source = tree.source.clone();
            map.push(*name, Tree { source, shape: Shape::Map(single(rest, tree)) });
        }
    }
    map
}

fn expand(map: Map, prefix: &[&str]) -> Result<Map> {
    let ours = prefix.len() < DOTTED_LEVELS && !matches!(prefix, [_, name] if kebab(name) == "plugin-sha256");
    let mut seen: std::collections::HashMap<String, (String, Source)> = std::collections::HashMap::new();
    let mut expanded = Map::default();
    for (written, tree) in map {
        let spelling = if ours { kebab(&written) } else { written.clone() };
        if let Some((before, source)) = seen.insert(spelling, (written.clone(), tree.source.clone())) {
            return Err(twice(prefix, (&before, &source), (&written, &tree.source)));
        }
        let path: Vec<&str> = if ours { written.split('.').collect() } else { vec![&written] };
        check_depth(prefix.len() + path.len(), &tree.source)?;
        if path.iter().any(|name| name.is_empty()) {
            return Err(ConfigError::at(joined(prefix, &written), "has an empty name in it").written_at(&tree.source));
        }
        if tree.shape == Shape::Null {
            continue;
        }
        let shape = match tree.shape {
            Shape::Map(below) => Shape::Map(expand(below, &[prefix, &path].concat())?),
            shape => shape,
        };
        insert(&mut expanded, prefix, &path, Tree { source: tree.source, shape })?;
    }
    Ok(expanded)
}

/// Puts a key in beside those that are there; the same key twice in one document is a mistake.
fn insert(map: &mut Map, prefix: &[&str], path: &[&str], tree: Tree) -> Result<()> {
    let [name, rest @ ..] = path else { return Ok(()) };
    let here = [prefix, &[*name]].concat();
    let ours = prefix.len() < DOTTED_LEVELS;
    let Some(there) = (if ours { map.find_mut(name) } else { map.exact_mut(name) }) else {
        for (name, tree) in single(path, tree) {
            map.push(name, tree);
        }
        return Ok(());
    };
    let source = there.source.clone();
    match (&mut there.shape, rest, tree) {
        (Shape::Map(below), [], Tree { shape: Shape::Map(more), .. }) => {
            more.into_iter().try_for_each(|(name, tree)| insert(below, &here, &[&name], tree))
        }
        (Shape::Map(below), [_, ..], tree) => insert(below, &here, rest, tree),
        (_, _, tree) => Err(twice(prefix, (name, &source), (&path.join("."), &tree.source))),
    }
}

fn twice(prefix: &[&str], first: (&str, &Source), second: (&str, &Source)) -> ConfigError {
    let (first_key, second_key) = (joined(prefix, first.0), joined(prefix, second.0));
    let problem = if first_key == second_key {
        format!("is also written at {}; keep one of the two", first.1)
    } else {
        format!("is the same key as {first_key} ({}); keep one of the two", first.1)
    };
    ConfigError::at(second_key, problem).written_at(second.1)
}

fn joined(prefix: &[&str], name: &str) -> String {
    prefix.iter().copied().chain([name]).collect::<Vec<_>>().join(".")
}

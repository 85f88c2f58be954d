//! The tree all formats and layers become: maps, lists, and scalars as they were written.

use registry_config::{Source, kebab};
use serde_json::Value;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    pub(crate) source: Source,
    pub(crate) shape: Shape,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Written as nothing, which counts as not written.
    Null,
    /// The text as written: what it means is up to its reader.
    Scalar(String),
    List(Vec<Tree>),
    Map(Map),
}

impl Tree {
    pub(crate) fn scalar(source: Source, text: impl Into<String>) -> Self {
        Self { source, shape: Shape::Scalar(text.into()) }
    }

    pub(crate) fn as_map(&self) -> Option<&Map> {
        match &self.shape {
            Shape::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The tree as JSON, every scalar a string.
    pub(crate) fn to_json(&self) -> Value {
        match &self.shape {
            Shape::Null => Value::Null,
            Shape::Scalar(text) => Value::String(text.clone()),
            Shape::List(items) => Value::Array(items.iter().map(Tree::to_json).collect()),
            Shape::Map(map) => map.to_json(),
        }
    }

    /// Every scalar below, with the path it stands at; an empty list or map is a leaf too.
    pub(crate) fn each_leaf<'a>(&'a self, path: String, visit: &mut impl FnMut(String, &'a Tree)) {
        match &self.shape {
            Shape::List(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    item.each_leaf(format!("{path}[{index}]"), visit);
                }
            }
            Shape::Map(map) if !map.is_empty() => {
                for (name, tree) in map.iter() {
                    tree.each_leaf(format!("{path}.{name}"), visit);
                }
            }
            _ => visit(path, self),
        }
    }
}

/// Keys in the order and the spelling they were written in.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Map(Vec<(String, Tree)>);

impl Map {
    pub(crate) fn push(&mut self, name: impl Into<String>, tree: Tree) {
        self.0.push((name.into(), tree));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Tree)> {
        self.0.iter().map(|(name, tree)| (name.as_str(), tree))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Tree)> {
        self.0.iter_mut().map(|(name, tree)| (name.as_str(), tree))
    }

    /// The tree under a name, however the name is spelt.
    pub(crate) fn find(&self, name: &str) -> Option<&Tree> {
        self.position(name).map(|at| &self.0[at].1)
    }

    /// The tree at a path of names.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Tree> {
        let (name, rest) = path.split_first()?;
        let tree = self.find(name)?;
        if rest.is_empty() { Some(tree) } else { tree.as_map()?.at(rest) }
    }

    pub(crate) fn find_mut(&mut self, name: &str) -> Option<&mut Tree> {
        self.position(name).map(|at| &mut self.0[at].1)
    }

    /// The tree under exactly this name.
    pub(crate) fn exact_mut(&mut self, name: &str) -> Option<&mut Tree> {
        self.0.iter_mut().find(|(written, _)| written == name).map(|(_, tree)| tree)
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// Takes over the keys that this map doesn't have.
    pub(crate) fn inherit(&mut self, more: Map) {
        for (name, tree) in more.0 {
            if self.exact_mut(&name).is_none() {
                self.0.push((name, tree));
            }
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(written, _)| written == name).or_else(|| {
            let name = kebab(name);
            self.0.iter().position(|(written, _)| kebab(written) == name)
        })
    }

    /// Lays a higher layer over this one: its scalars and lists replace, its maps go in key by key.
    pub(crate) fn overlay(&mut self, upper: Map) {
        for (name, tree) in upper.0 {
            match self.position(&name) {
                None => self.0.push((name, tree)),
                Some(at) => match (&mut self.0[at].1.shape, tree) {
                    (Shape::Map(lower), Tree { shape: Shape::Map(upper), .. }) => lower.overlay(upper),
                    (_, tree) => self.0[at] = (name, tree),
                },
            }
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        Value::Object(self.iter().map(|(name, tree)| (name.to_owned(), tree.to_json())).collect())
    }
}

impl IntoIterator for Map {
    type Item = (String, Tree);
    type IntoIter = std::vec::IntoIter<(String, Tree)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

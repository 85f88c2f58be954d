//! Spring's placeholders: `${name}` and `${name:default}` within a value.
//!
//! A name is looked for among the environment's variables, then among the keys below `registry` as all layers leave
//! them (`--set`, environment, file). Then comes the environment as Spring spells a key there (`my.key` is `MY_KEY`),
//! and last the same file. What is found, the default, and the name itself may have placeholders in them. `\${` is `${`
//! itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::sync::Arc;

use registry_config::{ConfigError, Source, kebab, names_secret};

use super::Result;
use super::keys::ROOT;
use super::tree::{Map, Shape, Tree};

const BEGIN: &str = "${";

/// How many placeholders one value may come to, with those in what they stand for.
const MOST: usize = 1_000;
/// How many may stand within each other.
const DEEPEST: usize = 32;
/// More than any value.
const LONGEST: usize = 1 << 20;

/// All that a placeholder may stand for.
#[derive(Clone, Default)]
pub(crate) struct Placeholders {
    environment: BTreeMap<String, String>,
    registry: Map,
    /// The documents of the file that count.
    documents: Vec<Tree>,
}

impl Placeholders {
    pub(crate) fn new(environment: &[(OsString, OsString)], documents: Vec<Tree>) -> Self {
        let text = |text: &OsString| text.to_str().map(str::to_owned);
        let environment = environment.iter().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect();
        Self { environment, registry: Map::default(), documents }
    }

    /// The same, with the keys below `registry`.
    pub(crate) fn with_registry(mut self, registry: Map) -> Self {
        self.registry = registry;
        self
    }

    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    pub(crate) fn documents(&self) -> &[Tree] {
        &self.documents
    }

    /// Puts what they stand for in the place of the placeholders in a tree, whose key is given.
    ///
    /// # Errors
    ///
    /// A placeholder that stands for nothing, or for itself, by its name; never a value.
    pub(crate) fn resolve(&self, key: &str, tree: &mut Tree) -> Result<()> {
        match &mut tree.shape {
            Shape::Null => Ok(()),
            Shape::Scalar(text) if !text.contains(BEGIN) => Ok(()),
            Shape::Scalar(text) => {
                let mut expansion =
                    Expansion { placeholders: self, open: Vec::new(), count: 0, told: String::new(), secret: false };
                let resolved = expansion.expand(text);
                let resolved = resolved.map_err(|problem| ConfigError::at(key, problem).written_at(&tree.source))?;
                let Expansion { told, secret, .. } = expansion;
                if !told.is_empty() {
                    let at = Arc::new(tree.source.clone());
                    tree.source = Source::Placeholders { at, values: told.into(), secret };
                }
                *text = resolved;
                Ok(())
            }
            Shape::List(items) => {
                items.iter_mut().enumerate().try_for_each(|(at, item)| self.resolve(&format!("{key}[{at}]"), item))
            }
            Shape::Map(map) => {
                map.iter_mut().try_for_each(|(name, below)| self.resolve(&format!("{key}.{name}"), below))
            }
        }
    }

    /// What a name stands for, as written, and where.
    fn find(&self, name: &str) -> Option<(String, Source)> {
        let variable = |name: &str| {
            let (name, value) = self.environment.get_key_value(name)?;
            Some((value.clone(), Source::Environment(name.as_str().into())))
        };
        let spelt: String = name.chars().map(|letter| if "-.".contains(letter) { '_' } else { letter }).collect();
        let path: Vec<String> = name.split('.').map(kebab).collect();
        variable(name)
            .or_else(|| match path.split_first() {
                Some((root, path)) if root == ROOT => scalar(below(&self.registry, path)?),
                _ => None,
            })
            .or_else(|| variable(&spelt))
            .or_else(|| variable(&spelt.to_uppercase()))
            .or_else(|| self.documents.iter().rev().find_map(|document| within(document, &path)))
    }
}

fn scalar(tree: &Tree) -> Option<(String, Source)> {
    match &tree.shape {
        Shape::Scalar(text) => Some((text.clone(), tree.source.clone())),
        _ => None,
    }
}

fn below<'a>(map: &'a Map, path: &[String]) -> Option<&'a Tree> {
    match path {
        [] => None,
        [name] => map.find(name),
        [name, rest @ ..] => below(map.find(name)?.as_map()?, rest),
    }
}

/// The scalar at a path, whichever of its dots are written as nesting.
fn within(tree: &Tree, path: &[String]) -> Option<(String, Source)> {
    if path.is_empty() {
        return scalar(tree);
    }
    tree.as_map()?.iter().find_map(|(written, below)| {
        let names: Vec<String> = written.split('.').map(kebab).collect();
        within(below, path.strip_prefix(&*names)?)
    })
}

/// One value while it is read.
struct Expansion<'a> {
    placeholders: &'a Placeholders,
    /// The names that are being looked up, each within the one before.
    open: Vec<String>,
    count: usize,
    /// What the placeholders of the value itself came from, to be shown.
    told: String,
    /// Whether one was called like a secret.
    secret: bool,
}

impl Expansion<'_> {
    fn expand(&mut self, text: &str) -> std::result::Result<String, String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(BEGIN) {
            let (before, placeholder) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('\\') {
                expanded.push_str(before);
                expanded.push_str(BEGIN);
                rest = &placeholder[BEGIN.len()..];
                continue;
            }
            expanded.push_str(before);
            let (body, after) = split_body(&placeholder[BEGIN.len()..])
                .ok_or_else(|| "has a ${ without its }; write \\${ for the two letters themselves".to_owned())?;
            expanded.push_str(&self.one(body)?);
            if expanded.len() > LONGEST {
                return Err(format!("comes to more than {LONGEST} bytes by its placeholders"));
            }
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn one(&mut self, body: &str) -> std::result::Result<String, String> {
        self.count += 1;
        if self.count > MOST || self.open.len() >= DEEPEST {
            return Err(format!("has too many placeholders: at most {MOST} in all and {DEEPEST} within each other"));
        }
        let (name, default) = split_default(body);
        let outermost = self.open.is_empty();
        self.open.push(String::new());
        let name = self.expand(name)?;
        self.open.pop();
        if name.is_empty() && default.is_none() {
            return Err("has a placeholder without a name: ${}; write \\${ for the two letters themselves".to_owned());
        }
        if self.open.contains(&name) {
            let circle = self.open.iter().chain([&name]).filter(|name| !name.is_empty());
            let circle: Vec<String> = circle.map(|name| format!("${{{name}}}")).collect();
            return Err(format!("stands for itself: {}", circle.join(" → ")));
        }
        self.secret |= names_secret(&name);
        let (value, source, within) = match (self.placeholders.find(&name), default) {
            (Some((value, source)), _) => (value, source.to_string(), name.clone()),
            // Asking for the same name again within the default leads into no circle.
            (None, Some(default)) => (default.to_owned(), "its default".to_owned(), String::new()),
            (None, None) => {
                return Err(format!(
                    "needs ${{{name}}}, which is written nowhere; accepted: an environment variable or a key of this name, \
                     or a default: ${{{name}:…}}"
                ));
            }
        };
        if outermost {
            let comma = if self.told.is_empty() { "" } else { ", " };
            // Writing to a text can't fail.
            let _ = write!(self.told, "{comma}${{{name}}} from {source}");
        }
        self.open.push(within);
        let value = self.expand(&value);
        self.open.pop();
        value
    }
}

/// What stands before the brace that ends a placeholder, and what follows it.
fn split_body(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => return Some((&text[..at], &text[at + 1..])),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The name, and the default behind the first colon that is in no placeholder of its own.
fn split_default(body: &str) -> (&str, Option<&str>) {
    let mut depth = 0_usize;
    for (at, letter) in body.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return (&body[..at], Some(&body[at + 1..])),
            _ => {}
        }
    }
    (body, None)
}

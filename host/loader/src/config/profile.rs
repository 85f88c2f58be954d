//! Spring profiles: which documents of a file count.
//!
//! A document that names profiles, in `spring.config.activate.on-profile` or in the older `spring.profiles`, counts
//! only if one of its expressions holds for the active ones: a name, `!name`, `a & b`, `a | b`, with parentheses.

use registry_config::{ConfigError, kebab};

use super::Result;
use super::tree::{Shape, Tree};

/// The profile that is active where none is named.
const DEFAULT: &str = "default";

const BINDINGS: [&[&str]; 2] = [&["spring", "config", "activate", "on-profile"], &["spring", "profiles"]];

/// Whether a document counts under these active profiles.
pub(crate) fn counts(document: &Tree, active: &[String]) -> Result<bool> {
    let bound = bindings(document);
    if bound.is_empty() {
        return Ok(true);
    }
    for (tree, text) in bound {
        for expression in text.split(',') {
            let holds = Expression::parse(expression, active).ok_or_else(|| {
                ConfigError::at(
                    "spring.config.activate.on-profile",
                    "is not a profile; accepted: names, with ! & | and ()",
                )
                .value(expression)
                .written_at(&tree.source)
            })?;
            if holds {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The expressions that bind a document, with their places.
pub(crate) fn bindings(document: &Tree) -> Vec<(&Tree, &str)> {
    let mut bound = Vec::new();
    for path in BINDINGS {
        values(document, path, &mut bound);
    }
    bound
}

/// The scalars at a path, whichever of its dots are written as nesting; maps there mean something else.
fn values<'a>(tree: &'a Tree, path: &[&str], found: &mut Vec<(&'a Tree, &'a str)>) {
    match &tree.shape {
        Shape::Scalar(text) if path.is_empty() => found.push((tree, text)),
        Shape::List(items) if path.is_empty() => items.iter().for_each(|item| values(item, path, found)),
        Shape::Map(map) => {
            for (written, below) in map.iter() {
                let names: Vec<String> = written.split('.').map(kebab).collect();
                let starts =
                    path.len() >= names.len() && path.iter().zip(&names).all(|(name, written)| name == written);
                if starts {
                    values(below, &path[names.len()..], found);
                }
            }
        }
        _ => {}
    }
}

/// An expression that is judged while it is read.
struct Expression<'a> {
    rest: &'a str,
    active: &'a [String],
    depth: usize,
}

impl<'a> Expression<'a> {
    fn parse(text: &'a str, active: &'a [String]) -> Option<bool> {
        let mut expression = Expression { rest: text, active, depth: 0 };
        let holds = expression.any()?;
        expression.rest.trim().is_empty().then_some(holds)
    }

    fn any(&mut self) -> Option<bool> {
        let mut holds = self.all()?;
        while self.takes('|') {
            holds |= self.all()?;
        }
        Some(holds)
    }

    fn all(&mut self) -> Option<bool> {
        let mut holds = self.one()?;
        while self.takes('&') {
            holds &= self.one()?;
        }
        Some(holds)
    }

    fn one(&mut self) -> Option<bool> {
        const DEPTH: usize = 32;
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let holds = if self.takes('!') {
            !self.one()?
        } else if self.takes('(') {
            let holds = self.any()?;
            self.takes(')').then_some(holds)?
        } else {
            let end = self.rest.find(['!', '&', '|', '(', ')']).unwrap_or(self.rest.len());
            let (name, rest) = self.rest.split_at(end);
            self.rest = rest;
            let name = name.trim();
            if name.is_empty() {
                return None;
            }
            if self.active.is_empty() { name == DEFAULT } else { self.active.iter().any(|active| active == name) }
        };
        self.depth -= 1;
        Some(holds)
    }

    fn takes(&mut self, sign: char) -> bool {
        match self.rest.trim_start().strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

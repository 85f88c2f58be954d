//! The configuration file: its format, its documents, and those that count.

use std::path::Path;
use std::sync::Arc;

use registry_config::{ConfigError, Source};

use super::Result;
use super::tree::{Map, Tree};
use super::{json, keys, missing, profile, properties, target, toml, yaml};

/// More than any configuration, and little enough to hold.
const LONGEST: u64 = 1 << 20;

/// A file that is being read, to say where in it something stands.
pub(crate) struct SourceFile {
    path: Arc<Path>,
    /// Where each line but the first begins.
    lines: Vec<usize>,
}

impl SourceFile {
    pub(crate) fn new(path: &Path, text: &[u8]) -> Self {
        let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        Self { path: Arc::from(path), lines: ends.map(|(at, _)| at + 1).collect() }
    }

    pub(crate) fn line(&self, line: usize) -> Source {
        Source::File { path: Arc::clone(&self.path), line: line.max(1) }
    }

    /// The place of a byte of the text.
    pub(crate) fn offset(&self, offset: usize) -> Source {
        self.line(1 + self.lines.partition_point(|begin| *begin <= offset))
    }
}

/// What a file holds.
#[derive(Default)]
pub(crate) struct Content {
    /// The keys below `registry`, a later document's over an earlier one's.
    pub(crate) registry: Map,
    /// The documents that count.
    pub(crate) documents: Vec<Tree>,
    /// What the person who wrote the file should hear.
    pub(crate) warnings: Vec<String>,
}

/// Reads a file; the keys of a target go over those that all have.
pub(crate) fn read(path: &Path, profiles: &[String], target: Option<&str>) -> Result<Content> {
    let parse = parser(path)?;
    let refused = |problem: String| ConfigError::new(format!("{}: {problem}", path.display()));
    let about = std::fs::metadata(path).map_err(|error| refused(format!("can't be read: {error}")))?;
    if !about.is_file() {
        return Err(refused("is not a file; name a .yaml, .yml, .properties, .toml or .json file".to_owned()));
    }
    if about.len() > LONGEST {
        return Err(refused(format!("has {} bytes; a configuration has at most {LONGEST}", about.len())));
    }
    let bytes = std::fs::read(path).map_err(|error| refused(format!("can't be read: {error}")))?;
    merge(parse, path, &bytes, profiles, target)
}

/// Reads the documents of a text in the format that the extension of its name says, every scalar as it is written.
///
/// # Errors
///
/// `InvalidConfig` names the line that can't be read, or says that there is no such format.
pub fn read_text(name: &str, text: &str) -> registry_api::Result<Vec<serde_json::Value>> {
    let path = Path::new(name);
    let documents = parser(path)?(text, &SourceFile::new(path, text.as_bytes()))?;
    Ok(documents.iter().map(Tree::to_json).collect())
}

type Parse = fn(&str, &SourceFile) -> Result<Vec<Tree>>;

fn parser(path: &Path) -> Result<Parse> {
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("yaml" | "yml") => Ok(yaml::parse),
        Some("toml") => Ok(toml::parse),
        Some("json") => Ok(json::parse),
        Some("properties") => Ok(properties::parse),
        _ => Err(ConfigError::new(format!(
            "{}: the format of a configuration file shows in its name; accepted: .yaml, .yml, .properties, .toml, .json",
            path.display()
        ))),
    }
}

fn merge(parse: Parse, path: &Path, bytes: &[u8], profiles: &[String], target: Option<&str>) -> Result<Content> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let file = SourceFile::new(path, bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ConfigError::new("is not UTF-8 text").written_at(&file.offset(error.valid_up_to())))?;
    let (mut content, mut others) = (Content::default(), Vec::new());
    let mut found = false;
    for document in parse(text, &file)? {
        if !profile::counts(&document, profiles)? {
            others.push(document);
            continue;
        }
        if let Some(keys) = keys::below(keys::ROOT, &document)? {
            content.registry.overlay(keys);
            found = true;
        }
        content.documents.push(document);
    }
    if let Some(name) = target {
        content.registry.overlay(target::find(name, path, &content.documents)?);
        found = true;
    }
    if !found {
        return Err(missing::refusal(path, &content.documents, &others, profiles));
    }
    content.warnings = missing::near_misses(&content.documents);
    Ok(content)
}

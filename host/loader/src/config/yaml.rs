//! YAML as trees, one per document.
//!
//! Built on the parser's events rather than on a loader, because a loader decides what `007`, `1.10` or `yes` mean.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use registry_config::{ConfigError, Source};

use super::Result;
use super::file::SourceFile;
use super::tree::{Map, Shape, Tree};

/// How deep a document may nest.
const DEPTH: usize = 64;
/// How many values a file may have once its aliases are written out.
const SIZE: usize = 20_000;

/// Reads every document of a file.
pub(crate) fn parse(text: &str, file: &SourceFile) -> Result<Vec<Tree>> {
    let mut reader = Reader { file, documents: Vec::new(), open: Vec::new(), anchors: HashMap::new(), size: 0 };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            ConfigError::new(format!("is not YAML: {}", error.info())).written_at(&file.line(error.marker().line()))
        })?;
        reader.event(event, span)?;
    }
    Ok(reader.documents)
}

struct Reader<'a> {
    file: &'a SourceFile,
    documents: Vec<Tree>,
    open: Vec<Open>,
    /// What each anchor names, with its size; nothing while it is still being read.
    anchors: HashMap<usize, (Tree, usize)>,
    size: usize,
}

/// A list or map whose end is still to come.
struct Open {
    anchor: usize,
    source: Source,
    size_before: usize,
    shape: Shape,
    /// The key whose value comes next.
    key: Option<Key>,
    /// What `<<` brings in, once the map's own keys are all known.
    inherited: Vec<Map>,
}

struct Key {
    name: String,
    /// An unquoted `<<` brings in the keys of another map.
    merge: bool,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<()> {
        let source = self.file.line(span.start.line());
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let tagged_text = self.check_tag(tag.as_deref(), &source)?;
                if self.key_comes_next() {
                    return self.key(Key { merge: plain && text == "<<", name: text.into_owned() });
                }
                let null = plain && !tagged_text && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let shape = if null { Shape::Null } else { Shape::Scalar(text.into_owned()) };
                let size_before = self.size;
                self.value(anchor, size_before, Tree { source, shape })
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), &source)?;
                self.open(anchor, source, Shape::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), &source)?;
                self.open(anchor, source, Shape::Map(Map::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { anchor, source, size_before, mut shape, inherited, .. }) => {
                    if let Shape::Map(map) = &mut shape {
                        inherited.into_iter().for_each(|more| map.inherit(more));
                    }
                    self.value(anchor, size_before, Tree { source, shape })
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => self.alias(anchor, source),
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(&mut self, anchor: usize, source: Source, shape: Shape) -> Result<()> {
        if self.key_comes_next() {
            return Err(ConfigError::new("a key must be plain text, not a list or a map").written_at(&source));
        }
        if self.open.len() >= DEPTH {
            return Err(ConfigError::new(format!("nests deeper than {DEPTH} levels")).written_at(&source));
        }
        self.open.push(Open { anchor, source, size_before: self.size, shape, key: None, inherited: Vec::new() });
        Ok(())
    }

    fn alias(&mut self, anchor: usize, source: Source) -> Result<()> {
        if self.key_comes_next() {
            return Err(ConfigError::new("a key must be plain text, not an alias").written_at(&source));
        }
        let Some((tree, size)) = self.anchors.get(&anchor) else {
            return Err(ConfigError::new("an alias must not name what it stands in").written_at(&source));
        };
        self.size += size;
        let tree = if self.size <= SIZE { tree.clone() } else { Tree { source, shape: Shape::Null } };
        let size_before = self.size;
        self.value(0, size_before, tree)
    }

    fn key(&mut self, key: Key) -> Result<()> {
        if let Some(open) = self.open.last_mut() {
            open.key = Some(key);
        }
        Ok(())
    }

    fn key_comes_next(&self) -> bool {
        matches!(self.open.last(), Some(Open { shape: Shape::Map(_), key: None, .. }))
    }

    fn value(&mut self, anchor: usize, size_before: usize, tree: Tree) -> Result<()> {
        self.size += 1;
        if self.size > SIZE {
            return Err(ConfigError::new(format!("has more than {SIZE} values")).written_at(&tree.source));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (tree.clone(), self.size - size_before));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(tree);
            return Ok(());
        };
        match (&mut open.shape, open.key.take()) {
            (Shape::Map(_), Some(Key { merge: true, .. })) => inherit(&mut open.inherited, tree),
            (Shape::Map(map), Some(key)) => {
                map.push(key.name, tree);
                Ok(())
            }
            (Shape::List(items), _) => {
                items.push(tree);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether the tag says that the value is text, whatever it looks like.
    fn check_tag(&self, tag: Option<&Tag>, source: &Source) -> Result<bool> {
        match tag {
            None => Ok(false),
            Some(tag) if tag.is_yaml_core_schema() => Ok(tag.suffix == "str"),
            Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(true),
            Some(tag) => {
                Err(ConfigError::new(format!("the tag {tag} is not understood; leave it out")).written_at(source))
            }
        }
    }
}

/// The maps that `<<` names.
fn inherit(inherited: &mut Vec<Map>, tree: Tree) -> Result<()> {
    match tree.shape {
        Shape::Null => Ok(()),
        Shape::Map(map) => {
            inherited.push(map);
            Ok(())
        }
        Shape::List(items) if items.iter().all(|item| item.as_map().is_some()) => {
            items.into_iter().try_for_each(|item| inherit(inherited, item))
        }
        _ => Err(ConfigError::new("<< takes a map, or a list of maps").written_at(&tree.source)),
    }
}

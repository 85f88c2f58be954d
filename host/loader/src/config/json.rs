//! JSON as a tree, numbers as they were written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use registry_config::ConfigError;

use super::Result;
use super::file::SourceFile;
use super::tree::{Map, Shape, Tree};

/// How deep a document may nest.
const DEPTH: usize = 64;

/// Reads the one document of a file.
pub(crate) fn parse(text: &str, file: &SourceFile) -> Result<Vec<Tree>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        // serde_json's own text ends in line and column, which the place tells already.
        let problem = error.to_string();
        let problem = problem.split(" at line ").next().unwrap_or_default();
        ConfigError::new(format!("is not JSON: {problem}")).written_at(&file.line(error.line()))
    })?;
    Ok(vec![Reader { text, file }.read(raw, 0)?])
}

struct Reader<'a> {
    text: &'a str,
    file: &'a SourceFile,
}

impl<'a> Reader<'a> {
    fn read(&self, raw: &'a RawValue, depth: usize) -> Result<Tree> {
        let written = raw.get();
        // The raw value is a part of the text, so the distance of the two is its place there.
        let offset = (written.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let source = self.file.offset(offset);
        if depth > DEPTH {
            return Err(ConfigError::new(format!("nests deeper than {DEPTH} levels")).written_at(&source));
        }
        let refused = |error: serde_json::Error| ConfigError::new(format!("is not JSON: {error}")).written_at(&source);
        let shape = match written.as_bytes().first() {
            Some(b'{') => {
                let Members(members) = serde_json::from_str(written).map_err(refused)?;
                let mut map = Map::default();
                for (name, raw) in members {
                    map.push(name, self.read(raw, depth + 1)?);
                }
                Shape::Map(map)
            }
            Some(b'[') => {
                let items: Vec<&'a RawValue> = serde_json::from_str(written).map_err(refused)?;
                Shape::List(items.into_iter().map(|raw| self.read(raw, depth + 1)).collect::<Result<_>>()?)
            }
            Some(b'"') => Shape::Scalar(serde_json::from_str(written).map_err(refused)?),
            Some(b'n') => Shape::Null,
            _ => Shape::Scalar(written.to_owned()),
        };
        Ok(Tree { source, shape })
    }
}

/// An object's members in order, a name that stands twice still twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect).map(Members)
    }
}

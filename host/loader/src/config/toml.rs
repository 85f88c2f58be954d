//! TOML as a tree, numbers and dates as they were written.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use registry_config::ConfigError;

use super::Result;
use super::file::SourceFile;
use super::tree::{Map, Shape, Tree};

/// Reads the one document of a file.
pub(crate) fn parse(text: &str, file: &SourceFile) -> Result<Vec<Tree>> {
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        // Only the first line: what follows may quote the file, and with it a secret.
        let problem = error.message().lines().next().unwrap_or_default();
        ConfigError::new(format!("is not TOML: {problem}")).written_at(&file.offset(offset))
    })?;
    let reader = Reader { text, file };
    Ok(vec![Tree { source: file.line(1), shape: Shape::Map(reader.table(table.get_ref())) }])
}

struct Reader<'a> {
    text: &'a str,
    file: &'a SourceFile,
}

impl Reader<'_> {
    fn table(&self, table: &DeTable<'_>) -> Map {
        let mut map = Map::default();
        for (name, value) in table.iter() {
            map.push(name.get_ref().as_ref(), self.value(value));
        }
        map
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Tree {
        let span = value.span();
        let source = self.file.offset(span.start);
        let shape = match value.get_ref() {
            DeValue::String(text) => Shape::Scalar(text.to_string()),
            DeValue::Array(items) => Shape::List(items.iter().map(|item| self.value(item)).collect()),
            DeValue::Table(table) => Shape::Map(self.table(table)),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
                Shape::Scalar(self.text.get(span).unwrap_or_default().to_owned())
            }
        };
        Tree { source, shape }
    }
}

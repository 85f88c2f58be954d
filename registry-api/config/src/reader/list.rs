//! A list, or one text with commas in it.

use serde::de::{DeserializeSeed, SeqAccess};
use serde_json::Value;

use super::refused::Refused;
use super::value::{Part, Reader};

/// The items of a list that are still to be read.
pub(super) struct Items<'de> {
    length: usize,
    rest: std::vec::IntoIter<Reader<'de>>,
}

impl<'de> Items<'de> {
    pub(super) fn of(reader: &Reader<'de>) -> Result<Self, Refused> {
        let parts: Vec<Part<'de>> = match reader.part {
            Part::Value(Value::Array(items)) => items.iter().map(Part::Value).collect(),
            Part::Value(Value::String(text)) => split(text),
            Part::Text(text) => split(text),
            Part::Value(Value::Null) => Vec::new(),
            Part::Value(Value::Object(_)) => return Err(Refused::new("must be a list, not a map")),
            part @ Part::Value(Value::Bool(_) | Value::Number(_)) => vec![part],
        };
        let key = &reader.key;
        let readers = parts.into_iter().enumerate().map(|(at, part)| reader.part(part, format!("{key}[{at}]")));
        let readers: Vec<_> = readers.collect();
        Ok(Self { length: readers.len(), rest: readers.into_iter() })
    }

    /// Refuses items that nobody has asked for, as beyond a tuple's end.
    pub(super) fn end(self) -> Result<(), Refused> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(Refused::new(format!("has {} values; accepted: {}", self.length, self.length - more)).whole()),
        }
    }
}

fn split(text: &str) -> Vec<Part<'_>> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Part::Text).collect()
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        self.rest.next().map(|reader| reader.read(seed)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

//! A map, read as a struct with known names or as a map with the user's own.

use crate::kebab;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, IntoDeserializer, MapAccess};
use serde_json::{Map, Value};

use super::refused::{Refused, suggestion};
use super::value::{Part, Reader};

fn map_of<'de>(reader: &Reader<'de>) -> Result<Option<&'de Map<String, Value>>, Refused> {
    match reader.part {
        Part::Value(Value::Object(map)) => Ok(Some(map)),
        Part::Value(Value::Null) => Ok(None),
        _ => Err(Refused::new("must be a map of keys")),
    }
}

/// The field that a key names, however either is spelt.
fn field_of(fields: &[&'static str], written: &str) -> Option<&'static str> {
    let exact = fields.iter().find(|field| **field == written);
    exact.or_else(|| fields.iter().find(|field| kebab(field) == kebab(written))).copied()
}

/// The refusal of the keys that a struct doesn't have, if there are any.
///
/// Their values are not repeated: under a misspelt name nobody knows which are secret.
pub(super) fn unknown(key: &str, map: &Map<String, Value>, fields: &[&'static str]) -> Option<Refused> {
    let mut unknown = map.iter().filter(|(name, value)| !value.is_null() && field_of(fields, name).is_none());
    let (first, _) = unknown.next()?;
    let others: Vec<&str> = unknown.map(|(name, _)| name.as_str()).collect();
    let others = match others.is_empty() {
        true => String::new(),
        false => format!("; {} are none either", others.join(", ")),
    };
    let suggestion = suggestion(first, fields, &format!("{key}."));
    Some(Refused::of_key(format!("{key}.{first}"), format!("is not a known key{suggestion}{others}")))
}

/// The fields of a struct that are written.
pub(super) struct Fields<'de> {
    rest: std::vec::IntoIter<(&'static str, Reader<'de>)>,
    next: Option<Reader<'de>>,
}

impl<'de> Fields<'de> {
    pub(super) fn of(reader: &Reader<'de>, fields: &'static [&'static str]) -> Result<Self, Refused> {
        let mut found: Vec<(&'static str, &str, Reader<'de>)> = Vec::new();
        if let Some(map) = map_of(reader)? {
            if let Some(refused) = unknown(&reader.key, map, fields) {
                return Err(refused);
            }
            for (written, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                let Some(field) = field_of(fields, written) else { continue };
                if let Some((_, before, _)) = found.iter().find(|(other, _, _)| *other == field) {
                    let problem = format!("is the same key as {}.{before}; keep one of the two", reader.key);
                    return Err(Refused::of_key(format!("{}.{written}", reader.key), problem));
                }
                found.push((
                    field,
                    written,
                    reader.part(Part::Value(value), format!("{}.{}", reader.key, kebab(field))),
                ));
            }
        }
        let rest: Vec<_> = found.into_iter().map(|(field, _, reader)| (field, reader)).collect();
        Ok(Self { rest: rest.into_iter(), next: None })
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        let Some((field, reader)) = self.rest.next() else { return Ok(None) };
        self.next = Some(reader);
        let field: StrDeserializer<'_, Refused> = field.into_deserializer();
        seed.deserialize(field).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        match self.next.take() {
            Some(reader) => reader.read(seed),
            None => Err(Refused::new("was read before its key")),
        }
    }
}

/// The entries of a map whose keys are the user's own.
pub(super) struct Entries<'de> {
    map: Reader<'de>,
    rest: Option<serde_json::map::Iter<'de>>,
    next: Option<Reader<'de>>,
}

impl<'de> Entries<'de> {
    pub(super) fn of(reader: &Reader<'de>) -> Result<Self, Refused> {
        Ok(Self { map: reader.clone(), rest: map_of(reader)?.map(Map::iter), next: None })
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        let mut entries = self.rest.iter_mut().flatten();
        let Some((name, value)) = entries.find(|(_, value)| !value.is_null()) else { return Ok(None) };
        let key = format!("{}.{name}", self.map.key);
        self.next = Some(self.map.part(Part::Value(value), key.clone()));
        self.map.part(Part::Text(name), key).read(seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        match self.next.take() {
            Some(reader) => reader.read(seed),
            None => Err(Refused::new("was read before its key")),
        }
    }
}

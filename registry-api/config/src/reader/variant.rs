//! An enum: its variant's name, or a map from the name to what the variant holds.

use crate::kebab;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, VariantAccess, Visitor};
use serde_json::Value;

use super::refused::Refused;
use super::value::{Part, Reader};

static NOTHING: Value = Value::Null;

/// The variant that is written, and what it holds.
pub(super) struct Variant<'de> {
    name: &'static str,
    content: Reader<'de>,
}

impl<'de> Variant<'de> {
    pub(super) fn of(reader: &Reader<'de>, variants: &'static [&'static str]) -> Result<Self, Refused> {
        let (written, content) = match reader.part {
            Part::Value(Value::Object(map)) => {
                let mut entries = map.iter().filter(|(_, value)| !value.is_null());
                match (entries.next(), entries.next()) {
                    (Some((name, value)), None) => (name.clone(), value),
                    _ => return Err(Refused::new(format!("must have one key; accepted: {}", variants.join(", ")))),
                }
            }
            _ => (reader.text()?.into_owned(), &NOTHING),
        };
        let name = variants.iter().find(|variant| kebab(variant) == kebab(written.trim()));
        let name = *name.ok_or_else(|| Refused::unknown_variant(&written, variants))?;
        let key = match content {
            Value::Null => reader.key.clone(),
            _ => format!("{}.{}", reader.key, kebab(name)),
        };
        Ok(Self { name, content: reader.part(Part::Value(content), key) })
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Refused;
    type Variant = Reader<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Reader<'de>), Refused> {
        let name: StrDeserializer<'_, Refused> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.content))
    }
}

impl<'de> VariantAccess<'de> for Reader<'de> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        self.read(std::marker::PhantomData)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Refused> {
        self.read(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Refused> {
        let key = self.key.clone();
        self.deserialize_seq(visitor).map_err(|refused| refused.at(&key, None))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Refused> {
        let key = self.key.clone();
        self.deserialize_struct("", fields, visitor).map_err(|refused| refused.at(&key, None))
    }
}

//! A value of a section, read as whatever is asked for.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt::Display;
use std::rc::Rc;
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, Visitor};
use serde_json::Value;

use super::fields::{Entries, Fields, unknown};
use super::list::Items;
use super::refused::Refused;
use super::variant::Variant;

/// What is read: a value, or a part of a text with commas in it.
#[derive(Clone, Copy)]
pub(super) enum Part<'de> {
    Value(&'de Value),
    Text(&'de str),
}

/// A value at its key.
#[derive(Clone)]
pub(super) struct Reader<'de> {
    pub(super) part: Part<'de>,
    pub(super) key: String,
    /// How many secrets have been read, so that a refusal of one is known whatever its key is called.
    secrets: Rc<Cell<usize>>,
}

impl<'de> Reader<'de> {
    /// A whole section.
    pub(super) fn section(value: &'de Value, prefix: &str) -> Self {
        Self { part: Part::Value(value), key: prefix.to_owned(), secrets: Rc::default() }
    }

    /// A part of this value, at a key of its own.
    pub(super) fn part(&self, part: Part<'de>, key: String) -> Self {
        Self { part, key, secrets: Rc::clone(&self.secrets) }
    }

    /// Reads the value and sees to it that a refusal names it, also one by the author's own code.
    pub(super) fn read<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Refused> {
        let place = self.clone();
        let secrets = self.secrets.get();
        seed.deserialize(self).map_err(|refused| {
            let refused = if place.secrets.get() > secrets { refused.hidden() } else { refused };
            refused.at(&place.key, place.text().ok().as_deref())
        })
    }

    /// The scalar as it was written.
    pub(super) fn text(&self) -> Result<Cow<'de, str>, Refused> {
        match self.part {
            Part::Text(text) => Ok(Cow::Borrowed(text)),
            Part::Value(Value::String(text)) => Ok(Cow::Borrowed(text)),
            Part::Value(Value::Number(number)) => Ok(Cow::Owned(number.to_string())),
            Part::Value(Value::Bool(truth)) => Ok(Cow::Owned(truth.to_string())),
            Part::Value(Value::Null) => Err(Refused::new("has no value")),
            Part::Value(Value::Array(_)) => Err(Refused::new("must be a single value, not a list")),
            Part::Value(Value::Object(_)) => Err(Refused::new("must be a single value, not a map")),
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.part, Part::Value(Value::Null))
    }

    fn number<N: FromStr>(&self, accepted: impl Display) -> Result<N, Refused> {
        self.text()?.parse().map_err(|_| Refused::new(format!("is not accepted; accepted: {accepted}")))
    }
}

macro_rules! whole_numbers {
    ($($deserialize:ident $visit:ident $number:ident),+ $(,)?) => {
        $(fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            let accepted = format_args!("a whole number from {} to {}", $number::MIN, $number::MAX);
            visitor.$visit(self.number::<$number>(accepted)?)
        })+
    };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Refused;

    whole_numbers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.number::<f32>("a number")? {
            number if number.is_finite() => visitor.visit_f32(number),
            _ => Err(Refused::new("is not accepted; accepted: a number")),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.number::<f64>("a number")? {
            number if number.is_finite() => visitor.visit_f64(number),
            _ => Err(Refused::new("is not accepted; accepted: a number")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.text()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => visitor.visit_bool(true),
            "false" | "no" | "off" => visitor.visit_bool(false),
            _ => Err(Refused::new("is not accepted; accepted: true, false")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.text()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_bytes(self.text()?.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_byte_buf(self.text()?.into_owned().into_bytes())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.text() {
            Ok(text) if text.is_empty() => visitor.visit_none(),
            _ if self.is_nothing() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.part {
            Part::Value(Value::Null) => visitor.visit_unit(),
            Part::Value(Value::Object(map)) => match unknown(&self.key, map, &[]) {
                Some(refused) => Err(refused),
                None => visitor.visit_unit(),
            },
            _ => Err(Refused::new("is not accepted; accepted: nothing")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        if name == crate::secret::NAME {
            self.secrets.set(self.secrets.get() + 1);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let mut items = Items::of(&self)?;
        let list = visitor.visit_seq(&mut items)?;
        items.end()?;
        Ok(list)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_map(Entries::of(&self)?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_map(Fields::of(&self, fields)?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_enum(Variant::of(&self, variants)?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.part {
            Part::Value(Value::Null) => visitor.visit_unit(),
            Part::Value(Value::Array(_)) => self.deserialize_seq(visitor),
            Part::Value(Value::Object(_)) => self.deserialize_map(visitor),
            _ => self.deserialize_str(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }
}

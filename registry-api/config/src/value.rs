//! The types that a key's value may have: how each is read, and what it is called in the tables.

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use crate::reader::from_text;
use crate::{ConfigError, ConfigKey, Secret, duration};

/// A type that the value of a key is read into.
///
/// [`value!`](crate::value) makes one of a type that serde can read. A struct that [`config!`](crate::config) has made
/// is one as well: its keys are nested below the key.
pub trait Value: Sized {
    /// The kind of value in a word or two, where the key itself names no other.
    const KIND: &'static str;
    /// Whether the value is never shown.
    const SECRET: bool = false;

    /// Reads the value.
    ///
    /// # Errors
    ///
    /// What is not accepted.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// The value that a default stands for, as it would be written.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn read_default(text: &str) -> Result<Self, ConfigError> {
        from_text(text, "default")
    }

    /// The keys that a field of this type stands for, given what is known of the field.
    fn describe(field: ConfigKey) -> Vec<ConfigKey> {
        let kind = if field.kind.is_empty() { Self::KIND.into() } else { field.kind };
        vec![ConfigKey { kind, secret: field.secret || Self::SECRET, ..field }]
    }
}

/// Makes a [`Value`] of a type that serde can read: `value!(SyncReads, "sync or quorum");`.
#[macro_export]
macro_rules! value {
    ($type:ty, $kind:literal) => {
        impl $crate::Value for $type {
            const KIND: &'static str = $kind;

            fn read<'de, D: $crate::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                $crate::serde::Deserialize::deserialize(deserializer)
            }
        }
    };
}

value!(String, "text");
value!(PathBuf, "path");
value!(bool, "true or false");
value!(u16, "number");
value!(u32, "number");
value!(u64, "number");
value!(i32, "number");
value!(f64, "number");

impl Value for Secret {
    const KIND: &'static str = "text";
    const SECRET: bool = true;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Secret::deserialize(deserializer)
    }
}

impl Value for Duration {
    const KIND: &'static str = "duration";

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        duration::deserialize(deserializer)
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;
    const SECRET: bool = T::SECRET;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Optional<T>(PhantomData<T>);

        impl<'de, T: Value> Visitor<'de> for Optional<T> {
            type Value = Option<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::KIND)
            }

            fn visit_none<E>(self) -> Result<Option<T>, E> {
                Ok(None)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
                T::read(deserializer).map(Some)
            }
        }
        deserializer.deserialize_option(Optional(PhantomData))
    }

    fn describe(field: ConfigKey) -> Vec<ConfigKey> {
        T::describe(field)
    }
}

impl<T: Value> Value for Vec<T> {
    const KIND: &'static str = "list";
    const SECRET: bool = T::SECRET;

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);

        impl<'de, T: Value> Visitor<'de> for List<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element_seed(Read::new())? {
                    list.push(item);
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(List(PhantomData))
    }
}

/// Reads a [`Value`] where serde asks for a seed.
#[doc(hidden)]
pub struct Read<T>(PhantomData<T>);

impl<T> Read<T> {
    #[doc(hidden)]
    #[allow(clippy::new_without_default, reason = "for the macro")]
    pub fn new() -> Self {
        Read(PhantomData)
    }
}

impl<'de, T: Value> DeserializeSeed<'de> for Read<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::read(deserializer)
    }
}

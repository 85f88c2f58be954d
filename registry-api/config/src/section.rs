//! Structs whose fields are keys: each is written once, with its type, its default and its documentation.

use serde::de::DeserializeOwned;

use crate::{ConfigKey, Value};

/// A type that a whole section is read into, by [`from_value`](crate::from_value); [`config!`](crate::config) makes
/// one.
pub trait Section: DeserializeOwned {
    /// Its keys, in the order in which they are written.
    fn keys() -> Vec<ConfigKey>;
}

/// A section without keys.
impl Section for () {
    fn keys() -> Vec<ConfigKey> {
        Vec::new()
    }
}

/// Declares a struct of keys: with its defaults, its reading, and the table that describes it.
///
/// ```
/// use std::time::Duration;
///
/// use registry_config::{Section, Secret, config, from_value};
///
/// config! {
///     /// What stands under `registry.etcd`.
///     #[derive(Debug)]
///     pub struct Config {
///         /// The servers.
///         #[kind = "list of host:port"]
///         pub endpoints: Vec<String> = "127.0.0.1:2379",
///         /// The first pause between two attempts.
///         pub retry_delay: Duration = "60ms",
///         /// The user's password, where the servers have users.
///         pub password: Option<Secret>,
///         /// TLS.
///         pub tls: Tls,
///     }
/// }
///
/// config! {
///     /// The authorities to trust.
///     #[derive(Debug)]
///     pub struct Tls {
///         /// The certificates to trust, PEM.
///         pub ca_file: Option<std::path::PathBuf>,
///     }
/// }
///
/// assert_eq!(Config::default().endpoints, ["127.0.0.1:2379"]);
/// let config: Config = from_value(&serde_json::json!({"retry-delay": "1s"}), "registry.etcd")?;
/// assert_eq!(config.retry_delay, Duration::from_secs(1));
///
/// let keys = Config::keys();
/// let names: Vec<_> = keys.iter().map(|key| &*key.name).collect();
/// assert_eq!(names, ["endpoints", "retry-delay", "password", "tls.ca-file"]);
/// assert_eq!((&*keys[1].kind, &*keys[1].default), ("duration", "60ms"));
/// assert_eq!(keys[1].doc, "the first pause between two attempts");
/// assert!(keys[2].secret);
/// # Ok::<(), registry_config::ConfigError>(())
/// ```
///
/// # Behavior
///
/// A field's name in kebab-case is the key's. The first paragraph of its documentation describes the key in tables. Its
/// type is a [`Value`], which knows the kind of value; `#[kind = "…"]` names another. The default is written as its
/// users would write it; without one it is an empty text, which an `Option`, a list and a `String` can read. A struct
/// that this macro has made may be a field's type, and its keys are nested. `#[alias_of = "…"]` marks another name of a
/// key. What follows in `and { … }` are fields that are no keys, such as what is read elsewhere.
///
/// # Panics
///
/// `Default::default` panics if a default can't be read, so any test that makes one finds the mistake.
#[macro_export]
macro_rules! config {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $(#[kind = $kind:literal])?
                $(#[alias_of = $alias_of:literal])?
                $field_vis:vis $field:ident: $type:ty $(= $default:literal)?
            ),* $(,)?
        }
        $(and { $( $(#[doc = $other_doc:literal])+ $other_vis:vis $other:ident: $other_type:ty ),* $(,)? })?
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $( $(#[doc = $doc])+ $field_vis $field: $type, )*
            $($( $(#[doc = $other_doc])+ $other_vis $other: $other_type, )*)?
        }

        impl ::core::default::Default for $name {
            fn default() -> Self {
                $name {
                    $( $field: $crate::section::default_of(::core::stringify!($field), ::core::concat!($($default)?)), )*
                    $($( $other: ::core::default::Default::default(), )*)?
                }
            }
        }

        impl $crate::Section for $name {
            fn keys() -> ::std::vec::Vec<$crate::ConfigKey> {
                #[allow(unused_mut, reason = "a struct may have no keys")]
                let mut keys = ::std::vec::Vec::new();
                $(
                    keys.extend(<$type as $crate::Value>::describe($crate::section::key(
                        ::core::stringify!($field),
                        ::core::concat!($($kind)?),
                        ::core::concat!($($default)?),
                        &[$($doc),+],
                        &[$($alias_of)?],
                    )));
                )*
                keys
            }
        }

        impl $crate::Value for $name {
            const KIND: &'static str = "keys";

            fn read<'de, D: $crate::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                $crate::serde::Deserialize::deserialize(deserializer)
            }

            fn read_default(_: &str) -> ::core::result::Result<Self, $crate::ConfigError> {
                ::core::result::Result::Ok(::core::default::Default::default())
            }

            fn describe(field: $crate::ConfigKey) -> ::std::vec::Vec<$crate::ConfigKey> {
                $crate::section::below(&field, <Self as $crate::Section>::keys())
            }
        }

        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                struct Fields;

                impl<'de> $crate::serde::de::Visitor<'de> for Fields {
                    type Value = $name;

                    fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        f.write_str("a map of keys")
                    }

                    fn visit_map<A: $crate::serde::de::MapAccess<'de>>(
                        self,
                        #[allow(unused_mut, reason = "a struct may have no keys")] mut map: A,
                    ) -> ::core::result::Result<$name, A::Error> {
                        #[allow(unused_mut, reason = "a struct may have no keys")]
                        let mut read = <$name as ::core::default::Default>::default();
                        while let ::core::option::Option::Some(name) = map.next_key::<::std::string::String>()? {
                            $(if name == $crate::section::plain(::core::stringify!($field)) {
                                read.$field = map.next_value_seed($crate::section::Read::new())?;
                                continue;
                            })*
                            map.next_value::<$crate::serde::de::IgnoredAny>()?;
                        }
                        ::core::result::Result::Ok(read)
                    }
                }

                const FIELDS: &[&str] = &[$($crate::section::plain(::core::stringify!($field))),*];
                deserializer.deserialize_struct(::core::stringify!($name), FIELDS, Fields)
            }
        }
    };
}

#[doc(hidden)]
pub use crate::value::Read;

/// A field's name without the `r#` of one that is a word of Rust's.
#[doc(hidden)]
pub const fn plain(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// The default of a field.
#[doc(hidden)]
pub fn default_of<T: Value>(field: &str, text: &str) -> T {
    T::read_default(text).unwrap_or_else(|refused| panic!("{field}: {refused}"))
}

/// What is written of a field.
#[doc(hidden)]
pub fn key(
    field: &'static str,
    kind: &'static str,
    default: &'static str,
    doc: &[&'static str],
    alias_of: &[&'static str],
) -> ConfigKey {
    let paragraph = doc.iter().map(|line| line.trim()).take_while(|line| !line.is_empty());
    let doc = in_a_table(&paragraph.collect::<Vec<_>>().join(" "));
    ConfigKey {
        name: crate::kebab(plain(field)).into(),
        kind: kind.into(),
        default: default.into(),
        doc: doc.into(),
        secret: false,
        alias_of: alias_of.first().copied().map(Into::into),
    }
}

/// A sentence as a table has it: without the period, and beginning with a small letter, unless with a name.
fn in_a_table(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let mut letters = sentence.chars();
    let first = letters.next().into_iter().flat_map(char::to_lowercase);
    let is_name = letters.clone().take_while(|letter| !letter.is_whitespace()).any(char::is_uppercase);
    if is_name { sentence.to_owned() } else { first.chain(letters).collect() }
}

/// Keys that are nested below a field.
#[doc(hidden)]
pub fn below(field: &ConfigKey, keys: Vec<ConfigKey>) -> Vec<ConfigKey> {
    let nested = |key: ConfigKey| ConfigKey { name: format!("{}.{}", field.name, key.name).into(), ..key };
    keys.into_iter().map(nested).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Secret, Section, from_value};

    config! {
        #[derive(Debug, PartialEq)]
        struct Config {
            /// DNS is asked
            /// for it.
            ///
            /// Each time.
            #[kind = "host"]
            r#type: String = "a",
            /// A pair.
            pair: Option<Pair>,
        } and {
            /// Not a key.
            other: u8,
        }
    }

    config! {
        #[derive(Debug, PartialEq)]
        struct Pair {
            /// One.
            one: Secret,
            /// Two or more.
            others: Vec<u16> = "1,2",
        }
    }

    #[test]
    fn a_key_is_described_by_its_fields_doc() {
        let keys: Vec<_> = Config::keys()
            .into_iter()
            .map(|key| format!("{} ({}, {:?}, {}): {}", key.name, key.kind, key.default, key.secret, key.doc))
            .collect();
        let expected = [
            "type (host, \"a\", false): DNS is asked for it",
            "pair.one (text, \"\", true): one",
            "pair.others (list, \"1,2\", false): two or more",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn what_is_not_written_has_its_default() {
        assert_eq!(Config::default(), Config { r#type: "a".to_owned(), pair: None, other: 0 });
        let read: Config = from_value(&json!({"type": "b", "pair": {"one": "x"}}), "registry.a").unwrap();
        let pair = Pair { one: "x".into(), others: vec![1, 2] };
        assert_eq!(read, Config { r#type: "b".to_owned(), pair: Some(pair), other: 0 });
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let refused = from_value::<Config>(&json!({"other": "1"}), "registry.a").unwrap_err().to_string();
        assert_eq!(refused, "registry.a.other: is not a known key; accepted: type, pair");
        let refused = from_value::<Config>(&json!({"pair": {"others": "x"}}), "registry.a").unwrap_err().to_string();
        assert!(refused.starts_with("registry.a.pair.others[0]: \"x\" is not accepted"), "{refused}");
    }

    #[test]
    #[should_panic(expected = "number: default: \"many\" is not accepted")]
    fn an_unreadable_default_is_found_by_any_test() {
        config! {
            struct Wrong {
                /// A number.
                number: u32 = "many",
            }
        }
        Wrong::default();
    }
}

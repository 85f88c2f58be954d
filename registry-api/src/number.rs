//! The numbers of the contract, each a type of its own, so that none can be mistaken for another (contract 1.3, 6.3).

use std::{fmt, num::ParseIntError, str::FromStr};

macro_rules! numbers {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(u64);

        impl $name {
            /// The number as it was stored or sent.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number itself, to be stored or sent.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl From<u64> for $name {
            fn from(number: u64) -> Self {
                Self(number)
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> u64 {
                number.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )+};
}

numbers! {
    /// Which write an entry is from: each write of a key gives it a higher version.
    Version,
    /// A moment in the backend's order of writes, such as that of an entry's creation.
    Revision,
    /// The fencing token of a lock: it grows from each holder to the next.
    FencingToken,
}

/// The moment of the write that a version is from.
impl From<Version> for Revision {
    fn from(version: Version) -> Self {
        Revision(version.0)
    }
}

/// A lock is held by its queue entry, so the entry's creation is its fencing token.
impl From<Revision> for FencingToken {
    fn from(created: Revision) -> Self {
        FencingToken(created.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_shown_as_itself_and_read_back() {
        let version = Version::new(u64::MAX);
        assert_eq!(version.to_string().parse(), Ok(version));
        assert_eq!(format!("{version:>21} {version:?}"), format!(" {0} Version({0})", u64::MAX));
        assert!("-1".parse::<FencingToken>().is_err());
    }
}

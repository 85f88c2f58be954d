//! The SDK: all that the author of a registry plugin adds.

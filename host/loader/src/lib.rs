//! Loads a registry plugin at run time and hands its host a Registry.

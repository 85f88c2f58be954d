//! Loads a registry plugin at run time and hands its host a Registry.

mod config;
pub mod plugin;

pub use config::{DisconnectStrategy, PluginKey, Section, Setting, Settings, SettingsBuilder, Source};

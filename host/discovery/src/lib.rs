//! Services on a registry: who provides them, who consumes them, and their configuration, laid out as Dubbo's.
//!
//! A [`ServiceUrl`] describes one provider or consumer of a service, as Dubbo's processes in Go and Java write and read
//! it. A [`Discovery`] registers them, and follows those of others. A [`ConfigCentre`] holds their rules.
//! [`tonic::channel`] calls providers, and [`tonic::serve`] has a tonic server be called.

#![forbid(unsafe_code)]

pub mod application;
pub mod choice;
mod config_centre;
mod discovery;
mod layout;
mod listing;
mod register;
pub mod rules;
mod settings;
mod subscribe;
pub mod tonic;
mod url;

pub use self::{
    config_centre::{ConfigCentre, ConfigChange, ConfigEntry, ConfigListener, DEFAULT_GROUP, RuleKind},
    discovery::Discovery,
    layout::Role,
    listing::{Listed, ListedChange, ListedChanges},
    register::{Registration, RegistrationState},
    settings::{Options, SECTION, load},
    subscribe::{Change, ServiceSet, Subscription, UnreadableUrl},
    url::{Identity, Service, ServiceUrl, UrlError},
};

//! Services on a registry: who provides them, who consumes them, and their configuration, laid out as Dubbo's.
//!
//! A [`ServiceUrl`] describes one provider or consumer of a service, as Dubbo's processes in Go and Java write and read
//! it.

#![forbid(unsafe_code)]

mod url;

pub use self::url::{Identity, Service, ServiceUrl, UrlError};

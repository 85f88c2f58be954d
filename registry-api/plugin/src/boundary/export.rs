//! What [`export_plugin!`](crate::export_plugin) expands to.

use registry_abi::{
    ALIAS, Connection, FfiFuture, Host, QUEUE_ENTRY, RResult, RSlice, RString, RawCheckKind, RawConfigKey, RawError,
    RawOperationKind, RawOptions, Root, SERVERS, Tuple2,
};
pub use registry_abi::{LibHeader, RawAbout, RootModuleResult, RootRef, construct, header};

use super::{
    connect::connect,
    connection::{claimed, lacking},
};
use crate::{
    Backend, ConfigKey,
    config::{Section, WORKER_THREADS},
};

/// The description in the author's `Cargo.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    /// The version.
    pub version: &'static str,
    /// The licence.
    pub licence: &'static str,
    /// The homepage, or the repository.
    pub homepage: &'static str,
    /// Whether the author's crate unwinds on a panic.
    pub panic_unwind: bool,
}

/// The root module of a library; its log lines are forwarded to the host.
pub fn exported<B: Backend>(panic_unwind: bool, about: extern "C" fn() -> RawAbout) -> RootRef {
    root(panic_unwind, about, forwarding::<B>)
}

/// The root module of a backend that is linked in; it logs where its binary does.
pub fn linked<B: Backend>(panic_unwind: bool, about: extern "C" fn() -> RawAbout) -> RootRef {
    root(panic_unwind, about, plain::<B>)
}

/// A plugin's description of itself.
pub fn about<B: Backend>(package: Package) -> RawAbout {
    let mut keys = B::Config::keys();
    keys.push(WORKER_THREADS);
    keys.extend(B::SESSION_TIMEOUT.map(session_timeout));
    let aliases = keys.iter().filter_map(alias);
    let servers = B::SERVERS.map(|key| Tuple2(SERVERS.into(), key.into()));
    let queue_entries = B::QUEUE_ENTRIES.iter().map(|form| Tuple2(QUEUE_ENTRY.into(), (*form).into()));
    RawAbout {
        name: B::NAME.into(),
        version: package.version.into(),
        licence: package.licence.into(),
        homepage: package.homepage.into(),
        rustc: env!("REGISTRY_RUSTC").into(),
        lacking: lacking(&claimed(B::claims)),
        more: aliases.chain(servers).chain(queue_entries).collect(),
        keys: keys.iter().map(raw).collect(),
    }
}

fn session_timeout(name: &'static str) -> ConfigKey {
    let key = ConfigKey::new(name, "duration", "", "another name of session-timeout, the registry's or this section's");
    ConfigKey { alias_of: Some("session-timeout".into()), ..key }
}

fn alias(key: &ConfigKey) -> Option<Tuple2<RString, RString>> {
    let of = key.alias_of.as_ref()?;
    Some(Tuple2(ALIAS.into(), format!("{}={of}", key.name).into()))
}

fn raw(key: &ConfigKey) -> RawConfigKey {
    RawConfigKey {
        name: (&*key.name).into(),
        kind: (&*key.kind).into(),
        default: (&*key.default).into(),
        doc: (&*key.doc).into(),
        secret: key.secret,
    }
}

fn root(
    panic_unwind: bool,
    about: extern "C" fn() -> RawAbout,
    connect: extern "C" fn(RawOptions, Host) -> FfiFuture<RResult<Connection, RawError>>,
) -> RootRef {
    Root {
        about,
        panic_unwind,
        checks: RSlice::from_slice(RawCheckKind::KNOWN),
        operations: RSlice::from_slice(RawOperationKind::KNOWN),
        connect,
    }
    .leak()
}

extern "C" fn forwarding<B: Backend>(options: RawOptions, host: Host) -> FfiFuture<RResult<Connection, RawError>> {
    connect::<B>(options, host, true)
}

extern "C" fn plain<B: Backend>(options: RawOptions, host: Host) -> FfiFuture<RResult<Connection, RawError>> {
    connect::<B>(options, host, false)
}

/// Makes a loadable plugin of a [`Backend`](crate::Backend): `export_plugin!(Etcd);`, once, at the root of a `cdylib`
/// crate.
///
/// It also gives the crate a function `linked_plugin`, for a host that links the backend in; of all the backends in one
/// binary only one can be.
#[macro_export]
macro_rules! export_plugin {
    ($backend:ty) => {
        #[doc(hidden)]
        mod __registry_plugin {
            use super::*;

            const PACKAGE: $crate::export::Package = $crate::export::Package {
                version: ::core::env!("CARGO_PKG_VERSION"),
                licence: ::core::env!("CARGO_PKG_LICENSE"),
                homepage: $crate::export::homepage(
                    ::core::env!("CARGO_PKG_HOMEPAGE"),
                    ::core::env!("CARGO_PKG_REPOSITORY"),
                ),
                panic_unwind: ::core::cfg!(panic = "unwind"),
            };

            extern "C" fn about() -> $crate::export::RawAbout {
                $crate::export::about::<$backend>(PACKAGE)
            }

            fn exported() -> $crate::export::RootRef {
                $crate::export::exported::<$backend>(PACKAGE.panic_unwind, about)
            }

            extern "C" fn construct() -> $crate::export::RootModuleResult {
                $crate::export::construct(exported)
            }

            // The name is `registry_abi::HEADER_SYMBOL`.
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static HEADER: $crate::export::LibHeader = $crate::export::header(construct);

            pub fn linked() -> $crate::export::RootRef {
                $crate::export::linked::<$backend>(PACKAGE.panic_unwind, about)
            }
        }

        /// The plugin's root module, for a host that links the backend in instead of loading it.
        pub fn linked_plugin() -> $crate::export::RootRef {
            __registry_plugin::linked()
        }
    };
}

/// The first of the two that says something.
pub const fn homepage(homepage: &'static str, repository: &'static str) -> &'static str {
    if homepage.is_empty() { repository } else { homepage }
}

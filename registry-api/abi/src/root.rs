//! The root module: what a plugin library exports.

#![allow(non_local_definitions, non_camel_case_types, clippy::all, reason = "the macro's code")]

use abi_stable::{
    StableAbi,
    library::{CheckTypeLayout, LibHeader, RootModule, RootModuleResult},
    package_version_strings,
    prefix_type::PrefixTypeTrait,
    sabi_types::VersionStrings,
    std_types::{RResult, RSlice, RString, RVec, Tuple2},
};
use async_ffi::FfiFuture;

use crate::{Connection, Host, RawCheckKind, RawError, RawOperationKind, Timeout};

/// One configuration key of a plugin.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct RawConfigKey {
    /// The name below `registry.<type>`.
    pub name: RString,
    /// The kind of value in a word or two.
    pub kind: RString,
    /// The default as it would be written; empty for none.
    pub default: RString,
    /// One line of documentation.
    pub doc: RString,
    /// Whether the value is never shown.
    pub secret: bool,
}

/// A plugin's description of itself.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct RawAbout {
    /// What `registry.type` selects it by.
    pub name: RString,
    /// The plugin's own version.
    pub version: RString,
    /// Its licence, as an SPDX expression.
    pub licence: RString,
    /// Where its users find more.
    pub homepage: RString,
    /// The compiler that built it.
    pub rustc: RString,
    /// The capabilities that it lacks at best, by name, each with its weaker promise.
    pub lacking: RVec<Tuple2<RString, RString>>,
    /// Every configuration key.
    pub keys: RVec<RawConfigKey>,
    /// Room for what later minors say, by name.
    pub more: RVec<Tuple2<RString, RString>>,
}

/// What [`RawAbout::more`] has once for each key that is another name of one: `ttl=session-timeout`; since 1.3.
///
/// The name after the `=` is another key of the plugin, or the host's `session-timeout`. An older host shows such a key
/// as any other, but knows etcd's `ttl`; of an older plugin, a host takes no key for the session timeout but its own.
pub const ALIAS: &str = "alias";

/// What [`RawAbout::more`] has the name of the key under that lists the servers, such as `endpoints`; since 1.4.
///
/// An older host looks for names that it knows. Of an older plugin a newer one doesn't know the key.
pub const SERVERS: &str = "servers";

/// What [`RawAbout::more`] has once for each form of the names of a lock's queue entries; since 1.4.
///
/// In a form, `<session>` is the id of the owner's session in hexadecimal, `<hex>` are lower-case hexadecimal digits,
/// `<number>` are decimal digits, after a minus or not, and `*` is any text. The rest is itself: `*-lock-<number>`.
/// An older host goes by forms that it knows. Of an older plugin a newer host knows the entries by their values alone.
pub const QUEUE_ENTRY: &str = "queue-entry";

/// What a host asks of a connection.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct RawOptions {
    /// The plugin's section of the configuration as JSON: maps and lists of strings.
    pub config: RString,
    /// The section's path, for messages.
    pub prefix: RString,
    /// The folder that relative paths start from.
    pub base: RString,
    /// The namespace.
    pub namespace: RString,
    /// The session timeout asked for.
    pub session_timeout: Timeout,
    /// How long a background request may take.
    pub operation_timeout: Timeout,
    /// Room for what later minors ask, by name; a plugin passes over what it doesn't know.
    pub more: RVec<Tuple2<RString, RString>>,
}

/// What [`RawOptions::more`] has the longest time that opening may take under, in nanoseconds; since 1.2.
pub const OPENING_TIMEOUT: &str = "opening-timeout";

/// The root module.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = RootRef)))]
#[sabi(missing_field(panic))]
pub struct Root {
    /// What the plugin says of itself.
    pub about: extern "C" fn() -> RawAbout,
    /// Whether a panic unwinds, so that it can be caught.
    pub panic_unwind: bool,
    /// The kinds of checks that the plugin knows.
    pub checks: RSlice<'static, RawCheckKind>,
    /// The kinds of operations that the plugin knows.
    pub operations: RSlice<'static, RawOperationKind>,
    /// Opens a connection.
    #[sabi(last_prefix_field)]
    pub connect: extern "C" fn(options: RawOptions, host: Host) -> FfiFuture<RResult<Connection, RawError>>,
}

impl RootModule for RootRef {
    abi_stable::declare_root_module_statics! {RootRef}
    const BASE_NAME: &'static str = "registry";
    const NAME: &'static str = "registry plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

/// Makes the header that a plugin library exports under [`HEADER_SYMBOL`](crate::HEADER_SYMBOL).
///
/// The constructor, made of [`construct`], is called once, after abi_stable has set up what the library shares with its
/// host.
pub const fn header(constructor: extern "C" fn() -> RootModuleResult) -> LibHeader {
    // SAFETY: `construct` below is the only maker of a `RootModuleResult` that this crate gives out, and it makes a
    // `RootRef`.
    unsafe { LibHeader::from_constructor::<RootRef>(constructor, CheckTypeLayout::Yes) }
}

/// The body of a [`header`]'s constructor.
pub fn construct(root: fn() -> RootRef) -> RootModuleResult {
    abi_stable::library::__call_root_module_loader(root)
}

impl Root {
    /// Makes the root module of a library; it is never dropped.
    pub fn leak(self) -> RootRef {
        self.leak_into_prefix()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_exported_symbol_is_that_of_abi_stable() {
        assert_eq!(abi_stable::library::ROOT_MODULE_LOADER_NAME, crate::HEADER_SYMBOL);
    }
}

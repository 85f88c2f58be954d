//! From what a library exports to its root module, every step of it checked.

use std::{fmt, mem};

use abi_stable::{
    library::{AbiHeader, AbiHeaderRef, LibHeader, RootModule},
    sabi_types::{RRef, VersionStrings},
};

use crate::{RootRef, layout};

/// How many bytes [`HEADER_SYMBOL`](crate::HEADER_SYMBOL) names.
pub const HEADER_BYTES: usize = mem::size_of::<LibHeader>();

/// The version of the ABI, which is this crate's version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApiVersion {
    /// Two majors don't load each other.
    pub major: u32,
    /// Two minors do, whichever is older.
    pub minor: u32,
    /// Of no weight.
    pub patch: u32,
}

impl ApiVersion {
    /// The version that this was built with.
    pub fn own() -> Self {
        ApiVersion::parse(RootRef::VERSION_STRINGS).expect("Cargo has checked the package's version")
    }

    fn parse(strings: VersionStrings) -> Option<Self> {
        let version = strings.parsed().ok()?;
        Some(ApiVersion { major: version.major, minor: version.minor, patch: version.patch })
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The root module that a library exports, and the version of the ABI that the library was built with.
///
/// # Behavior
///
/// Whether it is a plugin's header comes first, then the ABI's version, then the layout of every type that crosses, the
/// older side taken as the interface. Nothing of the root module is read or called before all of that holds.
///
/// # Errors
///
/// What is wrong and what to do, in one line without control characters.
///
/// # Safety
///
/// `header` is what a library exports as [`HEADER_SYMBOL`](crate::HEADER_SYMBOL), of [`HEADER_BYTES`], and the library
/// is never unloaded.
pub unsafe fn root(header: *const ()) -> Result<(RootRef, ApiVersion), String> {
    if header.is_null() || !header.cast::<LibHeader>().is_aligned() {
        return Err("its plugin header is damaged: copy or build it again".to_owned());
    }
    // SAFETY: the caller vouches for the symbol and that it stays; `AbiHeaderRef` is a transparent reference to it, and
    // says nothing of what follows the header's first bytes.
    let header = unsafe { mem::transmute::<RRef<'static, AbiHeader>, AbiHeaderRef>(RRef::from_raw(header.cast())) };
    if header.magic_string != AbiHeader::VALUE.magic_string {
        return Err("it exports a plugin header's name, but no plugin header: take another file".to_owned());
    }
    if !header.is_valid() {
        return Err(format!(
            "it is built with abi_stable {}.{}, plugins for this host with {}.{}: build it against registry-plugin {}",
            header.abi_major,
            header.abi_minor,
            AbiHeader::VALUE.abi_major,
            AbiHeader::VALUE.abi_minor,
            ApiVersion::own().major,
        ));
    }
    let header =
        header.upgrade().map_err(|_| "its compiler passes arguments another way: build it again".to_owned())?;

    let constants = header.root_mod_consts();
    if constants.base_name() != RootRef::BASE_NAME || constants.name() != RootRef::NAME {
        return Err("it is a plugin of another product: name a registry plugin".to_owned());
    }
    let own = ApiVersion::own();
    let version = ApiVersion::parse(header.version_strings()).ok_or("its plugin interface has no version")?;
    if version.major != own.major {
        return Err(format!(
            "it speaks version {version} of the plugin interface, this host {own}: take a build of it for version {}",
            own.major
        ));
    }
    let layout = header.layout().ok_or("it hides the layout of its types: build it with export_plugin!")?;
    layout::check(layout, version.minor.cmp(&own.minor)).map_err(|difference| {
        format!("its types ({version}) differ from this host's ({own}): {difference}: build it again")
    })?;

    // SAFETY: the layout of the whole root module has just been held against ours.
    let root = unsafe { header.unchecked_layout::<RootRef>() }
        .map_err(|error| format!("it failed to start: {}", layout::clean(&error.to_string())))?;
    Ok((root, version))
}

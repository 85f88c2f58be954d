//! Finding, verifying and loading plugin libraries.
//!
//! A library runs code of its own while it is loaded, before anything can be asked of it. So the checks come in this
//! order. First who could have written the file, whether it is a whole plugin library of this machine, and its digest
//! if the configuration names one. Then it is loaded. Then its header, the version of the plugin interface, the layout
//! of every type that crosses, its metadata, and whether its panics can be caught. Whatever fails is one line that
//! names the file, what is wrong and what to do, of kind [`PluginRejected`](registry_api::ErrorKind::PluginRejected).
//!
//! A file that is damaged where no check looks can end the process that loads it: [`verify_in_child`] finds out in
//! another.

mod candidate;
mod child;
mod digest;
mod elf;
#[allow(unsafe_code, reason = "a library can't be loaded otherwise")]
mod library;
mod metadata;
mod queue_entry;
mod reject;
mod search;
mod trust;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use registry_abi::{RootRef, library::ApiVersion};
use registry_api::Result;

pub use child::{verify_child_main, verify_in_child};
pub use metadata::Metadata;
pub use search::{PluginFile, find, installed};

use candidate::Candidate;
use reject::rejected;
use trust::Trust;

/// A backend that is loaded into this process, for as long as the process lives.
///
/// Two that compare equal are the same file in the same state, loaded once.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

struct Loaded {
    root: RootRef,
    metadata: Metadata,
    file: Option<PathBuf>,
}

impl Plugin {
    /// Verifies and loads a file, which must have the given SHA-256 digest if one is given.
    ///
    /// # Behavior
    ///
    /// A file that is loaded already gives the same plugin. Another file of the same name or at the same path, such as
    /// the next version, is loaded beside it; the former one stays.
    ///
    /// # Errors
    ///
    /// `PluginRejected`, in one line: the file, what is wrong, what to do.
    pub fn load(file: impl AsRef<Path>, sha256: Option<&[u8; 32]>) -> Result<Self> {
        library::load(Candidate::check(file.as_ref(), &Trust::of_this_process(), sha256)?)
    }

    /// Finds the plugin that `registry.type` names, verifies and loads it.
    ///
    /// # Errors
    ///
    /// As [`find`] and [`load`](Plugin::load); `PluginRejected` as well if the file holds a plugin of another name.
    pub fn named(name: &str, folders: &[PathBuf], sha256: Option<&[u8; 32]>) -> Result<Self> {
        let file = find(name, folders)?;
        let plugin = Plugin::load(&file, sha256)?;
        if plugin.name() != name {
            let is = plugin.name();
            return Err(rejected(
                &file,
                format_args!("it holds the plugin '{is}', not '{name}': rename it, or set registry.type to '{is}'"),
            ));
        }
        Ok(plugin)
    }

    /// A backend that is linked into the executable.
    ///
    /// # Errors
    ///
    /// `PluginRejected` if it is built with `panic = "abort"`, or its name is none.
    pub fn linked(root: RootRef) -> Result<Self> {
        library::new_plugin(root, ApiVersion::own().to_string(), None)
            .map_err(|reason| rejected(Path::new("the linked backend"), reason))
    }

    fn new(root: RootRef, metadata: Metadata, file: Option<PathBuf>) -> Self {
        Plugin(Arc::new(Loaded { root, metadata, file }))
    }

    /// What `registry.type` selects it by.
    pub fn name(&self) -> &str {
        &self.0.metadata.name
    }

    /// The file without symbolic links; none for a linked backend.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The version of the plugin interface that it was built with.
    pub fn api_version(&self) -> &str {
        &self.0.metadata.api_version
    }

    /// Its description of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    pub(crate) fn root(&self) -> RootRef {
        self.0.root
    }
}

/// What is checked of a library before it is loaded, for the fuzz targets.
///
/// # Errors
///
/// What is wrong and what to do.
#[cfg(fuzzing)]
pub fn check_elf(file: &std::fs::File) -> Result<(), String> {
    elf::check(file)
}

/// The version of the plugin interface that this host was built with.
pub fn api_version() -> String {
    ApiVersion::own().to_string()
}

impl PartialEq for Plugin {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Plugin {}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("name", &self.name()).field("file", &self.0.file).finish_non_exhaustive()
    }
}

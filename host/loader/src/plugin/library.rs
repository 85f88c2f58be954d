//! Loading a checked file into this process, once and for ever.
//!
//! The library is opened by its path rather than through the descriptor that was checked. A library named
//! `/proc/self/fd/7` finds nothing beside itself (`$ORIGIN`), and debuggers can't find it. The next file on descriptor
//! 7 would be taken for it. Instead the path must lead to the checked file, unchanged, before and after; and nobody but
//! the trusted owners can change it in between.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use registry_abi::{HEADER_SYMBOL, RootRef, library};
use registry_api::Result;

use super::{
    Plugin,
    candidate::{Candidate, Identity},
    metadata::Metadata,
    reject::{one_line, rejected},
};

const MAX_CAUSE: usize = 250;

/// Everything that this process has tried to map, plugins and refused libraries alike: none is ever unloaded.
static MAPPED: Mutex<Vec<Mapped>> = Mutex::new(Vec::new());

struct Mapped {
    file: PathBuf,
    /// The path as the dynamic linker was given it.
    name: PathBuf,
    identity: Identity,
    plugin: Option<Plugin>,
}

/// Maps the library and takes its root module; a file that is loaded already gives the same plugin.
///
/// # Errors
///
/// `PluginRejected`.
pub(crate) fn load(candidate: Candidate) -> Result<Plugin> {
    // Held while loading, so that two threads don't load one file twice; the dynamic linker has such a lock as well.
    let mut mapped = MAPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |known: &Mapped| known.identity == candidate.identity;
    let at = match mapped.iter().position(same) {
        Some(at) => at,
        None if mapped.iter().any(|known| known.identity.inode == candidate.identity.inode) => {
            return Err(rejected(
                &candidate.asked,
                "it was written over while this process has it loaded: restart the process, and install by renaming over",
            ));
        }
        None => {
            let name = unused_name(&candidate.file, &mapped);
            mapped.push(Mapped { file: candidate.file.clone(), name, identity: candidate.identity, plugin: None });
            mapped.len() - 1
        }
    };
    let known = &mut mapped[at];
    if let Some(plugin) = &known.plugin {
        return Ok(plugin.clone());
    }

    candidate.check_unchanged()?;
    let header = map(&known.name).map_err(|reason| rejected(&candidate.asked, reason))?;
    candidate.check_unchanged()?;
    // Nothing here should panic, but it works on what a stranger's library says of itself.
    let plugin = catch_unwind(AssertUnwindSafe(|| start(header, &candidate.file)))
        .unwrap_or_else(|_| Err("it describes itself in a way that can't be read: build it again".to_owned()))
        .map_err(|reason| rejected(&candidate.asked, reason))?;
    Ok(known.plugin.insert(plugin).clone())
}

/// A spelling of the path that the dynamic linker has not seen: of a path that it knows it gives the library that it
/// has, although another file may have taken its place since.
fn unused_name(file: &Path, mapped: &[Mapped]) -> PathBuf {
    let times = mapped.iter().filter(|known| known.file == file).count();
    match (file.parent(), file.file_name()) {
        (Some(folder), Some(name)) => folder.join("./".repeat(times)).join(name),
        _ => file.to_owned(),
    }
}

/// Opens the library and finds its header; the library stays for ever.
fn map(name: &Path) -> Result<*const (), String> {
    // SAFETY: this runs the library's constructors, about which nothing can be known: that is why its owner, its folder
    // and its digest were checked. It is never unloaded, so that its destructors don't run before the process ends.
    let library = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| {
        format!("the dynamic linker refuses it: {}: install what it needs, or build it again", cause(&error, name))
    })?;
    let library = std::mem::ManuallyDrop::new(library);
    // SAFETY: only the address is taken; what stands there is checked by `registry_abi::library::root`.
    let header = unsafe { library.get::<*const ()>(HEADER_SYMBOL) }
        .map_err(|_| "it is a library, but no registry plugin: a plugin is made with export_plugin!".to_owned())?;
    Ok(*header)
}

fn cause(error: &libloading::Error, name: &Path) -> String {
    let text = std::error::Error::source(error).unwrap_or(error).to_string();
    // It may quote what is in the file, and a damaged one at any length.
    one_line(text.strip_prefix(&format!("{}: ", name.display())).unwrap_or(&text), MAX_CAUSE)
}

/// Header, version, layout, metadata, unwinding: in this order.
fn start(header: *const (), file: &Path) -> Result<Plugin, String> {
    // SAFETY: the header is what the library exports under the symbol's name, in the size that its symbol table states,
    // and the library is never unloaded.
    let (root, api_version) = unsafe { library::root(header) }?;
    new_plugin(root, api_version.to_string(), Some(file.to_owned()))
}

/// A plugin of a root module, wherever that comes from.
pub(crate) fn new_plugin(root: RootRef, api_version: String, file: Option<PathBuf>) -> Result<Plugin, String> {
    let metadata = Metadata::new(root.about()(), api_version)?;
    if !root.panic_unwind() {
        return Err("it is built with panic = \"abort\", so that a panic in it would end the process: build it with \
                    panic = \"unwind\""
            .to_owned());
    }
    Ok(Plugin::new(root, metadata, file))
}

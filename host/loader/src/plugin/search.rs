//! Where plugins are looked for, and what stands there.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use registry_api::{Error, ErrorKind, Result};

use super::reject::one_line;

const PREFIX: &str = "libregistry_";
const SUFFIX: &str = ".so";

/// A plugin's file as it was found, not yet looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginFile {
    /// What `registry.type` would select it by, after the file's name.
    pub name: String,
    /// The file.
    pub file: PathBuf,
}

/// The file of the plugin that `registry.type` names: `libregistry_<type>.so`, with `_` for `-`, in the first folder
/// that has one.
///
/// # Errors
///
/// `PluginRejected` if there is none; it names what was found and where it was looked for.
pub fn find(name: &str, folders: &[PathBuf]) -> Result<PathBuf> {
    if is_name(name) {
        let file_name = format!("{PREFIX}{}{SUFFIX}", name.replace('-', "_"));
        let mut candidates = folders.iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(&file_name));
        // A dangling link is a find as well: loading says what is wrong with it.
        if let Some(file) = candidates.find(|file| file.symlink_metadata().is_ok()) {
            return Ok(file);
        }
    }
    Err(not_found(name, folders))
}

/// Every plugin's file in the folders, in the order of the search; of several with one name the first is the one in
/// use.
///
/// # Behavior
///
/// Nothing is loaded. Folders that are missing or can't be read are passed over.
pub fn installed(folders: &[PathBuf]) -> Vec<PluginFile> {
    folders.iter().filter(|folder| folder.is_absolute()).filter_map(|folder| in_folder(folder).ok()).flatten().collect()
}

fn in_folder(folder: &Path) -> io::Result<Vec<PluginFile>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file_name = entry?.file_name();
        let Some(name) = file_name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)) else {
            continue;
        };
        let name = name.replace('_', "-");
        if is_name(&name) {
            found.push(PluginFile { name, file: folder.join(&file_name) });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn not_found(name: &str, folders: &[PathBuf]) -> Error {
    let mut found = BTreeMap::new();
    let mut places = Vec::new();
    for folder in folders {
        let place = folder.display();
        if !folder.is_absolute() {
            places.push(format!("{place} (not searched: give an absolute path)"));
            continue;
        }
        match in_folder(folder) {
            Ok(plugins) => {
                places.push(place.to_string());
                for plugin in plugins {
                    found.entry(plugin.name).or_insert(plugin.file);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => places.push(format!("{place} (missing)")),
            Err(error) => places.push(format!("{place} ({error})")),
        }
    }

    let mut text = format!("registry.type is '{}', but there is no such plugin", one_line(name, 40));
    let near = found.keys().find(|known| strsim::damerau_levenshtein(known, name) <= 2);
    if let Some(near) = near {
        let _ = write!(text, ", did you mean '{near}'?");
    }
    if found.is_empty() {
        text.push_str("; found none at all");
    } else {
        let names: Vec<_> = found.iter().map(|(name, file)| format!("{name} ({})", file.display())).collect();
        let _ = write!(text, "; found {}", names.join(", "));
    }
    let _ = write!(text, "; looked in {}", places.join(", "));
    text.push_str(match executable() {
        Some(executable) if near.is_none() && in_cargo_target(&executable) => {
            if is_built_in(&executable, Path::new(env!("CARGO_MANIFEST_DIR"))) {
                ": run cargo build --workspace, cargo run and cargo build -p build no plugins"
            } else {
                ": building a host builds no plugins; build them from their own sources (cargo build --workspace \
                 there), and name the folder with their .so files in registry.plugin-dirs"
            }
        }
        _ if near.is_some() => ": correct registry.type",
        _ => ": install the plugin there, or name its folder in registry.plugin-dirs",
    });
    Error::new(ErrorKind::PluginRejected, text)
}

fn executable() -> Option<PathBuf> {
    fs::canonicalize("/proc/self/exe").or_else(|_| std::env::current_exe()).ok()
}

fn in_cargo_target(executable: &Path) -> bool {
    executable.ancestors().skip(1).any(|folder| folder.join(".rustc_info.json").is_file())
}

/// Whether an executable in a cargo target folder is from the workspace that these sources belong to; of a host with a
/// workspace of its own the plugins are no members.
fn is_built_in(executable: &Path, sources: &Path) -> bool {
    let target = executable.ancestors().skip(1).find(|folder| folder.join(".rustc_info.json").is_file());
    target.and_then(Path::parent).is_some_and(|workspace| sources.starts_with(workspace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_crates_target_folder_is_recognized() {
        let foreign = tempfile::tempdir().unwrap();
        let target = foreign.path().join("target");
        fs::create_dir_all(target.join("debug")).unwrap();
        fs::write(target.join(".rustc_info.json"), "").unwrap();
        let executable = target.join("debug/host");
        assert!(is_built_in(&executable, &foreign.path().join("host/loader")));
        assert!(!is_built_in(&executable, Path::new("/root/.cargo/git/checkouts/registry/host/loader")));
    }

    fn folder_with(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), "").unwrap();
        }
        folder
    }

    #[test]
    fn the_first_folder_that_has_the_plugin_wins() {
        let (one, two) = (folder_with(&["libregistry_a.so"]), folder_with(&["libregistry_a.so", "libregistry_b_c.so"]));
        let folders = [one.path().to_owned(), two.path().to_owned()];
        assert_eq!(find("a", &folders).unwrap(), one.path().join("libregistry_a.so"));
        assert_eq!(find("b-c", &folders).unwrap(), two.path().join("libregistry_b_c.so"));
        let names: Vec<_> = installed(&folders).into_iter().map(|found| found.name).collect();
        assert_eq!(names, ["a", "a", "b-c"]);
    }

    #[test]
    fn an_unknown_type_lists_plugins_and_folders() {
        let folder = folder_with(&["libregistry_etcd.so", "libother.so", "libregistry_.so", "registry_x.so", "README"]);
        let folders = [folder.path().to_owned(), PathBuf::from("/nonexistent/plugins"), PathBuf::from("relative")];
        let error = find("etdc", &folders).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PluginRejected);
        let place = folder.path().display();
        assert_eq!(
            error.to_string(),
            format!(
                "registry.type is 'etdc', but there is no such plugin, did you mean 'etcd'?; found etcd \
                 ({place}/libregistry_etcd.so); looked in {place}, /nonexistent/plugins (missing), relative (not searched: \
                 give an absolute path): correct registry.type"
            )
        );
    }

    #[test]
    fn a_cargo_target_folder_gets_a_hint_to_build() {
        let error = find("etcd", &[PathBuf::from("/nonexistent")]).unwrap_err();
        assert!(error.message().contains("found none at all"), "{error}");
        assert!(error.message().contains("cargo build --workspace"), "{error}");
    }

    #[test]
    fn a_type_is_never_a_path() {
        let folder = folder_with(&["libregistry_etcd.so"]);
        let inner = folder.path().join("libregistry_");
        fs::create_dir(&inner).unwrap();
        for name in ["", "/../libregistry_etcd", "Etcd", "etcd\n", "../x"] {
            let error = find(name, &[folder.path().to_owned()]).unwrap_err();
            assert!(!error.message().contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_working_directory_is_never_searched() {
        // Cargo runs unit tests in the package's folder.
        assert!(Path::new("Cargo.toml").exists());
        for folder in ["", ".", "src"] {
            assert!(find("x", &[PathBuf::from(folder)]).unwrap_err().message().contains("(not searched"));
            assert_eq!(installed(&[PathBuf::from(folder)]), []);
        }
    }
}

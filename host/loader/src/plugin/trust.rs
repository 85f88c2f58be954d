//! Who may put a file where this process loads code from: a library runs code while it is loaded, before any other
//! check.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use registry_api::Result;

use super::reject::rejected;

const STICKY: u32 = 0o1000;
const GROUP_WRITABLE: u32 = 0o020;
const OTHERS_WRITABLE: u32 = 0o002;

/// The owners whose files this process trusts with its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trust {
    owners: Vec<u32>,
}

impl Trust {
    /// Root, the user that this process runs as, and those who could have changed its executable as well. These are the
    /// owners of the executable and of the folders above it, as in a container that has its user's files mounted.
    pub(crate) fn of_this_process() -> Self {
        let mut owners = vec![0, rustix::process::geteuid().as_raw()];
        owners.extend(fs::metadata("/proc/self/exe").map(|executable| executable.uid()));
        let executable = std::env::current_exe().unwrap_or_default();
        owners.extend(executable.ancestors().skip(1).filter_map(|folder| Some(fs::metadata(folder).ok()?.uid())));
        owners.sort_unstable();
        owners.dedup();
        Trust { owners }
    }

    /// Resolves symbolic links, and holds the file and every folder above it against the rules.
    ///
    /// # Behavior
    ///
    /// The folder that the path names is held against them as well, also where the file in it is a symbolic link to
    /// elsewhere: a user who can change the link chooses what is loaded.
    ///
    /// # Errors
    ///
    /// `PluginRejected` if the file is missing or no regular file, or if anyone but a trusted owner could have changed
    /// it.
    pub(crate) fn resolve(&self, path: &Path) -> Result<PathBuf> {
        let missing = |error| rejected(path, format_args!("it can't be read: {error}"));
        let file = fs::canonicalize(path).map_err(missing)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).map_err(missing)?;

        self.check_folders(path, &folder)?;
        if file.parent() != Some(&folder) {
            self.check_folders(path, file.parent().unwrap_or(&folder))?;
        }
        let metadata = fs::metadata(&file).map_err(missing)?;
        if !metadata.is_file() {
            return Err(rejected(path, "it is not a regular file: name a plugin's .so file"));
        }
        self.check(path, &file, &metadata, false)?;
        Ok(file)
    }

    fn check_folders(&self, path: &Path, folder: &Path) -> Result<()> {
        for ancestor in folder.ancestors() {
            let metadata = fs::metadata(ancestor)
                .map_err(|error| rejected(path, format_args!("{} can't be read: {error}", ancestor.display())))?;
            // In a sticky folder nobody can replace what is another's; the plugin folder itself is held more strictly,
            // as anyone could add a plugin there.
            self.check(path, ancestor, &metadata, ancestor != folder)?;
        }
        Ok(())
    }

    fn check(&self, path: &Path, place: &Path, metadata: &Metadata, sticky_is_fine: bool) -> Result<()> {
        let Some(objection) = self.objection(metadata.uid(), metadata.gid(), metadata.mode(), sticky_is_fine) else {
            return Ok(());
        };
        let (what, place) = (objection.what, place.display());
        // A sticky folder is shared on purpose, as /tmp is, and one of another user is that user's to change.
        let keep = metadata.is_dir() && (metadata.mode() & STICKY != 0 || !self.owners.contains(&metadata.uid()));
        Err(match objection.remedy {
            _ if keep => rejected(
                path,
                format_args!(
                    "the folder {place} {what}: put the file into a folder that only you or root can write to"
                ),
            ),
            remedy if metadata.is_dir() => rejected(path, format_args!("the folder {what}: {remedy} {place}")),
            remedy => rejected(path, format_args!("the file {what}: {remedy} {place}")),
        })
    }

    fn objection(&self, owner: u32, group: u32, mode: u32, sticky_is_fine: bool) -> Option<Objection> {
        if !self.owners.contains(&owner) {
            return Some(Objection {
                what: format!(
                    "belongs to user {owner}, who is neither root nor the user of this process nor owns its executable"
                ),
                remedy: "chown root",
            });
        }
        if sticky_is_fine && mode & STICKY != 0 {
            return None;
        }
        if mode & OTHERS_WRITABLE != 0 {
            return Some(Objection { what: "is writable by everyone".to_owned(), remedy: "chmod o-w" });
        }
        // A group with its owner's own number is that user's private group, or root's; a umask of 002 counts on it.
        if mode & GROUP_WRITABLE != 0 && group != owner {
            return Some(Objection { what: format!("is writable by group {group}"), remedy: "chmod g-w" });
        }
        None
    }
}

struct Objection {
    what: String,
    remedy: &'static str,
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct PrivateFile {
        _base: tempfile::TempDir,
        folder: PathBuf,
        file: PathBuf,
    }

    fn place() -> PrivateFile {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("plugins");
        fs::create_dir(&folder).unwrap();
        let file = folder.join("libregistry_x.so");
        fs::write(&file, "x").unwrap();
        mode(&folder, 0o755);
        mode(&file, 0o644);
        PrivateFile { _base: base, folder, file }
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn refusal(file: &Path) -> String {
        let error = Trust::of_this_process().resolve(file).expect_err("must be refused");
        assert!(error.message().starts_with(&file.display().to_string()), "{error}");
        error.to_string()
    }

    #[test]
    fn a_private_folder_below_a_sticky_one_is_trusted() {
        let place = place();
        let resolved = Trust::of_this_process().resolve(&place.file).unwrap();
        assert_eq!(resolved, fs::canonicalize(&place.file).unwrap());
        // Whatever the temporary folder is here, this ancestor is one that everyone can write to.
        let shared = place.folder.join("shared");
        fs::create_dir_all(shared.join("own")).unwrap();
        mode(&shared, 0o1777);
        mode(&shared.join("own"), 0o755);
        fs::copy(&place.file, shared.join("own/x.so")).unwrap();
        Trust::of_this_process().resolve(&shared.join("own/x.so")).unwrap();
        mode(&shared, 0o777);
        assert!(refusal(&shared.join("own/x.so")).contains("is writable by everyone"));
    }

    #[test]
    fn a_file_that_everyone_can_write_is_refused() {
        let place = place();
        mode(&place.file, 0o666);
        assert!(refusal(&place.file).contains("the file is writable by everyone: chmod o-w /"));
    }

    #[test]
    fn a_world_writable_folder_is_refused_even_if_sticky() {
        let place = place();
        mode(&place.folder, 0o777);
        assert!(refusal(&place.file).contains("the folder is writable by everyone: chmod o-w /"));
        // Such as /tmp: to take the right from everyone would break what others rely on.
        mode(&place.folder, 0o1777);
        let refusal = refusal(&place.file);
        assert!(refusal.contains("is writable by everyone: put the file into a folder that only"), "{refusal}");
        assert!(!refusal.contains("chmod"), "{refusal}");
    }

    #[test]
    fn only_the_owners_private_group_may_write() {
        let trust = Trust { owners: vec![1000] };
        assert!(trust.objection(1000, 1000, 0o100664, false).is_none());
        let objection = trust.objection(1000, 100, 0o100664, false).unwrap();
        assert_eq!(objection.what, "is writable by group 100");
        assert!(trust.objection(1000, 100, 0o100644, false).is_none());
    }

    #[test]
    fn owners_of_the_executable_are_trusted() {
        let trust = Trust::of_this_process();
        let executable = std::env::current_exe().unwrap();
        trust.resolve(&executable).unwrap();
        assert!(trust.owners.contains(&0) && trust.owners.contains(&rustix::process::geteuid().as_raw()));
    }

    #[test]
    fn a_strangers_file_is_refused() {
        let place = place();
        let error = Trust { owners: vec![u32::MAX - 7] }.resolve(&place.file).unwrap_err();
        assert!(error.message().contains("belongs to user"), "{error}");
    }

    #[test]
    fn a_link_is_held_against_both_of_its_folders() {
        let (here, there) = (place(), place());
        let link = here.folder.join("libregistry_y.so");
        symlink(&there.file, &link).unwrap();
        assert_eq!(Trust::of_this_process().resolve(&link).unwrap(), fs::canonicalize(&there.file).unwrap());
        mode(&here.folder, 0o777);
        assert!(refusal(&link).contains("is writable by everyone"));
        mode(&here.folder, 0o755);
        mode(&there.folder, 0o777);
        assert!(refusal(&link).contains("is writable by everyone"));
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let place = place();
        let folder = place.folder.join("libregistry_z.so");
        fs::create_dir(&folder).unwrap();
        assert!(refusal(&folder).contains("it is not a regular file"));
        assert!(refusal(&place.folder.join("missing.so")).contains("it can't be read: No such file"));
    }
}

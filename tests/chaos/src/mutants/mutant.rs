//! A way to break the product: a patch, below some lines on what it does and how it shows.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::run::Failure;

/// A patch and how it is found.
#[derive(Debug)]
pub(super) struct Mutant {
    /// The file's name without its ending.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// What it does.
    pub(super) what: String,
    /// Any of these clauses is broken by it.
    pub(super) clauses: Vec<String>,
    /// What the program that shows it is given: `run` or `tasks` first.
    pub(super) arguments: Vec<String>,
    /// The first seed that is tried.
    pub(super) seed: u64,
}

impl Mutant {
    /// Those of that folder, of these names if any are named, in the order of their names.
    pub(super) fn all(folder: &Path, names: &[String]) -> Result<Vec<Self>, Failure> {
        let listed = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut paths = Vec::new();
        for file in listed {
            let path = file?.path();
            if path.extension().is_some_and(|ending| ending == "patch") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut mutants = paths.iter().map(|path| Mutant::read(path)).collect::<Result<Vec<_>, _>>()?;
        if let Some(unknown) = names.iter().find(|name| mutants.iter().all(|mutant| mutant.name != **name)) {
            let known: Vec<_> = mutants.iter().map(|mutant| mutant.name.as_str()).collect();
            return Err(format!("there is no mutant {unknown:?}, there are {}", known.join(", ")).into());
        }
        mutants.retain(|mutant| names.is_empty() || names.contains(&mutant.name));
        Ok(mutants)
    }

    /// Whether a run of masters and workers shows it.
    pub(super) fn is_of_tasks(&self) -> bool {
        self.arguments[0] == "tasks"
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Mutant::parse(&text, name, path).map_err(|what| format!("{}: {what}", path.display()).into())
    }

    fn parse(text: &str, name: String, path: &Path) -> Result<Self, String> {
        let head = || text.lines().take_while(|line| !line.starts_with("diff "));
        let after = |word: &str| {
            let line = head().find_map(|line| line.strip_prefix(word)).map(str::trim);
            line.filter(|rest| !rest.is_empty()).ok_or(format!("the line \"{word} …\" is missing before the patch"))
        };
        let what = head().next().unwrap_or_default().trim().to_owned();
        let clauses = after("Clause:")?.split(',').map(|clause| clause.trim().to_owned()).collect();
        let seed = after("Seed:")?;
        let seed = seed.parse().map_err(|error| format!("Seed: {seed:?}: {error}"))?;
        let arguments: Vec<_> = after("Run:")?.split_whitespace().map(str::to_owned).collect();
        if !matches!(arguments[0].as_str(), "run" | "tasks") {
            return Err(format!("Run: {:?} is neither run nor tasks", arguments[0]));
        }
        Ok(Mutant { name, path: path.to_owned(), what, clauses, arguments, seed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Mutant, String> {
        Mutant::parse(text, "name".to_owned(), Path::new("name.patch"))
    }

    #[test]
    fn a_patch_says_what_it_breaks_and_how_it_shows() {
        let text = "It breaks.\n\nClause: 6.4, 6.5\nRun: run --backend etcd --faults cut\nSeed: 3\n\ndiff --git a/x b/x\nClause: 1\n";
        let mutant = parse(text).expect("a mutant");
        assert_eq!((mutant.what.as_str(), mutant.seed), ("It breaks.", 3));
        assert_eq!(mutant.clauses, ["6.4", "6.5"]);
        assert_eq!(mutant.arguments, ["run", "--backend", "etcd", "--faults", "cut"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        for (line, text) in [
            ("Clause:", "It breaks.\nRun: run --backend etcd\nSeed: 3\ndiff --git a/x b/x\nClause: 1\n"),
            ("Run:", "It breaks.\nClause: 1\nSeed: 3\n"),
            ("Seed:", "It breaks.\nClause: 1\nRun: run --backend etcd\nSeed:\n"),
        ] {
            assert!(parse(text).expect_err(line).contains(line), "{text}");
        }
        assert!(parse("It breaks.\nClause: 1\nRun: run x\nSeed: one\n").expect_err("no number").contains("\"one\""));
    }

    #[test]
    fn all_mutants_there_are_can_be_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants");
        let all = Mutant::all(&folder, &[]).expect("mutants");
        assert!(all.len() >= 8, "{}", all.len());
        let error = Mutant::all(&folder, &["nothing".to_owned()]).expect_err("there is none of that name");
        assert!(error.to_string().contains("there is no mutant \"nothing\""), "{error}");
    }

    /// What the hunks of a patch expect, by file.
    fn expected(patch: &str) -> Vec<(String, String)> {
        let mut hunks: Vec<(String, String)> = Vec::new();
        let mut file = String::new();
        for line in patch.lines() {
            if let Some(name) = line.strip_prefix("--- a/") {
                file = name.to_owned();
            } else if line.starts_with("@@") {
                hunks.push((file.clone(), String::new()));
            } else if let Some((_, hunk)) = hunks.last_mut()
                && let Some(kept) = line.strip_prefix([' ', '-'])
            {
                hunk.push_str(kept);
                hunk.push('\n');
            }
        }
        hunks
    }

    #[test]
    fn all_mutants_fit_the_code_as_it_is() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for mutant in Mutant::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants"), &[]).expect("mutants") {
            let hunks = expected(&fs::read_to_string(&mutant.path).expect("a patch"));
            assert!(!hunks.is_empty(), "{}", mutant.name);
            for (file, hunk) in hunks {
                let code = fs::read_to_string(root.join(&file)).expect("a file of the workspace");
                assert!(code.contains(&hunk), "{} doesn't fit {file} any more:\n{hunk}", mutant.name);
            }
        }
    }
}

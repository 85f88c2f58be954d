//! Breaks the product on purpose, one clause at a time, and has a run find out: a judge that finds nothing then is
//! worth nothing.

mod mutant;
mod tree;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use clap::Args;
use comfy_table::Table;
use registry_chaos::{judge::judge, tasks};

use self::{mutant::Mutant, tree::Tree};
use crate::{
    run::{FILE, Failure, read},
    task_run,
};

/// How many seeds are tried, from the mutant's own on: what a fault meets is up to chance, too.
const SEEDS: u64 = 3;

/// Which are tried, and where.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Mutants by their names; all of them if none is named.
    names: Vec<String>,
    /// The folder of the workspace.
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

/// What a judge has found: the clause or rule, and what is wrong.
type Finding = (String, String);

/// What came of a mutant.
enum Outcome {
    /// It was found with that seed.
    Found(u64, Finding),
    /// What was found instead, if anything.
    Missed(Vec<Finding>),
    /// It could not be tried.
    Failed(Failure),
}

/// Tries them one after the other and prints a table; fails if one is not found.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match try_all(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("registry-chaos mutants: {error}");
            ExitCode::from(2)
        }
    }
}

fn try_all(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let root = fs::canonicalize(&arguments.root)?;
    let mutants = Mutant::all(&root.join("tests/chaos/mutants"), &arguments.names)?;
    let tree = Tree::beside(&root)?;
    let mut table = Table::new();
    table.set_header(["mutant", "breaks", "found"]);
    let mut missed = 0;
    for mutant in &mutants {
        println!("{}: {}", mutant.name, mutant.what);
        let outcome = tried(&tree, mutant).unwrap_or_else(Outcome::Failed);
        missed += u32::from(!matches!(outcome, Outcome::Found(..)));
        let told = match outcome {
            Outcome::Found(seed, (clause, what)) => format!("{clause}, seed {seed}: {}", short(&what)),
            Outcome::Missed(others) if others.is_empty() => "FAIL: nothing".to_owned(),
            Outcome::Missed(others) => {
                let others: Vec<_> = others.iter().map(|(clause, what)| format!("{clause} {}", short(what))).collect();
                format!("FAIL: only {}", others.join("; "))
            }
            Outcome::Failed(error) => format!("FAIL: {error}"),
        };
        println!("{}: {told}", mutant.name);
        table.add_row([mutant.name.as_str(), &mutant.clauses.join(", "), &told]);
    }
    println!("{table}");
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tried(tree: &Tree, mutant: &Mutant) -> Result<Outcome, Failure> {
    tree.renew()?;
    tree.apply(&mutant.path)?;
    tree.build(mutant.is_of_tasks())?;
    let mut others = Vec::new();
    for seed in mutant.seed..mutant.seed + SEEDS {
        let findings = played(tree, mutant, seed)?;
        let expected = findings.iter().find(|(clause, _)| mutant.clauses.contains(clause));
        if let Some(finding) = expected {
            return Ok(Outcome::Found(seed, finding.clone()));
        }
        others = findings;
    }
    others.truncate(3);
    Ok(Outcome::Missed(others))
}

/// Plays with a seed, and judges with the judge of this program, which no mutant touches.
fn played(tree: &Tree, mutant: &Mutant, seed: u64) -> Result<Vec<Finding>, Failure> {
    let out = tree.out(&mutant.name);
    fs::create_dir_all(&out)?;
    let log = fs::File::create(out.join("run.log"))?;
    let mut run = Command::new(tree.program());
    run.args(&mutant.arguments).arg("--seed").arg(seed.to_string()).arg("--out").arg(&out);
    // Whether it fails is of no interest: its own judge may find the same.
    run.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).status()?;
    if mutant.is_of_tasks() {
        let findings = tasks::judge::judge(&task_run::read(&out.join(task_run::FILE))?);
        return Ok(findings.into_iter().map(|finding| (finding.rule, finding.what)).collect());
    }
    let history = read(&out.join(FILE))?;
    let findings = judge(&history);
    fs::write(out.join("picture.svg"), registry_chaos::picture::picture(&history, &findings))?;
    Ok(findings.into_iter().map(|finding| (finding.clause, finding.what)).collect())
}

/// Its beginning, as a table has not room for all.
fn short(what: &str) -> String {
    const MOST: usize = 140;
    let end = what.char_indices().nth(MOST).map_or(what.len(), |(at, _)| at);
    if end < what.len() { format!("{}…", &what[..end]) } else { what.to_owned() }
}

/// A command that must succeed.
fn succeed(command: &mut Command, doing: &str, at: &Path) -> Result<(), Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{doing} {}: {error}", at.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{doing} {}: {}", at.display(), String::from_utf8_lossy(&said).trim()).into())
}

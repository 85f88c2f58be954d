//! `registry import`.

mod input;
mod progress;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use registry_host::{Entry, Error, ErrorKind, Registry, Version};
use serde_json::json;

use self::input::{Line, read};
use self::progress::Bar;
use crate::context::Context;
use crate::exit::{Done, Failure, NO, OK};
use crate::output::Output;

/// Writes the entries that 'registry export' or 'registry list --output json' has printed
///
/// An entry that is there already with the same value is left as it is, so an import that was cut short can be done
/// again. If any is there with another value nothing is written, and the command exits with 1, unless --if-missing or
/// --overwrite says what to do with it. Each write is conditional on what was found: an entry that somebody else writes
/// meanwhile ends the import with 1. All entries become persistent, those that were ephemeral are left out. Entries
/// that the input doesn't name stay.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry import config.jsonl --dry-run
  registry export /config | registry --target new import --if-missing")]
pub(crate) struct Import {
    /// The file, an object a line; - or none for standard input
    file: Option<PathBuf>,
    /// Says what would be done with each entry, and writes nothing
    #[arg(long)]
    dry_run: bool,
    /// Leaves entries that are there as they are
    #[arg(long, conflicts_with = "overwrite")]
    if_missing: bool,
    /// Replaces the values of entries that are there
    #[arg(long)]
    overwrite: bool,
}

/// How many requests are on their way at once.
const AT_ONCE: usize = 16;

/// What is to be done with an entry, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Create,
    /// Replaces the value, if the entry is still at this version.
    Replace(Version),
    Unchanged,
    Skip,
    /// It is there with another value, and nothing says what to do.
    Conflict,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Create => "create",
            Step::Replace(_) => "replace",
            Step::Unchanged => "unchanged",
            Step::Skip => "skip",
            Step::Conflict => "conflict",
        }
    }
}

impl Import {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        let lines = read(self.file.as_deref()).await?;
        let format = context.output.format;
        let work = context.session(async |registry, output| {
            let bar = Bar::new("reading", lines.len(), format);
            let found = stream::iter(lines).map(async |line| {
                let found = registry.get(&line.key).await;
                bar.step();
                found.map(|found| (self.step(&line, found.as_ref()), line))
            });
            let plan: Vec<_> = found.buffered(AT_ONCE).try_collect().await?;
            drop(bar);
            if self.dry_run {
                for (step, line) in &plan {
                    output.line(
                        format_args!("{}\t{}", step.name(), line.key),
                        json!({"step": step.name(), "key": line.key}),
                    )?;
                    output.flush_much().await?;
                }
            }
            let conflicts = || plan.iter().filter(|(step, _)| *step == Step::Conflict);
            if let Some((_, first)) = conflicts().next() {
                output.flush().await?;
                return Err(conflict(&first.key, conflicts().count()).into());
            }
            let counts = count(plan.iter().map(|(step, _)| *step));
            if !self.dry_run {
                let bar = Bar::new("writing", plan.len(), format);
                write(registry, plan, &bar).await?;
            }
            summary(&counts, self.dry_run, output)?;
            output.flush().await?;
            Ok(OK)
        });
        work.await
    }

    fn step(&self, line: &Line, found: Option<&Entry>) -> Step {
        match found {
            None => Step::Create,
            Some(found) if found.value == line.value && !found.is_ephemeral() => Step::Unchanged,
            Some(_) if self.if_missing => Step::Skip,
            Some(found) if self.overwrite => Step::Replace(found.version),
            Some(_) => Step::Conflict,
        }
    }
}

/// Writes level by level: a parent that is written for itself must not have been made for its child before.
async fn write(registry: &Registry, plan: Vec<(Step, Line)>, bar: &Bar) -> Result<(), Failure> {
    let mut levels: BTreeMap<usize, Vec<(Step, Line)>> = BTreeMap::new();
    for (step, line) in plan {
        levels.entry(line.key.matches('/').count()).or_default().push((step, line));
    }
    for level in levels.into_values() {
        let writes = stream::iter(level).map(async |(step, line)| {
            let put = registry.put(&line.key, &line.value);
            match step {
                Step::Create => _ = put.if_absent().await?,
                Step::Replace(version) => _ = put.if_version(version).await?,
                Step::Unchanged | Step::Skip | Step::Conflict => {}
            }
            bar.step();
            Ok::<_, Error>(())
        });
        let written = writes.buffer_unordered(AT_ONCE).try_collect::<()>().await;
        written.map_err(|error| match error.kind() {
            ErrorKind::ConditionFailed => {
                let cause =
                    "somebody else has written the entry meanwhile; what was written before stays, import again";
                Failure::Coded(NO, error.with_cause_text(cause))
            }
            _ => error.into(),
        })?;
    }
    Ok(())
}

fn conflict(first: &str, number: usize) -> Error {
    let others = match number {
        1 => String::new(),
        number => format!(", and so are {} others", number - 1),
    };
    let message = format!(
        "the entry is there with another value{others}; nothing is written: --overwrite replaces such values, \
         --if-missing leaves them"
    );
    Error::new(ErrorKind::ConditionFailed, message).or_operation("import").or_key(first)
}

fn count(steps: impl Iterator<Item = Step>) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<_, _> = ["create", "replace", "unchanged", "skip"].map(|name| (name, 0)).into();
    steps.for_each(|step| *counts.entry(step.name()).or_default() += 1);
    counts
}

fn summary(counts: &BTreeMap<&str, usize>, dry_run: bool, output: &mut Output) -> Result<(), Failure> {
    let [create, replace, unchanged, skip] = ["create", "replace", "unchanged", "skip"].map(|name| counts[name]);
    let would = if dry_run { "would be " } else { "" };
    let text = format!("{create} {would}created, {replace} {would}replaced, {unchanged} unchanged, {skip} skipped");
    output.line(
        text,
        json!({
            "created": create, "replaced": replace, "unchanged": unchanged, "skipped": skip, "dry_run": dry_run,
        }),
    )
}

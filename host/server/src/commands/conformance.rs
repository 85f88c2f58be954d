//! `registry conformance`.

use std::collections::BTreeMap;
use std::time::Duration;

use anstyle::AnsiColor;
use clap::Args;
use futures_util::{StreamExt as _, stream};
use registry_config::nearest;
use registry_conformance::{CLAUSES, Court, Law, Outcome, laws, try_law};
use serde_json::json;
use tokio::time::Instant;

use crate::context::Context;
use crate::exit::{Done, Failure, NO, OK};
use crate::output::Output;
use crate::signals::Signals;

/// Tries the laws of the contract on the configured backend, for authors of plugins
///
/// Each law has a root of its own in the configured namespace, which need not be empty, and leaves nothing behind. A
/// line is printed as each is through, then a summary. Exits with 1 if any law is broken. A law that needs a capability
/// which the backend lacks is not applicable, and says so.
#[derive(Args)]
#[command(after_help = "\
Examples:
  registry --set registry.type=mine --plugin-dir target/debug conformance
  registry conformance --law a_value_comes_back_byte_for_byte
  registry conformance --list")]
pub(crate) struct Conformance {
    /// Tries this law alone, or all laws of a clause such as 3.4; may be repeated
    #[arg(long, value_name = "NAME")]
    law: Vec<String>,
    /// Names the laws instead of trying them
    #[arg(long)]
    list: bool,
    /// Tries so many at once
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u8).range(1..))]
    at_once: u8,
}

/// How many laws ended how.
#[derive(Default)]
struct Tally {
    held: usize,
    broken: usize,
    not_applicable: usize,
}

impl Conformance {
    pub(super) async fn run(self, context: &mut Context) -> Done {
        let chosen = self.chosen()?;
        if self.list {
            return list(&chosen, &mut context.output).await;
        }
        let layers = context.layers()?;
        let mut signals = Signals::listen()?;
        let court = tokio::select! {
            court = Court::open(layers) => court?,
            ending = signals.next() => return Ok(ending.code()),
        };
        let done = tokio::select! {
            done = self.try_laws(&court, &chosen, &mut context.output) => done,
            ending = signals.next() => {
                tracing::warn!("what the laws that were cut short have put is left below /laws");
                Ok(ending.code())
            }
        };
        tokio::select! {
            closed = court.close() => closed?,
            _ = signals.next() => {}
        }
        done
    }

    fn chosen(&self) -> Result<Vec<&'static Law>, Failure> {
        for name in &self.law {
            if !laws().iter().any(|law| is(law, name)) {
                let near = nearest(name, laws().iter().map(|law| law.name));
                let near = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
                return Err(Failure::Usage(format!(
                    "there is no law '{name}'{near}; registry conformance --list names all"
                )));
            }
        }
        let chosen = |law: &&Law| self.law.is_empty() || self.law.iter().any(|name| is(law, name));
        Ok(laws().iter().filter(chosen).collect())
    }

    async fn try_laws(&self, court: &Court, chosen: &[&'static Law], output: &mut Output) -> Done {
        let begun = Instant::now();
        let mut tally = Tally::default();
        let mut broken: BTreeMap<&str, usize> = BTreeMap::new();
        let trials = stream::iter(chosen.iter().copied()).map(async |law| {
            let begun = Instant::now();
            (law, try_law(court, law).await, begun.elapsed())
        });
        let mut trials = std::pin::pin!(trials.buffer_unordered(self.at_once.into()));
        while let Some((law, outcome, took)) = trials.next().await {
            tally.count(&outcome);
            if let Outcome::Broken(_) = outcome {
                *broken.entry(law.clause).or_default() += 1;
            }
            tell(law, &outcome, took, (tally.all(), chosen.len()), output)?;
            output.flush().await?;
        }
        tally.tell(&broken, begun.elapsed(), output)?;
        output.flush().await?;
        Ok(if tally.broken == 0 { OK } else { NO })
    }
}

/// Whether a law is meant by its name or by its clause.
fn is(law: &Law, name: &str) -> bool {
    law.name == name || law.clause == name
}

async fn list(chosen: &[&Law], output: &mut Output) -> Done {
    for law in chosen {
        output.line(format!("{:<4} {}", law.clause, law.name), json!({"clause": law.clause, "law": law.name}))?;
    }
    output.flush().await?;
    Ok(OK)
}

fn tell(
    law: &Law,
    outcome: &Outcome,
    took: Duration,
    (number, of): (usize, usize),
    output: &mut Output,
) -> Result<(), Failure> {
    let (word, colour, why) = match outcome {
        Outcome::Held => ("held", AnsiColor::Green, None),
        Outcome::Broken(why) => ("BROKEN", AnsiColor::Red, Some(why)),
        Outcome::NotApplicable(why) => ("not applicable", AnsiColor::Yellow, Some(why)),
        _ => ("unknown", AnsiColor::Yellow, None),
    };
    let width = of.to_string().len();
    let mut text = format!(
        "{number:>width$}/{of}  {:<4} {}  {} ({took:.0?})",
        law.clause,
        law.name,
        output.coloured(colour, word.to_owned())
    );
    if let Some(why) = why {
        text.push_str(": ");
        text.push_str(why);
    }
    let seconds = took.as_secs_f64();
    output.line(
        text,
        json!({"clause": law.clause, "law": law.name, "outcome": word.to_lowercase(), "why": why, "seconds": seconds}),
    )
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Held => self.held += 1,
            Outcome::Broken(_) => self.broken += 1,
            _ => self.not_applicable += 1,
        }
    }

    fn all(&self) -> usize {
        self.held + self.broken + self.not_applicable
    }

    fn tell(&self, broken: &BTreeMap<&str, usize>, took: Duration, output: &mut Output) -> Result<(), Failure> {
        let Tally { held, broken: number, not_applicable } = self;
        let mut text =
            format!("{} laws in {took:.1?}: {held} held, {number} broken, {not_applicable} not applicable", self.all());
        for (clause, number) in broken {
            let title = CLAUSES.iter().find(|known| known.number == *clause).map_or("", |known| known.title);
            text.push_str(&format!("\nbroken: clause {clause}, {title} ({number})"));
        }
        let seconds = took.as_secs_f64();
        output.line(text, json!({"held": held, "broken": number, "not_applicable": not_applicable, "seconds": seconds}))
    }
}

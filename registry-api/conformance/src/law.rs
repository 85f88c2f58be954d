//! Laws, and how they are tried.

use std::{fmt, pin::Pin, sync::LazyLock, time::Duration};

use registry_host::Capability;

use crate::{
    Court,
    case::Case,
    laws::CHAPTERS,
    pace::timeout,
    verdict::{Failure, Verdict},
};

/// How long a law may take on a machine that does nothing else.
const DEADLINE: Duration = Duration::from_secs(120);

/// How long the cleaning up after a law may take.
const CLEANING: Duration = Duration::from_secs(30);

/// A sentence of the contract that can be tried on a backend.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Law {
    /// The law itself, as a sentence with `_` between its words.
    pub name: &'static str,
    /// The clause of the contract that it is part of, such as `3.4`.
    pub clause: &'static str,
    /// The capabilities without which a backend need not keep it.
    pub needs: &'static [Capability],
    pub(crate) run: for<'a> fn(&'a Case) -> Trial<'a>,
}

/// A law being tried.
pub(crate) type Trial<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

impl fmt::Debug for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Law").field("clause", &self.clause).field("name", &self.name).finish_non_exhaustive()
    }
}

/// What came of a law on a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The backend keeps it.
    Held,
    /// The backend breaks it: what was expected and what came.
    Broken(String),
    /// The backend need not keep it: which capability it lacks, and what it promises instead.
    NotApplicable(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Held => f.write_str("held"),
            Outcome::Broken(why) => write!(f, "BROKEN: {why}"),
            Outcome::NotApplicable(why) => write!(f, "not applicable: {why}"),
        }
    }
}

/// Every law, in the order of the clauses.
pub fn laws() -> &'static [Law] {
    static LAWS: LazyLock<Vec<Law>> = LazyLock::new(|| {
        let mut laws: Vec<Law> = CHAPTERS.concat();
        laws.sort_by_key(|law| order(law.clause));
        laws
    });
    &LAWS
}

/// Tries one law.
///
/// # Behavior
///
/// It ends by a deadline, and a panic in it is caught; both leave the law broken, and so does what it leaves behind.
pub async fn try_law(court: &Court, law: &Law) -> Outcome {
    if let Some((capability, promise)) =
        law.needs.iter().find_map(|needed| Some((needed, court.capabilities().instead_of(*needed)?)))
    {
        return Outcome::NotApplicable(format!("the backend lacks {capability} and promises instead: {promise}"));
    }
    let case = Case::new(court, law.name);
    let verdict = judge(law, case.clone()).await;
    let cleaned = timeout(CLEANING, case.clean_up())
        .await
        .unwrap_or_else(|| Err(Failure::new(format_args!("{} is not cleaned up within {CLEANING:?}", case.root()))));
    match verdict.and(cleaned) {
        Ok(()) => Outcome::Held,
        Err(Failure::Broken(why)) => Outcome::Broken(why),
        Err(Failure::NotApplicable(why)) => Outcome::NotApplicable(why),
    }
}

async fn judge(law: &Law, case: Case) -> Verdict {
    let run = law.run;
    // In a task of its own a panic is caught.
    let mut trial = AbortOnDrop(tokio::spawn(async move { run(&case).await }));
    match timeout(DEADLINE, &mut trial.0).await {
        Some(Ok(verdict)) => verdict,
        Some(Err(error)) if error.is_panic() => {
            let panic = error.into_panic();
            let message = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(Failure::new(format_args!("it panicked: {message}")))
        }
        Some(Err(error)) => Err(Failure::new(error)),
        None => Err(Failure::new(format_args!("it is not through within {DEADLINE:?}"))),
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<Verdict>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// `5.10` comes after `5.9`.
pub(crate) fn order(clause: &str) -> (u32, u32) {
    let (chapter, clause) = clause.split_once('.').unwrap_or((clause, "0"));
    (chapter.parse().unwrap_or(0), clause.parse().unwrap_or(0))
}

/// Makes a chapter of laws out of functions; one that is left out is never used, which the compiler tells.
macro_rules! chapter {
    ($($clause:literal => $($law:ident $(needs $($capability:ident)+)?),+;)+) => {
        pub(super) const LAWS: &[$crate::law::Law] = &[$($($crate::law::Law {
            name: stringify!($law),
            clause: $clause,
            needs: &[$($(registry_host::Capability::$capability),+)?],
            run: |case| Box::pin($law(case)),
        },)+)+];
    };
}
pub(crate) use chapter;

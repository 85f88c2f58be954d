//! Lower weight: by burden.

use super::Candidate;

/// Turns by burden, the less the more often: each choice adds its burden to everyone's debt, takes who has the least,
/// and has him owe the sum of all burdens on top.
///
/// # Behavior
///
/// Only those with the fewest waiting tasks take part: those with none, if there are any. A worker that doesn't tell
/// how many of its tasks wait takes part as well. When anybody of these comes, goes or reports another load, all
/// begin again with their burden as their debt. Between two such moments, one whose burden is more than 2/n of the sum
/// of all n is not chosen.
#[derive(Clone, Debug, Default)]
pub struct LowerWeight {
    debts: Vec<Debt>,
}

#[derive(Clone, Debug)]
struct Debt {
    address: String,
    burden: f64,
    debt: f64,
}

impl LowerWeight {
    /// Chooses one; `None` if there is nobody.
    pub fn choose(&mut self, candidates: &[Candidate<'_>]) -> Option<usize> {
        let fewest = candidates.iter().filter_map(Candidate::waiting_tasks).min();
        let takes_part = |candidate: &Candidate<'_>| candidate.waiting_tasks().is_none_or(|it| Some(it) == fewest);
        let (places, taking_part): (Vec<_>, Vec<_>) =
            candidates.iter().copied().enumerate().filter(|(_, candidate)| takes_part(candidate)).unzip();
        self.choose_by_burden(&taking_part).map(|at| places[at])
    }

    fn choose_by_burden(&mut self, candidates: &[Candidate<'_>]) -> Option<usize> {
        if !self.is_of(candidates) {
            let begin = |candidate: &Candidate<'_>| {
                let burden = candidate.burden();
                Debt { address: candidate.address().to_owned(), burden, debt: burden }
            };
            self.debts = candidates.iter().map(begin).collect();
        }
        let total: f64 = self.debts.iter().map(|debt| debt.burden).sum();
        self.debts.iter_mut().for_each(|debt| debt.debt += debt.burden);
        let (at, least) =
            self.debts.iter_mut().enumerate().min_by(|(_, one), (_, other)| one.debt.total_cmp(&other.debt))?;
        least.debt += total;
        Some(at)
    }

    fn is_of(&self, candidates: &[Candidate<'_>]) -> bool {
        let same = |(debt, candidate): (&Debt, &Candidate<'_>)| {
            debt.address == candidate.address() && debt.burden == candidate.burden()
        };
        self.debts.len() == candidates.len() && self.debts.iter().zip(candidates).all(same)
    }
}

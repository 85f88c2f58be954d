//! The clauses of the contract that laws are tried for.

/// A clause of the contract that has laws here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Clause {
    /// Its number in the contract.
    pub number: &'static str,
    /// What it is about.
    pub title: &'static str,
}

/// Every clause that one client, or two, can show without breaking a server.
pub const CLAUSES: &[Clause] = &[
    Clause { number: "1.1", title: "keys" },
    Clause { number: "1.2", title: "values" },
    Clause { number: "1.3", title: "versions, creation and owners" },
    Clause { number: "1.4", title: "namespaces and path boundaries" },
    Clause { number: "1.5", title: "keys without an entry" },
    Clause { number: "2.1", title: "get" },
    Clause { number: "2.2", title: "children" },
    Clause { number: "2.3", title: "list" },
    Clause { number: "3.1", title: "transactions" },
    Clause { number: "3.2", title: "ancestors" },
    Clause { number: "3.3", title: "take-over" },
    Clause { number: "3.4", title: "ephemeral entries have no children" },
    Clause { number: "3.5", title: "deleting" },
    Clause { number: "3.6", title: "outcomes" },
    Clause { number: "3.7", title: "exact checks" },
    Clause { number: "4.1", title: "one session" },
    Clause { number: "4.2", title: "the end of a session" },
    Clause { number: "4.3", title: "states of a session" },
    Clause { number: "4.5", title: "deadlines and cancellation" },
    Clause { number: "5.1", title: "watches: first state" },
    Clause { number: "5.2", title: "watches: events" },
    Clause { number: "5.3", title: "watches: order" },
    Clause { number: "5.5", title: "watches: slow consumers" },
    Clause { number: "5.6", title: "watches: many" },
    Clause { number: "6.1", title: "the queue of a lock" },
    Clause { number: "6.2", title: "one holder" },
    Clause { number: "6.3", title: "fencing tokens" },
    Clause { number: "6.4", title: "loss" },
    Clause { number: "6.5", title: "held checks" },
    Clause { number: "6.6", title: "release" },
    Clause { number: "6.7", title: "queue entries" },
    Clause { number: "6.8", title: "leadership" },
    Clause { number: "7.1", title: "errors" },
    Clause { number: "7.3", title: "bad configuration" },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::CLAUSES;
    use crate::laws;

    #[test]
    fn every_clause_has_a_law_and_every_law_a_clause() {
        let clauses: BTreeSet<_> = CLAUSES.iter().map(|clause| clause.number).collect();
        let tried: BTreeSet<_> = laws().iter().map(|law| law.clause).collect();
        assert_eq!(clauses, tried);
        assert_eq!(clauses.len(), CLAUSES.len());
    }

    #[test]
    fn every_law_has_a_name_of_its_own() {
        let names: BTreeSet<_> = laws().iter().map(|law| law.name).collect();
        assert_eq!(names.len(), laws().len());
    }
}

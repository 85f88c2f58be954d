//! Finding out which member leads.

use std::thread;

use crate::{Member, Result, health};

/// The running member with the highest term of its leadership, asked all at once: one that doesn't answer holds up
/// none.
pub(crate) fn latest<T, F>(members: &[Member], term: F) -> Option<&Member>
where
    T: Ord + Send,
    F: Fn(&Member) -> Option<T> + Sync,
{
    let term = &term;
    thread::scope(|scope| {
        let asked: Vec<_> = members
            .iter()
            .filter(|member| member.process_id().is_some())
            .map(|member| (member, scope.spawn(move || term(member))))
            .collect();
        // A question that panicked has been printed, and tells of no leader.
        let answers = asked.into_iter().filter_map(|(member, answer)| Some((answer.join().ok()??, member)));
        answers.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, member)| member)
    })
}

/// Waits until `leader` gives another member than `former`.
pub(crate) fn after<'m>(former: &Member, leader: impl Fn() -> Result<&'m Member>) -> Result<&'m Member> {
    let mut found = None;
    let is_found = || {
        found = leader().ok().filter(|leader| leader.number() != former.number());
        Ok(found.is_some())
    };
    health::wait_until(is_found, || format!("no other member leads than {}", former.endpoint()))?;
    found.map_or_else(leader, Ok)
}

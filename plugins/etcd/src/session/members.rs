//! Whether all members of the cluster are known to lead no more as before, so that nothing need be moved.
//!
//! A member that answers with the present term, before the timeout has passed since a leader of a former term can last
//! have heard of the lease, was told in time that it leads no more. One whose own address refuses connections has no
//! process that could go on. One that is silent may be a leader that stands still.

use std::time::Duration;

use etcd_client::Member;
use registry_plugin::{Effect, Result};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::Session;
use crate::{endpoints::Endpoint, error::is_refused};

/// How soon a member is asked again that has not heard of the present term.
const AGAIN: Duration = Duration::from_millis(20);

/// What an endpoint has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Answer {
    /// A member of that id, which is in the present term.
    Present(u64),
    /// Nothing listens at this address.
    Refused(String),
    /// Nothing that can be relied on.
    Nothing,
}

impl Session {
    /// Whether every member is known to be no leader of a term before this one. Silence is waited for as long as
    /// `limit`.
    pub(super) async fn all_follow(&self, term: u64, limit: Duration) -> bool {
        let heard = async {
            let mut asking = JoinSet::new();
            for number in 0..self.endpoints.count() {
                let endpoints = self.endpoints.clone();
                asking.spawn(async move { ask(endpoints.at(number), term, limit).await });
            }
            asking.join_all().await
        };
        let members = async { timeout(limit, self.members()).await };
        let (heard, members) = tokio::join!(heard, members);
        matches!(members, Ok(Ok(members)) if members.iter().all(|member| follows(member.id(), member.client_urls(), &heard)))
    }

    async fn members(&self) -> Result<Vec<Member>> {
        let listed = self.endpoints.call(Effect::Repeatable, |connection| {
            let mut client = connection.cluster.clone();
            async move { client.member_list().await }
        });
        Ok(listed.await?.members().to_vec())
    }
}

async fn ask(endpoint: &Endpoint, term: u64, limit: Duration) -> Answer {
    let asked = timeout(limit, async {
        loop {
            let Ok(connection) = endpoint.connection().await else { return Answer::Nothing };
            match connection.maintenance.clone().status().await {
                Ok(status) => match status.header() {
                    Some(header) if header.raft_term() >= term => return Answer::Present(header.member_id()),
                    // It may be about to hear of it.
                    _ => sleep(AGAIN).await,
                },
                Err(error) if is_refused(&error) => return Answer::Refused(endpoint.address().to_owned()),
                Err(_) => return Answer::Nothing,
            }
        }
    });
    asked.await.unwrap_or(Answer::Nothing)
}

fn follows(id: u64, urls: &[String], heard: &[Answer]) -> bool {
    let is_at = |address: &str| urls.iter().any(|url| url.split("://").last() == Some(address));
    heard.iter().any(|heard| match heard {
        Answer::Present(present) => *present == id,
        // It is this member's address, and not that of something before it.
        Answer::Refused(address) => is_at(address),
        Answer::Nothing => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_follows_by_its_answer_or_when_gone() {
        let urls = ["http://10.0.0.7:2379".to_owned()];
        assert!(follows(7, &urls, &[Answer::Nothing, Answer::Present(7)]));
        assert!(!follows(7, &urls, &[Answer::Nothing, Answer::Present(8)]));
        assert!(follows(7, &urls, &[Answer::Refused("10.0.0.7:2379".to_owned())]));
        assert!(!follows(7, &urls, &[Answer::Refused("127.0.0.1:2379".to_owned())]), "a proxy");
        assert!(!follows(7, &[], &[]));
    }
}

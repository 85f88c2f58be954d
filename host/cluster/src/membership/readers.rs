//! Who can't read a server's heartbeat.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Cluster, HeartbeatFormat, Member, MemberFilter, Server};

/// Members that pass over a heartbeat.
#[derive(Debug, PartialEq)]
struct Blind {
    /// What they write, and read.
    format: HeartbeatFormat,
    count: usize,
    example: String,
}

/// Warns of members that pass over a server's heartbeat, for each format of theirs once.
pub(super) fn warn(cluster: &Cluster, server: &Server) {
    let format = cluster.options().heartbeat_format;
    for blind in blind(format, &cluster.members(MemberFilter::All).now()) {
        let Blind { count, example, format: theirs } = blind;
        let (ours, theirs) = (format.name(), theirs.name());
        tracing::warn!(
            %server,
            count,
            example,
            "servers of DolphinScheduler whose heartbeats are in the format {theirs} pass over this server's, which is in \
             {ours}: they give it no tasks by its load, and leave it out of their lists; as long as they are there, \
             registry.cluster.heartbeat-format has to be theirs, see docs/compatibility.md"
        );
    }
}

/// Those who pass over a heartbeat of this format; servers of this crate read all of them.
fn blind(format: HeartbeatFormat, members: &[Arc<Member>]) -> Vec<Blind> {
    let mut found: BTreeMap<HeartbeatFormat, Blind> = BTreeMap::new();
    for member in members {
        let Ok(theirs) = &member.heartbeat else { continue };
        if !theirs.keeps_record && theirs.format != format {
            let example = || format!("{} {}", member.role, member.address);
            let format = theirs.format;
            found.entry(format).or_insert_with(|| Blind { format, count: 0, example: example() }).count += 1;
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use registry_host::{Entry, SessionId};

    use super::*;
    use crate::Heartbeat;

    fn member(address: &str, value: &[u8]) -> Arc<Member> {
        let key = format!("/nodes/worker/a/{address}");
        Arc::new(Member::of(&Entry::new(key, value.to_vec(), 1.into(), 1.into(), Some(SessionId(1)))).unwrap())
    }

    #[test]
    fn readers_of_another_format_are_ours_alone() {
        use HeartbeatFormat::{Fields10, Fields13, Json};
        let ten: &[u8] = b"0.25,0.5,1.0,7.5,8.0,0.3,2023-11-14 22:13:20,2023-11-14 22:13:30,0,4711";
        let ours = Heartbeat { keeps_record: true, format: Fields13, ..Heartbeat::default() }.write();
        let members = [("w:1", ten), ("w:2", ten), ("w:3", b"".as_slice()), ("w:4", &ours), ("w:5", b"{}")];
        let members = members.map(|(address, value)| member(address, value));
        let old = Blind { format: Fields10, count: 2, example: "worker w:1".to_owned() };
        assert_eq!(blind(Json, &members), [old]);
        let new = Blind { format: Json, count: 1, example: "worker w:5".to_owned() };
        assert_eq!(blind(Fields10, &members), [new]);
    }
}

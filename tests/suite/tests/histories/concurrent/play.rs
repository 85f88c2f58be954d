//! Plays a program: all clients at once, and then a judgement of what came.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::{join_all, try_join_all};
use registry_host::{Capabilities, Capability, SessionId};
use tokio::sync::Barrier;

use super::{
    call::What,
    client::{Client, Did},
    own_reads,
    program::{Action, Program},
    record::{Asked, Record, is_linearizable},
    specification::Specification,
    strays,
};
use crate::{backend::Backend, model::Owner};

/// The sessions that clients had.
pub(crate) type Sessions = BTreeMap<Owner, SessionId>;

/// Plays a program once, in a namespace of its own.
///
/// # Errors
///
/// What is wrong with what came, and all that was asked and answered.
pub(crate) async fn play(backend: &Backend, program: &Program) -> Did {
    let (backend, record) = (Arc::new(backend.afresh()), Arc::new(Record::default()));
    let judged = played(&backend, program, &record).await;
    judged.map_err(|why| {
        let asked: Vec<_> = record.asked().iter().map(|asked| format!("\n  {asked}")).collect();
        format!("{}: {why}:{}", backend.name(), asked.concat())
    })
}

async fn played(backend: &Arc<Backend>, program: &Program, record: &Arc<Record>) -> Did {
    let count = program.clients.len();
    let mut last = Client::open(count, backend.clone(), record.clone()).await?;
    let clients = (0..count).map(|number| Client::open(number, backend.clone(), record.clone()));
    let start = Arc::new(Barrier::new(count));
    // Each in a task of its own, so that they run at once indeed.
    let parts = try_join_all(clients).await?.into_iter().zip(&program.clients);
    let parts = parts.map(|(client, actions)| tokio::spawn(part(client, actions.clone(), start.clone())));
    let mut sessions = Sessions::new();
    for done in join_all(parts).await {
        sessions.extend(done.map_err(|error| error.to_string())??);
    }
    last.look().await?;
    let capabilities = last.clean_up().await?;
    judge(&capabilities, &record.asked(), sessions)
}

/// What one client does.
async fn part(mut client: Client, actions: Vec<Action>, start: Arc<Barrier>) -> Did<Sessions> {
    start.wait().await;
    for action in &actions {
        client.act(action).await?;
        // The others have their turn.
        tokio::task::yield_now().await;
    }
    client.leave().await
}

/// Holds what came against what may come.
fn judge(capabilities: &Capabilities, asked: &[Asked], sessions: Sessions) -> Did {
    own_reads::grow(asked)?;
    let reads = capabilities.has(Capability::LinearizableReads);
    let lists = reads && capabilities.has(Capability::SnapshotLists);
    let counts = |asked: &&Asked| match asked.call.what {
        What::Get(_) => reads,
        What::List(_) => lists,
        _ => true,
    };
    let counted: Vec<_> = asked.iter().filter(counts).cloned().collect();
    match is_linearizable(&strays::added(&counted, capabilities), Specification::new(capabilities, sessions)) {
        true => Ok(()),
        false => Err("no order explains what came".to_owned()),
    }
}

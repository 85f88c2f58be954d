//! The steps of a Txn on the server, and sending them as one request.

use registry_plugin::{Effect, Error, ErrorKind, Mode, Result};
use zookeeper_client::{Client, CreateMode, Error as ZkError, MultiWriteError, MultiWriteResult, Stat};

use super::seen::Facts;
use crate::{
    config::Dial,
    error::{of_read, of_write},
    session::Link,
};

/// One step, and what it is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step<'a> {
    pub(super) path: String,
    pub(super) write: Write<'a>,
    /// The operation that can't be done if the server refuses this step for the sake of children.
    pub(super) breaks: Option<usize>,
    /// The operation whose put is done by this step, and what was seen there if it changes what was there.
    pub(super) puts: Option<(usize, Option<Facts>)>,
}

/// What a step does. A counter that is not given isn't compared.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Write<'a> {
    Check(Option<i32>),
    Create(&'a [u8], Mode),
    Set(&'a [u8], Option<i32>),
    Delete(Option<i32>),
    /// Refused by every server, so that nothing before it is applied either.
    Refuse,
}

impl<'a> Step<'a> {
    pub(super) fn new(path: String, write: Write<'a>) -> Self {
        Step { path, write, breaks: None, puts: None }
    }

    /// The bytes that it takes on the wire.
    pub(super) fn weight(&self) -> usize {
        // A header, the length of the path, and a counter or flags.
        const FRAME: usize = 9 + 4 + 4;
        // The longer of the two access lists there are: all may be done by `world:anyone`.
        const ACCESS: usize = 4 + 4 + (4 + 5) + (4 + 6);
        FRAME
            + self.path.len()
            + match self.write {
                Write::Create(value, _) => 4 + value.len() + ACCESS,
                Write::Set(value, _) => 4 + value.len(),
                Write::Check(_) | Write::Delete(_) | Write::Refuse => 0,
            }
    }
}

/// What the server said to the steps.
pub(super) enum Answer {
    /// All were done; the stats of those that it tells of.
    Done(Vec<Option<Stat>>),
    /// None was, because of the step with that number.
    Refused(usize, ZkError),
}

/// The most bytes of a request: a server of default settings drops the connection, and with it all other calls, at a
/// little more.
const MOST: usize = 1_048_500;

/// What a request takes beside its steps.
const FRAME: usize = 4 + 8 + 9;

/// Sends the steps as one request; all are done or none.
///
/// # Errors
///
/// `InvalidTxn` if it is too large with the chroot before every path, and those of the server that don't come from what
/// is in the tree; each with the number of the step that it is about.
pub(super) async fn send(
    link: &Link,
    dial: &Dial,
    steps: &[Step<'_>],
    effect: Effect,
) -> Result<Answer, (usize, Error)> {
    let bytes = FRAME + steps.iter().map(Step::weight).sum::<usize>();
    if bytes > MOST {
        let message = format!(
            "the Txn takes {bytes} bytes with the chroot before every key, ZooKeeper takes at most {MOST}; split it or shorten the chroot"
        );
        return Err((0, Error::new(ErrorKind::InvalidTxn, message)));
    }
    let answer = async {
        match steps {
            // Alone it is cheaper, and its answer right.
            [step] => alone(link, dial, step).await.map(|stat| vec![stat]).map_err(|error| (0, error)),
            steps => together(link, dial, steps).await,
        }
    };
    let failed = |error| if effect == Effect::Write { of_write(error, link) } else { of_read(error) };
    match link.wait(answer).await {
        Ok(stats) => Ok(Answer::Done(stats)),
        Err((index, error)) if of_the_tree(&error) => Ok(Answer::Refused(index, error)),
        // What the keys lie below is made by the first write, too.
        Err((index, error @ ZkError::NoAuth)) => {
            Err((index, failed(error).with_cause_text(format!("at {}", steps[index].path))))
        }
        Err((index, error)) => Err((index, failed(error))),
    }
}

async fn alone(client: &Client, dial: &Dial, step: &Step<'_>) -> Result<Option<Stat>, ZkError> {
    match step.write {
        Write::Create(value, mode) => {
            let options = created(mode).with_acls(dial.acls());
            client.create(&step.path, value, &options).await.map(|(stat, _)| Some(stat))
        }
        Write::Set(value, counter) => client.set_data(&step.path, value, counter).await.map(Some),
        Write::Delete(counter) => client.delete(&step.path, counter).await.map(|()| None),
        Write::Check(_) | Write::Refuse => {
            together(client, dial, std::slice::from_ref(step)).await.map(|_| None).map_err(|(_, error)| error)
        }
    }
}

async fn together(client: &Client, dial: &Dial, steps: &[Step<'_>]) -> Result<Vec<Option<Stat>>, (usize, ZkError)> {
    const ANY: i32 = -1;
    /// No path ever counts so.
    const NEVER: i32 = -2;
    let mut multi = client.new_multi_writer();
    for (index, Step { path, write, .. }) in steps.iter().enumerate() {
        match *write {
            Write::Check(counter) => multi.add_check_version(path, counter.unwrap_or(ANY)),
            Write::Create(value, mode) => multi.add_create(path, value, &created(mode).with_acls(dial.acls())),
            Write::Set(value, counter) => multi.add_set_data(path, value, counter),
            Write::Delete(counter) => multi.add_delete(path, counter),
            Write::Refuse => multi.add_check_version(path, NEVER),
        }
        .map_err(|error| (index, error))?;
    }
    let answers = multi.commit().await.map_err(|error| match error {
        MultiWriteError::OperationFailed { index, source } => (index, source),
        error => (0, error.into()),
    })?;
    Ok(answers
        .into_iter()
        .map(|answer| if let MultiWriteResult::SetData { stat } = answer { Some(stat) } else { None })
        .collect())
}

fn created(mode: Mode) -> CreateMode {
    match mode {
        Mode::Persistent => CreateMode::Persistent,
        Mode::Ephemeral => CreateMode::Ephemeral,
    }
}

/// Whether the server refused because of what is in the tree.
fn of_the_tree(error: &ZkError) -> bool {
    matches!(
        error,
        ZkError::NoNode
            | ZkError::NodeExists
            | ZkError::BadVersion
            | ZkError::NotEmpty
            | ZkError::NoChildrenForEphemerals
    )
}

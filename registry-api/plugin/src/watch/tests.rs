use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use proptest::prelude::*;
use registry_api::{Entry, Error, ErrorKind, Event, Key, Scope, SessionId};

use super::{WatchSink, WatchStream, buffer::Buffer, watch_buffer};

fn watch(key: &str, scope: Scope) -> (WatchSink, WatchStream) {
    watch_buffer(Key::from_checked(key), scope)
}

fn entry(key: &str, version: u64) -> Entry {
    Entry::new(key, format!("value {version}"), version.into(), version.into(), None)
}

fn put(entry: &Entry, new: bool) -> Event {
    Event::Put { entry: entry.clone(), new }
}

/// All that is pending, as one batch.
fn pending(stream: &mut WatchStream) -> Vec<Event> {
    match stream.poll_next_batch(&mut Context::from_waker(Waker::noop()), usize::MAX) {
        Poll::Ready(Some(Ok(batch))) => batch,
        Poll::Ready(Some(Err(error))) => panic!("{error}"),
        Poll::Ready(None) => panic!("the stream has ended"),
        Poll::Pending => Vec::new(),
    }
}

fn ended(stream: &mut WatchStream) -> bool {
    matches!(stream.poll_next_batch(&mut Context::from_waker(Waker::noop()), 1), Poll::Ready(None))
}

#[test]
fn the_first_state_comes_as_puts_then_synced_then_changes() {
    let (sink, mut stream) = watch("/a", Scope::Subtree);
    sink.resync(vec![entry("/a", 1), entry("/a/b", 2)]);
    sink.put(entry("/a/c", 3));
    assert_eq!(
        pending(&mut stream),
        [put(&entry("/a", 1), true), put(&entry("/a/b", 2), true), Event::Synced, put(&entry("/a/c", 3), true)]
    );
    sink.put(entry("/a/b", 4));
    sink.delete("/a/c");
    assert_eq!(pending(&mut stream), [put(&entry("/a/b", 4), false), Event::Delete { last: entry("/a/c", 3) }]);
}

#[test]
fn a_batch_holds_at_most_what_was_asked_for() {
    let (sink, mut stream) = watch("/a", Scope::Subtree);
    sink.resync(vec![entry("/a/1", 1), entry("/a/2", 2)]);
    let mut cx = Context::from_waker(Waker::noop());
    let mut next = |max| match stream.poll_next_batch(&mut cx, max) {
        Poll::Ready(Some(Ok(batch))) => batch.len(),
        _ => 0,
    };
    assert_eq!((next(0), next(1), next(5), next(5)), (1, 1, 1, 0));
}

#[test]
fn what_lies_outside_the_scope_is_passed_over() {
    for (scope, covered) in
        [(Scope::Node, vec!["/a"]), (Scope::Children, vec!["/a/b"]), (Scope::Subtree, vec!["/a", "/a/b", "/a/b/c"])]
    {
        let all = ["/a", "/a/b", "/a/b/c", "/ab", "/b"];
        let expected: Vec<_> = covered.iter().map(|key| put(&entry(key, 1), true)).collect();
        let (sink, mut stream) = watch("/a", scope);
        all.iter().for_each(|key| sink.put(entry(key, 1)));
        assert_eq!(pending(&mut stream), expected, "{scope}");
        let (sink, mut stream) = watch("/a", scope);
        sink.resync(all.iter().map(|key| entry(key, 1)).collect());
        assert_eq!(pending(&mut stream), [&expected[..], &[Event::Synced]].concat(), "{scope}");
    }
}

#[test]
fn a_key_keeps_its_place_while_its_states_are_merged() {
    let (sink, mut stream) = watch("/a", Scope::Subtree);
    sink.put(entry("/a/1", 1));
    sink.put(entry("/a/2", 2));
    sink.put(entry("/a/1", 3));
    assert_eq!(pending(&mut stream), [put(&entry("/a/1", 3), true), put(&entry("/a/2", 2), true)]);
}

#[test]
fn an_entry_that_came_and_went_unseen_is_not_told() {
    let (sink, mut stream) = watch("/a", Scope::Node);
    sink.put(entry("/a", 1));
    sink.delete("/a");
    sink.delete("/a");
    assert_eq!(pending(&mut stream), []);
    sink.put(entry("/a", 2));
    assert_eq!(pending(&mut stream), [put(&entry("/a", 2), true)]);
}

#[test]
fn an_unseen_recreation_is_an_update() {
    let (sink, mut stream) = watch("/a", Scope::Node);
    sink.put(entry("/a", 1));
    pending(&mut stream);
    sink.delete("/a");
    sink.put(entry("/a", 2));
    assert_eq!(pending(&mut stream), [put(&entry("/a", 2), false)]);
    sink.delete("/a");
    assert_eq!(pending(&mut stream), [Event::Delete { last: entry("/a", 2) }]);
    sink.put(entry("/a", 3));
    assert_eq!(pending(&mut stream), [put(&entry("/a", 3), true)]);
}

#[test]
fn a_state_that_is_not_later_is_passed_over() {
    let (sink, mut stream) = watch("/a", Scope::Node);
    sink.resync(vec![entry("/a", 5)]);
    sink.put(entry("/a", 4));
    sink.put(entry("/a", 5));
    assert_eq!(pending(&mut stream), [put(&entry("/a", 5), true), Event::Synced]);
    sink.put(entry("/a", 5));
    assert_eq!(pending(&mut stream), []);
}

#[test]
fn a_hidden_subtree_is_gone_until_seen_again() {
    let (sink, mut stream) = watch("/a", Scope::Subtree);
    sink.resync(vec![entry("/a", 1), entry("/a/b", 2), entry("/a/b/c", 3), entry("/a/b-c", 4)]);
    pending(&mut stream);
    sink.put(entry("/a/b/d", 5));
    sink.hide(Key::from_checked("/a/b"));
    let mut told = pending(&mut stream);
    told.sort_by_key(|event| event.key().map(str::to_owned));
    assert_eq!(told, [Event::Delete { last: entry("/a/b", 2) }, Event::Delete { last: entry("/a/b/c", 3) }]);
    sink.hide(Key::from_checked("/a/b"));
    assert_eq!(pending(&mut stream), []);
    // Before it is told to be gone.
    sink.hide(Key::from_checked("/a/b-c"));
    for key in ["/a/b-c", "/a/b"] {
        sink.put(entry(key, if key == "/a/b" { 2 } else { 4 }));
    }
    assert_eq!(pending(&mut stream), [put(&entry("/a/b", 2), true)]);
}

#[test]
fn a_resync_tells_the_difference_alone() {
    let (sink, mut stream) = watch("/a", Scope::Subtree);
    sink.resync(vec![entry("/a/1", 1), entry("/a/2", 2), entry("/a/3", 3)]);
    pending(&mut stream);
    sink.resync(vec![entry("/a/1", 1), entry("/a/2", 4), entry("/a/4", 5)]);
    assert_eq!(
        pending(&mut stream),
        [
            put(&entry("/a/2", 4), false),
            put(&entry("/a/4", 5), true),
            Event::Delete { last: entry("/a/3", 3) },
            Event::Synced
        ]
    );
    sink.resync(vec![entry("/a/1", 1), entry("/a/2", 4), entry("/a/4", 5)]);
    assert_eq!(pending(&mut stream), [Event::Synced]);
}

#[test]
fn a_resync_is_the_truth_also_where_versions_went_back() {
    let (sink, mut stream) = watch("/a", Scope::Subtree);
    sink.resync(vec![entry("/a/1", 50), entry("/a/2", 51)]);
    pending(&mut stream);
    sink.resync(vec![entry("/a/1", 3)]);
    sink.put(entry("/a/2", 4));
    sink.put(entry("/a/1", 5));
    assert_eq!(pending(&mut stream), [put(&entry("/a/1", 5), false), put(&entry("/a/2", 4), false), Event::Synced]);
}

#[test]
fn a_change_undone_before_it_was_told_is_not_told() {
    let (sink, mut stream) = watch("/a", Scope::Node);
    sink.resync(vec![entry("/a", 1)]);
    pending(&mut stream);
    sink.put(entry("/a", 2));
    sink.resync(vec![entry("/a", 1)]);
    assert_eq!(pending(&mut stream), [Event::Synced]);
}

#[test]
fn two_synced_that_were_not_told_become_the_later() {
    let (sink, mut stream) = watch("/a", Scope::Subtree);
    sink.resync(vec![entry("/a/1", 1)]);
    sink.resync(vec![entry("/a/1", 1), entry("/a/2", 2)]);
    sink.put(entry("/a/3", 3));
    assert_eq!(
        pending(&mut stream),
        [put(&entry("/a/1", 1), true), put(&entry("/a/2", 2), true), Event::Synced, put(&entry("/a/3", 3), true)]
    );
}

#[test]
fn a_paged_resync_deletes_only_when_finished() {
    let (sink, mut stream) = watch("/a", Scope::Subtree);
    sink.resync(vec![entry("/a/1", 1), entry("/a/2", 2)]);
    pending(&mut stream);
    let resync = sink.begin_resync();
    resync.page([entry("/a/1", 3)]);
    assert_eq!(pending(&mut stream), [put(&entry("/a/1", 3), false)]);
    drop(resync);
    assert_eq!(pending(&mut stream), []);
    let resync = sink.begin_resync();
    resync.page([entry("/a/1", 3)]);
    resync.page([entry("/a/3", 4)]);
    resync.finish();
    assert_eq!(
        pending(&mut stream),
        [put(&entry("/a/3", 4), true), Event::Delete { last: entry("/a/2", 2) }, Event::Synced]
    );
}

#[test]
fn the_last_sink_ends_the_stream_after_pending_events() {
    let (sink, mut stream) = watch("/a", Scope::Node);
    let other = sink.clone();
    sink.put(entry("/a", 1));
    drop(sink);
    other.put(entry("/a", 2));
    drop(other);
    assert_eq!(pending(&mut stream), [put(&entry("/a", 2), true)]);
    assert!(ended(&mut stream));
    assert!(ended(&mut stream));
}

#[test]
fn an_error_follows_pending_events_and_ends_them() {
    let (sink, mut stream) = watch("/a", Scope::Node);
    sink.put(entry("/a", 1));
    sink.fail(Error::new(ErrorKind::PermissionDenied, "no"));
    sink.put(entry("/a", 2));
    assert_eq!(pending(&mut stream), [put(&entry("/a", 1), true)]);
    let mut cx = Context::from_waker(Waker::noop());
    match stream.poll_next_batch(&mut cx, 1) {
        Poll::Ready(Some(Err(error))) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
        other => panic!("{other:?}"),
    }
    assert!(ended(&mut stream));
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_waiting_consumer_is_woken_once_and_by_news_alone() {
    let (sink, mut stream) = watch("/a", Scope::Node);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut wait = || stream.poll_next_batch(&mut Context::from_waker(&waker), 8).is_pending();
    let woken = || wakes.0.swap(0, Ordering::SeqCst);
    assert!(wait());
    sink.put(entry("/b", 1));
    sink.delete("/a");
    assert_eq!(woken(), 0);
    sink.put(entry("/a", 1));
    sink.put(entry("/a", 2));
    assert_eq!(woken(), 1);
    assert!(!wait() && wait());
    sink.put(entry("/a", 2));
    assert_eq!(woken(), 0);
    sink.delete("/a");
    assert_eq!(woken(), 1);
    assert!(!wait() && wait());
    sink.resync(Vec::new());
    assert_eq!(woken(), 1);
    assert!(!wait() && wait());
    drop(sink);
    assert_eq!(woken(), 1);
    assert!(!wait());
}

#[tokio::test]
async fn opened_waits_for_the_first_resync_or_the_failure() {
    let (sink, mut stream) = watch("/a", Scope::Node);
    let mut opened = Box::pin(stream.opened());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(opened.as_mut().poll(&mut cx).is_pending());
    sink.put(entry("/a", 1));
    assert!(opened.as_mut().poll(&mut cx).is_pending());
    let telling = tokio::spawn(async move {
        sink.resync(Vec::new());
        sink.closed().await;
    });
    within(opened).await.expect("the first state is there");
    drop(stream);
    within(telling).await.expect("the sink hears that the stream is gone");

    let (sink, mut stream) = watch("/a", Scope::Node);
    sink.fail(Error::new(ErrorKind::PermissionDenied, "no"));
    assert_eq!(within(stream.opened()).await.map_err(|error| error.kind()), Err(ErrorKind::PermissionDenied));
    assert!(ended(&mut stream));
    let (sink, mut stream) = watch("/a", Scope::Node);
    drop(sink);
    assert!(within(stream.opened()).await.is_err());
}

#[tokio::test]
async fn dropping_the_stream_closes_the_sink_for_all_that_wait() {
    let (sink, stream) = watch("/a", Scope::Node);
    let waits: Vec<_> = (0..3)
        .map(|_| {
            let sink = sink.clone();
            tokio::spawn(async move { sink.closed().await })
        })
        .collect();
    tokio::task::yield_now().await;
    assert!(!sink.is_closed());
    drop(stream);
    assert!(sink.is_closed());
    for wait in waits {
        within(wait).await.expect("it hears of the end");
    }
    within(sink.closed()).await;
    sink.put(entry("/a", 1));
    sink.resync(vec![entry("/a", 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_on_another_thread_hears_of_every_last_state() {
    const KEYS: usize = 50;
    const ROUNDS: u64 = 2_000;
    let (sink, mut stream) = watch("/a", Scope::Children);
    let keys: Vec<String> = (0..KEYS).map(|n| format!("/a/{n}")).collect();
    let feeding = tokio::task::spawn_blocking(move || {
        for version in 1..=ROUNDS {
            keys.iter().for_each(|key| sink.put(entry(key, version)));
        }
    });
    let mut last = HashMap::new();
    let all = async {
        while let Some(batch) = std::future::poll_fn(|cx| stream.poll_next_batch(cx, 16)).await {
            for event in batch.expect("the watch does not fail") {
                let Event::Put { entry, .. } = event else { panic!("{event:?}") };
                let before = last.insert(entry.key, entry.version.get());
                assert!(before < Some(entry.version.get()));
            }
        }
    };
    within(all).await;
    within(feeding).await.expect("the feeding side does not fail");
    assert_eq!(last.len(), KEYS);
    assert!(last.values().all(|version| *version == ROUNDS));
}

#[test]
fn keys_that_come_and_go_unseen_do_not_pile_up() {
    let mut buffer = Buffer::default();
    buffer.put(entry("/first", 1));
    for version in 2..100_000 {
        let key = format!("/a/{version}");
        buffer.put(entry(&key, version));
        buffer.delete(&key);
        let (slots, queue) = buffer.size();
        assert!(slots <= 140 && queue <= 140, "{slots} keys remembered, {queue} queued");
    }
    let mut batch = Vec::new();
    buffer.drain(usize::MAX, &mut batch);
    assert_eq!(batch, [put(&entry("/first", 1), true)]);
    assert_eq!(buffer.size(), (1, 0));
}

#[test]
fn memory_is_given_back() {
    let mut buffer = Buffer::default();
    let keys: Vec<String> = (0..10_000).map(|n| format!("/a/{n}")).collect();
    buffer.begin_resync();
    keys.iter().for_each(|key| buffer.resync(entry(key, 1)));
    buffer.finish_resync(1);
    buffer.drain(usize::MAX, &mut Vec::new());
    assert!(buffer.room().1 <= 200);
    keys.iter().for_each(|key| buffer.delete(key));
    let mut batch = Vec::new();
    buffer.drain(usize::MAX, &mut batch);
    assert_eq!(batch.len(), keys.len());
    assert_eq!(buffer.size(), (0, 0));
    let (slots, queue) = buffer.room();
    assert!(slots <= 200 && queue <= 200, "room for {slots} keys and {queue} changes is kept");
}

async fn within<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("it takes less than 10 s")
}

/// One step of a server's life with a watch on it.
#[derive(Clone, Debug)]
enum Step {
    Put(usize),
    TakeOver(usize),
    Delete(usize),
    /// It may not be read any more, nor what is below it.
    Hide(usize),
    /// An event that the server sends once more, or late.
    Repeat(usize),
    /// The server goes back to the state of some steps ago, and tells it afresh.
    Restore(usize),
    Resync {
        pages: bool,
    },
    Deliver(usize),
}

const KEYS: [&str; 4] = ["/a", "/a/b", "/a/c", "/a/c/d"];

/// Every state that a key had, in order, and up to which of them the consumer has been told.
#[derive(Default)]
struct History {
    states: Vec<Option<Entry>>,
    told: usize,
    seen: Option<Entry>,
    /// Which state it had at the last resync.
    at_resync: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..KEYS.len();
    let step = prop_oneof![
        4 => key.clone().prop_map(Step::Put),
        1 => key.clone().prop_map(Step::TakeOver),
        3 => key.clone().prop_map(Step::Delete),
        1 => key.clone().prop_map(Step::Hide),
        1 => key.prop_map(Step::Repeat),
        1 => (0..10_usize).prop_map(Step::Restore),
        1 => any::<bool>().prop_map(|pages| Step::Resync { pages }),
        4 => (1..6_usize).prop_map(Step::Deliver),
    ];
    proptest::collection::vec(step, 0..120)
}

/// The server as it is, the watch on it, and what each key went through.
struct World {
    sink: WatchSink,
    stream: WatchStream,
    revision: u64,
    tree: BTreeMap<&'static str, Entry>,
    past: Vec<(u64, BTreeMap<&'static str, Entry>)>,
    histories: BTreeMap<&'static str, History>,
}

impl World {
    fn new() -> Self {
        let (sink, stream) = watch("/a", Scope::Subtree);
        let start = || History { states: vec![None], ..History::default() };
        World {
            sink,
            stream,
            revision: 0,
            tree: BTreeMap::new(),
            past: vec![(0, BTreeMap::new())],
            histories: KEYS.map(|key| (key, start())).into(),
        }
    }

    fn record(&mut self) {
        for (key, history) in &mut self.histories {
            let state = self.tree.get(key).cloned();
            if history.states.last() != Some(&state) {
                history.states.push(state);
            }
        }
        self.past.push((self.revision, self.tree.clone()));
    }

    fn resync(&mut self, pages: bool) {
        let entries: Vec<Entry> = self.tree.values().cloned().collect();
        if pages {
            let resync = self.sink.begin_resync();
            entries.chunks(2).for_each(|page| resync.page(page.iter().cloned()));
            resync.finish();
        } else {
            self.sink.resync(entries);
        }
        self.histories.values_mut().for_each(|history| history.at_resync = history.states.len() - 1);
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Put(key) | Step::TakeOver(key) => {
                self.revision += 1;
                let owner = matches!(step, Step::TakeOver(_)).then_some(SessionId(self.revision));
                let created = self.tree.get(KEYS[key]).map_or(self.revision.into(), |entry| entry.created);
                let entry = Entry::new(KEYS[key], self.revision.to_string(), self.revision.into(), created, owner);
                self.sink.put(entry.clone());
                self.tree.insert(KEYS[key], entry);
                self.record();
            }
            Step::Delete(key) => {
                self.revision += 1;
                self.sink.delete(KEYS[key]);
                self.tree.remove(KEYS[key]);
                self.record();
            }
            Step::Hide(key) => {
                self.revision += 1;
                let top = Key::from_checked(KEYS[key]);
                self.sink.hide(top);
                self.tree.retain(|key, _| !Scope::Subtree.covers(top, Key::from_checked(key)));
                self.record();
            }
            Step::Repeat(key) => {
                if let Some(entry) = self.tree.get(KEYS[key]) {
                    self.sink.put(entry.clone());
                    self.sink.put(Entry::new(KEYS[key], "late", (entry.version.get() - 1).into(), entry.created, None));
                }
            }
            Step::Restore(back) => {
                let at = self.past.len().saturating_sub(back + 1);
                (self.revision, self.tree) = self.past[at].clone();
                self.record();
                self.resync(false);
            }
            Step::Resync { pages } => self.resync(pages),
            Step::Deliver(max) => {
                self.deliver(max);
            }
        }
    }

    fn deliver(&mut self, max: usize) -> usize {
        let polled = self.stream.poll_next_batch(&mut Context::from_waker(Waker::noop()), max);
        let Poll::Ready(Some(Ok(batch))) = polled else { return 0 };
        assert!(!batch.is_empty() && batch.len() <= max);
        // Nothing is fed in between, so that no key comes twice.
        assert!(batch.len() <= KEYS.len() + 1, "more is pending than there are keys: {batch:?}");
        for event in &batch {
            self.told(event);
        }
        batch.len()
    }

    fn told(&mut self, event: &Event) {
        let Some(key) = event.key() else {
            for (key, history) in &self.histories {
                let caught_up = history.states[history.at_resync..].contains(&history.seen);
                assert!(caught_up, "synced, but {key} is still as it was before the resync");
            }
            return;
        };
        let history = self.histories.get_mut(key).expect("only keys that were fed are told");
        let state = match event {
            Event::Put { entry, new } => {
                assert_eq!(*new, history.seen.is_none(), "{event:?}");
                Some(entry.clone())
            }
            Event::Delete { last } => {
                assert_eq!(Some(last), history.seen.as_ref());
                None
            }
            other => panic!("{other:?}"),
        };
        assert_ne!(state, history.seen, "told twice");
        let at = history.states[history.told..].iter().position(|had| *had == state);
        history.told += at.unwrap_or_else(|| panic!("{key} went back to {state:?} or never was so"));
        history.seen = state;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_states_come_in_order_and_the_last_arrives(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        while world.deliver(3) > 0 {}
        for (key, history) in &world.histories {
            prop_assert_eq!(&history.seen, &world.tree.get(key).cloned(), "the last state of {}", key);
        }
    }
}

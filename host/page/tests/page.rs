//! The page as a program reads it: its sections, its stream, and the requests that it refuses.

use std::{net::SocketAddr, time::Duration};

use registry_host::{Registry, SettingsBuilder};
use registry_page::Page;
use registry_suite::{SOON, memory, open, proxied, within};
use registry_tasks::{
    client::Client,
    record::{Record, Spec, TaskId, now},
    settings::ServersSettings,
    store::Store,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

/// A page on a registry in memory.
struct Site {
    registry: Registry,
    address: SocketAddr,
    token: String,
    serving: JoinHandle<()>,
}

impl Site {
    async fn open() -> Self {
        Self::on(memory()).await
    }

    async fn on(settings: SettingsBuilder) -> Self {
        let registry = open(settings).await.expect("a registry");
        let client = Client::open(&registry, &ServersSettings::default()).await.expect("a client");
        let page = Page::open(client, None).await.expect("a page");
        let bound = page.bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let token = bound.url().split_once("token=").expect("a token").1.to_owned();
        let address = bound.address();
        Site { registry, address, token, serving: tokio::spawn(bound.serve(std::future::pending())) }
    }

    /// Sends a request with these lines of a head.
    async fn ask(&self, request: &str, head: &[&str]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        let host = format!("Host: {}", self.address);
        let own = if head.iter().any(|line| line.starts_with("Host:")) { &[][..] } else { &[host.as_str()][..] };
        let lines = [&[request], own, head, &["Connection: close", "", ""]].concat();
        stream.write_all(lines.join("\r\n").as_bytes()).await.expect("a request");
        stream
    }

    async fn answer(&self, request: &str, head: &[&str]) -> String {
        let mut answer = Vec::new();
        let mut stream = self.ask(request, head).await;
        within("an answer", SOON, stream.read_to_end(&mut answer)).await.expect("an answer");
        String::from_utf8(answer).expect("text")
    }

    async fn get(&self, path: &str) -> String {
        self.answer(&format!("GET {path} HTTP/1.1"), &[]).await
    }

    /// Asks until the page says so: what is put arrives over a watch.
    async fn shows(&self, path: &str, text: &str) -> String {
        registry_suite::eventually(format_args!("{path} shows {text}"), SOON * 4, async || {
            Some(self.get(path).await).filter(|page| page.contains(text))
        })
        .await
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[tokio::test]
async fn what_is_on_the_registry_is_shown_as_text() {
    let site = Site::open().await;
    let guard = site.registry.lock("/locks/<script>alert(1)</script>").await.expect("the lock is free");
    let store = Store::new(site.registry.clone());
    let id = TaskId::new("task-1").expect("an id");
    let record = Record::submitted(id, Spec::new(["echo", "<img src=x onerror=alert(1)>"]), now());
    store.create(record).await.expect("a put").expect("it is new");
    site.registry.put("/values/odd", [b"<b>\xff\r\n".as_slice(), &vec![b'x'; 100_000]].concat()).await.expect("a put");
    let page = site.shows("/", "task-1").await;
    assert!(page.contains("&lt;script&gt;") && page.contains("no master is running"), "{page}");
    assert!(page.contains(&guard.token().to_string()), "{page}");
    let task = site.get("/tasks/task-1").await;
    assert!(task.contains("&lt;img src=x") && !task.contains("<img"), "{task}");
    let tree = site.get("/tree?key=/values/odd&part=1").await;
    assert!(tree.contains("&lt;b&gt;") && tree.contains("(100006 bytes)") && tree.len() < 10_000, "{tree}");
    assert!(site.get("/tree?key=/values").await.contains("odd"));
    assert!(site.get("/tree?key=none").await.starts_with("HTTP/1.1 400"));
    assert!(site.get("/tasks/none").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn the_stream_tells_the_whole_state_and_then_what_changes() {
    let site = Site::open().await;
    let mut stream = site.ask("GET /events HTTP/1.1", &[]).await;
    let mut told = String::new();
    for text in ["event: header", "event: events", "/new/entry"] {
        let heard = async {
            while !told.contains(text) {
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).await.expect("more of the stream");
                assert!(read > 0, "the stream goes on: {told}");
                told.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        };
        within("the stream tells it", SOON, heard).await;
        site.registry.put("/new/entry", "value").await.expect("a put");
    }
}

#[tokio::test]
async fn who_was_led_here_or_has_no_token_changes_nothing() {
    let site = Site::open().await;
    let host = format!("Host: evil.example:{}", site.address.port());
    assert!(site.answer("GET / HTTP/1.1", &[&host]).await.starts_with("HTTP/1.1 403"));
    assert!(site.get("/?token=wrong").await.starts_with("HTTP/1.1 403"));
    let opened = site.get(&format!("/?token={}", site.token)).await;
    let cookie = opened.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
    assert!(opened.starts_with("HTTP/1.1 303") && cookie.contains("HttpOnly; SameSite=Strict"), "{opened}");
    let cookie = format!("Cookie: {}", cookie.split_once(';').expect("more").0);
    let origin = format!("Origin: http://{}", site.address);
    let length = "Content-Length: 0";
    for head in [vec![length], vec![length, &origin], vec![length, &cookie, "Origin: http://evil.example"]] {
        let answer = site.answer("POST /tasks/none/cancel HTTP/1.1", &head).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{head:?}: {answer}");
    }
    let asked = site.answer("POST /tasks/a%20b/cancel HTTP/1.1", &[length, &cookie, &origin]).await;
    assert!(asked.starts_with("HTTP/1.1 400"), "{asked}");
}

#[tokio::test]
async fn tasks_and_events_are_filtered() {
    let site = Site::open().await;
    let store = Store::new(site.registry.clone());
    for (id, group) in [("one", "gpu"), ("other", "default")] {
        let spec = Spec { group: group.to_owned(), ..Spec::new(["true"]) };
        let record = Record::submitted(TaskId::new(id).expect("an id"), spec, now());
        store.create(record).await.expect("a put").expect("it is new");
        site.registry.put(&format!("/seen/{id}"), "").await.expect("a put");
    }
    site.shows("/", "data-row=\"other\"").await;
    let page = site.shows("/?tasks=GPU+waiting&events=created+seen/one", "/seen/one").await;
    assert!(page.contains("data-row=\"one\"") && !page.contains("data-row=\"other\""), "{page}");
    assert!(!page.contains("<td>/seen/other</td>") && page.contains("tasks=GPU%20waiting"), "{page}");
    // So does the stream, first and later.
    let mut stream = site.ask("GET /events?tasks=gpu HTTP/1.1", &[]).await;
    let mut told = String::new();
    for id in ["data-row=\\\"one\\\"", "data-row=\\\"third\\\""] {
        let heard = async {
            while !told.contains(id) {
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).await.expect("more of the stream");
                told.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        };
        within("the stream tells it", SOON, heard).await;
        let spec = Spec { group: "gpu".to_owned(), ..Spec::new(["true"]) };
        let record = Record::submitted(TaskId::new("third").expect("an id"), spec, now());
        store.create(record).await.expect("a put");
    }
    assert!(!told.contains("data-row=\\\"other\\\""), "{told}");
}

#[tokio::test]
async fn no_more_streams_are_open_than_may_be() {
    let site = Site::open().await;
    let mut streams = Vec::new();
    loop {
        let mut stream = site.ask("GET /events HTTP/1.1", &[]).await;
        let mut bytes = [0; 64];
        let read = within("an answer", SOON, stream.read(&mut bytes)).await.expect("an answer");
        if String::from_utf8_lossy(&bytes[..read]).starts_with("HTTP/1.1 503") {
            break;
        }
        streams.push(stream);
        assert!(streams.len() < 1_000, "there is no end to them");
    }
    // One that is closed makes room.
    streams.pop();
    let again = async || {
        let mut stream = site.ask("GET /events HTTP/1.1", &[]).await;
        let mut bytes = [0; 64];
        let read = stream.read(&mut bytes).await.ok()?;
        String::from_utf8_lossy(&bytes[..read]).starts_with("HTTP/1.1 200").then_some(())
    };
    registry_suite::eventually("there is room", SOON, again).await;
}

#[tokio::test]
async fn the_page_outlives_an_outage_of_the_registry() {
    for (settings, proxy) in proxied() {
        let settings = settings.set("registry.session-timeout=40s");
        let site = Site::on(settings).await;
        site.registry.put("/before", "").await.expect("a put");
        site.shows("/", "/before").await;
        proxy.cut();
        let page = site.shows("/", "data-state=\"suspended\"").await;
        assert!(page.contains("/before"), "what is known stays");
        assert!(site.get("/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(site.get("/readyz").await.starts_with("HTTP/1.1 503"));
        // Reading ends by its deadline.
        assert!(site.get("/tree?key=/before").await.starts_with("HTTP/1.1 503"));
        proxy.heal();
        site.shows("/", "data-state=\"connected\"").await;
        site.registry.put("/after", "").await.expect("a put");
        site.shows("/", "/after").await;
        assert!(site.get("/readyz").await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn readiness_follows_the_session() {
    let site = Site::open().await;
    assert!(site.get("/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(site.get("/readyz").await.starts_with("HTTP/1.1 200"));
    site.registry.close().await.expect("a close");
    tokio::time::timeout(Duration::from_secs(60), async {
        while !site.get("/readyz").await.starts_with("HTTP/1.1 503") {}
    })
    .await
    .expect("it is not ready any more");
}

//! The page in a real browser: what changes on the cluster changes there, and what comes from the registry stays text.

use std::{
    fs::File,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, Locator, wd::WebDriverCompatibleCommand};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::*;

/// Far more than a browser takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A Chromium, and what drives it. It is ended when this is dropped.
struct Browser {
    client: Client,
    driver: Child,
    profile: tempfile::TempDir,
}

/// Asks the driver for what the page's console has said.
#[derive(Debug)]
struct Console;

impl WebDriverCompatibleCommand for Console {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}

impl Browser {
    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let profile = tempfile::tempdir().unwrap();
        let log = File::create(profile.path().join("driver.log")).unwrap();
        let mut driver = Command::new("setpriv");
        driver.args(["--pdeathsig", "KILL", "chromedriver"]).arg(format!("--port={port}"));
        driver.env("HOME", profile.path()).stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        let mut driver = driver.spawn().expect("setpriv is there");
        let folder = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1280,1000",
            &folder,
        ];
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("an object") };
        let until = Instant::now() + PATIENCE;
        let client = loop {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities.clone());
            match builder.connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => break client,
                Err(error) => {
                    assert!(driver.try_wait().unwrap().is_none(), "chromedriver has ended, is it installed?");
                    assert!(Instant::now() < until, "no browser within {PATIENCE:?}: {error}");
                }
            }
            sleep(Duration::from_millis(100)).await;
        };
        Browser { client, driver, profile }
    }

    /// Waits until a part of the page shows a text, or no longer does.
    async fn until(&self, selector: &str, text: &str, shows: bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let script = "const at = document.querySelector(arguments[0]); return at ? at.innerText : '';";
            let shown = self.client.execute(script, vec![selector.into()]).await.expect("a script runs");
            let shown = shown.as_str().unwrap_or_default().to_owned();
            if shown.contains(text) == shows {
                return;
            }
            if Instant::now() >= until {
                self.picture("late").await;
                let page = self.client.find(Locator::Css("body")).await.expect("a body").text().await.expect("text");
                let at = self.client.current_url().await.expect("an address");
                panic!("{text:?} in {selector} is not {shows} within {PATIENCE:?}: {shown}\n{at}\n{page}");
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Keeps a picture in the build's folder.
    async fn picture(&self, name: &str) {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
        std::fs::create_dir_all(&folder).unwrap();
        let picture = self.client.screenshot().await.expect("a picture");
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// What the page has complained of.
    async fn complaints(&self) -> Vec<Value> {
        let told = self.client.issue_cmd(Console).await.expect("the console's lines");
        let told = told.as_array().cloned().unwrap_or_default();
        told.into_iter().filter(|line| line["level"] == "SEVERE").collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        // A browser outlives its driver unless it was closed, as after a failure.
        let profile = self.profile.path().display().to_string();
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let id = process.file_name().to_string_lossy().parse().ok().and_then(Pid::from_raw);
            if let Some(id) = id.filter(|_| String::from_utf8_lossy(&command).contains(&profile)) {
                let _ = kill_process(id, Signal::KILL);
            }
        }
    }
}

/// A worker, where it is, and its data.
fn worker(on: &On) -> (Running, String, tempfile::TempDir) {
    let data = tempfile::tempdir().unwrap();
    let set = format!("--set=worker.data-dir={}", data.path().display());
    let short = "--set=registry.session-timeout=4s";
    // However busy the machine is.
    let normal = ["--set=registry.cluster.max-cpu-load-avg=10000", "--set=registry.cluster.reserved-memory=0"];
    let running = on.start(&[short, &set, normal[0], normal[1], "--output=json", "worker", "--address=127.0.0.1:0"]);
    let ready: Value = serde_json::from_str(&running.line()).unwrap();
    (running, ready["address"].as_str().unwrap().to_owned(), data)
}

fn master(on: &On) -> Running {
    let running = on.start(&["--set=registry.session-timeout=4s", "--output=json", "master", "--address=127.0.0.1:0"]);
    running.line();
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_follows_changes_and_escapes_hostile_values() {
    let on = On::etcd();
    let (first, (killed, killed_at, _data), (_worker, stays_at, _more)) = (master(&on), worker(&on), worker(&on));
    let page = on.start(&["--output=json", "page", "--listen=127.0.0.1:0"]);
    let told: Value = serde_json::from_str(&page.line()).unwrap();
    let browser = Browser::start().await;
    browser.client.goto(told["url"].as_str().unwrap()).await.unwrap();
    assert!(!browser.client.current_url().await.unwrap().as_str().contains("token"), "it is in a cookie now");
    for address in [&killed_at, &stays_at] {
        browser.until("#servers", address, true).await;
    }

    // A task that is submitted on the page is seen to finish.
    let form = browser.client.find(Locator::Css("#submit textarea")).await.unwrap();
    form.send_keys("echo\n<b>hello from the page</b>").await.unwrap();
    browser.client.find(Locator::Css("#submit button")).await.unwrap().click().await.unwrap();
    browser.until("#log", "<b>hello from the page</b>", true).await;
    browser.picture("task").await;
    browser.client.find(Locator::Css("nav a")).await.unwrap().click().await.unwrap();
    browser.until("#tasks", "succeeded", true).await;

    // Hostile values are text, however long they are.
    let script = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">";
    on.text(&["put", "/hostile/value", script]);
    on.text(&["put", &format!("/hostile/{}", "x".repeat(200)), &"y".repeat(100_000)]);
    let odd = run_with_input(&mut on.command(&["put", "/hostile/odd"]), Some(b"\xff\xfe<script>".to_vec()));
    assert_eq!(odd.code, 0, "{odd:?}");
    let holder = on.start(&["lock", "/hostile/<script>alert(1)<%2fscript>", "--", "sleep", "600"]);
    browser.until("#locks", "<script>alert(1)", true).await;
    browser.until("#events", "/hostile/odd", true).await;
    browser.client.execute("document.getElementById('tree-root').open = true;", vec![]).await.unwrap();
    browser.until("#tree", "hostile", true).await;
    let open = "for (const part of document.querySelectorAll('#tree details')) part.open = true;";
    for part in ["value", "onerror", "\u{fffd}"] {
        browser.client.execute(open, vec![]).await.unwrap();
        browser.until("#tree", part, true).await;
    }
    assert_eq!(browser.client.title().await.unwrap(), "registry");
    drop(holder);

    // A worker is killed, and gone from the page; another master takes the place of the first.
    killed.signal(Signal::KILL);
    browser.until("#servers", &killed_at, false).await;
    first.signal(Signal::KILL);
    let _second = master(&on);
    on.text(&["submit", "--wait", "--id=after", "--", "true"]);
    browser.until("#tasks", "after", true).await;
    browser.picture("whole").await;
    browser.client.set_window_size(400, 900).await.unwrap();
    let wider = "return document.documentElement.scrollWidth > document.documentElement.clientWidth;";
    assert_eq!(browser.client.execute(wider, vec![]).await.unwrap(), json!(false), "it fits into 400 px");
    browser.picture("narrow").await;
    assert_eq!(browser.complaints().await, Vec::<Value>::new());

    // Without its server the page says that it is old.
    page.signal(Signal::KILL);
    browser.until("#stale", "what is shown is old", true).await;
    browser.client.clone().close().await.unwrap();
}

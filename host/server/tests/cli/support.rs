//! Running the binary, with a deadline on everything.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use registry_test_servers::{Etcd, Proxy, ZooKeeper};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// More than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// The folder of the plugins that were built together with this test.
pub(crate) fn plugin_dir() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// The program, which knows nothing of this process's environment but where to find others.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry"));
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).stdin(Stdio::null());
    command
}

/// The program with the plugins of this build.
pub(crate) fn program() -> Command {
    let mut command = bare();
    command.arg("--plugin-dir").arg(plugin_dir());
    command
}

/// The same on the memory backend, unless `--set` names another.
pub(crate) fn memory() -> Command {
    let mut command = program();
    command.env("REGISTRY_TYPE", "memory");
    command
}

/// A namespace of its own on a real server.
pub(crate) struct On {
    options: Vec<String>,
}

impl On {
    pub(crate) fn etcd() -> Self {
        On::etcd_at(Etcd::shared().unwrap().endpoint())
    }

    /// The shared server where it is found at another address, too.
    pub(crate) fn etcd_at(address: impl Display) -> Self {
        On::new("registry.type=etcd", format!("registry.etcd.endpoints={address}"))
    }

    pub(crate) fn zookeeper() -> Self {
        On::zookeeper_at(ZooKeeper::shared().unwrap().endpoint())
    }

    /// The shared server where it is found at another address, too.
    pub(crate) fn zookeeper_at(address: impl Display) -> Self {
        On::new("registry.type=zookeeper", format!("registry.zookeeper.connect-string={address}"))
    }

    /// Every server that there is: a command does and prints the same on each.
    pub(crate) fn each() -> [Self; 2] {
        [On::etcd(), On::zookeeper()]
    }

    /// Every server that there is, and what stands between it and the program.
    pub(crate) fn each_behind_a_proxy() -> [(Self, Proxy); 2] {
        let etcd = Proxy::to(Etcd::shared().unwrap().address()).unwrap();
        let zookeeper = Proxy::to(ZooKeeper::shared().unwrap().address()).unwrap();
        [(On::etcd_at(etcd.address()), etcd), (On::zookeeper_at(zookeeper.address()), zookeeper)]
    }

    fn new(backend: &str, server: String) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let namespace = format!("registry.namespace=cli-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        On { options: [backend, &server, &namespace].map(|assignment| format!("--set={assignment}")).into() }
    }

    /// Where the server is found.
    pub(crate) fn address(&self) -> &str {
        self.options[1].rsplit_once('=').unwrap().1
    }

    /// The same namespace with another server's address.
    pub(crate) fn at(&self, address: impl Display) -> Self {
        let mut options = self.options.clone();
        let (key, _) = options[1].rsplit_once('=').unwrap();
        options[1] = format!("{key}={address}");
        On { options }
    }

    /// The backend's name.
    pub(crate) fn backend(&self) -> &str {
        self.options[0].strip_prefix("--set=registry.type=").unwrap()
    }

    /// The program in this namespace.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = memory();
        command.args(&self.options).args(arguments);
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    /// What it prints when all is well.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        ran.text()
    }

    /// The same, as one object a line.
    pub(crate) fn objects(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.text(&[&["--output", "json"], arguments].concat());
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments))
    }
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    /// Without what it said while it was opening the registry: on a busy machine that may take long.
    pub(crate) stderr: String,
    pub(crate) opening: Vec<String>,
}

impl Ran {
    fn new(code: i32, stdout: Vec<u8>, stderr: Vec<u8>) -> Self {
        let stderr = String::from_utf8(stderr).unwrap();
        let is_progress =
            |line: &&str| line.starts_with("registry: no session with ") || line.starts_with("{\"opening\":");
        let (opening, others): (Vec<_>, Vec<_>) = stderr.split_inclusive('\n').partition(is_progress);
        let opening = opening.into_iter().map(|line| line.trim_end().to_owned()).collect();
        Ran { code, stdout, stderr: others.concat(), opening }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Its one line of error, without the program's name before it.
    #[track_caller]
    pub(crate) fn error(&self) -> &str {
        let line = self.stderr.strip_suffix('\n').unwrap_or_else(|| panic!("no error: {self:?}"));
        assert!(!line.contains('\n'), "more than one line: {line}");
        line.strip_prefix("registry: ").unwrap_or_else(|| panic!("not from the registry: {line}"))
    }

    /// Its error as an object, after what the log says.
    #[track_caller]
    pub(crate) fn error_object(&self) -> Value {
        let last = self.stderr.lines().last().unwrap_or_default();
        let mut object: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("no object: {self:?}"));
        object["error"].take()
    }
}

/// Runs a program to its end.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Ran {
    run_with_input(command, None)
}

/// The same with something on its standard input.
#[track_caller]
pub(crate) fn run_with_input(command: &mut Command, input: Option<Vec<u8>>) -> Ran {
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    if let Some(input) = input {
        let mut stdin = child.stdin.take().unwrap();
        // A program that refuses its input early closes it.
        thread::spawn(move || stdin.write_all(&input));
    }
    let (stdout, stderr) = (reader(child.stdout.take().unwrap()), reader(child.stderr.take().unwrap()));
    let code = exit_code(wait(&mut child));
    Ran::new(code, stdout.recv_timeout(LONG).unwrap(), stderr.recv_timeout(LONG).unwrap())
}

fn reader(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        from.read_to_end(&mut all).unwrap();
        let _ = sender.send(all);
    });
    receiver
}

/// The code as a shell would give it.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
}

#[track_caller]
fn wait(child: &mut Child) -> ExitStatus {
    let mut ended = None;
    eventually("the program ends", || {
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    ended.unwrap()
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let until = Instant::now() + LONG;
    while !so() {
        assert!(Instant::now() < until, "{what}: not within {LONG:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A program that runs, and its lines as they come; it is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    errors: Option<Receiver<Vec<u8>>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let errors = Some(reader(child.stderr.take().unwrap()));
        Running { child, lines, errors }
    }

    /// Its next line.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(LONG).expect("a line in time")
    }

    /// Its next line, if there is one soon.
    pub(crate) fn line_within_a_moment(&self) -> Option<String> {
        self.lines.recv_timeout(Duration::from_millis(200)).ok()
    }

    /// The first line that is so; those before it are passed over.
    #[track_caller]
    pub(crate) fn line_where(&self, so: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.line();
            if so(&line) {
                return line;
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it has ended: its code, the rest of its output, and its errors.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ran {
        let code = exit_code(wait(&mut self.child));
        let mut rest = String::new();
        loop {
            match self.lines.recv_timeout(LONG) {
                Ok(line) => rest = rest + &line + "\n",
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("something it started holds its output open"),
            }
        }
        let stderr = self.errors.take().unwrap().recv_timeout(LONG).unwrap();
        Ran::new(code, rest.into_bytes(), stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process runs: it has not ended, nor is it stopped.
pub(crate) fn runs(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains(['Z', 'X', 'T']))
}

/// A file that goes with the test.
pub(crate) fn file(name: &str, text: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// A command line as one wants to write it in a test.
pub(crate) fn args<S: AsRef<OsStr>>(mut command: Command, arguments: impl IntoIterator<Item = S>) -> Command {
    command.args(arguments);
    command
}

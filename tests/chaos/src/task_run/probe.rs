//! The command of every task: it writes down that it began, that it is alive, and what it is about to end with.

use std::{
    env,
    fs::File,
    io::{self, Write as _},
    os::unix::{fs::FileExt as _, process::CommandExt as _},
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use clap::Args;
use registry_chaos::{
    history::now,
    tasks::{Mark, judge::line},
};

/// How often it writes that it is alive.
const OFTEN: Duration = Duration::from_millis(10);

/// How long a child runs unless somebody ends it.
const CHILD: Duration = Duration::from_secs(600);

/// The name of its file's ending.
pub(super) const ENDING: &str = "mark";

/// What it does.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where it writes.
    #[arg(long)]
    folder: PathBuf,
    /// How long it runs.
    #[arg(long)]
    millis: u64,
    /// Starts a process that it does not wait for.
    #[arg(long)]
    with_child: bool,
    /// Is that process.
    #[arg(long)]
    is_child: bool,
}

/// Runs for as long as it is to.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match play(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("the command of the task: {error}");
            ExitCode::from(99)
        }
    }
}

fn play(arguments: &Arguments) -> io::Result<u8> {
    let variable = |name: &str| env::var(name).map_err(|_| io::Error::other(format!("{name} is not there")));
    let id = variable("REGISTRY_TASK_ID")?;
    let attempt = variable("REGISTRY_TASK_ATTEMPT")?.parse().map_err(io::Error::other)?;
    let (pid, began) = (std::process::id(), now());
    let mut mark = Mark { id, attempt, pid, is_child: arguments.is_child, started: began, alive: began, code: None };
    let file = File::create(arguments.folder.join(format!("{}.{attempt}.{pid}.{ENDING}", mark.id)))?;
    write(&file, &mark)?;
    print!("{}", line(&mark));
    io::stdout().flush()?;
    if arguments.with_child {
        let mut child = Command::new(env::current_exe()?);
        child.args(["probe", "--is-child", "--millis", &CHILD.as_millis().to_string(), "--folder"]);
        child.arg(&arguments.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        child.process_group(0).spawn()?;
    }
    let until = Instant::now() + Duration::from_millis(arguments.millis);
    while Instant::now() < until {
        sleep(OFTEN);
        mark.alive = now();
        write(&file, &mark)?;
    }
    let code = code(&mark.id, attempt);
    (mark.alive, mark.code) = (now(), Some(code.into()));
    write(&file, &mark)?;
    Ok(code)
}

/// Over what it has written before, so that the file is whole whenever the process dies.
fn write(file: &File, mark: &Mark) -> io::Result<()> {
    let text = serde_json::to_string(mark)?;
    file.write_all_at(format!("{text:<255}\n").as_bytes(), 0)
}

/// What an attempt ends with: another code for each, so that no result passes for that of another attempt.
fn code(id: &str, attempt: u32) -> u8 {
    let hash = id
        .bytes()
        .chain(attempt.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    match hash % 20 {
        0..14 => 0,
        other => u8::try_from(other).unwrap_or(1),
    }
}

//! What the tests stand on: folders to work in, the program as a process, a real broker.
//!
//! Nothing here waits by the clock: every wait is for an event (a line, an answer, an end), and has a deadline that fails the test.
#![allow(dead_code)] // each helper is there for several tests, and a filter may build only some of them
pub mod command;
pub mod fold;
pub mod kafka;

use kangyang::contract::Contract;
use kangyang::lake::Lake;
use kangyang::models::{Engine, Opening, Pin, Pinned};
use kangyang::tree::Tree;
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of this run under Cargo's own scratch folder. What earlier runs left there is removed first, so that the
/// folders of the last run, failed or not, can still be looked at.
fn run_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
        for old in std::fs::read_dir(base).into_iter().flatten().flatten() {
            let of = old.file_name().to_str().and_then(|n| n.strip_prefix("run-")?.parse::<u32>().ok());
            if of.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
                let _ = std::fs::remove_dir_all(old.path());
            }
        }
        let folder = base.join(format!("run-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the scratch folder can be made");
        folder
    })
}

/// A folder of one test. It goes with the value, unless the test fails: then it stays, and its path is printed.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new, empty folder; `name` is for the reader of a failure.
    pub fn new(name: &str) -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let path = run_folder().join(format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir_all(&path).expect("a scratch folder can be made");
        Scratch(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it; returns the file's path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("a scratch folder can be made");
        }
        std::fs::write(&path, text).expect("a scratch file can be written");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the test's folder is kept: {}", self.0.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// Starts a process that the kernel kills when this one ends, however it ends: statics are never dropped, and a test run may be
/// killed itself. The kernel's rule is about the *thread* that started the child, and test threads come and go, so one thread that
/// lives as long as the process starts them all.
pub fn spawn(command: Command) -> std::io::Result<Child> {
    type Order = (Command, mpsc::Sender<std::io::Result<Child>>);
    static STARTER: OnceLock<Mutex<mpsc::Sender<Order>>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        let run = move || inbox.into_iter().for_each(|(mut command, answer)| drop(answer.send(start(&mut command))));
        std::thread::Builder::new().name("starter".to_owned()).spawn(run).expect("a thread can be started");
        Mutex::new(orders)
    });
    let (answer, result) = mpsc::channel();
    let sent = starter.lock().unwrap_or_else(|e| e.into_inner()).send((command, answer));
    sent.expect("the starter thread lives as long as the process");
    result.recv().expect("the starter thread answers")
}

fn start(command: &mut Command) -> std::io::Result<Child> {
    let parent = std::process::id();
    let tie = move || {
        // SAFETY: two system calls that touch no memory of ours, allowed between fork and exec.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            // The parent may have died before the line above.
            if libc::getppid() != parent as libc::pid_t {
                return Err(std::io::Error::other("the test process is gone"));
            }
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls that are safe after fork.
    unsafe { command.pre_exec(tie) };
    command.spawn()
}

/// A Python of the test environment that tests/run makes, ready to run `tests/python/<script>`.
pub fn python(script: &str) -> Command {
    let python = root().join("target/venv/bin/python");
    assert!(python.exists(), "{} is missing: run tests/run once, it makes the environment", python.display());
    let mut command = Command::new(python);
    command.arg(root().join("tests/python").join(script));
    command
}

/// Copies a folder with all in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("a folder can be read").flatten() {
        let (path, place) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &place);
        } else {
            std::fs::copy(&path, &place).expect("a file can be copied");
        }
    }
}

/// An event of the city, whole; `kind` without `kangyang.` and `.v1`.
pub fn event(kind: &str, id: &str, subject: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/city/test", "type": format!("kangyang.{kind}.v1"), "subject": subject,
        "time": "2021-06-18T09:12:00+08:00", "data": data,
    })
}

/// What a `class_filed` says of a class that lasts a year: subsidised, for elderly caregivers. A test changes what it is about.
pub fn filing(class: &str, district: &str, year: i64) -> Value {
    json!({
        "class_id": class, "plan": "kangyang-2020-2022", "institution_id": "91410800TE5T00008T", "district_code": district,
        "occupation": "elderly_caregiver", "level": "5", "training_kind": "upskilling", "subsidised": true, "schooling": false,
        "planned_total_minutes": 3600, "planned_practical_minutes": 2400, "starts_on": format!("{year}-01-04"),
        "ends_on": format!("{year}-12-24"), "capacity": 45,
    })
}

/// A session of this process on a data root, below a pin or where the lake stands.
pub async fn session(root: &Path, pin: Option<&Pin>) -> (Engine, Pinned) {
    let (schemas, queries) = (Tree::schemas(None).expect("schemas"), Tree::queries(None).expect("queries"));
    let contract = Arc::new(Contract::compile(&schemas).expect("a contract"));
    let mut lake = Lake::open(root).await.expect("a lake");
    let pinned = match pin {
        Some(pin) => pin.clone().checked(&mut lake).await.expect("a pin of the lake"),
        None => Pin::newest(&mut lake).await.expect("a pin"),
    };
    let opening = Opening { lake: &lake, contract: &contract, queries: &queries, pinned: &pinned, memory: 1 << 30, scratch: root };
    (Engine::open(&opening).await.expect("a session"), pinned)
}

//! The program as a user runs it: a process with arguments, an environment, two streams and an exit code.
use super::kafka::Broker;
use super::{Scratch, root, spawn};
use std::ffi::OsStr;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The longest that a command may run, or an awaited line may take: far beyond what any does, so that only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(180);

/// The program under test; `KANGYANG_TEST_BINARY` names another build of it.
pub fn binary() -> PathBuf {
    std::env::var_os("KANGYANG_TEST_BINARY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_kangyang")), PathBuf::from)
}

/// One user of the program: a working folder, where also its data root is, and settings in the environment.
pub struct Kangyang {
    /// The working folder; the data root is `data` in it.
    pub folder: Scratch,
    /// Environment variables of every command.
    pub env: Vec<(String, String)>,
}

impl Kangyang {
    /// Without a broker: for commands that need none.
    pub fn new(name: &str) -> Kangyang {
        Kangyang { folder: Scratch::new(name), env: Vec::new() }
    }

    /// With a broker and a topic prefix; the topics need not exist yet.
    pub fn on(broker: &Broker, name: &str, prefix: &str) -> Kangyang {
        let mut k = Kangyang::new(name);
        k.set("KANGYANG_BROKERS", &broker.address());
        k.set("KANGYANG_TOPIC_PREFIX", prefix);
        // Two tests in one consumer group would take partitions from each other.
        k.set("KANGYANG_GROUP", prefix);
        k
    }

    /// Sets an environment variable of all later commands.
    pub fn set(&mut self, key: &str, value: &str) {
        self.env.push((key.to_owned(), value.to_owned()));
    }

    /// The data root.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A command, not yet started. Nothing of the tester's environment reaches it but where programs and the home are.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut c = Command::new(binary());
        c.args(args).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        for key in ["PATH", "HOME", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(key) {
                c.env(key, value);
            }
        }
        // Its temporary files are its own, and go with the folder.
        c.env("TMPDIR", self.folder.path()).env("LANG", "C.UTF-8").envs(self.env.iter().map(|(k, v)| (k, v)));
        c
    }

    /// Runs it to its end. Fails the test if that takes longer than [`PATIENCE`].
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        finish(self.command(args), b"")
    }

    /// Runs it to its end with this on its standard input.
    pub fn run_with_input<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, input: &[u8]) -> Output {
        finish(self.command(args), input)
    }

    /// Runs it and expects exit code 0; its stdout.
    pub fn ok<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> String {
        let out = self.run(args);
        assert_eq!(out.code, Some(0), "{out}");
        out.stdout
    }

    /// One query's rows as text, without the header.
    pub fn sql(&self, query: &str) -> Vec<Vec<String>> {
        let out = self.ok(["sql", query, "--format", "csv"]);
        out.lines().skip(1).map(|l| l.split(',').map(str::to_owned).collect()).collect()
    }

    /// One query's one number.
    pub fn number(&self, query: &str) -> i64 {
        let rows = self.sql(query);
        let value = rows.first().and_then(|r| r.first()).and_then(|v| v.parse().ok());
        value.unwrap_or_else(|| panic!("{query} gives {rows:?}, which is no number"))
    }

    /// Starts it in the background.
    pub fn start<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Running {
        Running::start(self.command(args))
    }
}

/// What a command left behind.
pub struct Output {
    /// The command line, for messages.
    pub line: String,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}\nexit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.line, self.code, self.stdout, self.stderr)
    }
}

impl Output {
    /// Expects an exit code.
    pub fn exits(self, code: i32) -> Output {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Expects words on stderr.
    pub fn says(self, words: &str) -> Output {
        assert!(self.stderr.contains(words), "no {words:?} on stderr of\n{self}");
        self
    }
}

fn shown(command: &Command) -> String {
    let args: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
    format!("kangyang {}", args.join(" "))
}

/// Runs a command to its end with this on its standard input.
pub fn finish(mut command: Command, input: &[u8]) -> Output {
    let line = shown(&command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = spawn(command).unwrap_or_else(|e| panic!("{line} can't be started: {e}"));
    let (out, err) = (collect(child.stdout.take()), collect(child.stderr.take()));
    if let Some(mut pipe) = child.stdin.take() {
        let input = input.to_vec();
        // On a thread of its own: a command that stops reading would block us, and one that ended gives an error we don't need.
        std::thread::spawn(move || drop(pipe.write_all(&input)));
    }
    // Its streams end when it does.
    let deadline = Instant::now() + PATIENCE;
    let text = |r: mpsc::Receiver<Vec<u8>>, child: &mut Child| match r.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => {
            let _ = child.kill();
            panic!("{line} runs longer than {PATIENCE:?}")
        }
    };
    let (stdout, stderr) = (text(out, &mut child), text(err, &mut child));
    let code = child.wait().expect("a child can be waited for").code();
    Output { line, code, stdout, stderr }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (tx, rx) = mpsc::channel();
    std::thread::spawn(move || {
        let mut all = Vec::new();
        let _ = pipe.map(|mut p| p.read_to_end(&mut all));
        let _ = tx.send(all);
    });
    rx
}

/// A command in the background. It is killed with the value.
pub struct Running {
    line: String,
    child: Child,
    lines: mpsc::Receiver<String>,
    stdout: mpsc::Receiver<Vec<u8>>,
    /// The log lines read so far.
    pub seen: Vec<String>,
    ended: Option<ExitStatus>,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let line = shown(&command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(command).unwrap_or_else(|e| panic!("{line} can't be started: {e}"));
        let (tx, lines) = mpsc::channel();
        let stdout = collect(child.stdout.take());
        let stderr = child.stderr.take().expect("a piped stream");
        std::thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).all(|l| tx.send(l).is_ok()));
        Running { line, child, lines, stdout, seen: Vec::new(), ended: None }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next log line for which `wanted` holds. Fails the test if none comes in time, or the process ends before.
    pub fn line(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        match self.line_before(deadline, wanted) {
            Ok(line) => line,
            Err(why) => panic!("{}: waiting for {what}, but {why}; its log:\n{}", self.line, self.seen.join("\n")),
        }
    }

    /// The same, with a deadline of the caller's; the error says whether time ran out or the process ended.
    pub fn line_before(&mut self, deadline: Instant, wanted: impl Fn(&str) -> bool) -> Result<String, &'static str> {
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let hit = wanted(&line);
                    self.seen.push(line.clone());
                    if hit {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err("time ran out"),
                Err(RecvTimeoutError::Disconnected) => return Err("the process ended"),
            }
        }
    }

    /// Takes in the lines written so far, without waiting.
    pub fn drain(&mut self) -> &[String] {
        let from = self.seen.len();
        self.seen.extend(self.lines.try_iter());
        self.seen.get(from..).unwrap_or_default()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: libc::c_int) {
        // SAFETY: the child has not been waited for (`ended` is set by `wait` alone, which takes the value), so its id is its own.
        let sent = unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
        assert_eq!(sent, 0, "{} can't be signalled", self.line);
    }

    /// Kills it as a power cut would (SIGKILL), and waits until it is gone.
    pub fn kill(mut self) -> Output {
        let _ = self.child.kill();
        self.end()
    }

    /// Freezes it (SIGSTOP).
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Wakes it (SIGCONT).
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Asks it to end (SIGTERM), and waits.
    pub fn stop(self) -> Output {
        self.signal(libc::SIGTERM);
        self.wait()
    }

    /// Waits for its end. Fails the test if it doesn't come.
    pub fn wait(mut self) -> Output {
        let deadline = Instant::now() + PATIENCE;
        if self.line_before(deadline, |_| false) == Err("time ran out") {
            panic!("{} doesn't end; its log:\n{}", self.line, self.seen.join("\n"));
        }
        self.end()
    }

    fn end(&mut self) -> Output {
        let status = self.child.wait().expect("a child can be waited for");
        self.ended = Some(status);
        let far = Instant::now() + Duration::from_secs(10);
        let _ = self.line_before(far, |_| false);
        let stdout = self.stdout.recv_timeout(Duration::from_secs(10)).unwrap_or_default();
        Output {
            line: self.line.clone(),
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: self.seen.join("\n"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A free port, for a server that is about to start.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port()
}

/// The Prometheus metrics served on this machine at a port: the sum of a counter over its labels. `None` while nothing is served there.
pub fn metric(port: u16, name: &str) -> Option<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let value =
        |l: &str| l.strip_prefix(name).filter(|r| r.starts_with([' ', '{'])).and_then(|r| r.rsplit(' ').next()?.parse::<u64>().ok());
    Some(text.lines().filter_map(value).sum())
}

/// Compares with a golden file below `tests/`; with `KANGYANG_TEST_UPDATE=1` writes it instead, and the change is reviewed as a diff.
pub fn golden(path: &str, got: &str) {
    let file = root().join("tests").join(path);
    if std::env::var_os("KANGYANG_TEST_UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).expect("the folder can be made");
        std::fs::write(&file, got).expect("the golden file can be written");
        return;
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    if expected == got {
        return;
    }
    let hint = "if the change is meant, run again with KANGYANG_TEST_UPDATE=1 and review the diff";
    panic!("{} differs; {hint}\n{}", file.display(), difference(&expected, got));
}

/// Where two texts differ, line by line, with a few lines around: `-` expected, `+` got.
pub fn difference(expected: &str, got: &str) -> String {
    let (a, b): (Vec<_>, Vec<_>) = (expected.lines().collect(), got.lines().collect());
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count().min(a.len().min(b.len()) - head);
    let mut out = String::new();
    let mut show = |mark: &str, lines: &[&str]| lines.iter().for_each(|l| out.push_str(&format!("{mark}{l}\n")));
    show("  ", &a[head.saturating_sub(3)..head]);
    show("- ", &a[head..a.len() - tail]);
    show("+ ", &b[head..b.len() - tail]);
    show("  ", &a[a.len() - tail..(a.len() - tail + 3).min(a.len())]);
    out
}

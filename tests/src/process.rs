//! The binary: one command to its end, or the engine running.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::until;

/// A command in `dir` that nothing of the caller's environment influences.
fn command(binary: &str, dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.args(args).current_dir(dir).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    // Tables as wide as they want to be.
    command.env("COLUMNS", "240").env("TZ", "UTC");
    command
}

/// Runs a command to its end, with `stdin` as its input.
///
/// # Panics
/// When it cannot be run.
#[track_caller]
pub fn run(binary: &str, dir: &Path, args: &[&str], stdin: &[u8]) -> Output {
    let mut child = command(binary, dir, args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut pipe = child.stdin.take().expect("it is piped");
    let input = stdin.to_vec();
    // A command that ends without reading all of it breaks the pipe; its answer is what counts.
    let feeding = std::thread::spawn(move || drop(pipe.write_all(&input)));
    let output = child.wait_with_output().expect("the binary ends");
    feeding.join().expect("the feeder does not panic");
    output
}

/// Both streams of an ended command, for messages.
pub fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("status {:?}\nstdout:\n{}\nstderr:\n{}", output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Lines of a stream, collected by a thread.
#[derive(Debug)]
struct Lines {
    text: Arc<Mutex<String>>,
    thread: JoinHandle<()>,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let into = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Lines { text, thread }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// `noroshi run`, running. Dropping it kills it.
#[derive(Debug)]
pub struct Engine {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines,
    stderr: Lines,
}

/// What an engine left behind.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error: the log and the summary.
    pub stderr: String,
}

/// One row of the ledger's summary.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// Records received.
    pub received: u64,
    /// Records that became events.
    pub parsed: u64,
    /// Records kept raw in the spool.
    pub kept_raw: u64,
    /// Records dropped.
    pub dropped: u64,
    /// Records in flight.
    pub in_flight: u64,
    /// Hits of rules and indicators.
    pub hits: u64,
}

impl Engine {
    /// Starts `noroshi run --config noroshi.toml` in `dir`, with more arguments, and waits until it runs.
    #[track_caller]
    pub fn start(binary: &str, dir: &Path, args: &[&str]) -> Self {
        let engine = Self::spawn(binary, dir, args);
        engine.wait_log(" running");
        engine
    }

    /// Starts it without waiting.
    ///
    /// # Panics
    /// When the binary cannot be run.
    #[track_caller]
    pub fn spawn(binary: &str, dir: &Path, args: &[&str]) -> Self {
        Self::spawn_command(binary, dir, &[&["run", "--config", "noroshi.toml"], args].concat())
    }

    /// Starts any command that runs until it is stopped.
    ///
    /// # Panics
    /// When the binary cannot be run.
    #[track_caller]
    pub fn spawn_command(binary: &str, dir: &Path, args: &[&str]) -> Self {
        let mut child = command(binary, dir, args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        Engine {
            stdin: child.stdin.take(),
            stdout: Lines::of(child.stdout.take().expect("it is piped")),
            stderr: Lines::of(child.stderr.take().expect("it is piped")),
            child,
        }
    }

    /// Standard error so far.
    pub fn log(&self) -> String {
        self.stderr.text()
    }

    /// Waits for a line of the log that holds `needle`, and gives it.
    #[track_caller]
    pub fn wait_log(&self, needle: &str) -> String {
        let find = || self.log().lines().find(|line| line.contains(needle)).map(str::to_owned);
        until(&format!("`{needle}` in the log"), find, || self.log())
    }

    /// The address that an input listens on.
    #[track_caller]
    pub fn address(&self, input: &str) -> SocketAddr {
        address_in(&self.wait_log(&format!("listening input={input} address=")))
    }

    /// Asks the metrics server; status and body.
    #[track_caller]
    pub fn get(&self, path: &str) -> (u16, String) {
        let server = address_in(&self.wait_log(" metrics address="));
        let mut stream = TcpStream::connect(server).expect("metrics are served");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("it takes requests");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers with text");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("an HTTP status");
        (status, answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
    }

    /// The sum of a metric over the samples whose labels hold `label`.
    #[track_caller]
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        metric(&self.get("/metrics").1, name, label)
    }

    /// Waits until a metric has reached `least`.
    #[track_caller]
    pub fn wait_metric(&self, name: &str, label: &str, least: u64) {
        let reached = || (self.metric(name, label) >= least as f64).then_some(());
        until(&format!("{name}{{{label}}} ≥ {least}"), reached, || {
            format!("{}\n{}", self.get("/metrics").1, self.log())
        });
    }

    /// Waits until so many records were received and none is in flight.
    #[track_caller]
    pub fn wait_received(&self, input: &str, least: u64) {
        let label = format!("input=\"{input}\"");
        self.wait_metric("noroshi_records_received_total", &label, least);
        let settled = || (self.metric("noroshi_records_in_flight", &label) == 0.0).then_some(());
        until(&format!("input {input} has nothing in flight"), settled, || self.log());
    }

    /// Its standard input.
    ///
    /// # Panics
    /// When it was closed.
    pub fn stdin(&mut self) -> &mut ChildStdin {
        self.stdin.as_mut().expect("it is open")
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Sends a signal by name.
    ///
    /// # Panics
    /// When there is no shell to send it.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id())]).status();
        assert!(sent.expect("a shell").success(), "the process is there to be signalled");
    }

    /// SIGTERM, then waits for the end.
    #[track_caller]
    pub fn terminate(self) -> Ended {
        self.signal("TERM");
        self.wait()
    }

    /// SIGKILL, then waits for the end: what a crash is to the disk.
    #[track_caller]
    pub fn kill(self) -> Ended {
        self.signal("KILL");
        self.wait()
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let child = &mut self.child;
        let log = &self.stderr;
        let status = until("the engine's end", || child.try_wait().expect("it can be waited for"), || log.text());
        // Closed pipes end the threads; joined through the texts they leave.
        let finish =
            |lines: &Lines| until("the end of a stream", || lines.thread.is_finished().then_some(()), String::new);
        finish(&self.stdout);
        finish(&self.stderr);
        Ended { code: status.code(), stdout: self.stdout.text(), stderr: self.stderr.text() }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sum of a metric in an exposition over the samples whose labels hold `label`.
pub fn metric(exposition: &str, name: &str, label: &str) -> f64 {
    exposition
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
        .filter(|line| line.contains(label))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

fn address_in(line: &str) -> SocketAddr {
    let text = line.split("address=").nth(1).and_then(|rest| rest.split_whitespace().next());
    text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no address in: {line}"))
}

impl Ended {
    /// The rows of the ledger's summary, by input; `total` where there are several.
    ///
    /// # Panics
    /// When there is no summary, or it says that it does not balance.
    #[track_caller]
    pub fn summary(&self) -> BTreeMap<String, Row> {
        let mut lines =
            self.stderr.lines().skip_while(|line| !(line.starts_with("input ") && line.contains("kept raw")));
        assert!(lines.next().is_some(), "no summary in:\n{}", self.stderr);
        let mut rows = BTreeMap::new();
        for line in lines {
            if line.starts_with("dropped ") {
                continue;
            }
            if line.contains(" alerts in ") {
                assert!(line.contains("received = parsed + kept raw + dropped + in flight"), "{line}");
                break;
            }
            // Two blanks part columns; a single one parts thousands.
            let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
            let number = |at: usize| cells[at].replace(' ', "").parse().expect("a number");
            assert_eq!(cells.len(), 7, "{line}");
            let row = Row {
                received: number(1),
                parsed: number(2),
                kept_raw: number(3),
                dropped: number(4),
                in_flight: number(5),
                hits: number(6),
            };
            rows.insert(cells[0].to_owned(), row);
        }
        rows
    }

    /// Holds the end to a clean stop: exit 0, every input's account balanced, nothing in flight, nothing dropped.
    #[track_caller]
    pub fn assert_clean(&self) -> BTreeMap<String, Row> {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        let rows = self.summary();
        for (input, row) in &rows {
            let accounted = row.parsed + row.kept_raw + row.dropped + row.in_flight;
            assert_eq!(row.received, accounted, "{input}: {row:?}");
            assert_eq!((row.dropped, row.in_flight), (0, 0), "{input}: {row:?}");
        }
        rows
    }
}

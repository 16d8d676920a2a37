use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use noroshi_input::files::{Fault, FaultyFiles, Operation, RealFiles};

use super::stdout::StdoutSink;
use super::*;

const WAIT: Duration = Duration::from_secs(30);

fn line(number: u8, is_final: bool) -> AlertLine {
    let state = if is_final { "final" } else { "open" };
    let json = format!("{{\"rule\":{{\"name\":\"r{number}\"}},\"noroshi\":{{\"state\":\"{state}\"}}}}");
    AlertLine { json, id: [number; 16], is_final, severity: Severity::High }
}

fn options() -> SinkOptions {
    SinkOptions { retry: Duration::from_millis(1), ..SinkOptions::default() }
}

fn file_config(path: &Path) -> OutputConfig {
    OutputConfig { path: Some(path.to_owned()), ..OutputConfig::new(OutputType::File) }
}

fn real() -> Arc<dyn Files> {
    Arc::new(RealFiles)
}

fn one(config: OutputConfig, options: &SinkOptions) -> Sinks {
    Sinks::start(&[config], &real(), options).unwrap()
}

#[test]
fn a_full_disk_loses_no_alert_and_says_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alerts.ndjson");
    let faulty = Arc::new(FaultyFiles::new(RealFiles));
    let files: Arc<dyn Files> = faulty.clone();
    let config = OutputConfig { queue_alerts_max: Some(4), ..file_config(&path) };
    let sinks = Sinks::start(&[config], &files, &options()).unwrap();
    faulty.fail_from(Operation::Write, 1, Fault::TornWrite);
    sinks.send(vec![line(1, true)]);
    assert!(sinks.running[0].delivery.wait_failing(WAIT));
    let last = sinks.send((2..=6).map(|n| line(n, true)).collect());
    assert_eq!((last, sinks.settled()), (6, 0), "a checkpoint must not pass what waits in memory");
    let status = &sinks.status()[0];
    assert_eq!((status.queued, status.dropped, status.is_balanced()), (4, [2, 0, 0, 0], true));
    let shown = dir.path().display();
    assert_eq!(
        status.failing.as_ref().unwrap().error,
        format!(
            "alerts wait: cannot write to `{shown}/alerts.ndjson`: No space left on device (os error 28)\n   \
             = help: the disk is full: free space in `{shown}` (`df {shown}`), or lower rotate_bytes or keep_files"
        )
    );
    let ailment = sinks.ailments().pop().unwrap();
    assert!(ailment.starts_with("output file: alerts wait: ") && ailment.ends_with("(4 alerts wait)"), "{ailment}");
    faulty.heal();
    assert!(sinks.flush(WAIT) && sinks.settled() == last);
    assert_eq!(sinks.ailments(), Vec::<String>::new());
    let expected: String = (1..=4).map(|n| line(n, true).json + "\n").collect();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn a_restart_drops_what_each_output_already_has() {
    let dir = tempfile::tempdir().unwrap();
    let (path, log) = (dir.path().join("alerts.ndjson"), dir.path().join("sent"));
    let run = |lines: Vec<AlertLine>| {
        let (sent, _) = Sent::open(&log, real()).unwrap();
        let sinks = one(file_config(&path), &SinkOptions { sent: Some(Arc::new(sent)), ..options() });
        sinks.send(lines);
        sinks.stop(WAIT).remove(0)
    };
    let first = run(vec![line(1, false), line(1, false), line(2, true)]);
    assert_eq!((first.delivered, first.duplicates), (3, 0), "an update of an open alert is no duplicate");
    let second = run(vec![line(1, false), line(1, true), line(2, false), line(2, true), line(3, true)]);
    assert_eq!((second.delivered, second.duplicates), (2, 3));
    let written = std::fs::read_to_string(&path).unwrap();
    let expected = [line(1, false), line(1, false), line(2, true), line(1, true), line(3, true)];
    assert_eq!(written, expected.map(|line| line.json + "\n").concat());
}

#[test]
fn every_wrong_key_is_told_at_once() {
    let toml = "
        [[output]]
        type = 'file'
        url = 'https://soc.example/'
        rotate_bytes = 1
        [[output]]
        type = 'webhook'
        url = 'ftp://soc.example/'
        [[output]]
        type = 'webhook'
        url = 'https://user:secret@soc.example/'
    ";
    #[derive(serde::Deserialize)]
    struct Outputs {
        output: Vec<OutputConfig>,
    }
    let outputs: Outputs = toml::from_str(toml).unwrap();
    let errors = Sinks::start(&outputs.output, &real(), &options()).unwrap_err();
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "output `file`: `url` has no meaning for type \"file\"\n   = help: remove it, or use it with type \"webhook\"",
            "output `file`: `path` is missing\n   = help: type \"file\" needs it, for example path = \"alerts.ndjson\"",
            "output `file`: `rotate_bytes` is 1\n   = help: give a number from 65536 to 1099511627776",
            "output `webhook`: `url` is neither http:// nor https://\n   = help: give it as https://host/path",
            "output `webhook`: `url` holds a user name or password\n   = help: put `Basic …` into a file and name it as \
             authorization_file",
            "output `webhook`: two outputs are named `webhook`\n   = help: give each a `name` of its own",
        ]
    );
    let unknown = toml::from_str::<Outputs>("[[output]]\ntype = 'stdout'\nrotate = 1\n").err().unwrap().to_string();
    assert!(unknown.contains("unknown field `rotate`") && unknown.contains("line 3"), "{unknown}");
}

#[test]
fn one_file_takes_one_output() {
    let path = Path::new("/var/lib/noroshi/alerts.ndjson");
    let second = OutputConfig { name: Some("second".to_owned()), ..file_config(path) };
    let errors = Sinks::start(&[file_config(path), second], &real(), &options()).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "output `second`: two outputs write to `/var/lib/noroshi/alerts.ndjson`\n   = help: give each a `path` of its own"
    );
}

#[test]
fn an_alert_file_that_cannot_be_opened_stops_the_start() {
    let errors =
        Sinks::start(&[file_config(Path::new("/nonexistent/alerts.ndjson"))], &real(), &options()).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "output `file`: cannot open `/nonexistent/alerts.ndjson`: No such file or directory (os error 2)\n   \
         = help: create the directory `/nonexistent`"
    );
}

/// A writer that fails as the test says, and shares what it took.
struct Script {
    answers: Vec<std::io::Result<usize>>,
    taken: Arc<Mutex<Vec<u8>>>,
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = if self.answers.is_empty() { bytes.len() } else { self.answers.remove(0)?.min(bytes.len()) };
        self.taken.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn stdout_sink(
    answers: Vec<std::io::Result<usize>>,
    options: &SinkOptions,
) -> (StdoutSink<Script>, Arc<Mutex<Vec<u8>>>) {
    let taken = Arc::new(Mutex::new(Vec::new()));
    (StdoutSink::new(Script { answers, taken: taken.clone() }, options), taken)
}

#[test]
fn standard_output_goes_on_where_a_write_stopped() {
    let (mut sink, taken) = stdout_sink(vec![Ok(5), Err(std::io::ErrorKind::WouldBlock.into())], &options());
    let lines = [Arc::new(line(1, true)), Arc::new(line(2, true))];
    assert!(matches!(sink.deliver(&lines), Err(Failure::Retry { .. })));
    sink.deliver(&lines).unwrap();
    let expected = format!("{}\n{}\n", lines[0].json, lines[1].json);
    assert_eq!(String::from_utf8(taken.lock().unwrap().clone()).unwrap(), expected);
}

#[test]
fn a_closed_pipe_ends_standard_output() {
    let (mut sink, _) = stdout_sink(vec![Err(std::io::ErrorKind::BrokenPipe.into())], &options());
    assert!(matches!(sink.deliver(&[Arc::new(line(1, true))]), Err(Failure::Closed { .. })));
}

#[test]
fn a_terminal_gets_one_head_and_escaped_rows() {
    let options = SinkOptions { stdout_mode: OutputMode::Table, width: Some(90), ..options() };
    let (mut sink, taken) = stdout_sink(vec![], &options);
    let mut hostile = line(1, true);
    hostile.json = hostile.json.replace("r1", "\\u001b]52;c;eA==\\u0007");
    sink.deliver(&[Arc::new(hostile)]).unwrap();
    sink.deliver(&[Arc::new(line(2, false))]).unwrap();
    let text = String::from_utf8(taken.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("time (UTC)") && lines[1].contains("\\u{1b}]52;c;eA") && lines[2].ends_with("open"));
    assert!(!text.contains('\u{1b}'));
}

/// One request as the receiver saw it.
#[derive(Debug)]
struct Request {
    head: String,
    body: String,
}

/// A receiver on loopback that gives the answers of the test, one a request, then 200 for ever.
struct Receiver {
    address: SocketAddr,
    requests: crossbeam_channel::Receiver<Request>,
}

fn receive(answers: &[&str]) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (out, requests) = crossbeam_channel::unbounded();
    let mut answers: Vec<String> = answers.iter().rev().map(ToString::to_string).collect();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let Some(request) = read_request(&stream) else { continue };
            let answer = answers.pop().unwrap_or_else(|| "200 OK".to_owned());
            let _ = write!(&stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            if out.send(request).is_err() {
                return;
            }
        }
    });
    Receiver { address, requests }
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let mut body = vec![0; header("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Request { head: head.clone(), body: String::from_utf8(body).ok()? })
}

fn hook(address: SocketAddr) -> OutputConfig {
    OutputConfig {
        url: Some(format!("http://{address}/T0/secret-path?token=s3cret")),
        flush_interval_ms: Some(0),
        ..OutputConfig::new(OutputType::Webhook)
    }
}

#[test]
fn a_webhook_gets_ndjson_with_the_secret_from_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "Bearer abc\n").unwrap();
    let receiver = receive(&[]);
    let config = OutputConfig { authorization_file: Some(secret.clone()), ..hook(receiver.address) };
    let sinks = one(config, &options());
    let last = sinks.send(vec![line(1, true), line(2, true)]);
    assert!(sinks.wait_settled(last, WAIT));
    let request = receiver.requests.recv_timeout(WAIT).unwrap();
    assert!(request.head.starts_with("POST /T0/secret-path?token=s3cret HTTP/1.1\r\n"), "{}", request.head);
    let head = request.head.to_ascii_lowercase();
    assert!(head.contains("authorization: bearer abc\r\n") && head.contains("content-type: application/x-ndjson\r\n"));
    assert_eq!(request.body, format!("{}\n{}\n", line(1, true).json, line(2, true).json));
    std::fs::write(&secret, "Bearer new").unwrap();
    let last = sinks.send(vec![line(3, true)]);
    assert!(sinks.wait_settled(last, WAIT));
    let request = receiver.requests.recv_timeout(WAIT).unwrap();
    assert!(request.head.to_ascii_lowercase().contains("authorization: bearer new\r\n"), "changed without a restart");
}

#[test]
fn a_webhook_gets_one_json_array() {
    let receiver = receive(&[]);
    let config = OutputConfig { format: Some(WebhookFormat::JsonArray), ..hook(receiver.address) };
    let sinks = one(config, &options());
    assert!(sinks.wait_settled(sinks.send(vec![line(1, true), line(2, false)]), WAIT));
    let request = receiver.requests.recv_timeout(WAIT).unwrap();
    assert_eq!(request.body, format!("[{},{}]", line(1, true).json, line(2, false).json));
    assert!(request.head.to_ascii_lowercase().contains("content-type: application/json\r\n"));
}

#[test]
fn busy_and_broken_receivers_are_tried_again() {
    let receiver = receive(&["503 Busy", "429 Slow\r\nRetry-After: 0", "408 Late", "500 Oops"]);
    let sinks = one(hook(receiver.address), &options());
    let last = sinks.send(vec![line(1, true)]);
    assert!(sinks.wait_settled(last, WAIT));
    let status = &sinks.status()[0];
    assert_eq!((status.delivered, status.retries, status.dropped_total()), (1, 4, 0));
    let bodies: Vec<String> = receiver.requests.try_iter().map(|request| request.body).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[test]
fn refusals_are_final_counted_and_tell_no_secret() {
    for (answer, help) in [
        ("400 Bad", "look into the receiver's log"),
        ("401 No", "correct what is in authorization_file"),
        ("404 Gone", "correct the URL"),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", "give the URL it redirects to"),
    ] {
        let receiver = receive(&[answer]);
        let sinks = one(hook(receiver.address), &options());
        let last = sinks.send(vec![line(1, true)]);
        assert!(sinks.wait_settled(last, WAIT));
        let status = &sinks.status()[0];
        assert_eq!((status.delivered, status.retries, status.dropped), (0, 0, [0, 1, 0, 0]), "{answer}");
        let refused = status.refused.clone().unwrap();
        assert!(refused.ends_with(help) && refused.starts_with(&format!("http://{} answered", receiver.address)));
        assert!(!refused.contains("secret") && !refused.contains("s3cret"), "{refused}");
    }
}

#[test]
fn a_receiver_that_is_away_holds_up_no_other_sink() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alerts.ndjson");
    // Bound, but never accepted from after this: the port is free again, so nobody listens.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = OutputConfig { queue_alerts_max: Some(2), ..hook(address) };
    let sinks = Sinks::start(&[away, file_config(&path)], &real(), &options()).unwrap();
    sinks.send((1..=5).map(|n| line(n, true)).collect());
    assert!(sinks.running[1].delivery.wait_settled(5, WAIT));
    assert!(sinks.running[0].delivery.wait_failing(WAIT));
    assert_eq!(sinks.settled(), 0);
    let ailments = sinks.ailments().join("\n");
    assert!(ailments.contains(&format!("cannot send alerts to http://{address}: ")), "{ailments}");
    assert!(!ailments.contains("s3cret") && !ailments.contains("secret-path"), "{ailments}");
    let status = sinks.stop(Duration::ZERO);
    assert_eq!((status[0].dropped, status[0].is_balanced()), ([3, 0, 0, 2], true));
    assert_eq!((status[1].delivered, status[1].dropped_total()), (5, 0));
}

#[test]
fn a_secret_that_would_split_the_header_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "Bearer a\r\nX-Evil: 1").unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    let config = OutputConfig { authorization_file: Some(secret), ..hook(address) };
    let error = Sinks::start(&[config], &real(), &options()).unwrap_err().remove(0).to_string();
    assert!(error.contains("does not hold one line of printable ASCII") && !error.contains("Evil"), "{error}");
}

#[test]
fn metrics_name_each_output_and_reason() {
    let sinks = one(file_config(&tempfile::tempdir().unwrap().path().join("a")), &options());
    let mut text = Exposition::default();
    sinks.append_metrics(&mut text);
    let text = text.render();
    assert!(text.contains("noroshi_output_dropped_total{output=\"file\",reason=\"queue_full\"} 0\n"), "{text}");
    assert!(text.contains("# TYPE noroshi_output_queued gauge\n"), "{text}");
}

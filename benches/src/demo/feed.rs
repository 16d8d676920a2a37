//! Plays the scenario live over real sockets and into a file, and ends by itself.

use super::scenario::{Channel, Play, SPAN, Script, plays};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at the clock; lines due by then go out together.
const TICK: Duration = Duration::from_millis(2);
/// Datagrams of one tick at most, also when catching up: 48 × 121 B stay far below the smallest receive buffer
/// of Linux (212,992 bytes with overhead of about 700 a datagram).
const DATAGRAMS_PER_TICK: usize = 48;

/// Where the scenario goes and how fast.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// Same seed, same scenario.
    pub seed: u64,
    /// Lines in all.
    pub lines: u64,
    /// Length of the run.
    pub seconds: f64,
    /// Event time of its start, nanoseconds since 1970.
    pub base_ns: u64,
    /// Event time that passes in one second of the run.
    pub scale: f64,
    /// Receiver of syslog datagrams; without one they are left out.
    pub udp: Option<SocketAddr>,
    /// Receiver of two TCP connections, one octet-counted, one by newlines.
    pub tcp: Option<SocketAddr>,
    /// File that proxy and web lines are appended to.
    pub file: Option<PathBuf>,
}

impl FeedOptions {
    /// Event time of a place in the run.
    #[must_use]
    pub fn time_ns(&self, play: &Play) -> u64 {
        let offset = play.at as f64 / SPAN as f64 * self.seconds * self.scale;
        self.base_ns.saturating_add((offset * 1e9) as u64)
    }
}

/// What went out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct FeedReport {
    /// Datagrams handed to the kernel.
    pub udp: u64,
    /// Datagrams the kernel refused (nobody listens).
    pub udp_refused: u64,
    /// Lines over TCP with octet counting.
    pub tcp_counted: u64,
    /// Lines over TCP with newlines.
    pub tcp_lines: u64,
    /// Lines appended to the file.
    pub file: u64,
    /// Lines left out because no receiver was named.
    pub left_out: u64,
    /// How long it took.
    pub seconds: f64,
}

/// The open ends of a run.
struct Ends {
    udp: Option<UdpSocket>,
    counted: Option<BufWriter<TcpStream>>,
    lines: Option<BufWriter<TcpStream>>,
    file: Option<BufWriter<File>>,
}

impl Ends {
    fn open(options: &FeedOptions) -> io::Result<Self> {
        let udp = match options.udp {
            Some(address) => {
                let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                Some(socket)
            }
            None => None,
        };
        let connect = || options.tcp.map(TcpStream::connect).transpose().map(|stream| stream.map(BufWriter::new));
        let file = match &options.file {
            Some(path) => Some(BufWriter::new(OpenOptions::new().create(true).append(true).open(path)?)),
            None => None,
        };
        Ok(Ends { udp, counted: connect()?, lines: connect()?, file })
    }

    /// Sends one line; true when it was a datagram.
    fn send(&mut self, channel: Channel, line: &mut Vec<u8>, report: &mut FeedReport) -> io::Result<bool> {
        match channel {
            Channel::Udp => {
                let Some(socket) = &self.udp else {
                    report.left_out += 1;
                    return Ok(false);
                };
                match socket.send(line) {
                    Ok(_) => report.udp += 1,
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => report.udp_refused += 1,
                    Err(error) => return Err(error),
                }
                return Ok(true);
            }
            Channel::TcpCounted => match &mut self.counted {
                Some(stream) => {
                    write!(stream, "{} ", line.len())?;
                    stream.write_all(line)?;
                    report.tcp_counted += 1;
                }
                None => report.left_out += 1,
            },
            Channel::TcpLines => append(self.lines.as_mut(), line, &mut report.tcp_lines, &mut report.left_out)?,
            Channel::File => append(self.file.as_mut(), line, &mut report.file, &mut report.left_out)?,
        }
        Ok(false)
    }

    fn flush(&mut self) -> io::Result<()> {
        for stream in [&mut self.counted, &mut self.lines].into_iter().flatten() {
            stream.flush()?;
        }
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }

    fn close(mut self) -> io::Result<()> {
        self.flush()?;
        for stream in [&self.counted, &self.lines].into_iter().flatten() {
            stream.get_ref().shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

fn append(out: Option<&mut impl Write>, line: &mut Vec<u8>, sent: &mut u64, left_out: &mut u64) -> io::Result<()> {
    match out {
        Some(out) => {
            line.push(b'\n');
            out.write_all(line)?;
            *sent += 1;
        }
        None => *left_out += 1,
    }
    Ok(())
}

/// Plays the scenario in `options.seconds`. Datagrams are paced; TCP waits for the receiver as TCP does.
///
/// # Errors
/// A receiver can't be reached or goes away, or the file can't be written.
pub fn feed(options: &FeedOptions) -> io::Result<FeedReport> {
    let script = Script::new(options.seed);
    let plays = plays(options.seed, options.lines);
    let mut ends = Ends::open(options)?;
    let mut report = FeedReport::default();
    let started = Instant::now();
    let mut line = Vec::with_capacity(2_048);
    let mut next = 0;
    while next < plays.len() {
        let run = (started.elapsed().as_secs_f64() / options.seconds.max(1e-3) * SPAN as f64) as u64;
        let mut datagrams = 0;
        while next < plays.len() && plays[next].at <= run && datagrams < DATAGRAMS_PER_TICK {
            let play = &plays[next];
            line.clear();
            script.write(&mut line, next as u64, play, options.time_ns(play));
            datagrams += usize::from(ends.send(play.channel, &mut line, &mut report)?);
            next += 1;
        }
        ends.flush()?;
        thread::sleep(TICK);
    }
    ends.close()?;
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    #[test]
    fn every_line_arrives_over_its_channel() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("web.log");
        let options = FeedOptions {
            seed: 1,
            lines: 1_500,
            seconds: 0.5,
            base_ns: 1_795_255_200_000_000_000,
            scale: 1.0,
            udp: Some(receiver.local_addr().unwrap()),
            tcp: Some(listener.local_addr().unwrap()),
            file: Some(file.clone()),
        };
        let plan = plays(options.seed, options.lines);
        let planned = |channel| plan.iter().filter(|play| play.channel == channel).count() as u64;
        let datagrams = planned(Channel::Udp);
        let udp = thread::spawn(move || {
            let mut buffer = [0_u8; 4_096];
            (0..datagrams).map(|_| receiver.recv(&mut buffer).unwrap()).all(|length| length > 20)
        });
        let tcp = thread::spawn(move || {
            let read = |listener: &TcpListener| {
                let mut stream = listener.accept().unwrap().0;
                thread::spawn(move || {
                    let mut bytes = Vec::new();
                    stream.read_to_end(&mut bytes).unwrap();
                    bytes
                })
            };
            let (counted, lines) = (read(&listener), read(&listener));
            (counted.join().unwrap(), lines.join().unwrap())
        });
        let report = feed(&options).unwrap();
        assert!(udp.join().unwrap(), "a datagram is too short");
        let (counted, lines) = tcp.join().unwrap();
        assert_eq!(report.udp, datagrams);
        let mut frames = 0;
        let mut rest = &counted[..];
        while !rest.is_empty() {
            let blank = rest.iter().position(|&byte| byte == b' ').unwrap();
            let length: usize = std::str::from_utf8(&rest[..blank]).unwrap().parse().unwrap();
            assert!(rest[blank + 1..].starts_with(b"<1"), "a frame starts with PRI");
            rest = &rest[blank + 1 + length..];
            frames += 1;
        }
        assert_eq!((frames, report.tcp_counted), (planned(Channel::TcpCounted), planned(Channel::TcpCounted)));
        let newlines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        assert_eq!(newlines(&lines), planned(Channel::TcpLines));
        assert_eq!(newlines(&std::fs::read(&file).unwrap()), planned(Channel::File));
        assert_eq!(report.left_out, 0);
    }
}

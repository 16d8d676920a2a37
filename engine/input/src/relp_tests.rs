//! RELP over loopback, spoken byte by byte.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::testing::{DEADLINE, Keeper, Mode, count};
use crate::{InputSpec, InputType, Origin};

fn keeper() -> Keeper {
    let mut spec = InputSpec::new("relp", InputType::Relp);
    spec.listen = Some("127.0.0.1:0".parse().unwrap());
    Keeper::start(&[spec])
}

fn connect(keeper: &Keeper) -> TcpStream {
    let stream = TcpStream::connect(keeper.address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn opened(keeper: &Keeper) -> TcpStream {
    let mut stream = connect(keeper);
    stream.write_all(b"1 open 30 relp_version=0\ncommands=syslog\n").unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let data = format!("200 OK\nrelp_version=0\nrelp_software=noroshi,{version}\ncommands=syslog");
    expect(&mut stream, &format!("1 rsp {} {data}\n", data.len()));
    stream
}

/// Reads exactly these bytes.
#[track_caller]
fn expect(stream: &mut TcpStream, text: &str) {
    let mut read = vec![0; text.len()];
    let mut at = 0;
    while at < read.len() {
        match stream.read(&mut read[at..]) {
            Ok(n) if n > 0 => at += n,
            other => panic!("{other:?} after {:?}, expected {text:?}", String::from_utf8_lossy(&read[..at])),
        }
    }
    assert_eq!(String::from_utf8_lossy(&read), text);
}

#[track_caller]
fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A peer that left bytes unread is answered with a reset; that is an end too.
    let _ = stream.read_to_end(&mut rest);
    assert_eq!(String::from_utf8_lossy(&rest), "", "nothing more");
}

#[test]
fn records_are_answered_in_order_wherever_they_are_cut() {
    let keeper = keeper();
    let mut stream = opened(&keeper);
    for byte in b"2 syslog 8 <13>one\n\n3 syslog 10 <13>t\nwo\0x\n4 syslog 0\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    expect(&mut stream, "2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 6 200 OK\n");
    assert_eq!(keeper.texts(), ["<13>one", "<13>t\nwo\0x", ""]);
    let peer = stream.local_addr().unwrap();
    assert!(matches!(*keeper.got()[0].origin, Origin::Relp { peer: p, .. } if p == peer));
    stream.write_all(b"5 close 0\n").unwrap();
    expect(&mut stream, "5 rsp 6 200 OK\n0 serverclose 0\n");
    expect_end(&mut stream);
    let counters = keeper.stop();
    assert_eq!((count(&counters, "acknowledged"), count(&counters, "connection_errors")), (3, 0));
}

#[test]
fn nothing_is_answered_before_it_is_kept() {
    let keeper = keeper();
    let mut stream = opened(&keeper);
    keeper.set(Mode::Hold);
    stream.write_all(b"2 syslog 5 <13>a\n").unwrap();
    keeper.wait_held(1);
    stream.write_all(b"3 syslog 5 <13>b\n").unwrap();
    keeper.wait_held(2);
    // The second is kept first; its answer waits for the first's.
    keeper.release_last();
    stream.set_nonblocking(true).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).expect_err("no answer yet").kind(), std::io::ErrorKind::WouldBlock);
    stream.set_nonblocking(false).unwrap();
    keeper.release();
    expect(&mut stream, "2 rsp 6 200 OK\n3 rsp 6 200 OK\n");
    keeper.stop();
}

#[test]
fn a_refused_record_ends_the_session_and_comes_again() {
    let keeper = keeper();
    let mut stream = opened(&keeper);
    keeper.set(Mode::Refuse);
    stream.write_all(b"2 syslog 5 <13>a\n").unwrap();
    expect(&mut stream, "2 rsp 20 500 the disk is full\n0 serverclose 0\n");
    expect_end(&mut stream);
    keeper.set(Mode::Keep);
    let mut stream = opened(&keeper);
    stream.write_all(b"2 syslog 5 <13>a\n").unwrap();
    expect(&mut stream, "2 rsp 6 200 OK\n");
    let counters = keeper.stop();
    assert_eq!((count(&counters, "acknowledged"), count(&counters, "not_acknowledged")), (1, 1));
}

#[test]
fn what_is_not_relp_is_shown_the_door() {
    let keeper = keeper();
    for hostile in ["GET / HTTP/1.1\r\n\r\n", "1 open 12345678901 x", "\0\0\0\0"] {
        let mut stream = connect(&keeper);
        stream.write_all(hostile.as_bytes()).unwrap();
        expect(&mut stream, "0 serverclose 0\n");
        expect_end(&mut stream);
    }
    let mut stream = connect(&keeper);
    stream.write_all(b"1 syslog 5 <13>a\n").unwrap();
    let said = "500 command not supported in this state";
    expect(&mut stream, &format!("1 rsp {} {said}\n0 serverclose 0\n", said.len()));
    let mut stream = connect(&keeper);
    stream.write_all(b"1 open 14 relp_version=7\n").unwrap();
    let said = "500 relp_version 0 or 1 is needed";
    expect(&mut stream, &format!("1 rsp {} {said}\n0 serverclose 0\n", said.len()));
    let mut stream = opened(&keeper);
    stream.write_all(b"2 syslog 5 <13>a\n3 syslog 999999999 <13>").unwrap();
    let said = "500 longer than 16777216 bytes";
    expect(&mut stream, &format!("2 rsp 6 200 OK\n3 rsp {} {said}\n0 serverclose 0\n", said.len()));
    assert_eq!(keeper.texts(), ["<13>a"]);
    let counters = keeper.stop();
    assert_eq!(count(&counters, "relp_malformed"), 5);
}

#[test]
fn a_flood_is_held_to_the_window_and_all_of_it_is_answered() {
    const RECORDS: usize = 20_000;
    let keeper = keeper();
    keeper.set(Mode::Hold);
    let mut stream = opened(&keeper);
    let writer = std::thread::spawn({
        let mut stream = stream.try_clone().unwrap();
        move || {
            for n in 0..RECORDS {
                let record = format!("<13>{n} {}", "x".repeat(200));
                stream.write_all(format!("{} syslog {} {record}\n", n + 2, record.len()).as_bytes()).unwrap();
            }
        }
    });
    keeper.wait_still("records");
    assert!(keeper.got().len() <= super::RELP_WINDOW_MAX, "no more than the window is taken");
    keeper.set(Mode::Keep);
    keeper.release();
    for n in 0..RECORDS {
        expect(&mut stream, &format!("{} rsp 6 200 OK\n", n + 2));
    }
    writer.join().unwrap();
    assert!(keeper.texts().iter().enumerate().all(|(n, text)| text.starts_with(&format!("<13>{n} "))), "in order");
    keeper.stop();
}

#[test]
fn a_stop_answers_what_is_due_and_says_good_bye() {
    let keeper = keeper();
    let mut stream = opened(&keeper);
    keeper.set(Mode::Hold);
    stream.write_all(b"2 syslog 5 <13>a\n").unwrap();
    keeper.wait_held(1);
    keeper.request_stop();
    keeper.release();
    expect(&mut stream, "2 rsp 6 200 OK\n0 serverclose 0\n");
    expect_end(&mut stream);
    keeper.stop();
}

//! RELP frames: `TXNR SP COMMAND SP DATALEN [SP DATA] LF` (the protocol's specification, version 1, "RELP FRAME").
//!
//! Reads one frame at a time from what the caller has buffered; keeps nothing and allocates nothing. Everything
//! in a frame is the sender's to choose, so every number has as many digits as the specification allows and no more.

/// Digits of a transaction number and of a length.
const NUMBER_DIGITS_MAX: usize = 9;

/// Letters of a command.
const COMMAND_BYTES_MAX: usize = 32;

/// Bytes before the data of a frame at most.
pub const HEADER_BYTES_MAX: usize = 2 * NUMBER_DIGITS_MAX + COMMAND_BYTES_MAX + 3;

/// One frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RelpFrame<'a> {
    /// The transaction number: 0 marks a hint, which is never answered.
    pub transaction: u32,
    /// What is asked: `open`, `syslog`, `close` and others.
    pub command: &'a [u8],
    /// Its data; empty where it has none.
    pub data: &'a [u8],
    /// How many bytes the frame takes, its LF included.
    pub bytes: usize,
}

/// Why a stream cannot be read on. There is no way to find the next frame after either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelpFault {
    /// The bytes are no frame.
    Malformed,
    /// The frame claims more data than is taken.
    TooLong {
        /// Its transaction.
        transaction: u32,
        /// The length it claims.
        claimed: u32,
    },
}

/// The frame at the begin of `buffer`; `None` = it has not all come yet. Some senders write a space where a frame without data ends;
/// it is passed over.
///
/// # Errors
/// When no frame can come of it, or its data is longer than `data_bytes_max`.
pub fn relp_frame(buffer: &[u8], data_bytes_max: usize) -> Result<Option<RelpFrame<'_>>, RelpFault> {
    let Some((transaction, at)) = number(buffer, 0)? else { return Ok(None) };
    if buffer[at] != b' ' {
        return Err(RelpFault::Malformed);
    }
    let command_at = at + 1;
    let rest = &buffer[command_at..];
    let Some(letters) = rest.iter().position(|byte| !byte.is_ascii_alphabetic()) else {
        return if rest.len() > COMMAND_BYTES_MAX { Err(RelpFault::Malformed) } else { Ok(None) };
    };
    if letters == 0 || letters > COMMAND_BYTES_MAX || rest[letters] != b' ' {
        return Err(RelpFault::Malformed);
    }
    let command = &rest[..letters];
    let Some((claimed, at)) = number(buffer, command_at + letters + 1)? else { return Ok(None) };
    let length = claimed as usize;
    if length > data_bytes_max {
        return Err(RelpFault::TooLong { transaction, claimed });
    }
    let data_at = match (buffer[at], length) {
        (b'\n', 0) => return Ok(Some(RelpFrame { transaction, command, data: &[], bytes: at + 1 })),
        (b' ', _) => at + 1,
        _ => return Err(RelpFault::Malformed),
    };
    match buffer.get(data_at + length) {
        None => Ok(None),
        Some(b'\n') => {
            let data = &buffer[data_at..data_at + length];
            Ok(Some(RelpFrame { transaction, command, data, bytes: data_at + length + 1 }))
        }
        Some(_) => Err(RelpFault::Malformed),
    }
}

/// The number at `at` and where it ends; `None` = its end has not come yet.
fn number(buffer: &[u8], at: usize) -> Result<Option<(u32, usize)>, RelpFault> {
    let rest = buffer.get(at..).unwrap_or_default();
    let digits = rest.iter().take(NUMBER_DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
    if digits > NUMBER_DIGITS_MAX || (digits == 0 && !rest.is_empty()) {
        return Err(RelpFault::Malformed);
    }
    if digits == rest.len() {
        return Ok(None);
    }
    // Nine digits fit.
    let value = rest[..digits].iter().fold(0u32, |value, digit| value * 10 + u32::from(digit - b'0'));
    Ok(Some((value, at + digits)))
}

/// What an `open` offers under `name` (`NAME=VALUE` on a line of its own); the first where it stands twice.
pub fn relp_offer<'a>(data: &'a [u8], name: &str) -> Option<&'a [u8]> {
    data.split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DATA_MAX: usize = 100;

    #[track_caller]
    fn check(buffer: &str, transaction: u32, command: &str, data: &str, bytes: usize) {
        let frame = relp_frame(buffer.as_bytes(), DATA_MAX).expect("sound").expect("whole");
        let expected = RelpFrame { transaction, command: command.as_bytes(), data: data.as_bytes(), bytes };
        assert_eq!(frame, expected);
        for cut in 0..bytes {
            assert_eq!(relp_frame(&buffer.as_bytes()[..cut], DATA_MAX), Ok(None), "cut at {cut}");
        }
    }

    #[test]
    fn frames_are_read_whole_wherever_they_are_cut() {
        check("1 open 14 relp_version=0\n2 syslog", 1, "open", "relp_version=0", 25);
        check("999999999 syslog 9 <13>a\nb\nc\n", 999_999_999, "syslog", "<13>a\nb\nc", 29);
        check("3 close 0\n", 3, "close", "", 10);
        check("3 close 0 \n", 3, "close", "", 11);
        check("0 serverclose 0\n", 0, "serverclose", "", 16);
    }

    #[test]
    fn what_is_no_frame_is_told_at_once() {
        for buffer in [
            "x",
            " 1 open 0\n",
            "1234567890 open",
            "1-open 0\n",
            "1 sys1og 0\n",
            "1  0\n",
            "1 open x\n",
            "1 open 1234567890\n",
            "1 open 3xabc\n",
            "1 open 3 abcd",
            "1 open 0 x\n",
            "1 open 0x",
            "1 abcdefghijklmnopqrstuvwxyzabcdefg 0\n",
            "1 abcdefghijklmnopqrstuvwxyzabcdefg",
            "GET / HTTP/1.1\r\n",
        ] {
            assert_eq!(relp_frame(buffer.as_bytes(), DATA_MAX), Err(RelpFault::Malformed), "{buffer:?}");
        }
        let too_long = RelpFault::TooLong { transaction: 7, claimed: 999_999_999 };
        assert_eq!(relp_frame(b"7 syslog 999999999 x", DATA_MAX), Err(too_long));
    }

    #[test]
    fn offers_are_found_by_name() {
        let data = b"relp_version=0\nrelp_software=librelp,1.10.0,http://librelp.adiscon.com\ncommands=syslog";
        assert_eq!(relp_offer(data, "relp_version"), Some(&b"0"[..]));
        assert_eq!(relp_offer(data, "commands"), Some(&b"syslog"[..]));
        assert_eq!(relp_offer(data, "relp"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_frame_inside_the_buffer_or_none(buffer in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(Some(frame)) = relp_frame(&buffer, DATA_MAX) {
                prop_assert!(frame.bytes <= buffer.len() && frame.data.len() <= DATA_MAX);
                prop_assert_eq!(buffer[frame.bytes - 1], b'\n');
            }
        }
    }
}

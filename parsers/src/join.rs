//! Events of several lines: which line begins a record, and which goes on with the one before.
//!
//! Pure: lines of one stream in, verdicts out. Who holds the lines, for how long and up to which bounds is the
//! caller's matter. Where only the next line can tell (a stack trace ends when something else begins), a record stays
//! open; where the text itself tells (JSON brackets), it ends with its last line. What turns out not to be what it
//! looked like is given up ([`Step::Broken`]): its lines stand alone, as if nobody had tried.

pub mod audit;
pub mod group;
mod json;

pub use json::JsonText;

use crate::split::may_hold_several;

/// Which lines are brought together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Join {
    /// None.
    Off,
    /// A file that is one JSON document; every other line is a record.
    #[default]
    Documents,
    /// JSON over several lines, indented lines and stack traces, MySQL slow log and Oracle blocks.
    Auto,
    /// JSON over several lines.
    Json,
    /// Stack traces, and whatever else follows a line with a time stamp and has none.
    Java,
    /// Lines that begin with a tab, or have no time stamp after one that has.
    Postgresql,
    /// Blocks of `# Time:` and `# User@Host:`, to the next one.
    MysqlSlow,
    /// Blocks below a line that is nothing but a time stamp.
    Oracle,
}

impl Join {
    /// Every join with its name in configurations and on the command line.
    pub const ALL: [(&'static str, Join); 8] = [
        ("none", Join::Off),
        ("documents", Join::Documents),
        ("auto", Join::Auto),
        ("json", Join::Json),
        ("java", Join::Java),
        ("postgresql", Join::Postgresql),
        ("mysql_slow", Join::MysqlSlow),
        ("oracle", Join::Oracle),
    ];

    /// Products whose records have several lines: what puts them together where the format is declared.
    const OF_FORMATS: [(&'static str, Join); 10] = [
        ("postgresql", Join::Postgresql),
        ("mysql", Join::MysqlSlow),
        ("mysql_slow", Join::MysqlSlow),
        ("oracle", Join::Oracle),
        ("oracle_audit", Join::Oracle),
        ("mssql", Join::Java),
        ("sqlserver", Join::Java),
        ("tomcat", Join::Java),
        ("keycloak", Join::Java),
        ("kafka", Join::Java),
    ];

    /// What puts the lines of a declared format together; a name unknown here has records of one line.
    pub fn of_format(name: &str) -> Join {
        let found = Join::OF_FORMATS.iter().find(|(known, _)| *known == name);
        found.map_or_else(Join::default, |(_, join)| *join)
    }

    /// The join of a name.
    pub fn by_name(name: &str) -> Option<Join> {
        Join::ALL.iter().find(|(known, _)| *known == name).map(|(_, join)| *join)
    }
}

/// Where a line stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct At {
    /// It is the first of its file.
    pub first: bool,
    /// It ends here; `false` for a part of a line that is longer than the limit, up to the last one.
    pub ends: bool,
}

/// What a line is to the record before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// It begins a record; what was open is complete.
    Begins {
        /// The next line may belong to it.
        open: bool,
    },
    /// It belongs to the open record.
    Continues {
        /// So may the next.
        open: bool,
    },
    /// What is open is no record of several lines: its lines stand alone. This line is to be asked again.
    Broken,
}

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Idle,
    /// A line of text, and whether it begins with a time stamp.
    Text {
        stamped: bool,
    },
    /// A block of the slow log, of which only `# Time:` was seen.
    SlowTime,
    /// The same beyond that.
    Slow,
    /// A block below an Oracle stamp.
    Oracle,
    Json(Box<JsonText>),
}

/// The lines of one stream, in their order.
#[derive(Clone, Debug)]
pub struct Lines {
    join: Join,
    state: State,
}

impl Lines {
    /// Nothing open.
    pub fn new(join: Join) -> Self {
        Lines { join, state: State::Idle }
    }

    /// Whether a line that is the first of a record may be anything but a record by itself.
    #[inline]
    pub fn may_begin(join: Join, line: &[u8], at: At) -> bool {
        match join {
            Join::Off => false,
            Join::Documents => (at.first || !at.ends) && json_may_begin(line, at),
            Join::Json => json_may_begin(line, at),
            // A part of an over-long line belongs to nothing but a document.
            _ => at.ends || json_may_begin(line, at),
        }
    }

    /// Whether what is open is JSON, which ends within its text and nowhere else.
    pub fn in_document(&self) -> bool {
        matches!(self.state, State::Json(_))
    }

    /// Judges the next line, or part of a line.
    pub fn step(&mut self, line: &[u8], at: At) -> Step {
        if let State::Json(text) = &mut self.state {
            return match text.feed(line, at.ends) {
                json::Fed::Open => Step::Continues { open: true },
                json::Fed::Whole => {
                    self.state = State::Idle;
                    Step::Continues { open: false }
                }
                json::Fed::Broken => {
                    self.state = State::Idle;
                    Step::Broken
                }
            };
        }
        if at.ends && self.continues(line) {
            return Step::Continues { open: true };
        }
        self.begin(line, at)
    }

    fn continues(&mut self, line: &[u8]) -> bool {
        let bare = |stamped: bool| stamped && !is_stamped(line);
        match self.state {
            State::Idle | State::Json(_) => false,
            State::Text { stamped } => match self.join {
                Join::Postgresql => line.first() == Some(&b'\t') || bare(stamped),
                Join::Java => is_indented(line) || is_of_trace(line) || bare(stamped),
                Join::Auto => is_indented(line) || is_of_trace(line),
                _ => false,
            },
            State::SlowTime | State::Slow => {
                let continues = !line.starts_with(b"# Time: ")
                    && (!line.starts_with(b"# User@Host: ") || matches!(self.state, State::SlowTime))
                    && !is_stamped(line);
                self.state = State::Slow;
                continues
            }
            State::Oracle => !is_oracle_stamp(line),
        }
    }

    fn begin(&mut self, line: &[u8], at: At) -> Step {
        self.state = State::Idle;
        let join = self.join;
        let documents = matches!(join, Join::Json | Join::Auto) || (at.first && join != Join::Off);
        if (documents || !at.ends) && join != Join::Off && json_may_begin(line, at) {
            let mut text = Box::new(JsonText::default());
            match text.feed(line, at.ends) {
                json::Fed::Open => {
                    self.state = State::Json(text);
                    return Step::Begins { open: true };
                }
                json::Fed::Whole => return Step::Begins { open: false },
                json::Fed::Broken => {}
            }
        }
        if !at.ends {
            return Step::Begins { open: false };
        }
        let slow = || {
            if line.starts_with(b"# Time: ") {
                State::SlowTime
            } else if line.starts_with(b"# User@Host: ") {
                State::Slow
            } else {
                State::Idle
            }
        };
        let oracle = || if is_oracle_stamp(line) { State::Oracle } else { State::Idle };
        self.state = match join {
            Join::Off | Join::Documents | Join::Json => State::Idle,
            Join::Java | Join::Postgresql => State::Text { stamped: is_stamped(line) },
            Join::MysqlSlow => slow(),
            Join::Oracle => oracle(),
            Join::Auto => match (slow(), oracle()) {
                (State::Idle, State::Idle) => State::Text { stamped: false },
                (State::Idle, oracle) => oracle,
                (slow, _) => slow,
            },
        };
        Step::Begins { open: !matches!(self.state, State::Idle) }
    }
}

/// Whether a line may be the begin of a document. An over-long line is read on only for what it holds.
fn json_may_begin(line: &[u8], at: At) -> bool {
    let text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'[')) && (at.ends || may_hold_several(line))
}

/// Begins with white space, and is not empty.
fn is_indented(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t')) && !line.trim_ascii().is_empty()
}

/// A line of a Java stack trace that is not indented: a cause, an omission, or a throwable's own name.
fn is_of_trace(line: &[u8]) -> bool {
    if line.starts_with(b"Caused by: ") || line.starts_with(b"Suppressed: ") {
        return true;
    }
    if let Some(more) = line.strip_prefix(b"... ") {
        return more.first().is_some_and(u8::is_ascii_digit) && more.trim_ascii_end().ends_with(b" more");
    }
    // `java.lang.IllegalStateException: text`
    let name = &line[..line.iter().position(|&byte| matches!(byte, b':' | b' ')).unwrap_or(line.len())];
    name.contains(&b'.')
        && name.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$'))
        && [&b"Exception"[..], b"Error", b"Throwable"].iter().any(|end| name.ends_with(end))
}

/// `Wed Oct  7 11:58:08 2020 -04:00` (audit trail, alert log) or `2020-10-07T11:58:08.123456-04:00` (alert log
/// since 12.2), and nothing else on the line.
fn is_oracle_stamp(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let iso = |line: &[u8]| {
        (19..=35).contains(&line.len())
            && line[10] == b'T'
            && is_date(line)
            && line[11..].iter().all(|&byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'+' | b'-' | b'Z'))
    };
    let text = |line: &[u8]| {
        let is_clock = |word: &[u8]| word.len() == 8 && word[2] == b':' && word[5] == b':';
        let is_digits = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
        let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        words.next().is_some_and(is_weekday)
            && words.next().is_some_and(is_month)
            && words.next().is_some_and(|day| day.len() <= 2 && is_digits(day))
            && words.next().is_some_and(is_clock)
            && words.next().is_some_and(|year| year.len() == 4 && is_digits(year))
            && words.next().is_none_or(|zone| matches!(zone.first(), Some(b'+' | b'-')))
            && words.next().is_none()
    };
    iso(line) || (line.len() <= 40 && text(line))
}

fn is_month(word: &[u8]) -> bool {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    word.len() == 3 && MONTHS.chunks(3).any(|month| month == word)
}

fn is_weekday(word: &[u8]) -> bool {
    const DAYS: &[u8] = b"MonTueWedThuFriSatSun";
    word.len() == 3 && DAYS.chunks(3).any(|day| day == word)
}

/// `2026-03-02`, also with `/` or `.`.
fn is_date(text: &[u8]) -> bool {
    text.len() >= 10
        && matches!(text[4], b'-' | b'/' | b'.')
        && text[7] == text[4]
        && [0, 1, 2, 3, 5, 6, 8, 9].iter().all(|&at| text[at].is_ascii_digit())
}

/// Whether a line begins with a time stamp, in brackets or behind a priority.
fn is_stamped(line: &[u8]) -> bool {
    let mut text = line;
    if let Some(rest) = text.strip_prefix(b"<") {
        let digits = rest.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        text = rest[digits..].strip_prefix(b">").unwrap_or(text);
    }
    text = text.strip_prefix(b"[").unwrap_or(text);
    let Some(head) = text.first_chunk::<10>() else { return false };
    let digits = |range: std::ops::Range<usize>| head[range].iter().all(u8::is_ascii_digit);
    let day_first = |month: std::ops::Range<usize>, named: bool| {
        digits(0..2)
            && matches!(head[2], b'-' | b'/' | b'.')
            && head[month.end] == head[2]
            && if named { is_month(&head[month]) } else { digits(month) }
    };
    is_date(head)
        || day_first(3..6, true)
        || day_first(3..5, false)
        || (head[3] == b' ' && (is_month(&head[..3]) || is_weekday(&head[..3])))
        // Seconds since the epoch: ten digits until the year 2286.
        || digits(0..10)
}

#[cfg(test)]
#[path = "join/tests.rs"]
mod tests;

//! A command line's arguments, one by one.

use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};

/// Most arguments kept one by one. The command line itself is kept whole beside them.
const ARGS_MAX: usize = 128;

/// How the line quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quoting {
    /// Double quotes; a backslash escapes a quote only (`CommandLineToArgvW`).
    Windows,
    /// Double and single quotes; a backslash escapes what follows it (POSIX shell, 2.2).
    Posix,
}

/// Writes the arguments of `line` under `args` and their number under `count`.
pub(crate) fn put_args(writer: &mut EventWriter<'_>, line: Span, quoting: Quoting, args: FieldId, count: FieldId) {
    if !writer.derives() {
        return;
    }
    let len = line.len();
    let mut at = 0;
    let mut number = 0;
    while number < ARGS_MAX {
        let text = writer.bytes(line);
        while text.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        if at >= len {
            break;
        }
        let (end, plain) = argument_end(&text[at..], quoting);
        let argument = line.part(at..at + end);
        let value = if plain { argument } else { unquoted(writer, argument, quoting) };
        writer.put_span(args, value, Kind::Text, false);
        number += 1;
        at += end;
    }
    if number > 0 {
        writer.put_i64(count, number as i64);
    }
}

/// What a byte of a line means.
enum Step {
    /// So many bytes of the argument, taken as they are from the offset given.
    Literal(usize, usize),
    /// A quote.
    Quote,
    /// The argument ends.
    End,
}

/// What stands at the start of `text`, within a quote or not, and how many bytes it takes.
fn step(text: &[u8], quote: u8, quoting: Quoting) -> (Step, usize) {
    match (text[0], quoting) {
        (b'\\', Quoting::Posix) if quote != b'\'' && text.len() > 1 => (Step::Literal(1, 1), 2),
        (b'\\', Quoting::Windows) => {
            let slashes = text.iter().take_while(|&&byte| byte == b'\\').count();
            if text.get(slashes) != Some(&b'"') {
                return (Step::Literal(0, slashes), slashes);
            }
            // Half of them stand before the quote; an odd one escapes it.
            let half = slashes / 2;
            if slashes % 2 == 1 {
                (Step::Literal(slashes - half, half + 1), slashes + 1)
            } else {
                (Step::Literal(0, half), slashes)
            }
        }
        (byte @ (b'"' | b'\''), _) if byte == quote || quote == 0 && (byte == b'"' || quoting == Quoting::Posix) => {
            (Step::Quote, 1)
        }
        (byte, _) if byte.is_ascii_whitespace() && quote == 0 => (Step::End, 0),
        _ => (Step::Literal(0, 1), 1),
    }
}

/// How long the argument at the start of `text` is, and whether it stands there as it is.
fn argument_end(text: &[u8], quoting: Quoting) -> (usize, bool) {
    let (mut at, mut quote, mut plain) = (0, 0, true);
    while at < text.len() {
        let (step, len) = step(&text[at..], quote, quoting);
        match step {
            Step::End => break,
            Step::Quote => {
                quote = if quote == 0 { text[at] } else { 0 };
                plain = false;
            }
            Step::Literal(from, taken) => plain &= from == 0 && taken == len,
        }
        at += len;
    }
    (at, plain)
}

fn unquoted(writer: &mut EventWriter<'_>, argument: Span, quoting: Quoting) -> Span {
    // Quotes around all of it, the usual case, need no copy.
    let text = writer.bytes(argument);
    let len = text.len();
    if len >= 2 && text[0] == b'"' && text[len - 1] == b'"' && memchr::memchr2(b'"', b'\\', &text[1..len - 1]).is_none()
    {
        return argument.part(1..len - 1);
    }
    let from = writer.arena_start();
    let (mut at, mut quote) = (0, 0);
    while at < len {
        let (step, taken) = step(&writer.bytes(argument)[at..], quote, quoting);
        match step {
            Step::End => break,
            Step::Quote => quote = if quote == 0 { writer.bytes(argument)[at] } else { 0 },
            Step::Literal(skip, count) => writer.arena_push_span(argument.part(at + skip..at + skip + count)),
        }
        at += taken;
    }
    writer.arena_end(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs;
    use crate::event::Event;

    #[track_caller]
    fn check(line: &str, quoting: Quoting, expected: &[&str]) {
        let mut event = Event::new();
        event.clear();
        let mut writer = event.writer(line.as_bytes());
        let span = writer.span_of(line.as_bytes());
        put_args(&mut writer, span, quoting, ecs::PROCESS_ARGS, ecs::PROCESS_ARGS_COUNT);
        let view = event.view(line.as_bytes());
        let found: Vec<_> =
            view.values(ecs::PROCESS_ARGS).map(|value| String::from_utf8_lossy(value).into_owned()).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn windows_lines() {
        check(r#""C:\a b\c.exe" /x  "d e""#, Quoting::Windows, &[r"C:\a b\c.exe", "/x", "d e"]);
        check(r#"a.exe "b\dir\" all"#, Quoting::Windows, &["a.exe", r#"b\dir" all"#]);
        check(r#"a "b\\" c'd e'"#, Quoting::Windows, &["a", r"b\", "c'd", "e'"]);
        check(r#"a /k:"b c"d"#, Quoting::Windows, &["a", "/k:b cd"]);
        check("", Quoting::Windows, &[]);
        check(r#"a """#, Quoting::Windows, &["a", ""]);
    }

    #[test]
    fn posix_lines() {
        check(r#"sh -c "x y" 'it is' a\ b"#, Quoting::Posix, &["sh", "-c", "x y", "it is", "a b"]);
        check(r#"a "open"#, Quoting::Posix, &["a", "open"]);
        check(r"a \", Quoting::Posix, &["a", r"\"]);
    }
}

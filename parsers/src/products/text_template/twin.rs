//! The naive twin of the templates: step by step with searches that look at every place, and every template in order.

use super::{Capture, Captures, ENDPOINTS_MAX, Endpoint, Step, Template, endpoint};
use crate::testing::golden_records;

/// Where `literal` stands first.
fn place(text: &[u8], literal: &[u8]) -> Option<usize> {
    (0..=text.len()).find(|&at| text[at..].starts_with(literal))
}

/// What each capture holds, in order; `None` = the text is not of this form.
fn twin<'t>(template: &Template, text: &'t [u8]) -> Option<Vec<(Capture, &'t [u8])>> {
    let steps = &template.0;
    let mut captured = Vec::new();
    let mut rest = text;
    let mut endpoints = [Endpoint::default(); ENDPOINTS_MAX];
    for (at, step) in steps.iter().enumerate() {
        let optional = steps[..at].iter().any(|step| matches!(step, Step::Optional));
        // What was captured counts where the text may differ from here on.
        let differs = |captured: Vec<_>| optional.then_some(captured);
        match step {
            Step::Optional => {}
            Step::Literal(literal) => match rest.strip_prefix(&literal[..]) {
                Some(after) => rest = after,
                None => return differs(captured),
            },
            Step::Capture(Capture::Rest) => captured.push((Capture::Rest, rest)),
            Step::Capture(capture) => {
                let end = &mut endpoints[0];
                let after = match capture {
                    Capture::Endpoint(_) | Capture::Outer(_) => endpoint::take(rest, end),
                    Capture::AclEndpoint(_) => endpoint::take_acl(rest, end),
                    Capture::ColonEndpoint(_) => endpoint::take_colon(rest, end),
                    _ => None,
                };
                let len = match (after, steps.get(at + 1), steps.get(at + 2)) {
                    (Some(after), ..) => rest.len() - after.len(),
                    (None, Some(Step::Literal(literal)), _) => match place(rest, literal) {
                        Some(len) => len,
                        None => return differs(captured),
                    },
                    (None, Some(Step::Optional), Some(Step::Literal(literal))) => {
                        place(rest, literal).unwrap_or(rest.len())
                    }
                    _ => rest.len(),
                };
                captured.push((*capture, &rest[..len]));
                rest = &rest[len..];
            }
        }
    }
    Some(captured)
}

/// Holds both to the same answer; whether the text is of this form.
#[track_caller]
pub(in crate::products) fn check(template: &Template, text: &[u8]) -> bool {
    let mut captures = Captures::new();
    let matched = template.matches(text, &mut captures);
    let expected = twin(template, text);
    assert_eq!(matched, expected.is_some(), "{}", text.escape_ascii());
    if let Some(expected) = expected {
        let found: Vec<_> = captures.found[..captures.len].iter().map(|found| (found.capture, found.value)).collect();
        assert_eq!(found, expected, "{}", text.escape_ascii());
    }
    matched
}

/// Where every golden record's words begin: behind each blank.
#[test]
fn an_endpoint_ends_where_the_twin_ends_it() {
    for record in golden_records() {
        for from in (0..record.len()).filter(|&at| at == 0 || record[at - 1] == b' ') {
            let text = &record[from..];
            let end = text.iter().position(|byte| b" (,;)".contains(byte)).unwrap_or(text.len());
            assert_eq!(endpoint::word_end(text), end, "{}", text.escape_ascii());
        }
    }
}

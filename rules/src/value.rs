//! The values of a rule: what one value and its modifiers compare with (Sigma rules specification 2.1, "Detection").

use ipnet::{IpNet, Ipv4Net};

use crate::dialect::Expression;
use crate::modifier::{self, Chain, Comparison, Operator};
use crate::number::Number;
use crate::pattern::Pattern;
use crate::rule::{Reader, Test};
use crate::suggest::nearest;
use crate::yaml::{Kind, Node, Scalar};

/// Most values that the placeholders of one value may expand to.
pub(crate) const PLACEHOLDER_VALUES_MAX: usize = 100_000;

/// Why a value was refused, and the way out.
type Refusal = (String, Option<String>);

fn refuse<T>(message: impl Into<String>, help: &str) -> Result<T, Refusal> {
    Err((message.into(), (!help.is_empty()).then(|| help.to_owned())))
}

impl Reader<'_> {
    /// The comparisons one value stands for.
    pub(crate) fn tests(&mut self, keyword: bool, chain: &Chain, node: &Node) -> Result<Vec<Test>, Refusal> {
        let Kind::Scalar(scalar) = &node.kind else {
            return refuse(format!("{} where a value is expected", node.what()), "");
        };
        if *scalar == Scalar::Null {
            let plain = Chain { all: chain.all, negated: chain.negated, ..Chain::default() };
            return match *chain == plain {
                true if keyword => refuse("null can't be a keyword", "remove it"),
                true => Ok(vec![Test::Null]),
                false => refuse("null can't be compared this way", "use the field name without this modifier"),
            };
        }
        let text = node.text().unwrap_or_default();
        let texts = if chain.expand { self.expand(&text)? } else { vec![text] };
        let mut tests = Vec::new();
        for text in texts {
            match chain.operator {
                _ if chain.part.is_some() => tests.push(part_test(chain, &text)?),
                None | Some(Operator::Text) => tests.extend(text_tests(keyword, chain, scalar, &text)?),
                Some(Operator::Regex(flags)) => match Expression::new(&text, flags) {
                    Ok(expression) => tests.push(Test::Regex { source: text, flags, expression }),
                    Err(error) => {
                        return refuse(
                            format!("the regular expression is not supported: {error}"),
                            "the Sigma specification allows `. ^ $ * + ? {n,m} [a-z] [^a-z] () |`",
                        );
                    }
                },
                Some(Operator::Cidr) => match parse_cidr(&text) {
                    Some(net) => tests.push(Test::Cidr(net)),
                    None => {
                        return refuse(format!("`{text}` is not a network"), "write it as 10.0.0.0/8 or 2001:db8::/32");
                    }
                },
                Some(Operator::Exists) => match scalar {
                    Scalar::Bool(there) => tests.push(Test::Exists(*there)),
                    Scalar::Text(text) if text == "true" => tests.push(Test::Exists(true)),
                    Scalar::Text(text) if text == "false" => tests.push(Test::Exists(false)),
                    _ => return refuse(format!("`exists` takes true or false, not `{text}`"), ""),
                },
                Some(Operator::Compare(comparison)) => match Number::parse(text.as_bytes()) {
                    Some(number) => tests.push(Test::Compare(comparison, number)),
                    None => return refuse(format!("`{text}` is not a number"), "lt, lte, gt and gte compare numbers"),
                },
                Some(Operator::FieldRef) => tests.push(Test::FieldRef {
                    field: text,
                    open_start: chain.open_start,
                    open_end: chain.open_end,
                    cased: chain.cased,
                }),
            }
        }
        Ok(tests)
    }

    /// Puts placeholder values in (Sigma rules specification 2.1, "Placeholders").
    fn expand(&self, text: &str) -> Result<Vec<String>, Refusal> {
        let mut made = vec![String::new()];
        let mut rest = text;
        while !rest.is_empty() {
            let plain_end = rest.find(['%', '\\']).unwrap_or(rest.len());
            let (plain, after) = rest.split_at(plain_end);
            made.iter_mut().for_each(|one| one.push_str(plain));
            rest = after;
            if let Some(after) = rest.strip_prefix("\\%") {
                made.iter_mut().for_each(|one| one.push('%'));
                rest = after;
            } else if rest.starts_with('\\') {
                made.iter_mut().for_each(|one| one.push('\\'));
                rest = &rest[1..];
            } else if let Some(after) = rest.strip_prefix('%') {
                let Some((name, after)) = after.split_once('%') else {
                    made.iter_mut().for_each(|one| one.push('%'));
                    rest = after;
                    continue;
                };
                let Some(values) = self.placeholders.get(name) else {
                    let help = match nearest(name, self.placeholders.keys().map(String::as_str)) {
                        Some(near) => format!("did you mean `%{near}%`?"),
                        None => format!("give a table of values for `{name}`, or load the rule without it"),
                    };
                    return Err((format!("the placeholder `%{name}%` has no values"), Some(help)));
                };
                if made.len().saturating_mul(values.len()) > PLACEHOLDER_VALUES_MAX {
                    return Err((
                        format!("the placeholders of one value expand to more than {PLACEHOLDER_VALUES_MAX}"),
                        None,
                    ));
                }
                made = made.iter().flat_map(|one| values.iter().map(move |value| format!("{one}{value}"))).collect();
                rest = after;
            }
        }
        Ok(made)
    }
}

/// A part of a date against a number.
fn part_test(chain: &Chain, text: &str) -> Result<Test, Refusal> {
    let Some(part) = chain.part else { return refuse("no part of a date is named", "") };
    let name = part.as_str();
    let comparison = match chain.operator {
        Some(Operator::Compare(comparison)) => comparison,
        _ => Comparison::Eq,
    };
    match Number::parse(text.as_bytes()) {
        Some(number @ Number::Integer(value)) if part.range().contains(&value) => {
            Ok(Test::Part(part, comparison, number))
        }
        _ => {
            let range = part.range();
            let help = format!("{name} takes a whole number from {} to {}", range.start(), range.end());
            refuse(format!("`{text}` is no {name}"), &help)
        }
    }
}

fn text_tests(keyword: bool, chain: &Chain, scalar: &Scalar, text: &str) -> Result<Vec<Test>, Refusal> {
    if keyword && text.is_empty() {
        return refuse("an empty keyword matches everything", "remove it");
    }
    let mut patterns = vec![Pattern::parse(text)];
    // 0x17 written without quotes is the number 23, and 1.50 is 1.5: match either way of writing it.
    let canonical = match scalar {
        Scalar::Integer(value, written) => Some((value.to_string(), written)),
        Scalar::Float(value, written) => Some((value.to_string(), written)),
        _ => None,
    };
    if let Some((canonical, _)) = canonical.filter(|(canonical, written)| canonical != *written) {
        patterns.push(Pattern::literal(canonical));
    }
    if chain.windash {
        patterns = patterns.into_iter().map(Pattern::with_dashes).collect();
    }
    if !chain.transforms.is_empty() {
        patterns = encoded(patterns, chain, text)?;
    }
    for pattern in &mut patterns {
        pattern.cased = chain.cased;
        // Keywords are searched anywhere in the record.
        if chain.open_start || keyword {
            pattern.open_start();
        }
        if chain.open_end || keyword {
            pattern.open_end();
        }
    }
    Ok(patterns.into_iter().map(Test::Text).collect())
}

/// Each pattern in each of its ways of being written, encoded.
fn encoded(patterns: Vec<Pattern>, chain: &Chain, text: &str) -> Result<Vec<Pattern>, Refusal> {
    let mut made = Vec::new();
    for pattern in patterns {
        let Some(plain) = pattern.writings(WRITINGS_MAX) else {
            return refuse(
                format!("`{text}` has too many flags to write each dash of each"),
                "encode fewer flags at once",
            );
        };
        let Some(plain) = plain else {
            return refuse("a wildcard can't be encoded", "escape it with a backslash, or remove the encoding");
        };
        for plain in plain {
            for bytes in modifier::transform(&String::from_utf8_lossy(&plain), &chain.transforms) {
                if bytes.is_empty() {
                    return refuse(
                        format!("`{text}` is too short to be found inside base64"),
                        "use at least three characters",
                    );
                }
                made.push(Pattern::literal(bytes));
            }
        }
    }
    Ok(made)
}

/// Most ways of writing one value's dashes that are encoded: four flags.
const WRITINGS_MAX: usize = 625;

/// A network; an address alone is a network of one, and bits beyond the prefix are dropped. A network of
/// IPv4 inside IPv6 (RFC 4291 §2.5.5.2) is that of IPv4.
fn parse_cidr(text: &str) -> Option<IpNet> {
    let net = match text.parse::<IpNet>() {
        Ok(net) => net.trunc(),
        Err(_) => text.parse::<std::net::IpAddr>().ok().map(IpNet::from)?,
    };
    let IpNet::V6(mapped) = net else { return Some(net) };
    let inner = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    Some(inner.and_then(|(addr, prefix)| Ipv4Net::new(addr, prefix).ok()).map_or(net, IpNet::V4))
}

/// Whether `net` holds `ip`, which may be IPv4 inside IPv6.
pub(crate) fn net_holds(net: &IpNet, ip: std::net::IpAddr) -> bool {
    net.contains(&ip.to_canonical()) || net.contains(&ip)
}

//! Value modifiers: what stands after the field name (Sigma modifiers appendix 2.1).
//!
//! A chain such as `|wide|base64offset|contains` becomes one [`Chain`]; what does not fit
//! together is refused by name here, before any value is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dialect::Flags;
use crate::part::Part;
use crate::suggest::nearest;

/// What a value is compared by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// Text with wildcards.
    Text,
    /// A regular expression.
    Regex(Flags),
    /// An address in a network.
    Cidr,
    /// Whether the field is there.
    Exists,
    /// A number.
    Compare(Comparison),
    /// Another field's value.
    FieldRef,
}

/// How numbers compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Comparison {
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// `>`
    Gt,
    /// `>=`
    Gte,
    /// `=`
    Eq,
}

impl Comparison {
    /// The name in rule files.
    pub fn as_str(self) -> &'static str {
        match self {
            Comparison::Lt => "lt",
            Comparison::Lte => "lte",
            Comparison::Gt => "gt",
            Comparison::Gte => "gte",
            Comparison::Eq => "eq",
        }
    }

    /// Whether `ordering` of left to right satisfies it.
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Lt => ordering.is_lt(),
            Comparison::Lte => ordering.is_le(),
            Comparison::Gt => ordering.is_gt(),
            Comparison::Gte => ordering.is_ge(),
            Comparison::Eq => ordering.is_eq(),
        }
    }
}

/// A change of the value before it is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transform {
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
    /// UTF-16, little endian, after a byte order mark.
    Utf16,
    /// Base64 of the whole.
    Base64,
    /// Base64 as it may stand inside a longer text.
    Base64Offset,
}

/// The modifiers of one field, understood.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chain {
    /// How values compare; `None` is text.
    pub operator: Option<Operator>,
    /// Which part of a date is compared, by a comparison or for equality.
    pub part: Option<Part>,
    /// Whether anything may stand before the value.
    pub open_start: bool,
    /// Whether anything may stand after the value.
    pub open_end: bool,
    /// Whether all values must match, not one.
    pub all: bool,
    /// Whether the whole is negated.
    pub negated: bool,
    /// Whether letters' case counts.
    pub cased: bool,
    /// Whether flags' dashes and slashes are taken for one another.
    pub windash: bool,
    /// Whether `%name%` is a placeholder.
    pub expand: bool,
    /// Encodings, in order.
    pub transforms: Vec<Transform>,
}

const KNOWN: &[&str] = &[
    "contains",
    "startswith",
    "endswith",
    "all",
    "re",
    "cidr",
    "exists",
    "neq",
    "lt",
    "lte",
    "gt",
    "gte",
    "cased",
    "base64",
    "base64offset",
    "wide",
    "utf16",
    "utf16le",
    "utf16be",
    "windash",
    "fieldref",
    "expand",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "i",
    "m",
    "s",
];

/// Why a chain was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
}

fn fault(message: impl Into<String>, help: impl Into<String>) -> Fault {
    Fault { message: message.into(), help: Some(help.into()) }
}

impl Chain {
    /// Understands a chain.
    ///
    /// # Errors
    /// The first modifier that is unknown, not supported, or at odds with one before it.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Chain, Fault> {
        let mut chain = Chain::default();
        let mut before = None;
        for name in names {
            chain.take(name, before)?;
            before = Some(name);
        }
        chain.settle()
    }

    fn take(&mut self, name: &str, before: Option<&str>) -> Result<(), Fault> {
        // What is encoded twice is encoded twice; everything else means the same once.
        if before == Some(name) && name != "base64" {
            return Err(fault(format!("the modifier `{name}` is given twice"), "remove one"));
        }
        match name {
            "contains" => (self.open_start, self.open_end) = (true, true),
            "startswith" => self.open_end = true,
            "endswith" => self.open_start = true,
            "all" => self.all = true,
            "neq" => self.negated = true,
            "cased" => self.cased = true,
            "windash" => {
                self.in_order(name, !self.transforms.is_empty())?;
                self.windash = true;
            }
            "expand" => self.expand = true,
            "wide" | "utf16le" => self.encode(name, Transform::Utf16Le)?,
            "utf16be" => self.encode(name, Transform::Utf16Be)?,
            "utf16" => self.encode(name, Transform::Utf16)?,
            "base64" => self.encode(name, Transform::Base64)?,
            "base64offset" => self.encode(name, Transform::Base64Offset)?,
            "re" => self.operate(name, Operator::Regex(Flags::default()))?,
            "cidr" => self.operate(name, Operator::Cidr)?,
            "exists" => self.operate(name, Operator::Exists)?,
            "fieldref" => self.operate(name, Operator::FieldRef)?,
            "lt" => self.operate(name, Operator::Compare(Comparison::Lt))?,
            "lte" => self.operate(name, Operator::Compare(Comparison::Lte))?,
            "gt" => self.operate(name, Operator::Compare(Comparison::Gt))?,
            "gte" => self.operate(name, Operator::Compare(Comparison::Gte))?,
            "i" | "m" | "s" => {
                let Some(Operator::Regex(flags)) = &mut self.operator else {
                    return Err(fault(
                        format!("the modifier `{name}` is a flag of `re`"),
                        format!("write `|re|{name}`"),
                    ));
                };
                match name {
                    "i" => flags.insensitive = true,
                    "m" => flags.multi_line = true,
                    _ => flags.dot_all = true,
                }
            }
            _ => {
                if let Some(part) = Part::of(name) {
                    if let Some(other) = self.part.replace(part) {
                        let message = format!("a date is compared by `{}` and by `{name}` at once", other.as_str());
                        return Err(fault(message, "use two entries"));
                    }
                    return Ok(());
                }
                let help = nearest(name, KNOWN.iter().copied()).map_or_else(
                    || format!("known modifiers: {}", KNOWN.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(fault(format!("unknown modifier `{name}`"), help));
            }
        }
        Ok(())
    }

    /// Encodings come before what opens the value's ends: a wildcard has no encoding.
    fn encode(&mut self, name: &str, transform: Transform) -> Result<(), Fault> {
        self.in_order(name, self.open_start || self.open_end)?;
        self.transforms.push(transform);
        Ok(())
    }

    fn in_order(&self, name: &str, too_late: bool) -> Result<(), Fault> {
        if too_late {
            return Err(fault(
                format!("the modifier `{name}` comes too late"),
                "modifiers apply in the order given: `windash`, then encodings, then `contains`, `startswith` or `endswith`",
            ));
        }
        Ok(())
    }

    fn operate(&mut self, name: &str, operator: Operator) -> Result<(), Fault> {
        if self.operator.is_some() {
            return Err(fault(
                format!("the modifier `{name}` can't follow another comparison"),
                "use two entries, or two selections",
            ));
        }
        self.operator = Some(operator);
        Ok(())
    }

    fn settle(self) -> Result<Chain, Fault> {
        let encodes = !self.transforms.is_empty();
        let textual = self.open_start || self.open_end;
        let odd = match self.operator {
            None | Some(Operator::Text | Operator::Compare(_))
                if self.part.is_some() && (textual || encodes || self.windash || self.cased || self.expand) =>
            {
                Some("a part of a date with a modifier for text")
            }
            None | Some(Operator::Text) => None,
            Some(Operator::FieldRef | Operator::Regex(_) | Operator::Cidr | Operator::Exists)
                if self.part.is_some() =>
            {
                Some("a part of a date with another comparison")
            }
            Some(Operator::FieldRef) if encodes || self.windash || self.expand => {
                Some("`fieldref` with a change of the value")
            }
            Some(Operator::FieldRef) => None,
            Some(Operator::Regex(_)) if textual || encodes || self.windash => {
                Some("`re` with a modifier for plain text")
            }
            Some(Operator::Regex(flags)) if self.cased && flags.insensitive => Some("`cased` with `re|i`"),
            Some(Operator::Regex(_)) if self.expand => Some("`re` with `expand`"),
            Some(Operator::Regex(_)) => None,
            Some(Operator::Cidr) if textual || encodes || self.windash || self.cased => {
                Some("`cidr` with a modifier for plain text")
            }
            Some(Operator::Cidr) => None,
            Some(Operator::Exists)
                if textual || encodes || self.windash || self.cased || self.all || self.negated || self.expand =>
            {
                Some("`exists` with another modifier")
            }
            Some(Operator::Exists) => None,
            Some(Operator::Compare(_)) if textual || encodes || self.windash || self.cased => {
                Some("a comparison of numbers with a modifier for text")
            }
            Some(Operator::Compare(_)) => None,
        };
        match odd {
            Some(odd) => Err(fault(format!("{odd} has no meaning"), "remove one of the two")),
            None => Ok(self),
        }
    }
}

/// Applies encodings to plain bytes; `base64offset` gives three results.
pub fn transform(value: &str, transforms: &[Transform]) -> Vec<Vec<u8>> {
    let mut made = vec![value.as_bytes().to_vec()];
    // UTF-16 is of text; after base64 the value is ASCII text again.
    for step in transforms {
        made = made.into_iter().flat_map(|bytes| apply(&bytes, *step)).collect();
    }
    made
}

fn apply(bytes: &[u8], step: Transform) -> Vec<Vec<u8>> {
    let units = || String::from_utf8_lossy(bytes).encode_utf16().collect::<Vec<u16>>();
    match step {
        Transform::Utf16Le => vec![units().iter().flat_map(|unit| unit.to_le_bytes()).collect()],
        Transform::Utf16Be => vec![units().iter().flat_map(|unit| unit.to_be_bytes()).collect()],
        Transform::Utf16 => {
            let marked =
                [0xFF, 0xFE].into_iter().chain(units().iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<_>>());
            vec![marked.collect()]
        }
        Transform::Base64 => vec![STANDARD.encode(bytes).into_bytes()],
        Transform::Base64Offset => (0..3)
            .map(|shift| {
                // The first and last characters depend on the neighbours: cut them off.
                let padded: Vec<u8> = std::iter::repeat_n(b' ', shift).chain(bytes.iter().copied()).collect();
                let encoded = STANDARD.encode(&padded).into_bytes();
                let from = [0, 2, 3][shift];
                let to = encoded.len() - [0, 3, 2][padded.len() % 3];
                encoded.get(from..to).unwrap_or_default().to_vec()
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(chain: &str) -> String {
        let fault = Chain::parse(chain.split('|')).unwrap_err();
        format!("{} ({})", fault.message, fault.help.unwrap_or_default())
    }

    #[test]
    fn chains_are_understood() {
        let chain = Chain::parse(["wide", "base64offset", "contains"]).unwrap();
        assert!(chain.open_start && chain.open_end);
        assert_eq!(chain.transforms, [Transform::Utf16Le, Transform::Base64Offset]);
        let flags = Flags { insensitive: true, multi_line: false, dot_all: true };
        let hours = Chain::parse(["hour", "gte"]).unwrap();
        assert_eq!((hours.part, hours.operator), (Some(Part::Hour), Some(Operator::Compare(Comparison::Gte))));
        assert_eq!(Chain::parse(["windash", "wide", "base64offset", "contains"]).unwrap().transforms.len(), 2);
        assert_eq!(Chain::parse(["base64", "base64"]).unwrap().transforms.len(), 2);
        assert_eq!(Chain::parse(["re", "i", "s"]).unwrap().operator, Some(Operator::Regex(flags)));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        assert_eq!(refused("contain"), "unknown modifier `contain` (did you mean `contains`?)");
        assert!(refused("hour|day").contains("by `hour` and by `day` at once"));
        assert!(refused("hour|contains").contains("a part of a date with a modifier for text"));
        assert!(refused("contains|base64").contains("`base64` comes too late"));
        assert!(refused("base64|windash").contains("`windash` comes too late"));
        assert!(refused("re|i|cased").contains("`cased` with `re|i`"));
        assert!(refused("re|contains").contains("`re` with a modifier for plain text"));
        assert!(refused("i").contains("write `|re|i`"));
        assert!(refused("cidr|re").contains("can't follow"));
        assert!(refused("all|all").contains("twice"));
        assert!(refused("exists|contains").contains("no meaning"));
        assert!(refused("xyzzy").contains("known modifiers"));
    }

    #[test]
    fn offsets_are_found_at_every_position() {
        let parts = transform("http://", &[Transform::Base64Offset]);
        for (shift, before) in ["", "x", "xy", "xyz", "wxyz"].iter().enumerate() {
            let whole = STANDARD.encode(format!("{before}http://tail"));
            let part = std::str::from_utf8(&parts[shift % 3]).unwrap();
            assert!(whole.contains(part), "{whole} {part}");
        }
    }

    #[test]
    fn encodings_are_those_of_the_appendix() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&transform("cmd", &[Transform::Utf16Le])[0]), "63006d006400");
        assert_eq!(hex(&transform("cmd", &[Transform::Utf16Be])[0]), "0063006d0064");
        assert_eq!(hex(&transform("cmd", &[Transform::Utf16])[0]), "fffe63006d006400");
        assert_eq!(transform("foobar", &[Transform::Base64]), [b"Zm9vYmFy".to_vec()]);
    }
}

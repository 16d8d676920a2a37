//! A rule compiled: names are field ids, values are ready to match.

use ipnet::IpNet;
use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::event::{EventView, Field, Kind};
use noroshi_pattern::AnyOf;

use crate::condition::Condition;
use crate::dialect::Expression;
use crate::lists;
use crate::modifier::Comparison;
use crate::number::Number;
use crate::part::Part;
use crate::rule::{Item, Rule, RuleSource, Search, Test};
use crate::taxonomy;
use crate::text::{self, Text};
use crate::value;

/// The fields a name may mean, in the order they are tried.
pub type Candidates = Box<[FieldId]>;

/// The dictionary is full: the rule's field names found no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DictionaryFull;

#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) condition: Condition,
    pub(crate) selections: Box<[CompiledSearch]>,
}

#[derive(Debug)]
pub(crate) enum CompiledSearch {
    Item(CompiledItem),
    All(Box<[CompiledSearch]>),
    Any(Box<[CompiledSearch]>),
}

#[derive(Debug)]
pub(crate) struct CompiledItem {
    /// Empty for keywords.
    pub(crate) candidates: Candidates,
    pub(crate) keyword: bool,
    /// The field is the time of the event: where no field bears its name, the event's own is meant.
    pub(crate) event_time: bool,
    pub(crate) all: bool,
    pub(crate) negated: bool,
    pub(crate) values: Box<[Box<[CompiledTest]>]>,
    /// The values as one, where they are many.
    list: Option<Box<AnyOf>>,
}

#[derive(Debug)]
pub(crate) enum CompiledTest {
    Text(Text),
    Null,
    Exists(bool),
    Regex(Expression),
    Cidr(IpNet),
    Compare(Comparison, Number),
    Part(Part, Comparison, Number),
    FieldRef { other: Candidates, open_start: bool, open_end: bool, cased: bool },
}

/// The field that is the event's time, whatever the record calls it.
pub(crate) const EVENT_TIME: &str = "@timestamp";

/// Gives ids to every name `field` may stand for.
pub(crate) fn resolve(
    field: &str,
    source: &RuleSource,
    dictionary: &mut Dictionary,
) -> Result<Candidates, DictionaryFull> {
    taxonomy::candidates(field, source).iter().map(|name| dictionary.intern(name).ok_or(DictionaryFull)).collect()
}

impl CompiledRule {
    pub(crate) fn new(rule: &Rule, dictionary: &mut Dictionary) -> Result<Self, DictionaryFull> {
        let selections =
            rule.selections.iter().map(|selection| compile_search(&selection.search, &rule.source, dictionary));
        Ok(CompiledRule { condition: rule.condition.clone(), selections: selections.collect::<Result<_, _>>()? })
    }

    /// How many searches of its expressions were given up.
    pub(crate) fn given_up(&self) -> u64 {
        self.selections.iter().map(CompiledSearch::given_up).sum()
    }

    pub(crate) fn matches(&self, event: &EventView<'_>) -> bool {
        self.holds(&self.condition, event)
    }

    fn holds(&self, condition: &Condition, event: &EventView<'_>) -> bool {
        match condition {
            Condition::Selection(at) => self.selections[*at].matches(event),
            Condition::And(all) => all.iter().all(|one| self.holds(one, event)),
            Condition::Or(any) => any.iter().any(|one| self.holds(one, event)),
            Condition::Not(inner) => !self.holds(inner, event),
            Condition::Of { count, selections } => {
                let mut missing = *count;
                let mut left = selections.len();
                for at in selections {
                    if missing == 0 {
                        return true;
                    }
                    if missing > left {
                        return false;
                    }
                    missing -= usize::from(self.selections[*at].matches(event));
                    left -= 1;
                }
                missing == 0
            }
        }
    }
}

fn compile_search(
    search: &Search,
    source: &RuleSource,
    dictionary: &mut Dictionary,
) -> Result<CompiledSearch, DictionaryFull> {
    let mut each =
        |all: &[Search]| all.iter().map(|one| compile_search(one, source, dictionary)).collect::<Result<_, _>>();
    Ok(match search {
        Search::All(all) => CompiledSearch::All(each(all)?),
        Search::Any(any) => CompiledSearch::Any(each(any)?),
        Search::Item(item) => CompiledSearch::Item(compile_item(item, source, dictionary)?),
    })
}

fn compile_item(item: &Item, source: &RuleSource, dictionary: &mut Dictionary) -> Result<CompiledItem, DictionaryFull> {
    let candidates = match &item.field {
        Some(field) => resolve(field, source, dictionary)?,
        None => Candidates::default(),
    };
    let values = item.values.iter().map(|value| {
        value.alternatives.iter().map(|test| compile_test(test, source, dictionary)).collect::<Result<Box<[_]>, _>>()
    });
    Ok(CompiledItem {
        candidates,
        keyword: item.field.is_none(),
        event_time: item.field.as_deref() == Some(EVENT_TIME),
        all: item.all,
        negated: item.negated,
        values: values.collect::<Result<_, _>>()?,
        list: lists::of_item(item).map(Box::new),
    })
}

fn compile_test(test: &Test, source: &RuleSource, dictionary: &mut Dictionary) -> Result<CompiledTest, DictionaryFull> {
    Ok(match test {
        Test::Text(pattern) => CompiledTest::Text(Text::new(pattern)),
        Test::Null => CompiledTest::Null,
        Test::Exists(there) => CompiledTest::Exists(*there),
        Test::Regex { expression, .. } => CompiledTest::Regex(expression.clone()),
        Test::Cidr(net) => CompiledTest::Cidr(*net),
        Test::Compare(comparison, number) => CompiledTest::Compare(*comparison, *number),
        Test::Part(part, comparison, number) => CompiledTest::Part(*part, *comparison, *number),
        Test::FieldRef { field, open_start, open_end, cased } => CompiledTest::FieldRef {
            other: resolve(field, source, dictionary)?,
            open_start: *open_start,
            open_end: *open_end,
            cased: *cased,
        },
    })
}

/// The field of the event that candidates mean: the first that is there.
#[inline]
pub(crate) fn present(candidates: &[FieldId], event: &EventView<'_>) -> Option<FieldId> {
    candidates.iter().copied().find(|id| event.has(*id))
}

/// The fields of the event that candidates mean, nulls left out.
pub(crate) fn fields<'a>(candidates: &[FieldId], event: &EventView<'a>) -> impl Iterator<Item = &'a Field> + use<'a> {
    let event = *event;
    let id = present(candidates, &event);
    id.into_iter().flat_map(move |id| event.all(id)).filter(|field| field.kind != Kind::Null)
}

impl CompiledSearch {
    fn given_up(&self) -> u64 {
        match self {
            CompiledSearch::Item(item) => {
                let of = |test: &CompiledTest| match test {
                    CompiledTest::Regex(expression) => expression.given_up(),
                    _ => 0,
                };
                item.values.iter().flatten().map(of).sum()
            }
            CompiledSearch::All(parts) | CompiledSearch::Any(parts) => parts.iter().map(CompiledSearch::given_up).sum(),
        }
    }

    pub(crate) fn matches(&self, event: &EventView<'_>) -> bool {
        match self {
            CompiledSearch::Item(item) => item.matches(event),
            CompiledSearch::All(all) => all.iter().all(|one| one.matches(event)),
            CompiledSearch::Any(any) => any.iter().any(|one| one.matches(event)),
        }
    }
}

impl CompiledItem {
    pub(crate) fn matches(&self, event: &EventView<'_>) -> bool {
        if let Some(list) = &self.list {
            let found = fields(&self.candidates, event).any(|field| {
                let value = event.value(field);
                if value.is_ascii() {
                    return list.stands_in(value);
                }
                self.values.iter().flatten().any(|test| test.on_value(value, event))
            });
            return found != self.negated;
        }
        let holds = |tests: &[CompiledTest]| tests.iter().any(|test| self.test(test, event));
        let found = if self.all {
            self.values.iter().all(|tests| holds(tests))
        } else {
            self.values.iter().any(|tests| holds(tests))
        };
        found != self.negated
    }

    pub(crate) fn test(&self, test: &CompiledTest, event: &EventView<'_>) -> bool {
        match test {
            CompiledTest::Null => self.is_null(event),
            CompiledTest::Exists(wanted) => present(&self.candidates, event).is_some() == *wanted,
            CompiledTest::Part(part, comparison, number)
                if self.event_time && present(&self.candidates, event).is_none() =>
            {
                part.of_time(event.core().time_ns)
                    .is_some_and(|value| comparison.holds(Number::Integer(value).order(*number)))
            }
            _ => self.witness(test, event).is_some(),
        }
    }

    /// Whether the field is absent, or one of its values is null.
    pub(crate) fn is_null(&self, event: &EventView<'_>) -> bool {
        present(&self.candidates, event).is_none_or(|id| event.all(id).any(|field| field.kind == Kind::Null))
    }

    /// The value that satisfies `test`, with its field; no field is the raw record. Absence
    /// tests have no witness.
    pub(crate) fn witness<'a>(
        &self,
        test: &CompiledTest,
        event: &EventView<'a>,
    ) -> Option<(Option<&'a Field>, &'a [u8])> {
        if self.keyword {
            // Most values lie in the raw record, so it is tried first.
            if test.on_value(event.text(), event) {
                return Some((None, event.text()));
            }
            let named = event.fields().iter().filter(|field| field.kind != Kind::Null);
            return named.map(|field| (Some(field), event.value(field))).find(|(_, value)| test.on_value(value, event));
        }
        fields(&self.candidates, event)
            .map(|field| (Some(field), event.value(field)))
            .find(|(_, value)| test.on_value(value, event))
    }
}

impl CompiledTest {
    fn on_value(&self, value: &[u8], event: &EventView<'_>) -> bool {
        match self {
            CompiledTest::Text(text) => text.matches(value),
            CompiledTest::Regex(regex) => regex.is_match(value),
            CompiledTest::Cidr(net) => noroshi_parsers::ip::parse(value).is_some_and(|ip| value::net_holds(net, ip)),
            CompiledTest::Compare(comparison, bound) => {
                Number::parse(value).is_some_and(|number| comparison.holds(number.order(*bound)))
            }
            CompiledTest::Part(part, comparison, number) => {
                part.read(value).is_some_and(|value| comparison.holds(Number::Integer(value).order(*number)))
            }
            CompiledTest::FieldRef { other, open_start, open_end, cased } => {
                fields(other, event).any(|field| text::fits(value, event.value(field), *cased, *open_start, *open_end))
            }
            CompiledTest::Null | CompiledTest::Exists(_) => false,
        }
    }
}

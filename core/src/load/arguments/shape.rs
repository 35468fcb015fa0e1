//! What a JSON Schema allows, as plain sets of JSON values: the unions and intersections behind `anyOf` and `allOf`.
//!
//! A [`Shape`] is wider than its schema, never narrower: keywords that only narrow are forgotten, so whatever the
//! schema accepts the shape accepts too. It knows nothing of Cedar; `lower` turns it into a type.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::Limits;

/// Why a part is free-form.
pub(super) const NO_TYPE: &str = "its schema declares no type";
pub(super) const RECURSIVE: &str = "its schema contains itself";
pub(super) const DEEP: &str = "it is nested too deep to be typed";
/// Why a part is left out.
pub(super) const CONTRADICTION: &str = "its schemas contradict each other, so no value fits";

/// The JSON values an argument may be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    /// Any JSON value, and why nothing more is known.
    Any(&'static str),
    /// Values of these JSON kinds.
    Kinds(Box<Kinds>),
    /// No value: said so by the schema `false`, or (`declared: false`) the result of a contradiction.
    Never { declared: bool },
    /// Not to be typed, and why.
    Unknown(String),
}

/// One entry per JSON kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kinds {
    pub(super) null: bool,
    pub(super) boolean: bool,
    pub(super) number: Option<Numeric>,
    pub(super) string: Option<Text>,
    /// The shape of the elements.
    pub(super) array: Option<Shape>,
    pub(super) object: Option<Object>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Numeric {
    Integer,
    Number,
}

/// The strings there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// Any.
    Open,
    /// These.
    OneOf(BTreeSet<String>),
    /// RFC 3339 dates and times.
    Instant { date: bool, time: bool },
    /// Addresses.
    Ip { v4: bool, v6: bool },
}

/// The objects there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Object {
    pub(super) members: BTreeMap<String, Shape>,
    pub(super) required: BTreeSet<String>,
    pub(super) extras: Extras,
}

/// What members there may be besides the declared ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Extras {
    /// The schema does not say.
    #[default]
    Unsaid,
    /// None.
    Refused,
    /// Any name, values of this shape.
    Open(Box<Shape>),
}

/// A tool's schema unfolds to more than [`Limits`] allows.
#[derive(Debug)]
pub(super) struct TooMany;

/// What may still be spent on one schema, so that `$ref`s that fan out stop early.
#[derive(Debug)]
pub(super) struct Budget {
    types: usize,
    work: usize,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { types: limits.schema_nodes, work: limits.schema_nodes.saturating_mul(16) }
    }

    /// Pays for one more type.
    pub(super) fn one_type(&mut self) -> Result<(), TooMany> {
        self.types = self.types.checked_sub(1).ok_or(TooMany)?;
        Ok(())
    }

    /// Pays for copying or comparing.
    pub(super) fn work(&mut self, amount: usize) -> Result<(), TooMany> {
        self.work = self.work.checked_sub(amount).ok_or(TooMany)?;
        Ok(())
    }

    /// Copies a shape, for its size.
    fn copy(&mut self, shape: &Shape) -> Result<Shape, TooMany> {
        self.work(shape.size())?;
        Ok(shape.clone())
    }
}

/// What a text costs to copy.
pub(super) fn weight(text: &str) -> usize {
    (text.len() / 64).saturating_add(1)
}

impl Shape {
    pub(super) fn kinds(kinds: Kinds) -> Self {
        Self::Kinds(Box::new(kinds))
    }

    /// The values that are of either shape.
    pub(super) fn union(self, other: Self, budget: &mut Budget) -> Result<Self, TooMany> {
        budget.work(1)?;
        Ok(match (self, other) {
            (Self::Any(why), _) | (_, Self::Any(why)) => Self::Any(why),
            (Self::Never { declared: left }, Self::Never { declared: right }) => {
                Self::Never { declared: left && right }
            }
            (Self::Never { .. }, shape) | (shape, Self::Never { .. }) => shape,
            (Self::Unknown(why), _) | (_, Self::Unknown(why)) => Self::Unknown(why),
            (Self::Kinds(left), Self::Kinds(right)) => Self::kinds(left.union(*right, budget)?),
        })
    }

    /// The values that are of both shapes.
    pub(super) fn intersect(self, other: Self, budget: &mut Budget) -> Result<Self, TooMany> {
        budget.work(1)?;
        Ok(match (self, other) {
            (Self::Never { declared: left }, Self::Never { declared: right }) => {
                Self::Never { declared: left || right }
            }
            (Self::Never { declared }, _) | (_, Self::Never { declared }) => Self::Never { declared },
            (Self::Unknown(why), _) | (_, Self::Unknown(why)) => Self::Unknown(why),
            (Self::Any(why), Self::Any(_)) => Self::Any(why),
            // "Anything" with nothing added stays free-form rather than a record of six kinds.
            (Self::Any(why), Self::Kinds(kinds)) | (Self::Kinds(kinds), Self::Any(why)) => {
                if *kinds == Kinds::all() {
                    Self::Any(why)
                } else {
                    Self::Kinds(kinds)
                }
            }
            (Self::Kinds(left), Self::Kinds(right)) => {
                let kinds = left.intersect(*right, budget)?;
                if kinds == Kinds::default() { Self::Never { declared: false } } else { Self::kinds(kinds) }
            }
        })
    }

    /// How much there is to copy.
    pub(super) fn size(&self) -> usize {
        let Self::Kinds(kinds) = self else { return 1 };
        let mut size = 1_usize;
        if let Some(Text::OneOf(values)) = &kinds.string {
            size = values.iter().fold(size, |size, value| size.saturating_add(weight(value)));
        }
        if let Some(element) = &kinds.array {
            size = size.saturating_add(element.size());
        }
        if let Some(object) = &kinds.object {
            for (name, shape) in &object.members {
                size = size.saturating_add(weight(name)).saturating_add(shape.size());
            }
            size = object.required.iter().fold(size, |size, name| size.saturating_add(weight(name)));
            if let Extras::Open(shape) = &object.extras {
                size = size.saturating_add(shape.size());
            }
        }
        size
    }
}

impl Kinds {
    /// Every kind, nothing said about any.
    pub(super) fn all() -> Self {
        Self {
            null: true,
            boolean: true,
            number: Some(Numeric::Number),
            string: Some(Text::Open),
            array: Some(Shape::Any(NO_TYPE)),
            object: Some(Object::default()),
        }
    }

    fn union(self, other: Self, budget: &mut Budget) -> Result<Self, TooMany> {
        Ok(Self {
            null: self.null || other.null,
            boolean: self.boolean || other.boolean,
            number: self.number.max(other.number),
            string: either(self.string, other.string, |left, right| Ok(left.union(right)))?,
            array: either(self.array, other.array, |left, right| left.union(right, budget))?,
            object: either(self.object, other.object, |left, right| left.union(right, budget))?,
        })
    }

    fn intersect(self, other: Self, budget: &mut Budget) -> Result<Self, TooMany> {
        Ok(Self {
            null: self.null && other.null,
            boolean: self.boolean && other.boolean,
            number: self.number.zip(other.number).map(|(left, right)| left.min(right)),
            string: self.string.zip(other.string).and_then(|(left, right)| left.intersect(right)),
            array: self.array.zip(other.array).map(|(left, right)| left.intersect(right, budget)).transpose()?,
            object: self.object.zip(other.object).map(|(left, right)| left.intersect(right, budget)).transpose()?,
        })
    }
}

impl Text {
    fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::OneOf(mut left), Self::OneOf(mut right)) => {
                left.append(&mut right);
                Self::OneOf(left)
            }
            (Self::Instant { date, time }, Self::Instant { date: other_date, time: other_time }) => {
                Self::Instant { date: date || other_date, time: time || other_time }
            }
            (Self::Ip { v4, v6 }, Self::Ip { v4: other_v4, v6: other_v6 }) => {
                Self::Ip { v4: v4 || other_v4, v6: v6 || other_v6 }
            }
            _ => Self::Open,
        }
    }

    /// `None` if there is no such string.
    fn intersect(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Open, text) | (text, Self::Open) => Some(text),
            (Self::OneOf(mut left), Self::OneOf(right)) => {
                left.retain(|value| right.contains(value));
                (!left.is_empty()).then_some(Self::OneOf(left))
            }
            // Listed values stay text, whatever their format: the list says more.
            (Self::OneOf(values), _) | (_, Self::OneOf(values)) => Some(Self::OneOf(values)),
            (Self::Instant { date, time }, Self::Instant { date: other_date, time: other_time }) => {
                let (date, time) = (date && other_date, time && other_time);
                (date || time).then_some(Self::Instant { date, time })
            }
            (Self::Ip { v4, v6 }, Self::Ip { v4: other_v4, v6: other_v6 }) => {
                let (v4, v6) = (v4 && other_v4, v6 && other_v6);
                (v4 || v6).then_some(Self::Ip { v4, v6 })
            }
            (Self::Instant { .. }, Self::Ip { .. }) | (Self::Ip { .. }, Self::Instant { .. }) => None,
        }
    }
}

impl Object {
    /// Whether nothing is said of the members but, at most, that some must be there.
    pub(super) fn is_free_form(&self) -> bool {
        self.members.is_empty() && self.extras == Extras::Unsaid
    }

    /// One merged record: a member is required only where every variant requires it.
    fn union(self, other: Self, budget: &mut Budget) -> Result<Self, TooMany> {
        budget.work(self.members.len().saturating_add(other.members.len()))?;
        let required = self.required.intersection(&other.required).cloned().collect();
        if self.is_free_form() || other.is_free_form() {
            return Ok(Self { required, ..Self::default() });
        }
        let mut members = BTreeMap::new();
        let names: BTreeSet<&String> = self.members.keys().chain(other.members.keys()).collect();
        for name in names {
            let shape = match (self.member(name, budget)?, other.member(name, budget)?) {
                (Some(left), Some(right)) => left.union(right, budget)?,
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => continue,
            };
            members.insert(name.clone(), shape);
        }
        let extras = match (self.extras, other.extras) {
            (Extras::Open(left), Extras::Open(right)) => Extras::Open(Box::new(left.union(*right, budget)?)),
            (Extras::Open(open), _) | (_, Extras::Open(open)) => Extras::Open(open),
            (Extras::Refused, Extras::Refused) => Extras::Refused,
            _ => Extras::Unsaid,
        };
        Ok(Self { members, required, extras })
    }

    fn intersect(mut self, mut other: Self, budget: &mut Budget) -> Result<Self, TooMany> {
        budget.work(self.members.len().saturating_add(other.members.len()))?;
        let mut members = BTreeMap::new();
        for (name, left) in std::mem::take(&mut self.members) {
            let right = match other.members.remove(&name) {
                Some(right) => Some(right),
                None => other.extra(budget)?,
            };
            let shape = if let Some(right) = right { left.intersect(right, budget)? } else { left };
            members.insert(name, shape);
        }
        for (name, right) in std::mem::take(&mut other.members) {
            let shape = if let Some(left) = self.extra(budget)? { left.intersect(right, budget)? } else { right };
            members.insert(name, shape);
        }
        let mut required = self.required;
        required.append(&mut other.required);
        let extras = match (self.extras, other.extras) {
            (Extras::Unsaid, extras) | (extras, Extras::Unsaid) => extras,
            (Extras::Refused, _) | (_, Extras::Refused) => Extras::Refused,
            (Extras::Open(left), Extras::Open(right)) => Extras::Open(Box::new(left.intersect(*right, budget)?)),
        };
        Ok(Self { members, required, extras })
    }

    /// What a member of that name may be, declared or not.
    fn member(&self, name: &str, budget: &mut Budget) -> Result<Option<Shape>, TooMany> {
        match self.members.get(name) {
            Some(shape) => budget.copy(shape).map(Some),
            None => match self.extra(budget)? {
                None if self.required.contains(name) => Ok(Some(Shape::Any(NO_TYPE))),
                extra => Ok(extra),
            },
        }
    }

    fn extra(&self, budget: &mut Budget) -> Result<Option<Shape>, TooMany> {
        if let Extras::Open(shape) = &self.extras { budget.copy(shape).map(Some) } else { Ok(None) }
    }
}

/// Both where there are both, else the one there is.
fn either<T>(
    left: Option<T>,
    right: Option<T>,
    both: impl FnOnce(T, T) -> Result<T, TooMany>,
) -> Result<Option<T>, TooMany> {
    match (left, right) {
        (Some(left), Some(right)) => both(left, right).map(Some),
        (one, other) => Ok(one.or(other)),
    }
}

//! From the shape of the arguments to their types, with a note wherever something is free-form or left out.

use std::collections::BTreeMap;

use super::shape::{CONTRADICTION, DEEP, Extras as Open, Kinds, Numeric, Object, Shape};
use super::{Arguments, EXTRAS, Extras, Map, Member, Note, NoteKind, Record, Slot, Type, step};

/// How deep Cedar's JSON schema may nest for `context.input`: its reader stops at 128, and the action around it takes
/// some of that.
const LEVELS: usize = 96;

const UNDECLARED: &str = "an object whose members are not declared";
const REQUIRED: &str = "it is required, but not declared";

/// The types of `shape`, the whole of a tool's arguments.
pub(super) fn lower(shape: Shape) -> Arguments {
    let reason = match shape {
        Shape::Kinds(kinds) => match *kinds {
            Kinds { null: false, boolean: false, number: None, string: None, array: None, object: Some(object) } => {
                let mut lowering = Lowering { notes: Vec::new() };
                let root = lowering.record(object, "", LEVELS);
                return Arguments { root: Some(root), notes: lowering.notes };
            }
            _ => "its schema must have the `type` `object`".to_owned(),
        },
        Shape::Any(_) => "its schema must have the `type` `object`".to_owned(),
        Shape::Never { declared: true } => "its schema is `false`".to_owned(),
        Shape::Never { declared: false } => CONTRADICTION.to_owned(),
        Shape::Unknown(reason) => reason,
    };
    Arguments::untyped(reason)
}

struct Lowering {
    notes: Vec<Note>,
}

impl Lowering {
    fn note(&mut self, pointer: &str, kind: NoteKind, reason: impl Into<String>) {
        self.notes.push(Note { pointer: pointer.to_owned(), kind, reason: reason.into() });
    }

    fn free_form(&mut self, pointer: &str, reason: &str) -> Type {
        self.note(pointer, NoteKind::FreeForm, reason);
        Type::Json
    }

    fn record(&mut self, object: Object, at: &str, levels: usize) -> Record {
        let Object { members: mut shapes, required, extras } = object;
        for name in &required {
            shapes.entry(name.clone()).or_insert_with(|| match &extras {
                Open::Unsaid => Shape::Any(REQUIRED),
                Open::Refused => Shape::Never { declared: true },
                Open::Open(shape) => (**shape).clone(),
            });
        }
        // One level for `attributes`, one for the attribute.
        let inner = levels.saturating_sub(2);
        let mut members = BTreeMap::new();
        for (name, shape) in shapes {
            let slot = self.slot(shape, &step(at, &name), inner);
            members.insert(name.clone(), Member { required: required.contains(&name), slot });
        }
        let extras = match extras {
            Open::Unsaid | Open::Refused => Extras::Refused,
            Open::Open(_) if members.contains_key(EXTRAS) => {
                let reason = "its undeclared members have no place, for one of the declared is itself named `*`";
                self.note(&step(at, EXTRAS), NoteKind::LeftOut, reason);
                Extras::LeftOut(reason.to_owned())
            }
            Open::Open(shape) => Extras::Typed(self.map(*shape, at, inner)),
        };
        Record { members, extras }
    }

    fn slot(&mut self, shape: Shape, at: &str, levels: usize) -> Slot {
        let mark = self.notes.len();
        let typed = match shape {
            Shape::Any(why) => Ok(Slot::Typed { ty: self.free_form(at, why), nullable: false }),
            Shape::Kinds(kinds) if kinds.is_only_null() => Ok(Slot::Null),
            Shape::Kinds(kinds) => {
                let nullable = kinds.null;
                self.kinds(*kinds, false, at, levels).map(|ty| Slot::Typed { ty, nullable })
            }
            Shape::Never { declared: true } => Ok(Slot::Refused),
            Shape::Never { declared: false } => Err(CONTRADICTION.to_owned()),
            Shape::Unknown(reason) => Err(reason),
        };
        typed.unwrap_or_else(|reason| {
            self.notes.truncate(mark);
            self.note(at, NoteKind::LeftOut, reason.clone());
            Slot::LeftOut(reason)
        })
    }

    /// The type of an array's elements or a map's values, where `null` has to be some value.
    fn element(&mut self, shape: Shape, at: &str, levels: usize) -> Result<Type, String> {
        match shape {
            Shape::Any(why) => Ok(self.free_form(at, why)),
            Shape::Kinds(kinds) => self.kinds(*kinds, true, at, levels),
            Shape::Never { declared: true } => Ok(Type::Nothing),
            Shape::Never { declared: false } => Err(CONTRADICTION.to_owned()),
            Shape::Unknown(reason) => Err(reason),
        }
    }

    fn kinds(&mut self, kinds: Kinds, null_is_a_value: bool, at: &str, levels: usize) -> Result<Type, String> {
        let null = kinds.null && null_is_a_value;
        let several = null || kinds.count() != 1;
        let inner = if several { levels.saturating_sub(2) } else { levels };
        if several && inner == 0 {
            return Ok(self.free_form(at, DEEP));
        }
        let mut parts = BTreeMap::new();
        if kinds.boolean {
            parts.insert("boolean", Type::Bool);
        }
        match kinds.number {
            Some(Numeric::Integer) => parts.insert("integer", Type::Long),
            Some(Numeric::Number) => parts.insert("number", Type::Decimal),
            None => None,
        };
        if let Some(text) = kinds.string {
            parts.insert("string", Type::Text(text));
        }
        if let Some(element) = kinds.array {
            let ty = if inner < 2 {
                self.free_form(at, DEEP)
            } else {
                match self.element(element, &step(at, EXTRAS), inner.saturating_sub(1))? {
                    Type::OneOf { null, parts } if !parts.is_empty() => Type::Sets { null, parts },
                    element => Type::Set(Box::new(element)),
                }
            };
            parts.insert("array", ty);
        }
        if let Some(object) = kinds.object {
            parts.insert("object", self.object(object, at, inner));
        }
        if several {
            return Ok(Type::OneOf { null, parts });
        }
        parts.into_values().next().ok_or_else(|| CONTRADICTION.to_owned())
    }

    fn object(&mut self, object: Object, at: &str, levels: usize) -> Type {
        if object.is_free_form() {
            return self.free_form(at, UNDECLARED);
        }
        // A record with a map in it takes seven, and the map's value one more.
        if levels < 8 {
            return self.free_form(at, DEEP);
        }
        match object {
            Object { members, required, extras: Open::Open(shape) } if members.is_empty() && required.is_empty() => {
                Type::Map(self.map(*shape, at, levels))
            }
            object => Type::Record(self.record(object, at, levels)),
        }
    }

    fn map(&mut self, shape: Shape, at: &str, levels: usize) -> Map {
        let mark = self.notes.len();
        let at = step(at, EXTRAS);
        // Two for `entries`, one for its element, two for `value`.
        match self.element(shape, &at, levels.saturating_sub(5)) {
            Ok(ty) => Map { value: Some(Box::new(ty)) },
            Err(reason) => {
                self.notes.truncate(mark);
                self.note(&at, NoteKind::LeftOut, reason);
                Map { value: None }
            }
        }
    }
}

impl Kinds {
    /// How many kinds there are besides `null`.
    fn count(&self) -> usize {
        [self.boolean, self.number.is_some(), self.string.is_some(), self.array.is_some(), self.object.is_some()]
            .into_iter()
            .filter(|kind| *kind)
            .count()
    }

    fn is_only_null(&self) -> bool {
        self.null && self.count() == 0
    }
}

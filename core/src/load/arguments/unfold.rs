//! A JSON Schema (draft-07 or 2020-12, untrusted) as a [`Shape`]: `$ref`s followed, `allOf` intersected, `anyOf` and
//! `oneOf` united.
//!
//! Keywords that only narrow (`not`, `if`, `pattern`, `minimum`, `dependentRequired`, …) are passed over: the shape is
//! for typing, and the tool validates its own arguments. `default` is never filled in: what was sent is decided.

use std::collections::BTreeMap;

use super::refs;
use super::shape::{Budget, DEEP, Extras, Kinds, NO_TYPE, Numeric, Object, RECURSIVE, Shape, Text, TooMany, weight};
use crate::data::json::Json;
use crate::limits::Limits;

type Members = BTreeMap<String, Json>;

/// The shape of the values that `schema`, a whole document, accepts.
pub(super) fn unfold(schema: &Json, limits: &Limits) -> Result<Shape, TooMany> {
    let depth = limits.depth.saturating_mul(4);
    Unfolder { root: schema, budget: Budget::new(limits), depth, open: Vec::new(), foreign: false }.shape(schema)
}

struct Unfolder<'a> {
    root: &'a Json,
    budget: Budget,
    /// How many schemas may be open at once.
    depth: usize,
    /// The schemas being unfolded, outermost first: one that is reached again from within contains itself.
    open: Vec<&'a Json>,
    /// Inside a subschema with its own `$id`, where `#` means something else.
    foreign: bool,
}

/// A shape in the making. What `type` leaves unsaid may still be said by a sibling.
#[derive(Clone, Debug)]
struct Draft {
    shape: Shape,
    /// The kinds are known, and not to be inferred.
    said: bool,
    /// Something is said about array elements.
    elements: bool,
}

impl Draft {
    fn open() -> Self {
        Self { shape: Shape::kinds(Kinds::all()), said: false, elements: false }
    }

    fn said(shape: Shape) -> Self {
        Self { shape, said: true, elements: false }
    }

    fn unknown(reason: impl Into<String>) -> Self {
        Self::said(Shape::Unknown(reason.into()))
    }

    fn and(self, other: Self, budget: &mut Budget) -> Result<Self, TooMany> {
        Ok(Self {
            shape: self.shape.intersect(other.shape, budget)?,
            said: self.said || other.said,
            elements: self.elements || other.elements,
        })
    }

    /// No more is coming: kinds nobody named are inferred from what is said about objects and arrays.
    fn settle(self) -> Shape {
        match self.shape {
            Shape::Kinds(kinds) if !self.said => {
                let object = kinds.object.filter(|object| *object != Object::default());
                let array = kinds.array.filter(|_| self.elements);
                if object.is_none() && array.is_none() {
                    Shape::Any(NO_TYPE)
                } else {
                    Shape::kinds(Kinds { object, array, ..Kinds::default() })
                }
            }
            shape => shape,
        }
    }
}

impl<'a> Unfolder<'a> {
    fn shape(&mut self, schema: &'a Json) -> Result<Shape, TooMany> {
        Ok(self.draft(schema)?.settle())
    }

    fn draft(&mut self, schema: &'a Json) -> Result<Draft, TooMany> {
        self.budget.one_type()?;
        let members = match schema {
            Json::Bool(true) => return Ok(Draft::open()),
            Json::Bool(false) => return Ok(Draft::said(Shape::Never { declared: true })),
            Json::Object(members) => members,
            other => return Ok(Draft::unknown(format!("its schema is of kind {}", other.kind()))),
        };
        if self.open.len() >= self.depth {
            return Ok(Draft::said(Shape::Any(DEEP)));
        }
        let foreign = self.foreign;
        self.foreign |= !self.open.is_empty() && members.get("$id").is_some_and(has_own_base);
        self.open.push(schema);
        let draft = self.keywords(members);
        self.open.pop();
        self.foreign = foreign;
        draft
    }

    fn keywords(&mut self, schema: &'a Members) -> Result<Draft, TooMany> {
        let mut draft = self.own_keywords(schema)?;
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if schema.contains_key(keyword) {
                return Ok(Draft::unknown(format!("`{keyword}` is not followed")));
            }
        }
        if let Some(reference) = schema.get("$ref") {
            let target = self.reference(reference)?;
            draft = draft.and(target, &mut self.budget)?;
        }
        for part in schema.get("allOf").and_then(Json::as_array).unwrap_or_default() {
            let part = self.draft(part)?;
            draft = draft.and(part, &mut self.budget)?;
        }
        for group in ["anyOf", "oneOf"] {
            let variants = schema.get(group).and_then(Json::as_array).unwrap_or_default();
            if variants.is_empty() {
                continue;
            }
            let mut union = Shape::Never { declared: false };
            for variant in variants {
                let variant = self.draft(variant)?;
                self.budget.work(draft.shape.size())?;
                let variant = draft.clone().and(variant, &mut self.budget)?.settle();
                union = union.union(variant, &mut self.budget)?;
            }
            draft = Draft::said(union);
        }
        if schema.get("nullable") == Some(&Json::Bool(true)) {
            let mut shape = draft.settle();
            if let Shape::Kinds(kinds) = &mut shape {
                kinds.null = true;
            }
            draft = Draft::said(shape);
        }
        Ok(draft)
    }

    /// What the schema says itself, before any other schema it names.
    fn own_keywords(&mut self, schema: &'a Members) -> Result<Draft, TooMany> {
        let mut draft = Draft::open();
        if let Some(types) = schema.get("type") {
            draft = draft.and(self.types(types)?, &mut self.budget)?;
        }
        for (keyword, values) in [
            ("enum", schema.get("enum").and_then(Json::as_array)),
            ("const", schema.get("const").map(std::slice::from_ref)),
        ] {
            if let Some(values) = values {
                let values = self.values(values, schema.contains_key("type"))?;
                draft = draft.and(values, &mut self.budget)?;
            } else if schema.contains_key(keyword) {
                return Ok(Draft::unknown(format!("its `{keyword}` is not an array")));
            }
        }
        if let Some(text) = schema.get("format").and_then(Json::as_str).and_then(text_of_format) {
            let facet = Shape::kinds(Kinds { string: Some(text), ..Kinds::all() });
            draft.shape = draft.shape.intersect(facet, &mut self.budget)?;
        }
        if ["properties", "required", "additionalProperties", "patternProperties"]
            .iter()
            .any(|keyword| schema.contains_key(*keyword))
        {
            draft = match self.object(schema)? {
                Ok(object) => {
                    let facet = Shape::kinds(Kinds { object: Some(object), ..Kinds::all() });
                    Draft { shape: draft.shape.intersect(facet, &mut self.budget)?, ..draft }
                }
                Err(reason) => Draft::unknown(reason),
            };
        }
        if let Some(element) = self.elements(schema)? {
            let facet = Shape::kinds(Kinds { array: Some(element), ..Kinds::all() });
            draft.shape = draft.shape.intersect(facet, &mut self.budget)?;
            draft.elements = true;
        }
        Ok(draft)
    }

    fn types(&mut self, types: &Json) -> Result<Draft, TooMany> {
        let names = types.as_array().unwrap_or_else(|| std::slice::from_ref(types));
        self.budget.work(names.len())?;
        let (mut kinds, all) = (Kinds::default(), Kinds::all());
        for name in names {
            match name.as_str() {
                Some("null") => kinds.null = true,
                Some("boolean") => kinds.boolean = true,
                Some("integer") => kinds.number = kinds.number.max(Some(Numeric::Integer)),
                Some("number") => kinds.number = all.number,
                Some("string") => kinds.string.clone_from(&all.string),
                Some("array") => kinds.array.clone_from(&all.array),
                Some("object") => kinds.object.clone_from(&all.object),
                _ => return Ok(Draft::unknown("its `type` is not one JSON Schema has")),
            }
        }
        Ok(Draft::said(if kinds == Kinds::default() { Shape::Never { declared: false } } else { Shape::kinds(kinds) }))
    }

    /// The kinds of listed values, and the strings among them.
    fn values(&mut self, values: &[Json], typed: bool) -> Result<Draft, TooMany> {
        let (mut kinds, all) = (Kinds::default(), Kinds::all());
        for value in values {
            self.budget.work(value.as_str().map_or(1, weight))?;
            match value {
                Json::Null => kinds.null = true,
                Json::Bool(_) => kinds.boolean = true,
                // A declared `number` stays a decimal, though every listed value happens to be whole.
                Json::Number(number) if !typed && number.as_i64().is_some() => {
                    kinds.number = kinds.number.max(Some(Numeric::Integer));
                }
                Json::Number(_) => kinds.number = all.number,
                Json::String(text) => {
                    if let Text::OneOf(texts) = kinds.string.get_or_insert_with(|| Text::OneOf(Default::default())) {
                        texts.insert(text.clone());
                    }
                }
                Json::Array(_) => kinds.array.clone_from(&all.array),
                Json::Object(_) => kinds.object.clone_from(&all.object),
            }
        }
        Ok(Draft::said(if kinds == Kinds::default() { Shape::Never { declared: false } } else { Shape::kinds(kinds) }))
    }

    fn object(&mut self, schema: &'a Members) -> Result<Result<Object, String>, TooMany> {
        let mut object = Object::default();
        match schema.get("properties") {
            Some(Json::Object(properties)) => {
                for (name, property) in properties {
                    self.budget.work(weight(name))?;
                    let shape = self.shape(property)?;
                    object.members.insert(name.clone(), shape);
                }
            }
            Some(other) => return Ok(Err(format!("its `properties` is of kind {}", other.kind()))),
            None => {}
        }
        // `required` of another kind (draft-03 had a boolean) says nothing: the member is then optional, which is wider.
        for name in schema.get("required").and_then(Json::as_array).unwrap_or_default().iter().filter_map(Json::as_str)
        {
            self.budget.work(weight(name))?;
            object.required.insert(name.to_owned());
        }
        let mut extras = Shape::Never { declared: true };
        let patterns = schema.get("patternProperties").and_then(Json::as_object).into_iter().flat_map(Members::values);
        for pattern in patterns.chain(schema.get("additionalProperties")) {
            let shape = self.shape(pattern)?;
            extras = extras.union(shape, &mut self.budget)?;
        }
        object.extras = match extras {
            Shape::Never { declared: true } if schema.contains_key("additionalProperties") => Extras::Refused,
            Shape::Never { declared: true } => Extras::Unsaid,
            shape => Extras::Open(Box::new(shape)),
        };
        Ok(Ok(object))
    }

    /// The shape of every element, wherever it stands: a Cedar set has no positions.
    fn elements(&mut self, schema: &'a Members) -> Result<Option<Shape>, TooMany> {
        let (tuple, rest) = match (schema.get("prefixItems"), schema.get("items")) {
            (Some(Json::Array(tuple)), rest) => (tuple.as_slice(), rest),
            (_, Some(Json::Array(tuple))) => (tuple.as_slice(), schema.get("additionalItems")),
            (_, rest) => (&[][..], rest),
        };
        if tuple.is_empty() && rest.is_none() {
            return Ok(None);
        }
        let mut element = Shape::Never { declared: true };
        for part in tuple.iter().chain(rest) {
            let shape = self.shape(part)?;
            element = element.union(shape, &mut self.budget)?;
        }
        Ok(Some(element))
    }

    fn reference(&mut self, reference: &Json) -> Result<Draft, TooMany> {
        let Some(text) = reference.as_str() else {
            return Ok(Draft::unknown("its `$ref` is not a string"));
        };
        self.budget.work(weight(text))?;
        if self.foreign {
            return Ok(Draft::unknown("its `$ref` is relative to a nested `$id`"));
        }
        match refs::resolve(self.root, text) {
            Ok(target) if self.open.iter().any(|open| std::ptr::eq(*open, target)) => {
                Ok(Draft::said(Shape::Any(RECURSIVE)))
            }
            Ok(target) => self.draft(target),
            Err(reason) => Ok(Draft::unknown(reason)),
        }
    }
}

/// A draft-07 `"$id": "#name"` is an anchor and changes no base.
fn has_own_base(id: &Json) -> bool {
    id.as_str().is_some_and(|id| !id.starts_with('#'))
}

fn text_of_format(format: &str) -> Option<Text> {
    match format {
        "date" => Some(Text::Instant { date: true, time: false }),
        "date-time" => Some(Text::Instant { date: false, time: true }),
        "ipv4" => Some(Text::Ip { v4: true, v6: false }),
        "ipv6" => Some(Text::Ip { v4: false, v6: true }),
        _ => None,
    }
}

//! A world for tests: Cedar's own entities and context, by number.

#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityUid};
use serde_json::Value as Json;

use super::{Attribute, World};
use crate::compile::condition::operators::{self, Binary, Unary};
use crate::compile::condition::scalar;
use crate::compile::symbols::Symbols;
use crate::data::value::{Attr, Const, Ent};

/// Entities, with all that each is in.
#[derive(Default)]
pub(crate) struct Store {
    things: HashMap<Ent, Thing>,
}

#[derive(Default)]
struct Thing {
    attrs: HashMap<Attr, Const>,
    tags: HashMap<String, Const>,
    above: HashSet<Ent>,
}

/// A request to a store.
pub(crate) struct Asking<'a> {
    pub(crate) store: &'a Store,
    pub(crate) principal: Ent,
    pub(crate) action: Ent,
    pub(crate) resource: Ent,
    pub(crate) context: &'a Given,
    /// Attributes of the context that are taken to be a record of which nothing is known, or anything.
    pub(crate) unknown: HashMap<Attr, Attribute<'static>>,
}

/// A context.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) values: HashMap<Attr, Const>,
    pub(crate) attrs: Vec<Attr>,
}

impl<'a> World<'a> for Asking<'a> {
    fn principal(&self) -> Ent {
        self.principal
    }

    fn action(&self) -> Ent {
        self.action
    }

    fn resource(&self) -> Ent {
        self.resource
    }

    fn attr(&self, entity: Ent, attr: Attr) -> Attribute<'a> {
        self.store.things.get(&entity).map_or(Attribute::NoEntity, |thing| attribute(thing.attrs.get(&attr)))
    }

    fn tag(&self, entity: Ent, tag: &str) -> Attribute<'a> {
        self.store.things.get(&entity).map_or(Attribute::NoEntity, |thing| attribute(thing.tags.get(tag)))
    }

    fn is_in(&self, entity: Ent, ancestor: Ent) -> bool {
        self.store.is_in(entity, ancestor)
    }

    fn context(&self, attr: Attr) -> Attribute<'a> {
        self.unknown.get(&attr).copied().unwrap_or_else(|| attribute(self.context.values.get(&attr)))
    }

    fn context_attrs(&self) -> &[Attr] {
        &self.context.attrs
    }
}

fn attribute(value: Option<&Const>) -> Attribute<'_> {
    value.map_or(Attribute::Missing, |value| Attribute::Value(value.value()))
}

impl Store {
    pub(crate) fn new(entities: &Entities, symbols: &mut Symbols) -> Self {
        let mut things: HashMap<Ent, Thing> = HashMap::new();
        let json = entities.to_json_value().unwrap();
        for entity in json.as_array().unwrap() {
            let map = |key: &str| entity[key].as_object().cloned().unwrap_or_default();
            let thing = Thing {
                attrs: map("attrs").iter().map(|(name, json)| (symbols.attr(name), constant(json, symbols))).collect(),
                tags: map("tags").iter().map(|(name, json)| (name.clone(), constant(json, symbols))).collect(),
                above: entity["parents"].as_array().unwrap().iter().map(|parent| ent(parent, symbols)).collect(),
            };
            things.insert(ent(&entity["uid"], symbols), thing);
        }
        let direct: HashMap<Ent, HashSet<Ent>> =
            things.iter().map(|(ent, thing)| (*ent, thing.above.clone())).collect();
        for thing in things.values_mut() {
            let mut open: Vec<Ent> = thing.above.iter().copied().collect();
            while let Some(next) = open.pop() {
                for above in direct.get(&next).into_iter().flatten() {
                    if thing.above.insert(*above) {
                        open.push(*above);
                    }
                }
            }
        }
        Self { things }
    }

    pub(crate) fn is_in(&self, entity: Ent, ancestor: Ent) -> bool {
        entity == ancestor || self.things.get(&entity).is_some_and(|thing| thing.above.contains(&ancestor))
    }

    /// What an entity is in, by kind, as the index takes it.
    pub(crate) fn above(&self, entity: Ent) -> Vec<(u32, Vec<u32>)> {
        let mut kinds: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for above in self.things.get(&entity).into_iter().flat_map(|thing| &thing.above) {
            kinds.entry(above.kind).or_default().push(above.id);
        }
        kinds.values_mut().for_each(|ids| ids.sort_unstable());
        kinds.into_iter().collect()
    }
}

impl Given {
    pub(crate) fn new(context: Context, symbols: &mut Symbols) -> Self {
        // an entity with the context's attributes: those can be written as JSON
        let carrier = Entity::new("T::\"\"".parse().unwrap(), context.into_iter().collect(), HashSet::new()).unwrap();
        let json = carrier.to_json_value().unwrap();
        let values: HashMap<Attr, Const> = json["attrs"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, json)| (symbols.attr(name), constant(json, symbols)))
            .collect();
        let mut attrs: Vec<Attr> = values.keys().copied().collect();
        attrs.sort_unstable();
        Self { values, attrs }
    }
}

/// The number of one of Cedar's entities.
pub(crate) fn number_of(uid: &EntityUid, symbols: &mut Symbols) -> Ent {
    let kind = symbols.kind(&uid.type_name().to_string());
    symbols.entity(kind, uid.id().unescaped())
}

fn ent(json: &Json, symbols: &mut Symbols) -> Ent {
    let kind = symbols.kind(json["type"].as_str().unwrap());
    symbols.entity(kind, json["id"].as_str().unwrap())
}

/// A value that Cedar has written as JSON.
pub(crate) fn constant(json: &Json, symbols: &mut Symbols) -> Const {
    match json {
        Json::Bool(value) => Const::Bool(*value),
        Json::Number(number) => Const::Long(number.as_i64().unwrap()),
        Json::String(text) => Const::String(text.as_str().into()),
        Json::Array(items) => {
            let mut items: Vec<Const> = items.iter().map(|item| constant(item, symbols)).collect();
            items.sort();
            items.dedup();
            Const::Set(items.into())
        }
        Json::Object(fields) => {
            if let Some(uid) = fields.get("__entity") {
                return Const::Entity(ent(uid, symbols));
            }
            if let Some(call) = fields.get("__extn") {
                return extension(call, symbols);
            }
            let mut fields: Vec<(Attr, Const)> =
                fields.iter().map(|(name, field)| (symbols.attr(name), constant(field, symbols))).collect();
            fields.sort();
            Const::Record(fields.into())
        }
        Json::Null => panic!("null is no value"),
    }
}

fn extension(call: &Json, symbols: &mut Symbols) -> Const {
    let args: Vec<Const> = match (&call["arg"], &call["args"]) {
        (Json::Null, Json::Array(args)) => args.iter().map(|arg| constant(arg, symbols)).collect(),
        (arg, _) => vec![constant(arg, symbols)],
    };
    let value = match (call["fn"].as_str().unwrap(), args.as_slice()) {
        ("decimal", [text]) => operators::unary(Unary::Decimal, text.value()),
        ("datetime", [text]) => operators::unary(Unary::Datetime, text.value()),
        ("duration", [text]) => operators::unary(Unary::Duration, text.value()),
        ("ip", [text]) => operators::unary(Unary::Ip, text.value()),
        ("offset", [at, by]) => operators::binary(Binary::Offset, at.value(), by.value()),
        other => panic!("{other:?}"),
    };
    scalar(value.unwrap()).unwrap()
}

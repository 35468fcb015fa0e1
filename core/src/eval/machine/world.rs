//! What conditions are about: the request's entities and context, by number.

use crate::compile::condition::Var;
use crate::data::value::{Attr, Ent, Value};

/// What the world knows of an attribute or a tag.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attribute<'a> {
    Value(Value<'a>),
    /// There is no such attribute.
    Missing,
    /// There is no such entity.
    NoEntity,
    /// There may be any value or none.
    Unknown,
    /// There is a record; what is in it is not known.
    UnknownRecord,
}

/// What conditions are about.
pub(crate) trait World<'a> {
    fn principal(&self) -> Ent;
    fn action(&self) -> Ent;
    fn resource(&self) -> Ent;

    /// An attribute of an entity.
    fn attr(&self, entity: Ent, attr: Attr) -> Attribute<'a>;

    /// One of the request's three entities.
    fn var(&self, var: Var) -> Ent {
        match var {
            Var::Principal => self.principal(),
            Var::Action => self.action(),
            Var::Resource => self.resource(),
        }
    }

    /// An attribute of one of the three.
    fn var_attr(&self, var: Var, attr: Attr) -> Attribute<'a> {
        self.attr(self.var(var), attr)
    }

    /// An attribute of an attribute of one of the three. Only of what is read: why something has none is not told.
    fn var_path(&self, var: Var, of: Attr, attr: Attr) -> Attribute<'a> {
        self.within(self.var_attr(var, of), attr)
    }

    /// A tag of an entity.
    fn tag(&self, entity: Ent, tag: &str) -> Attribute<'a>;

    /// Whether one entity is the other, or below it.
    fn is_in(&self, entity: Ent, ancestor: Ent) -> bool;

    /// Whether an entity is one of these or below one of them; they are of one kind and sorted by number.
    fn is_in_any(&self, entity: Ent, kind: u32, ids: &[u32]) -> bool {
        ids.iter().any(|id| self.is_in(entity, Ent { kind, id: *id }))
    }

    /// An attribute of the context. In toolgate's dialect, `approval` is not asked here.
    fn context(&self, attr: Attr) -> Attribute<'a>;

    /// An attribute of an attribute of the context, as `var_path`.
    fn context_path(&self, of: Attr, attr: Attr) -> Attribute<'a> {
        self.within(self.context(of), attr)
    }

    /// An attribute of what an attribute is. A world's own records are none that the machine builds.
    fn within(&self, of: Attribute<'a>, attr: Attr) -> Attribute<'a> {
        match of {
            Attribute::Value(Value::Record(record)) => record.get(attr).map_or(Attribute::Missing, Attribute::Value),
            Attribute::Value(Value::Entity(entity)) => self.attr(entity, attr),
            Attribute::Value(_) | Attribute::Missing | Attribute::NoEntity => Attribute::Missing,
            Attribute::Unknown | Attribute::UnknownRecord => Attribute::Unknown,
        }
    }

    /// All attributes of the context, for the rare policy that takes it as a whole.
    fn context_attrs(&self) -> &[Attr];
}

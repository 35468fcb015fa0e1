//! What conditions are about: the request's entities and context, by number.

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
    #[cfg_attr(not(test), expect(dead_code, reason = "no world of toolgate has one today"))]
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

    /// All attributes of the context, for the rare policy that takes it as a whole.
    fn context_attrs(&self) -> &[Attr];
}

//! What a case changes of the bundle's snapshot: objects merged over those of the same id, field by field.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use toolgate::facts::{
    Approval, Client, Entitlement, Grant, Group, KillSwitches, Profile, ServicePrincipal, Snapshot, User,
};
use toolgate::{Bundle, Changes, Delta, Engine, Source};

use super::fault::Fault;
use super::yaml::{Document, under};

/// What a case changes of the snapshot.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// The same for overlays that say the same.
    key: String,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    /// Only grants and approvals: quick to apply.
    Delta(Delta),
    /// The whole snapshot as changed.
    Whole(Source),
}

impl Overlay {
    /// The same text for overlays that say the same.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether it takes a reload rather than a small change.
    pub fn is_whole(&self) -> bool {
        matches!(self.change, Change::Whole(_))
    }

    /// The engine of a case: that of the bundle with the overlay over its snapshot.
    pub fn engine(&self, engine: &Engine, bundle: &Bundle) -> Result<Engine, String> {
        match &self.change {
            Change::Delta(delta) => engine.with(delta).map_err(|error| error.to_string()),
            Change::Whole(snapshot) => {
                let bundle = Bundle { snapshot: snapshot.clone(), ..bundle.clone() };
                engine.reload(&bundle).map_err(|error| error.to_string())
            }
        }
    }
}

const LISTS: [&str; 8] =
    ["users", "groups", "clients", "service_principals", "entitlements", "profiles", "grants", "approvals"];

/// The snapshot of the bundle, found by list and id.
pub(super) struct Base {
    snapshot: Value,
    places: HashMap<(&'static str, String), usize>,
}

impl Base {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let snapshot = serde_json::to_value(snapshot).unwrap_or_default();
        let mut places = HashMap::new();
        for list in LISTS {
            let items = snapshot.get(list).and_then(Value::as_array).into_iter().flatten().enumerate();
            places.extend(items.filter_map(|(at, item)| Some(((list, item.get("id")?.as_str()?.to_string()), at))));
        }
        Self { snapshot, places }
    }

    fn object(&self, list: &'static str, id: &str) -> Option<&Value> {
        let at = self.places.get(&(list, id.to_string()))?;
        self.snapshot.get(list)?.get(*at)
    }

    /// Merges layers, each with its JSON pointer, over the snapshot.
    pub(super) fn overlay(
        &self,
        document: &Document,
        layers: &[(String, Value)],
    ) -> Result<Option<Arc<Overlay>>, Fault> {
        let mut merged = Merged { base: self, document, objects: BTreeMap::new(), fields: Map::new() };
        for (pointer, layer) in layers {
            merged.add(pointer, layer)?;
        }
        if merged.objects.is_empty() && merged.fields.is_empty() {
            return Ok(None);
        }
        let key = serde_json::to_string(&(
            merged.objects.iter().map(|((list, id), object)| (list, id, object)).collect::<Vec<_>>(),
            &merged.fields,
        ))
        .unwrap_or_default();
        let quick = merged.fields.is_empty() && merged.objects.keys().all(|(list, _)| is_quick(list));
        let change = if quick { Change::Delta(merged.delta()?) } else { Change::Whole(merged.whole()) };
        Ok(Some(Arc::new(Overlay { key, change })))
    }

    fn next_version(&self) -> u64 {
        self.snapshot.get("version").and_then(Value::as_u64).unwrap_or_default().saturating_add(1)
    }
}

fn is_quick(list: &str) -> bool {
    matches!(list, "grants" | "approvals")
}

struct Merged<'a> {
    base: &'a Base,
    document: &'a Document,
    /// By list and id: the object as merged, or nothing if it is taken away.
    objects: BTreeMap<(&'static str, String), Option<Value>>,
    /// What is no list.
    fields: Map<String, Value>,
}

impl Merged<'_> {
    fn add(&mut self, pointer: &str, layer: &Value) -> Result<(), Fault> {
        let Some(layer) = layer.as_object() else {
            return Err(self.document.fault(pointer, "a snapshot overlay is an object such as `{ grants: [ … ] }`"));
        };
        for (key, value) in layer {
            let at = under(pointer, key);
            match key.as_str() {
                "version" | "issued_at" | "max_age" => {
                    self.fields.insert(key.clone(), value.clone());
                }
                "kill_switches" => {
                    let before = self.fields.get(key).or_else(|| self.base.snapshot.get(key));
                    let object = laid_over(before.cloned(), value);
                    self.document.read::<KillSwitches>(&at, object.clone())?;
                    self.fields.insert(key.clone(), object);
                }
                "remove" => self.remove(&at, value)?,
                list => {
                    let Some(list) = LISTS.into_iter().find(|known| *known == list) else {
                        let lists = LISTS.map(|list| format!("`{list}`")).join(", ");
                        return Err(self.document.fault(&at, format!("a snapshot has no `{key}`")).help(format!(
                            "an overlay has {lists}, `kill_switches`, `version`, `issued_at`, `max_age` and `remove`"
                        )));
                    };
                    self.list(list, &at, value)?;
                }
            }
        }
        self.check(pointer)
    }

    /// The head of the snapshot has the right types.
    fn check(&self, pointer: &str) -> Result<(), Fault> {
        if self.fields.is_empty() {
            return Ok(());
        }
        let field = |name: &str| self.fields.get(name).or_else(|| self.base.snapshot.get(name)).cloned();
        let head = json!({"version": field("version"), "issued_at": field("issued_at"), "max_age": field("max_age")});
        self.document.read::<Snapshot>(pointer, head).map(drop)
    }

    fn list(&mut self, list: &'static str, pointer: &str, value: &Value) -> Result<(), Fault> {
        let Some(items) = value.as_array() else {
            return Err(self.document.fault(pointer, format!("`{list}` is a list")));
        };
        for (at, item) in items.iter().enumerate() {
            let pointer = format!("{pointer}/{at}");
            let Some(id) = item.get("id").and_then(Value::as_str) else {
                return Err(self
                    .document
                    .fault(&pointer, "this has no `id`")
                    .help("an `id` says what it is merged over"));
            };
            let key = (list, id.to_string());
            let before = match self.objects.get(&key) {
                Some(before) => before.clone(),
                None => self.base.object(list, id).cloned(),
            };
            let object = laid_over(before, item);
            self.document.is(list, &pointer, object.clone())?;
            self.objects.insert(key, Some(object));
        }
        Ok(())
    }

    fn remove(&mut self, pointer: &str, value: &Value) -> Result<(), Fault> {
        let lists: BTreeMap<String, Vec<String>> = self.document.read(pointer, value.clone())?;
        for (name, ids) in lists {
            let at = under(pointer, &name);
            let Some(list) = LISTS.into_iter().find(|known| *known == name) else {
                return Err(self.document.fault(&at, format!("a snapshot has no `{name}`")));
            };
            for id in ids {
                let there = self.objects.get(&(list, id.clone())).is_some_and(Option::is_some)
                    || self.base.object(list, &id).is_some();
                if !there {
                    let message = format!("there is no `{id}` in `{list}` to remove");
                    return Err(self.document.fault(&at, message).help("name one that the snapshot has"));
                }
                self.objects.insert((list, id), None);
            }
        }
        Ok(())
    }

    fn delta(&self) -> Result<Delta, Fault> {
        let (mut grants, mut approvals) = (Changes::<Grant>::default(), Changes::<Approval>::default());
        for ((list, id), object) in &self.objects {
            let (there, object) = (self.base.object(list, id).is_some(), object.clone());
            let is_grant = *list == "grants";
            if there {
                let revoke = if is_grant { &mut grants.revoke } else { &mut approvals.revoke };
                revoke.push(id.clone());
            }
            match object {
                Some(object) if is_grant => grants.add.push(self.document.read("", object)?),
                Some(object) => approvals.add.push(self.document.read("", object)?),
                None => {}
            }
        }
        let issued_at = self.base.snapshot.get("issued_at").cloned().unwrap_or_default();
        Ok(Delta {
            version: self.base.next_version(),
            issued_at: self.document.read("", issued_at)?,
            grants,
            approvals,
        })
    }

    fn whole(&self) -> Source {
        let mut snapshot = self.base.snapshot.clone();
        if let Some(fields) = snapshot.as_object_mut() {
            fields.insert("version".into(), self.base.next_version().into());
            fields.extend(self.fields.clone());
            for list in LISTS {
                let Some(items) = fields.get_mut(list).and_then(Value::as_array_mut) else { continue };
                let changed = |item: &Value| {
                    let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
                    self.objects.contains_key(&(list, id.to_string()))
                };
                items.retain(|item| !changed(item));
                let of_list = self.objects.iter().filter(|((of, _), _)| *of == list);
                items.extend(of_list.filter_map(|(_, object)| object.clone()));
            }
        }
        Source::new("the snapshot with the case's overlay", snapshot.to_string())
    }
}

impl Document {
    /// Whether an object is what the list holds.
    fn is(&self, list: &str, pointer: &str, object: Value) -> Result<(), Fault> {
        match list {
            "users" => self.read::<User>(pointer, object).map(drop),
            "groups" => self.read::<Group>(pointer, object).map(drop),
            "clients" => self.read::<Client>(pointer, object).map(drop),
            "service_principals" => self.read::<ServicePrincipal>(pointer, object).map(drop),
            "entitlements" => self.read::<Entitlement>(pointer, object).map(drop),
            "profiles" => self.read::<Profile>(pointer, object).map(drop),
            "grants" => self.read::<Grant>(pointer, object).map(drop),
            _ => self.read::<Approval>(pointer, object).map(drop),
        }
    }
}

/// The fields of `over` on those of `under`; a field that is null is taken away.
pub(super) fn laid_over(under: Option<Value>, over: &Value) -> Value {
    match (under, over) {
        (Some(Value::Object(mut fields)), Value::Object(more)) => {
            for (key, value) in more {
                if value.is_null() {
                    fields.remove(key);
                } else {
                    fields.insert(key.clone(), value.clone());
                }
            }
            Value::Object(fields)
        }
        (_, over) => over.clone(),
    }
}

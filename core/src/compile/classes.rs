//! Actions that a policy cannot tell apart, so that it is validated once for all of them.
//!
//! Two tools give a policy the same verdict of Cedar's validator if its scope lets both through, it does not look at
//! the action itself, and the types of `context.input` agree as far as it reads them: presence and optionality of each
//! step, and the whole type of what is read as a value. Requests and tokens are two more classes: their resources are
//! of other types, and they have no arguments.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest as _, Sha256};

use crate::compile::arguments::cedar_type;
use crate::compile::reads::Read;
use crate::data::canonical::canonical;
use crate::data::catalog::Catalog;
use crate::data::id::{Operation, ToolId};
use crate::data::json::Json;
use crate::load::arguments::Arguments;

/// Half a SHA-256: equal for equal content.
pub(crate) type Digest = [u8; 16];

/// The tools of a catalog, numbered in the order of their ids, with the types of their arguments.
pub(crate) struct Inventory {
    /// The tools by their written ids, which are the names of their actions.
    pub(crate) numbers: HashMap<String, usize>,
    pub(crate) tools: Vec<Row>,
    by_operation: BTreeMap<Operation, Vec<usize>>,
    /// The tools whose arguments have a member of that name.
    with_member: HashMap<String, Vec<usize>>,
    shapes: Shapes,
}

/// One tool of the inventory.
pub(crate) struct Row {
    pub(crate) id: ToolId,
    /// The id as it is written.
    pub(crate) name: String,
    pub(crate) operation: Operation,
    shape: usize,
}

/// What a policy's scope lets through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Applies {
    pub(crate) request: bool,
    pub(crate) token: bool,
    pub(crate) tools: Tools,
}

/// A set of tools.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Tools {
    All,
    Some { operations: BTreeSet<Operation>, named: BTreeSet<usize> },
}

/// What decides which actions a policy can tell apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) applies: Applies,
    /// What it reads of the arguments, if anything.
    pub(crate) input: Option<Read>,
    /// If it looks at the action: the tools that it names.
    pub(crate) apart: Option<BTreeSet<usize>>,
}

/// One tool of each class, and a digest that is the same for the same classes in another catalog.
#[derive(Clone, Debug)]
pub(crate) struct Classes {
    pub(crate) tools: BTreeSet<usize>,
    pub(crate) digest: Digest,
}

impl Inventory {
    pub(crate) fn new(catalog: &Catalog, arguments: &BTreeMap<ToolId, Arguments>) -> Self {
        let mut shapes = Shapes::default();
        let mut inventory = Self {
            numbers: HashMap::new(),
            tools: Vec::new(),
            by_operation: BTreeMap::new(),
            with_member: HashMap::new(),
            shapes: Shapes::default(),
        };
        for (number, (id, tool)) in catalog.tools.iter().enumerate() {
            let shape = match arguments.get(id) {
                Some(arguments) => shapes.add(&cedar_type(arguments)),
                None => shapes.insert(Shape::Record(BTreeMap::new())),
            };
            if let Some(Shape::Record(members)) = shapes.get(shape) {
                for name in members.keys() {
                    inventory.with_member.entry(name.clone()).or_default().push(number);
                }
            }
            let name = id.to_string();
            inventory.numbers.insert(name.clone(), number);
            inventory.by_operation.entry(tool.operation).or_default().push(number);
            inventory.tools.push(Row { id: id.clone(), name, operation: tool.operation, shape });
        }
        inventory.shapes = shapes;
        inventory
    }

    /// The tools of a set, in order.
    pub(crate) fn members(&self, tools: &Tools) -> Vec<usize> {
        match tools {
            Tools::All => (0..self.tools.len()).collect(),
            Tools::Some { operations, named } => {
                let grouped = operations.iter().filter_map(|operation| self.by_operation.get(operation)).flatten();
                let mut all: Vec<usize> = grouped.chain(named).copied().collect();
                all.sort_unstable();
                all.dedup();
                all
            }
        }
    }

    /// Whether a scope lets nothing through.
    pub(crate) fn is_empty(&self, applies: &Applies) -> bool {
        let tools = match &applies.tools {
            Tools::All => !self.tools.is_empty(),
            Tools::Some { operations, named } => {
                !named.is_empty() || operations.iter().any(|operation| self.by_operation.contains_key(operation))
            }
        };
        !applies.request && !applies.token && !tools
    }

    /// The classes of actions that a policy can tell apart.
    pub(crate) fn classes(&self, question: &Question) -> Classes {
        let mut first: HashMap<Class, usize> = HashMap::new();
        for number in self.candidates(question) {
            let Some(row) = self.tools.get(number) else { continue };
            let operation = question.apart.is_some().then_some(row.operation);
            let named = question.apart.as_ref().and_then(|named| named.get(&number)).copied();
            let mut seen = Vec::new();
            if let Some(reads) = &question.input {
                self.shapes.look(row.shape, reads, &mut seen);
            }
            first.entry((operation, named, seen)).or_insert(number);
        }

        let mut digests: BTreeSet<Digest> = first.keys().map(|class| self.class_digest(class)).collect();
        digests.extend(question.applies.request.then(|| digest(|hash| hash.update(b"request"))));
        digests.extend(question.applies.token.then(|| digest(|hash| hash.update(b"token"))));
        let digest = digest(|hash| digests.iter().for_each(|digest| hash.update(digest)));
        Classes { tools: first.into_values().collect(), digest }
    }

    /// Tools among which each class has a member, in order.
    fn candidates(&self, question: &Question) -> Vec<usize> {
        let tools = &question.applies.tools;
        let Some(first_look) = (match (&question.input, &question.apart) {
            (None, None) => Some(BTreeSet::new()),
            (Some(reads), None) if !reads.whole => {
                // those that have none of the members look alike
                let with = reads.under.keys().filter_map(|name| self.with_member.get(name));
                Some(with.flatten().copied().filter(|number| self.has(tools, *number)).collect())
            }
            _ => None,
        }) else {
            return self.members(tools);
        };
        let without = match tools {
            Tools::All => (0..self.tools.len()).find(|number| !first_look.contains(number)),
            Tools::Some { operations, named } => {
                let grouped = operations.iter().filter_map(|operation| self.by_operation.get(operation)).flatten();
                grouped.chain(named).copied().find(|number| !first_look.contains(number))
            }
        };
        first_look.into_iter().chain(without).collect()
    }

    fn has(&self, tools: &Tools, number: usize) -> bool {
        match tools {
            Tools::All => true,
            Tools::Some { operations, named } => {
                named.contains(&number) || self.tools.get(number).is_some_and(|row| operations.contains(&row.operation))
            }
        }
    }

    fn class_digest(&self, (operation, named, seen): &Class) -> Digest {
        digest(|hash| {
            hash.update(b"tool ");
            hash.update(operation.map_or("", Operation::as_str));
            let name = named.and_then(|number| self.tools.get(number)).map_or("", |row| row.name.as_str());
            part(hash, name.as_bytes());
            for seen in seen {
                match seen {
                    Seen::Absent => hash.update([0]),
                    Seen::Optional => hash.update([1]),
                    Seen::Required => hash.update([2]),
                    Seen::Type(shape) => {
                        hash.update([3]);
                        hash.update(self.shapes.digest(*shape));
                    }
                }
            }
        })
    }
}

/// The digest of what `write` puts into it.
pub(crate) fn digest(write: impl FnOnce(&mut Sha256)) -> Digest {
    let mut hash = Sha256::new();
    write(&mut hash);
    let mut digest = Digest::default();
    digest.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    digest
}

/// Bytes behind their length, so that what follows begins where it seems to.
pub(crate) fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

/// What a policy can notice of a tool: if it looks at the action, the operation, and the tool itself if it names it; and
/// what it sees of the arguments.
type Class = (Option<Operation>, Option<usize>, Vec<Seen>);

/// What is seen of a type at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Seen {
    Absent,
    Optional,
    Required,
    Type(usize),
}

/// A Cedar type; those inside it by their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Shape {
    /// With whether each member is required.
    Record(BTreeMap<String, (bool, usize)>),
    /// As Cedar's schema format writes it.
    Other(String),
}

/// Every type once.
#[derive(Default)]
struct Shapes {
    numbers: HashMap<Shape, usize>,
    all: Vec<(Shape, Digest)>,
}

impl Shapes {
    fn add(&mut self, ty: &Json) -> usize {
        let member = |name: &str| match ty {
            Json::Object(members) => members.get(name),
            _ => None,
        };
        let shape = match (member("type"), member("attributes")) {
            (Some(Json::String(kind)), Some(Json::Object(attributes))) if kind == "Record" => {
                let attributes = attributes.iter().map(|(name, ty)| {
                    let mut ty = ty.clone();
                    let required = match &mut ty {
                        Json::Object(members) => members.remove("required"),
                        _ => None,
                    };
                    (name.clone(), (required != Some(Json::Bool(false)), self.add(&ty)))
                });
                Shape::Record(attributes.collect())
            }
            _ => Shape::Other(canonical(ty)),
        };
        self.insert(shape)
    }

    fn insert(&mut self, shape: Shape) -> usize {
        if let Some(number) = self.numbers.get(&shape) {
            return *number;
        }
        let digest = digest(|hash| match &shape {
            Shape::Other(text) => {
                hash.update(b"type ");
                part(hash, text.as_bytes());
            }
            Shape::Record(members) => {
                hash.update(b"record ");
                for (name, (required, inner)) in members {
                    part(hash, name.as_bytes());
                    hash.update([u8::from(*required)]);
                    hash.update(self.digest(*inner));
                }
            }
        });
        let number = self.all.len();
        self.all.push((shape.clone(), digest));
        self.numbers.insert(shape, number);
        number
    }

    fn get(&self, number: usize) -> Option<&Shape> {
        self.all.get(number).map(|(shape, _)| shape)
    }

    fn digest(&self, number: usize) -> Digest {
        self.all.get(number).map(|(_, digest)| *digest).unwrap_or_default()
    }

    /// Adds what is seen of a type. For the same reads, equal results are equal sights.
    fn look(&self, shape: usize, reads: &Read, into: &mut Vec<Seen>) {
        match self.get(shape) {
            Some(Shape::Record(members)) if !reads.whole => {
                for (name, inner) in &reads.under {
                    match members.get(name) {
                        None => into.push(Seen::Absent),
                        Some((required, shape)) => {
                            into.push(if *required { Seen::Required } else { Seen::Optional });
                            self.look(*shape, inner, into);
                        }
                    }
                }
            }
            // what has no members is either read as a value or misread, and which matters only to the message
            _ if reads.whole || !reads.under.is_empty() => into.push(Seen::Type(shape)),
            _ => {}
        }
    }
}

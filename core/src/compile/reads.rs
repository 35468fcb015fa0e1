//! Which arguments policies read: what of a call has to be kept for them.
//!
//! Owns the form of what is read. What is read by a policy is for [`notices`](crate::compile::notices) to say.

use std::collections::{BTreeMap, HashMap};

use cedar_policy::pst;

use crate::compile::notices::Notices;
use crate::compile::scope::Actions;
use crate::data::value::Ent;

/// What is read of one value, `context.input` at the root. The default is that only its presence is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Read {
    /// The value itself, with all that is in it.
    pub(crate) whole: bool,
    /// Its attributes that are read.
    pub(crate) under: BTreeMap<String, Self>,
}

impl Read {
    /// Everything is read.
    pub(crate) fn everything() -> Self {
        Self { whole: true, under: BTreeMap::new() }
    }

    /// Marks what a path leads to: its value, or only its presence.
    pub(crate) fn mark(&mut self, path: &[&str], whole: bool) {
        match path.split_first() {
            None => self.whole |= whole,
            Some((name, rest)) => self.under.entry((*name).to_owned()).or_default().mark(rest, whole),
        }
    }

    /// Adds what is read there too.
    fn absorb(&mut self, other: &Self) {
        self.whole |= other.whole;
        for (name, read) in &other.under {
            self.under.entry(name.clone()).or_default().absorb(read);
        }
    }
}

/// What is read of the arguments of each tool, by the policies that could be asked about it.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    any: Read,
    /// By action and group of actions.
    named: HashMap<Ent, Read>,
}

impl Reads {
    /// Adds what a policy reads, for the actions that its scope lets through.
    pub(crate) fn add(&mut self, policy: &pst::Policy, actions: &Actions) {
        let Some(read) = Notices::of(policy).input() else { return };
        match actions {
            Actions::Any => self.any.absorb(&read),
            Actions::Eq(action) => self.named.entry(*action).or_default().absorb(&read),
            Actions::In(all) => all.iter().for_each(|action| self.named.entry(*action).or_default().absorb(&read)),
        }
    }

    /// What is read of a tool's arguments, given its action and the group that is in.
    pub(crate) fn of(&self, action: Ent, group: Ent) -> Read {
        let mut all = self.any.clone();
        for named in [action, group] {
            self.named.get(&named).into_iter().for_each(|read| all.absorb(read));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy::Policy;

    use super::*;

    /// What a condition reads: `a.b!` for a whole value, `a.b` for its presence.
    fn reads(text: &str) -> Vec<String> {
        fn list(read: &Read, at: &str, into: &mut Vec<String>) {
            if read.whole {
                into.push(format!("{at}!"));
            } else if read.under.is_empty() {
                into.push(at.to_owned());
            }
            for (name, read) in &read.under {
                list(read, &format!("{at}.{name}"), into);
            }
        }
        let policy = Policy::parse(None, format!("permit (principal, action, resource) when {{ {text} }};")).unwrap();
        let read = Notices::of(&policy.to_pst().unwrap()).input().unwrap_or_default();
        let mut all = Vec::new();
        list(&read, "", &mut all);
        all
    }

    #[test]
    fn what_is_read_is_collected_however_it_is_read() {
        for (text, expected) in [
            ("true", &[""][..]),
            ("context.input.amount > 5", &[".amount!"]),
            ("context has input", &[""]),
            ("context has input.a.b", &[".a.b"]),
            ("context.input has a && context.input.a.b like \"x*\"", &[".a.b!"]),
            ("context.input.a has b.c", &[".a.b.c"]),
            ("context.input.a has b && context.input.a == {b: 1}", &[".a!", ".a.b"]),
            ("context.input == {a: 1}", &["!"]),
            ("{ a: context }.a.input.x == 1", &["!"]),
            ("(if true then context.input else context.input).x == 1", &["!"]),
            ("{ a: context.input.a }.a.b == 1", &[".a!"]),
            ("context.input[\"*\"].keys.contains(\"a\")", &[".*.keys!"]),
            ("[context.input.a, 1].contains(context.input.b)", &[".a!", ".b!"]),
            ("!(context.input.a.isInRange(ip(\"::/0\")))", &[".a!"]),
            ("principal in resource.x || context.session.input.a == 1 || context has session", &[""]),
            ("resource.input.a == 1 && principal has input", &[""]),
        ] {
            assert_eq!(reads(text), expected, "{text}");
        }
    }
}

//! Which arguments policies read: what of a call has to be kept for them.
//!
//! Owns the collection of `context.input.a.b` from conditions. What it does not understand reads everything.

use std::collections::{BTreeMap, HashMap};

use cedar_policy::pst::{self, Expr, Var};

use crate::compile::inspect::{children, condition, path};
use crate::compile::scope::Actions;
use crate::data::value::Ent;

/// What is read of one value, `context.input` at the root. The default is that only its presence is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

    /// Adds what a condition reads of `context.input`.
    pub(crate) fn add(&mut self, expr: &Expr) {
        match expr {
            // the context as a whole, compared or passed on
            Expr::Var(Var::Context) => self.whole = true,
            Expr::GetAttr { .. } if let Some((Var::Context, attrs)) = path(expr) => {
                if let Some(attrs) = input(&attrs) {
                    self.at(attrs).whole = true;
                }
            }
            Expr::HasAttr { expr, attrs } if let Some((Var::Context, mut all)) = path(expr) => {
                all.extend(attrs.iter().map(|attr| attr.as_str()));
                if let Some(attrs) = input(&all) {
                    self.at(attrs);
                }
            }
            Expr::Literal(_) | Expr::Var(_) | Expr::Slot(_) => {}
            Expr::UnaryOp { .. }
            | Expr::BinaryOp { .. }
            | Expr::GetAttr { .. }
            | Expr::HasAttr { .. }
            | Expr::Like { .. }
            | Expr::Is { .. }
            | Expr::IfThenElse { .. }
            | Expr::Set(_)
            | Expr::Record(_) => children(expr).into_iter().for_each(|child| self.add(child)),
            // whatever a later Cedar may bring
            _ => self.whole = true,
        }
    }

    /// Adds what is read there too.
    fn absorb(&mut self, other: &Self) {
        self.whole |= other.whole;
        for (name, read) in &other.under {
            self.under.entry(name.clone()).or_default().absorb(read);
        }
    }

    fn at(&mut self, attrs: &[&str]) -> &mut Self {
        attrs.iter().fold(self, |read, attr| read.under.entry((*attr).to_owned()).or_default())
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
        let mut read = Read::default();
        policy.body().clauses().iter().for_each(|clause| read.add(condition(clause)));
        if read == Read::default() {
            return;
        }
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

/// The path within `context.input`, if it leads there.
fn input<'p, 'a>(attrs: &'p [&'a str]) -> Option<&'p [&'a str]> {
    attrs.split_first().filter(|(first, _)| **first == "input").map(|(_, rest)| rest)
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
        let mut read = Read::default();
        for clause in policy.to_pst().unwrap().body().clauses() {
            read.add(condition(clause));
        }
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

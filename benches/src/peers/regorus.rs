//! Regorus: Rego with one rule a policy, facts as data. Once with its interpreter, once compiled for its machine (RVM).

use std::cell::RefCell;
use std::fmt::Write;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Rc, Value};
use serde_json::{Map, json};

use crate::calls::Call;
use crate::peers::facts::{self, Facts};
use crate::peers::words::{Words, expression};
use crate::policy::Cond;
use crate::workload::World;

const WORDS: Words = Words {
    prefix: "$",
    // what is not there is undefined, and so is what is said of it
    has: |_, _| "true".into(),
    begins: |text, beginning| format!("startswith({text}, \"{beginning}\")"),
    entitled: "entitled",
    no: "false",
};

/// The policies as modules of one package: a module may have a mebibyte and 20,000 lines at most.
fn rego(world: &World) -> Vec<String> {
    let mut out = String::from(
        "package toolgate\nimport rego.v1\n\ndefault allow := false\ndefault permit := false\ndefault forbid := false\n\nallow if {\n    permit\n    not forbid\n}\n\n\
         entitled if {\n    some e in data.tools[input.action].entitlements\n    e in data.subjects[input.subject].holds\n}\n\n",
    );
    let mut modules = Vec::new();
    for policy in &world.policies {
        if out.len() > 250_000 {
            modules.push(std::mem::replace(&mut out, "package toolgate\nimport rego.v1\n\n".into()));
        }
        let name = if policy.permit { "permit" } else { "forbid" };
        // a disjunction is several rules
        let mut bodies = vec![policy.clone()];
        if let Some(at) = policy.when.iter().position(|cond| matches!(cond, Cond::AnyOf(_))) {
            let mut rest = policy.clone();
            let Cond::AnyOf(ways) = rest.when.remove(at) else { unreachable!() };
            bodies = ways
                .into_iter()
                .map(|way| {
                    let mut one = rest.clone();
                    one.when.extend(way);
                    one
                })
                .collect();
        }
        for body in bodies {
            let text = expression(&body, world, &WORDS)
                .replace("$principal", "data.subjects[input.subject]")
                .replace("$resource", "data.tools[input.action]")
                .replace("$action", "input.action")
                .replace("$session", "input.session")
                .replace("$input", "input.arguments");
            let lines = text.split(" && ").map(|line| match line.strip_prefix('(') {
                Some(ways) => one_of(ways.trim_end_matches(')')),
                None => line.to_string(),
            });
            write!(out, "{name} if {{\n    {}\n}}\n\n", lines.collect::<Vec<_>>().join("\n    ")).unwrap();
        }
    }
    modules.push(out);
    modules
}

/// `a == x || a == y` is `a in {x, y}`.
fn one_of(ways: &str) -> String {
    let (mut of, mut values) = ("", Vec::new());
    for way in ways.split(" || ") {
        let (left, right) = way.split_once(" == ").expect("ways are comparisons");
        of = left;
        values.push(right);
    }
    format!("{of} in {{{}}}", values.join(", "))
}

fn data(facts: Facts) -> Value {
    let object = |of: std::collections::HashMap<String, serde_json::Value>| of.into_iter().collect::<Map<_, _>>();
    json!({"subjects": object(facts.subjects), "tools": object(facts.tools)}).into()
}

fn input(call: &Call) -> Value {
    let document = json!({
        "subject": facts::key(call), "action": call.tool, "session": facts::session(call),
        "arguments": facts::arguments(call),
    });
    document.into()
}

fn engine(world: &World, calls: &[Call]) -> Result<Engine, String> {
    let mut engine = Engine::new();
    for (at, module) in rego(world).into_iter().enumerate() {
        engine.add_policy(format!("toolgate-{at}.rego"), module).map_err(|error| error.to_string())?;
    }
    engine.add_data(data(Facts::new(world, calls))).map_err(|error| error.to_string())?;
    Ok(engine)
}

pub(super) fn new(world: &World, calls: &[Call]) -> Result<Box<dyn Fn(&Call) -> bool>, String> {
    let engine = RefCell::new(engine(world, calls)?);
    Ok(Box::new(move |call| {
        let mut engine = engine.borrow_mut();
        engine.set_input(input(call));
        engine.eval_rule("data.toolgate.allow".into()).is_ok_and(|value| value == Value::from(true))
    }))
}

pub(super) fn rvm(world: &World, calls: &[Call]) -> Result<Box<dyn Fn(&Call) -> bool>, String> {
    let mut engine = engine(world, calls)?;
    let entry: Rc<str> = "data.toolgate.allow".into();
    let policy = engine.compile_with_entrypoint(&entry).map_err(|error| error.to_string())?;
    let program = Compiler::compile_from_policy(&policy, &[&entry]).map_err(|error| error.to_string())?;
    let mut vm = RegoVM::new();
    vm.load_program(program);
    vm.set_max_instructions(usize::MAX);
    vm.set_data(data(Facts::new(world, calls))).map_err(|error| error.to_string())?;
    let vm = RefCell::new(vm);
    Ok(Box::new(move |call| {
        let mut vm = vm.borrow_mut();
        vm.set_input(input(call));
        vm.execute().is_ok_and(|value| value == Value::from(true))
    }))
}

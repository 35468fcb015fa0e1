//! CEL: one compiled program a policy, forbids first.

use std::collections::HashMap;

use cel::{Context, Program, Value, to_value};

use crate::calls::Call;
use crate::peers::facts::{self, Facts};
use crate::peers::words::{Words, expression};
use crate::workload::World;

const WORDS: Words = Words {
    prefix: "",
    has: |root, member| format!("has({root}.{member})"),
    begins: |text, beginning| format!("{text}.startsWith(\"{beginning}\")"),
    entitled: "resource.entitlements.exists(e, e in principal.holds)",
    no: "false",
};

pub(super) fn new(world: &World, calls: &[Call]) -> Result<Box<dyn Fn(&Call) -> bool>, String> {
    let compile = |permit: bool| {
        let policies = world.policies.iter().filter(move |policy| policy.permit == permit);
        let programs = policies.map(|policy| Program::compile(&expression(policy, world, &WORDS)));
        programs.collect::<Result<Vec<Program>, _>>().map_err(|error| error.to_string())
    };
    let (forbids, permits) = (compile(false)?, compile(true)?);
    let facts = Facts::new(world, calls);
    let value = |value: &serde_json::Value| to_value(value).map_err(|error| error.to_string());
    let table = |from: &HashMap<String, serde_json::Value>| {
        from.iter().map(|(id, facts)| value(facts).map(|facts| (id.clone(), facts))).collect::<Result<_, String>>()
    };
    let (subjects, tools): (HashMap<String, Value>, HashMap<String, Value>) =
        (table(&facts.subjects)?, table(&facts.tools)?);
    Ok(Box::new(move |call| {
        let Some(principal) = subjects.get(&facts::key(call)) else { return false };
        let mut context = Context::default();
        context.add_variable_from_value("principal", principal.clone());
        context.add_variable_from_value("resource", tools[&call.tool].clone());
        context.add_variable_from_value("action", call.tool.as_str());
        context.add_variable("input", facts::arguments(call)).expect("arguments are a value");
        context.add_variable("session", facts::session(call)).expect("a session is a value");
        let holds = |program: &Program| matches!(program.execute(&context), Ok(Value::Bool(true)));
        !forbids.iter().any(holds) && permits.iter().any(holds)
    }))
}

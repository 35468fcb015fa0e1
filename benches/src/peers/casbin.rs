//! Casbin: one rule a policy, its action in a column of its own, its conditions in `eval`.

use casbin::rhai::Dynamic;
use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi, function_map::OperatorFunction};

use crate::calls::Call;
use crate::peers::facts::{self, Facts};
use crate::peers::words::{Words, expression};
use crate::policy::{Action, Names, Policy};
use crate::workload::World;

const MODEL: &str = r#"
[request_definition]
r = principal, action, resource, session, input

[policy_definition]
p = act, rule, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = (p.act == "*" || p.act == r.action || p.act == r.resource.operation) && eval(p.rule)
"#;

const WORDS: Words = Words {
    prefix: "r.",
    has: |root, member| format!("\"{member}\" in {root}"),
    begins: |text, beginning| format!("begins({text}, \"{beginning}\")"),
    entitled: "entitled(r.principal, r.resource)",
    no: "false",
};

pub(super) fn new(world: &World, calls: &[Call]) -> Result<Box<dyn Fn(&Call) -> bool>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    let enforcer = runtime.block_on(make(world)).map_err(|error| error.to_string())?;
    let facts = Facts::new(world, calls);
    Ok(Box::new(move |call| {
        let (input, session) = (facts::arguments(call), facts::session(call));
        let request = (facts.subject(call), call.tool.as_str(), &facts.tools[&call.tool], session, input);
        enforcer.enforce(request).expect("a request is one")
    }))
}

async fn make(world: &World) -> casbin::Result<Enforcer> {
    let model = DefaultModel::from_str(MODEL).await?;
    let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
    enforcer.add_function(
        "entitled",
        OperatorFunction::Arg2(|principal: Dynamic, resource: Dynamic| {
            let list = |of: &Dynamic, name: &str| -> Vec<String> {
                let map = of.as_map_ref().ok();
                let list = map.as_ref().and_then(|map| map.get(name)?.clone().into_typed_array::<String>().ok());
                list.unwrap_or_default()
            };
            let held = list(&principal, "holds");
            list(&resource, "entitlements").iter().any(|id| held.contains(id)).into()
        }),
    );
    enforcer.add_function(
        "begins",
        OperatorFunction::Arg2(|text: Dynamic, beginning: Dynamic| {
            let (text, beginning) = (text.into_string(), beginning.into_string());
            text.is_ok_and(|text| beginning.is_ok_and(|beginning| text.starts_with(&beginning))).into()
        }),
    );
    let rows = world.policies.iter().flat_map(|policy| {
        let acts: Vec<String> = match &policy.action {
            Action::Any => vec!["*".into()],
            Action::Operations(of) => of.iter().map(|of| of.as_str().into()).collect(),
            Action::Tools(of) => of.iter().map(|tool| world.tool(*tool).into()).collect(),
        };
        // the column says it
        let rest = Policy { action: Action::Any, ..policy.clone() };
        let rule = expression(&rest, world, &WORDS);
        let effect = if policy.permit { "allow" } else { "deny" };
        acts.into_iter().map(move |act| vec![act, rule.clone(), effect.to_string()])
    });
    // a tool may stand twice in a policy, and rules are told apart by what they say
    let mut seen = std::collections::HashSet::new();
    let rows: Vec<Vec<String>> = rows.filter(|row| seen.insert(row.clone())).collect();
    enforcer.add_policies(rows).await?;
    Ok(enforcer)
}

//! A company with typed tools: its sources as files, its people, and calls as a host sends them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use toolgate::{Bundle, Engine, Instant, LoadError, Source};

use crate::draw::Draw;
use crate::policies::{ENTS, GROUPS, Names, OPS, PROFILES, USERS, policy};
use crate::types::{Ty, object, usual};

/// 2026-11-20T10:00:00Z. All instants of a world are milliseconds from here.
pub(crate) const NOW: i64 = 1_795_168_800_000;
const MINUTE: i64 = 60_000;

/// Everything but the people.
#[derive(Clone)]
pub(crate) struct World {
    /// A file each.
    pub(crate) policies: Vec<String>,
    pub(crate) overlay: String,
    pub(crate) lists: BTreeMap<String, String>,
    pub(crate) tools: Vec<(String, Ty)>,
}

/// A call as a host has it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) subject: Value,
    pub(crate) tool: String,
    /// JSON text, not always.
    pub(crate) arguments: Option<String>,
    pub(crate) session: Option<Value>,
    pub(crate) now: String,
}

impl Call {
    pub(crate) fn json(&self) -> Vec<u8> {
        let mut text = format!("{{\"subject\":{},\"tool\":{}", self.subject, json!(self.tool));
        if let Some(arguments) = &self.arguments {
            text.push_str(&format!(",\"arguments\":{arguments}"));
        }
        if let Some(session) = &self.session {
            text.push_str(&format!(",\"session\":{session}"));
        }
        text.push_str(&format!(",\"now\":{}}}", json!(self.now)));
        text.into_bytes()
    }
}

fn at(millis: i64) -> String {
    Instant::from_unix_millis(NOW + millis).unwrap().to_string()
}

fn minutes(draw: &mut Draw) -> i64 {
    *draw.pick(&[-180, -120, -90, -60, -30, -10, -5, 0, 5, 30, 60, 120]) * MINUTE
}

fn ids(draw: &mut Draw, kind: &str, of: usize) -> Vec<String> {
    draw.some(of).into_iter().map(|at| format!("{kind}{at}")).collect()
}

fn id(draw: &mut Draw, kind: &str, of: usize) -> String {
    format!("{kind}{}", draw.below(of))
}

fn subject(draw: &mut Draw) -> Value {
    match draw.below(12) {
        0 | 1 => json!({"service_principal": id(draw, "sp", 2)}),
        2 => json!({"user": id(draw, "u", USERS + 1), "client": id(draw, "c", 4)}),
        3 => json!({"user": "u0", "client": "c1"}),
        4 | 5 => json!({"user": "u1", "client": "c0"}),
        _ => json!({"user": "u0", "client": "c0"}),
    }
}

impl World {
    pub(crate) fn drawn(draw: &mut Draw) -> Self {
        let servers = 1 + draw.below(3);
        let mut names = Names { tools: Vec::new(), servers };
        let usual = usual(draw);
        let (mut tools, mut lists) = (Vec::new(), BTreeMap::new());
        let mut overlay = String::new();
        if draw.one_in(2) {
            overlay.push_str("[tenant]\nguidance = { message = \"Ask the desk\", url = \"https://help.example/\" }\n");
        }
        for s in 0..servers {
            overlay.push_str(&format!(
                "[servers.s{s}]\ntrusted = {}\npaused = {}\nowner = \"{}\"\n",
                draw.one_in(2),
                draw.one_in(80),
                id(draw, "u", USERS)
            ));
            if draw.one_in(2) {
                overlay.push_str("environment = \"test\"\n");
            }
            if draw.one_in(2) {
                overlay.push_str(&format!("credential = {{ mode = \"shared\", ref = \"vault:s{s}\" }}\n"));
            }
            if draw.one_in(3) {
                overlay.push_str("guidance = { message = \"The server's owner knows.\" }\n");
            }
            let mut list = Vec::new();
            for t in 0..1 + draw.below(3) {
                let ty = object(draw, 2, &usual);
                let name = format!("t{t}");
                let op = *draw.pick(&OPS);
                list.push(
                    json!({"name": name, "inputSchema": ty.schema(), "annotations": {"readOnlyHint": draw.one_in(2)}}),
                );
                overlay.push_str(&format!(
                    "[[servers.s{s}.rules]]\ntools = [\"{name}\"]\noperation = \"{op}\"\nentitlements = {:?}\nlabels = {:?}\nsensitive = {}\nstate = \"{}\"\n",
                    ids(draw, "e", ENTS), ids(draw, "l", 3), draw.one_in(3),
                    if draw.one_in(60) { "disabled" } else { "approved" },
                ));
                if draw.one_in(4) {
                    overlay.push_str("guidance = { message = \"By hand.\", url = \"https://help.example/t\" }\n");
                }
                let mut places = Vec::new();
                ty.places("context.input", &[], true, &mut places);
                // an object may be compared as a whole only where it is one of the arguments
                places.retain(|place| place.path != "context.input");
                names.tools.push((format!("s{s}/{name}"), op, places));
                tools.push((format!("s{s}/{name}"), ty));
            }
            lists.insert(format!("s{s}"), json!({"tools": list}).to_string());
        }
        overlay.push_str("[servers.tok]\npath = \"token\"\naudience = \"https://as/\"\nresource_uris = [\"https://tok/\"]\nmax_token_lifetime = \"PT3H\"\n");
        for scope in 0..3 {
            overlay.push_str(&format!(
                "[servers.tok.scopes.sc{scope}]\nenabled = {}\nentitlements = {:?}\nlabels = {:?}\nsensitive = {}\n",
                !draw.one_in(4),
                ids(draw, "e", ENTS),
                ids(draw, "l", 2),
                draw.one_in(3)
            ));
        }
        let policies = (0..6 + draw.below(14)).map(|at| policy(draw, &names, at)).collect();
        Self { policies, overlay, lists, tools }
    }

    pub(crate) fn bundle(&self, snapshot: &Value) -> Bundle {
        let policies = self.policies.iter().enumerate();
        Bundle {
            policies: policies.map(|(at, text)| Source::new(format!("{at}.cedar"), text.as_bytes())).collect(),
            tools: self.lists.iter().map(|(id, list)| (id.clone(), Source::new("catalog", list.as_bytes()))).collect(),
            overlay: Some(Source::new("catalog.toml", self.overlay.as_bytes())),
            snapshot: Source::new("snapshot.json", snapshot.to_string()),
        }
    }

    /// Leaves out, one by one, the policies that the loader refuses.
    pub(crate) fn load(&mut self, snapshot: &Value, refused: &mut BTreeMap<String, usize>) -> Engine {
        loop {
            match Engine::load(&self.bundle(snapshot)) {
                Ok(engine) => return engine,
                Err(error) => self.leave_out(&error, refused),
            }
        }
    }

    fn leave_out(&mut self, error: &LoadError, refused: &mut BTreeMap<String, usize>) {
        let mut bad: BTreeMap<usize, String> = BTreeMap::new();
        for error in error.errors() {
            let file = error.file().and_then(|file| file.strip_suffix(".cedar")).and_then(|at| at.parse().ok());
            let at: usize = file.unwrap_or_else(|| panic!("no policy is at fault: {error}\n{}", self.text(&json!({}))));
            bad.entry(at).or_insert_with(|| {
                if std::env::var("TOOLGATE_REFUSED").is_ok() {
                    crate::say(&format!("{error}\n{}", self.policies[at]));
                }
                error.code().to_string()
            });
        }
        for (at, code) in bad.into_iter().rev() {
            *refused.entry(code).or_default() += 1;
            self.policies.remove(at);
        }
    }

    /// The whole bundle, for whoever has to look at it.
    pub(crate) fn text(&self, snapshot: &Value) -> String {
        let mut text = String::new();
        self.policies.iter().for_each(|policy| text.push_str(policy));
        text.push_str(&format!("--- catalog.toml\n{}\n", self.overlay));
        self.lists.iter().for_each(|(id, list)| text.push_str(&format!("--- catalog/{id}.json\n{list}\n")));
        text + &format!("--- snapshot.json\n{snapshot}\n")
    }

    /// Arguments as declared; `spoil` as in [`Ty::value`].
    pub(crate) fn arguments(&self, draw: &mut Draw, tool: usize, spoil: usize) -> String {
        match self.tools[tool].1.value(draw, 0) {
            text if spoil == 0 => text,
            _ => self.tools[tool].1.value(draw, spoil),
        }
    }

    pub(crate) fn call(&self, draw: &mut Draw) -> Call {
        let tool = draw.below(self.tools.len());
        let mut name = self.tools[tool].0.clone();
        if draw.one_in(40) {
            name = ["s0/absent", "nowhere/t0", "s0", "s0/t0/x", "", "S0/t0", "s0/t0 "][draw.below(7)].into();
        }
        let arguments = match draw.below(24) {
            0..=18 => Some(self.arguments(draw, tool, 0)),
            19..=21 => Some(self.arguments(draw, tool, 12)),
            22 => Some(self.arguments(draw, tool, 3)),
            _ => match draw.below(6) {
                0 => None,
                1 => Some("[".repeat(300)),
                2 => Some("{\"a\":".repeat(40) + "1" + &"}".repeat(40)),
                3 => Some("[]".into()),
                4 => Some("{}".into()),
                _ => Some("{\"zz\":\"\u{7f}\\ud83d\\ude00\"}".into()),
            },
        };
        Call { subject: subject(draw), tool: name, arguments, session: session(draw), now: now(draw) }
    }
}

fn now(draw: &mut Draw) -> String {
    match draw.below(12) {
        0 => at(minutes(draw)),
        1 => "2026-11-20T10:00:00.0005Z".into(),
        2 => "2026-11-20T11:00:00+01:00".into(),
        3 => at(*draw.pick(&[-1, 1, 30 * MINUTE, 60 * MINUTE - 1, 59 * MINUTE, 119 * MINUTE, 25 * 60 * MINUTE])),
        _ => at(0),
    }
}

fn session(draw: &mut Draw) -> Option<Value> {
    if draw.one_in(6) {
        return None;
    }
    let mut session = json!({});
    let calls = [json!(0), json!(5), json!(500), json!(u64::MAX), json!(i64::MAX), Value::Null][draw.below(6)].clone();
    let labels = ids(draw, "l", 3);
    let more = draw.one_in(4).then(|| (*draw.pick(&["human", "zz"])).to_string());
    let members = [
        ("id", json!(draw.pick(&["s-1", "a", ""]))),
        ("calls", calls),
        ("labels", json!(labels.into_iter().chain(more).collect::<Vec<_>>())),
        ("authenticated_at", json!(at(*draw.pick(&[-1, -90, 20, 0, -30]) * MINUTE))),
        ("acr", json!(draw.pick(&["phr", "a", "acme"]))),
        ("channel", json!(draw.pick(&["web", "a", "open"]))),
    ];
    for (name, value) in members {
        if !value.is_null() && !draw.one_in(4) {
            session[name] = value;
        }
    }
    Some(session)
}

/// People, and what they hold; approvals come from [`approvals`].
pub(crate) fn snapshot(draw: &mut Draw) -> Value {
    let requestable = |draw: &mut Draw, id: String| {
        let mut it = json!({"id": id, "owners": ids(draw, "u", USERS)});
        if !draw.one_in(4) {
            it["requestable_by"] = if draw.one_in(3) { json!(["*"]) } else { json!(ids(draw, "g", GROUPS)) };
            it["request_approval"] = json!(draw.pick(&["auto", "self", "manager"]));
        }
        if draw.one_in(3) {
            it["max_duration"] = json!("P7D");
        }
        it
    };
    let person = |draw: &mut Draw| {
        let some = (!draw.one_in(4)).then(|| id(draw, "u", USERS));
        json!(some)
    };
    let users: Vec<Value> = (0..USERS)
        .map(|u| {
            json!({"id": format!("u{u}"), "active": !draw.one_in(if u == 0 { 40 } else { 6 }), "manager": person(draw),
                "groups": ids(draw, "g", GROUPS), "entitlements": ids(draw, "e", ENTS)})
        })
        .collect();
    let groups: Vec<Value> = (0..GROUPS)
        .map(|g| {
            let parents: Vec<String> =
                draw.some(GROUPS).into_iter().filter(|parent| *parent > g).map(|parent| format!("g{parent}")).collect();
            json!({"id": format!("g{g}"), "parents": parents})
        })
        .collect();
    let kinds = ["personal", "shared", "service", "ephemeral"];
    let clients: Vec<Value> = (0..3)
        .map(
            |c| json!({"id": format!("c{c}"), "kind": draw.pick(&kinds), "state": (["active", "hidden", "closed"][c])}),
        )
        .collect();
    let principals: Vec<Value> = (0..2)
        .map(|p| {
            json!({"id": format!("sp{p}"), "active": !draw.one_in(12), "owner": id(draw, "u", USERS),
                "manager": person(draw), "groups": ids(draw, "g", GROUPS)})
        })
        .collect();
    let mut entitlements = Vec::new();
    for e in 0..ENTS {
        if !draw.one_in(5) {
            entitlements.push(requestable(draw, format!("e{e}")));
        }
    }
    let mut profiles = Vec::new();
    for f in 0..PROFILES {
        let mut profile = requestable(draw, format!("f{f}"));
        profile["entitlements"] = json!(ids(draw, "e", ENTS));
        profiles.push(profile);
    }
    let grants: Vec<Value> = (0..1 + draw.below(9))
        .map(|g| {
            let to = match draw.below(7) {
                0..=2 => json!({"user": id(draw, "u", 2)}),
                3 => json!({"user": id(draw, "u", 2), "client": id(draw, "c", 3)}),
                4 | 5 => json!({"group": id(draw, "g", GROUPS)}),
                _ => json!({"service_principal": id(draw, "sp", 2)}),
            };
            let from = draw.one_in(3).then(|| minutes(draw));
            let until = draw.one_in(3).then(|| from.unwrap_or(-200 * MINUTE) + *draw.pick(&[20, 200, 400]) * MINUTE);
            let mut grant = json!({"id": format!("gr{g}"), "to": to, "from": from.map(at), "until": until.map(at)});
            let (key, what) = if draw.one_in(3) {
                ("profile", id(draw, "f", PROFILES))
            } else {
                ("entitlement", id(draw, "e", ENTS))
            };
            grant[key] = json!(what);
            grant
        })
        .collect();
    let mut killed = json!({"tenant": false});
    match draw.below(120) {
        0 => killed["tenant"] = json!(true),
        1 | 2 => killed["servers"] = json!([id(draw, "s", 3)]),
        3 | 4 => killed["tools"] = json!([format!("s{}/t{}", draw.below(3), draw.below(2))]),
        5 => killed["clients"] = json!([id(draw, "c", 2)]),
        _ => {}
    }
    let max_age = if draw.one_in(60) { "PT30M" } else { "PT24H" };
    json!({
        "version": 1, "issued_at": at(-60 * MINUTE), "max_age": max_age, "users": users, "groups": groups,
        "clients": clients, "service_principals": principals, "entitlements": entitlements, "profiles": profiles,
        "grants": grants, "approvals": [], "kill_switches": killed,
    })
}

/// A yes that was asked for: for whom, and what the request said.
pub(crate) struct Asked {
    pub(crate) subject: Value,
    pub(crate) request: Value,
}

/// Approvals: some as they were asked for, or nearly, and others of all scopes.
pub(crate) fn approvals(draw: &mut Draw, world: &World, asked: &[Asked]) -> Value {
    let all = (0..draw.below(11)).map(|a| {
        let from = *draw.pick(&[-180, -60, -50, -30, -10, -5, 0, 5]) * MINUTE;
        let until = from + *draw.pick(&[5, 60, 240]) * MINUTE;
        let mut approval = json!({"id": format!("a{a}"), "kind": draw.pick(&["self", "manager", "manager"]),
            "by": id(draw, "u", USERS), "subject": subject(draw), "from": at(from), "until": at(until)});
        approval["scope"] = match draw.below(3) {
            0 => json!({"tool": draw.pick(&world.tools).0}),
            1 => json!({"operation": draw.pick(&OPS), "server": id(draw, "s", 2)}),
            _ => json!({"server": draw.pick(&["s0", "s1", "tok"])}),
        };
        if !asked.is_empty() && !draw.one_in(4) {
            let Asked { subject, request } = draw.pick(asked);
            // one thing or another is not as it was asked for, now and then
            let mut take = |key: &str, value: &Value| {
                if !draw.one_in(8) {
                    approval[key] = value.clone();
                }
            };
            take("subject", subject);
            take("kind", &request["kind"]);
            take("by", &request["approvers"][0]);
            take("scope", &request["scope"]);
            if draw.one_in(5) {
                approval["scope"] = json!({"call": request["binding"]});
            }
        }
        approval
    });
    Value::Array(all.collect())
}

//! Policies as text: well typed as far as a generator can see to it. What the loader refuses is left out later.

use crate::draw::Draw;
use crate::types::{Kind, LONGS, Place, TEXTS};

pub(crate) const USERS: usize = 5;
pub(crate) const GROUPS: usize = 4;
pub(crate) const ENTS: usize = 4;
pub(crate) const PROFILES: usize = 2;
pub(crate) const OPS: [&str; 3] = ["read", "write", "delete"];
const CLOCK: &[&str] = &[
    "2026-11-20T10:00:00Z",
    "2026-11-20T09:30:00Z",
    "2026-11-20T10:00:00.001Z",
    "2026-11-20T11:00:00Z",
    "2026-11-20",
    "1970-01-01",
    "9999-12-31T23:59:59.999Z",
];
const SPANS: &[&str] = &["1h", "1ms", "0s", "-30m", "90d", "106751991167d", "9223372036854775807ms", "1d2h3m4s5ms"];
const DECIMALS: &[&str] = &["0.0", "1.5", "-2.25", "10.0", "922337203685477.5807", "-922337203685477.5808", "0.0001"];
const RANGES: &[&str] = &["10.0.0.0/24", "127.0.0.1", "::1", "0.0.0.0/0", "2001:db8::/32", "192.168.0.0/16", "::/0"];
const PATTERNS: &[&str] = &["a*", "*", "*b", "a\\*b", "", "*a*b*", "ac*me", "é", "*:*", "{*}", "**b"];

/// What is called where, as far as policies can name it.
pub(crate) struct Names {
    /// `server/name`, operation and places of each tool.
    pub(crate) tools: Vec<(String, &'static str, Vec<Place>)>,
    pub(crate) servers: usize,
}

/// Writes one policy.
pub(crate) struct Writer<'a> {
    pub(crate) draw: &'a mut Draw,
    pub(crate) names: &'a Names,
    /// What this policy may read of the arguments.
    places: Vec<Place>,
    guards: Vec<String>,
}

/// A policy with an id.
pub(crate) fn policy(draw: &mut Draw, names: &Names, at: usize) -> String {
    Writer { draw, names, places: Vec::new(), guards: Vec::new() }.policy(at)
}

fn quoted(kind: &str, id: &str) -> String {
    format!("Toolgate::{kind}::\"{id}\"")
}

/// The argument that a path begins with, as `has` takes it.
fn first(path: &str) -> &str {
    let rest = path.strip_prefix("context.input").unwrap_or_default();
    match rest.strip_prefix('[') {
        Some(quoted) => quoted.split(']').next().unwrap_or_default(),
        None => rest.trim_start_matches('.').split(['.', '[']).next().unwrap_or_default(),
    }
}

impl Writer<'_> {
    fn policy(&mut self, at: usize) -> String {
        let effect = if self.draw.below(10) < 3 { "forbid" } else { "permit" };
        let mut text = format!("@id(\"p{at:02}\")");
        self.annotations(effect, &mut text);
        let (principal, action, resource) = (self.principal(), self.action(), self.resource());
        text.push_str(&format!("\n{effect} (principal{principal}, action{action}, resource{resource})"));
        match self.draw.below(7) {
            0 => {}
            // what most policies say
            1 | 2 if effect == "permit" => {
                let more = self.bool(1);
                let op = self.draw.pick(&["&&", "||", "&& !"]);
                text.push_str(&format!("\nwhen {{ principal in resource.entitlements {op} {more} }}"));
            }
            _ => text.push_str(&format!("\nwhen {{ {} }}", self.bool(3))),
        }
        if self.draw.one_in(if effect == "forbid" { 2 } else { 6 }) {
            text.push_str(&format!("\nunless {{ {} }}", self.bool(2)));
        }
        if self.draw.one_in(12) {
            text.push_str(&format!("\nwhen {{ {} }}", self.bool(1)));
        }
        text + ";\n"
    }

    fn annotations(&mut self, effect: &str, text: &mut String) {
        let draw = &mut self.draw;
        let mut add = |key: &str, value: &str| text.push_str(&format!(" @{key}(\"{value}\")"));
        add("reuse", ["call", "tool", "operation", "server", "server"][draw.below(5)]);
        if draw.one_in(2) {
            add("valid_for", ["10m", "1h", "2h"][draw.below(3)]);
        }
        if draw.one_in(3) {
            let one = |draw: &mut Draw| match draw.below(4) {
                0 => "server-owner".to_string(),
                1 => "entitlement-owner".to_string(),
                2 => format!("group:g{}", draw.below(GROUPS)),
                _ => format!("user:u{}", draw.below(USERS + 1)),
            };
            let all: Vec<String> = (0..1 + draw.below(2)).map(|_| one(draw)).collect();
            add("approvers", &all.join(", "));
        }
        if effect == "forbid" && draw.one_in(6) {
            add("remedy", ["reauthenticate", "reauthenticate acr=phr max_age=15m"][draw.below(2)]);
        }
        if draw.one_in(4) {
            add("obligations", ["log", "log, notify", "notify,mask"][draw.below(3)]);
        }
        if draw.one_in(5) {
            add("guidance", ["Ask the desk", "Ask: "][draw.below(2)]);
        }
        if draw.one_in(8) {
            add("ticket", "https://help.example/");
        }
        if draw.one_in(4) {
            add("description", "why it is so");
        }
    }

    fn id(&mut self, kind: &str) -> String {
        let draw = &mut self.draw;
        let id = match kind {
            "User" => format!("u{}", draw.below(USERS + 1)),
            "Group" => format!("g{}", draw.below(GROUPS + 1)),
            "Entitlement" => format!("e{}", draw.below(ENTS + 1)),
            "Profile" => format!("f{}", draw.below(PROFILES + 1)),
            "Client" => format!("c{}", draw.below(4)),
            "ServicePrincipal" => format!("sp{}", draw.below(2)),
            "Server" => format!("s{}", draw.below(self.names.servers + 1)),
            "Scope" => format!("tok/sc{}", draw.below(3)),
            _ => self.names.tools[draw.below(self.names.tools.len())].0.clone(),
        };
        quoted(kind, &id)
    }

    fn principal(&mut self) -> String {
        match self.draw.below(14) {
            0 => " is Toolgate::Agent".into(),
            1 => " is Toolgate::ServicePrincipal".into(),
            2 => format!(" in {}", self.id("Group")),
            3 => format!(" in {}", self.id("Entitlement")),
            4 => format!(" in {}", self.id("Profile")),
            5 => format!(" is Toolgate::Agent in {}", self.id("Group")),
            6 if self.draw.one_in(2) => format!(" == {}", self.id("ServicePrincipal")),
            7 if self.draw.one_in(2) => format!(" is Toolgate::ServicePrincipal in {}", self.id("Entitlement")),
            _ => String::new(),
        }
    }

    /// The action; also what may be read of the arguments.
    fn action(&mut self) -> String {
        let action = |name: &str| quoted("Action", name);
        let count = self.names.tools.len();
        let mut tools: Vec<usize> = Vec::new();
        let mut open = false;
        let text = match self.draw.below(16) {
            0..=2 => {
                open = true;
                tools.extend(0..count);
                String::new()
            }
            3..=5 => {
                let op = self.draw.pick(&OPS);
                tools.extend((0..count).filter(|tool| self.names.tools[*tool].1 == *op));
                format!(" in {}", action(op))
            }
            6 => {
                let op = self.draw.pick(&OPS);
                let tool = self.draw.below(count);
                tools.extend((0..count).filter(|at| self.names.tools[*at].1 == *op || *at == tool));
                format!(" in [{}, {}]", action(op), action(&self.names.tools[tool].0))
            }
            7 | 8 => {
                tools = self.draw.some(count);
                let names = tools.iter().map(|tool| action(&self.names.tools[*tool].0));
                format!(" in [{}]", names.chain([action("s0/absent")]).collect::<Vec<_>>().join(", "))
            }
            9 => format!(" == {}", action("request")),
            10 => format!(" == {}", action("issue_token")),
            11 if self.draw.one_in(2) => format!(" in [{}, {}]", action("request"), action("issue_token")),
            _ => {
                let tool = self.draw.below(count);
                tools.push(tool);
                format!(" == {}", action(&self.names.tools[tool].0))
            }
        };
        self.may_read(&tools, open);
        text
    }

    /// What can be read of the arguments of all of these tools that have it. `open`: or of none.
    fn may_read(&mut self, tools: &[usize], open: bool) {
        let all: Vec<&Vec<Place>> = tools.iter().map(|tool| &self.names.tools[*tool].2).collect();
        let several = open || all.len() > 1;
        for place in all.iter().flat_map(|places| places.iter()) {
            let first = first(&place.path);
            let alike = |other: &&Vec<Place>| {
                let mut same = other.iter().filter(|other| self::first(&other.path) == first).peekable();
                same.peek().is_none() || same.any(|other| other.path == place.path && other.kind == place.kind)
            };
            if several && !all.iter().all(alike) {
                continue;
            }
            let mut place = place.clone();
            if several {
                let input = open.then(|| "context has input".to_string());
                let has = format!("context.input has {first}");
                let guards = std::mem::take(&mut place.guards);
                place.guards = input.into_iter().chain([has]).chain(guards).collect();
            }
            self.places.push(place);
        }
    }

    fn resource(&mut self) -> String {
        match self.draw.below(16) {
            0 | 1 => format!(" in {}", self.id("Server")),
            2 => format!(" == {}", self.id("Tool")),
            3 => " is Toolgate::Tool".into(),
            4 => format!(" is Toolgate::Tool in {}", self.id("Server")),
            5 if self.draw.one_in(3) => format!(" == {}", self.id("Entitlement")),
            _ => String::new(),
        }
    }

    /// An expression and what must be there first, as one truth value.
    fn guarded(&mut self, make: impl FnOnce(&mut Self) -> String) -> String {
        let outer = std::mem::take(&mut self.guards);
        let text = make(self);
        let guards = std::mem::replace(&mut self.guards, outer);
        let mut known: Vec<String> = Vec::new();
        for guard in guards {
            if !known.contains(&guard) {
                known.push(guard);
            }
        }
        if known.is_empty() {
            return format!("({text})");
        }
        let guards = known.join(" && ");
        match self.draw.below(6) {
            0 => format!("(if {guards} then ({text}) else {})", self.draw.one_in(2)),
            _ => format!("({guards} && ({text}))"),
        }
    }

    fn bool(&mut self, depth: usize) -> String {
        if depth > 0 {
            let deeper = depth - 1;
            match self.draw.below(21) {
                0..=4 => return format!("({} && {})", self.bool(deeper), self.bool(deeper)),
                5..=7 => return format!("({} || {})", self.bool(deeper), self.bool(deeper)),
                8 | 9 => return format!("!{}", self.bool(deeper)),
                10 | 20 => {
                    let errs = self.draw.one_in(3);
                    let test = if errs { self.guarded(Self::what_may_err) } else { self.bool(deeper) };
                    let (yes, no) = (self.bool(deeper), self.bool(deeper));
                    return format!("(if {test} then {yes} else {no})");
                }
                11 => {
                    let op = self.draw.pick(&["==", "!="]);
                    return format!("({} {op} {})", self.bool(deeper), self.bool(deeper));
                }
                12 => return self.bool_in_something(deeper),
                _ => {}
            }
        }
        if !self.places.is_empty() && self.draw.below(5) < 2 {
            return self.guarded(Self::of_the_arguments);
        }
        match self.draw.below(23) {
            0..=8 => {
                let level = self.draw.pick(&["self", "manager"]);
                format!("context.approval.{level}")
            }
            9..=13 => self.guarded(Self::of_the_people),
            14 | 15 => self.guarded(Self::of_the_resource),
            16 | 17 => self.guarded(Self::of_the_session),
            18 | 19 => self.guarded(Self::of_the_clock),
            20 => self.guarded(Self::what_may_err),
            _ => self.guarded(|writer| writer.compared(1)),
        }
    }

    /// A truth value made into something else and back.
    fn bool_in_something(&mut self, depth: usize) -> String {
        match self.draw.below(8) {
            0 => format!("[{}, {}].contains({})", self.bool(depth), self.bool(depth), self.bool(0)),
            1 => format!("{{x: {}, y: 1}}.x", self.bool(depth)),
            2 => format!("(context.approval == {{self: {}, manager: {}}})", self.bool(0), self.bool(0)),
            3 => format!(
                "(if {} then context.approval else {{manager: {}, self: true}}).self",
                self.bool(0),
                self.bool(0)
            ),
            4 => format!("({{a: context.approval.self, b: {}}} == {{b: true, a: {}}})", self.bool(depth), self.bool(0)),
            5 => format!("[[context.approval.manager], [{}]].contains([{}])", self.bool(0), self.bool(0)),
            6 => format!("([{}, true] == [{}, {}])", self.bool(0), self.bool(0), self.bool(0)),
            _ => format!("((if {} then 1 else 2) == (if {} then 2 else 1))", self.bool(depth), self.bool(0)),
        }
    }

    /// What is an error for some calls, and not for others.
    fn what_may_err(&mut self) -> String {
        let order = *self.draw.pick(&["<", "<=", ">", ">="]);
        match self.draw.below(6) {
            0 => format!("context.session.calls * {} {order} {}", self.draw.pick(LONGS), self.draw.pick(LONGS)),
            1 => format!("{} - context.session.calls {order} {}", self.draw.pick(LONGS), self.draw.pick(LONGS)),
            2 => format!("context.now.offset(duration(\"{}\")) {order} {}", self.draw.pick(SPANS), self.time(1)),
            3 => format!("{}.kind == \"personal\"", self.id("Client")),
            4 => format!("{}.sensitive", self.id("Entitlement")),
            _ => {
                let span = "context.session.authenticated_at.durationSince(context.now).toMilliseconds()";
                format!("{span} * {} {order} 5", self.draw.pick(LONGS))
            }
        }
    }

    fn of_the_people(&mut self) -> String {
        let user = |writer: &mut Self| {
            let (kind, attr) =
                *writer.draw.pick(&[("Agent", "user"), ("Agent", "user"), ("ServicePrincipal", "owner")]);
            writer.guards.push(format!("principal is Toolgate::{kind}"));
            format!("principal.{attr}")
        };
        match self.draw.below(17) {
            0..=3 => "principal in resource.entitlements".into(),
            4 => format!("principal in {}", self.id("Entitlement")),
            5 => format!("principal in {}", self.id("Profile")),
            6 => format!("principal in [{}, {}]", self.id("Group"), self.id("Group")),
            7 => format!("principal is Toolgate::Agent in {}", self.id("Group")),
            8 => format!("{} == {}", user(self), self.id("User")),
            9 => format!("{} in {}", user(self), self.id("Group")),
            10 => format!("{} in resource.entitlements", user(self)),
            11 => {
                self.guards.push("principal is Toolgate::Agent".into());
                let kind = self.draw.pick(&["personal", "shared", "service"]);
                format!("principal.client.kind == \"{kind}\"")
            }
            12 => {
                self.guards.push("principal is Toolgate::Agent".into());
                format!("principal.client != {}", self.id("Client"))
            }
            // an error unless it is the one that calls
            13 => format!("{}.kind == \"personal\"", self.id("Client")),
            14 => {
                let kind = self.draw.pick(&["User", "Group"]);
                format!("{} in [{}, {}]", self.id(kind), self.id("Group"), self.id("Group"))
            }
            15 => format!("{} in {}", self.id("Profile"), self.id("Entitlement")),
            _ => {
                let kind = self.draw.pick(&["Agent", "ServicePrincipal"]);
                format!("principal is Toolgate::{kind}")
            }
        }
    }

    fn of_the_resource(&mut self) -> String {
        match self.draw.below(12) {
            0 => "resource.sensitive".into(),
            1 => "resource.trusted".into(),
            2 => format!("resource.environment == {}", self.draw.pick(&["\"production\"", "\"test\""])),
            3 => format!("resource in {}", self.id("Server")),
            4 => format!("resource is Toolgate::Tool in {}", self.id("Server")),
            5 => format!("resource == {}", self.id("Tool")),
            6 => format!("resource in [{}, {}]", self.id("Server"), self.id("Server")),
            7 => format!("resource.entitlements.contains({})", self.id("Entitlement")),
            8 => format!("action in {}", quoted("Action", OPS[self.draw.below(3)])),
            9 => {
                let tool = self.draw.pick(&self.names.tools).0.clone();
                let op = self.draw.pick(&OPS);
                format!("action in [{}, {}]", quoted("Action", &tool), quoted("Action", op))
            }
            // an error unless it is the one in question
            10 => format!("{}.sensitive", self.id("Entitlement")),
            _ => "resource has sensitive && !resource.sensitive".into(),
        }
    }

    fn of_the_session(&mut self) -> String {
        match self.draw.below(4) {
            0 => "context.session.labels.containsAll(resource.labels)".into(),
            1 => "context.session.labels.containsAny(resource.labels)".into(),
            2 => {
                let label = self.draw.pick(&["l0", "l1", "human"]);
                format!("context.session.labels.contains(\"{label}\")")
            }
            _ => {
                let (calls, labels) = (self.long(0), self.texts());
                format!(
                    "context.session == {{id: \"\", acr: \"\", calls: {calls}, labels: {labels}, \
                     authenticated_at: context.session.authenticated_at}}"
                )
            }
        }
    }

    fn of_the_clock(&mut self) -> String {
        let op = self.draw.pick(&["<", "<=", ">", ">=", "==", "!="]);
        match self.draw.below(3) {
            0 | 1 => format!("context.now {op} datetime(\"{}\")", self.draw.pick(CLOCK)),
            _ => format!("{} {op} {}", self.time(1), self.time(1)),
        }
    }

    /// Something of one of the arguments.
    fn of_the_arguments(&mut self) -> String {
        let place = self.draw.pick(&self.places).clone();
        self.guards.extend(place.guards.iter().cloned());
        let path = &place.path;
        let order = *self.draw.pick(&["<", "<=", ">", ">=", "==", "!="]);
        let equal = *self.draw.pick(&["==", "!="]);
        match place.kind {
            Kind::Text => match self.draw.below(4) {
                0 => format!("{path} like \"{}\"", self.draw.pick(PATTERNS)),
                1 => format!("{}.contains({path})", self.texts()),
                _ => format!("{path} {equal} {}", self.text()),
            },
            Kind::Long => match self.draw.below(3) {
                0 => format!("[{}, {}].contains({path})", self.long(0), self.long(0)),
                _ => format!("{path} {order} {}", self.long(1)),
            },
            Kind::Decimal => match self.draw.below(3) {
                0 => format!("{path} {equal} {}", self.decimal()),
                _ => {
                    let op = self.draw.pick(&["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"]);
                    format!("{path}.{op}({})", self.decimal())
                }
            },
            Kind::Bool => match self.draw.below(3) {
                0 => format!("({path} {equal} {})", self.bool(0)),
                _ => path.clone(),
            },
            Kind::Time => format!("{path} {order} {}", self.time(1)),
            Kind::Ip => match self.draw.below(3) {
                0 => {
                    let is = self.draw.pick(&["isIpv4", "isIpv6", "isLoopback", "isMulticast"]);
                    format!("{path}.{is}()")
                }
                1 => format!("{path} {equal} ip(\"{}\")", self.draw.pick(RANGES)),
                _ => format!("{path}.isInRange(ip(\"{}\"))", self.draw.pick(RANGES)),
            },
            Kind::Texts => match self.draw.below(5) {
                0 => format!("{path}.contains({})", self.text()),
                1 => format!("{path}.containsAll({})", self.texts()),
                2 => format!("{path}.containsAny({})", self.texts()),
                3 => format!("{path}.isEmpty()"),
                _ => format!("{} {equal} {path}", self.texts()),
            },
            Kind::Longs => match self.draw.below(3) {
                0 => format!("{path}.contains({})", self.long(1)),
                1 => format!("{path}.containsAny([{}, {}])", self.long(0), self.long(0)),
                _ => format!("{path} {equal} [{}]", self.long(0)),
            },
            Kind::Bools => format!("{path}.contains({})", self.bool(0)),
            Kind::Times => format!("{path}.contains({})", self.time(1)),
            Kind::Entries => format!("{path}.contains({{key: {}, value: {}}})", self.text(), self.text()),
            Kind::Pairs => match self.draw.below(2) {
                0 => format!("{path}.contains({{a: {}, n: {}}})", self.text(), self.long(0)),
                _ => format!("{path}.containsAll([{{n: {}, a: {}}}])", self.long(0), self.text()),
            },
            Kind::Pair => format!("{path} {equal} {{a: {}, n: {}}}", self.text(), self.long(1)),
        }
    }

    /// Two values of a kind, compared.
    fn compared(&mut self, depth: usize) -> String {
        let op = *self.draw.pick(&["<", "<=", ">", ">=", "==", "!="]);
        match self.draw.below(6) {
            0..=2 => format!("{} {op} {}", self.long(depth + 1), self.long(depth)),
            3 => format!("{} {op} {}", self.span(depth), self.span(depth)),
            4 => format!("{} == {}", self.text(), self.text()),
            _ => format!("{}.containsAny({})", self.texts(), self.texts()),
        }
    }

    fn place(&mut self, kind: Kind) -> Option<String> {
        let all: Vec<usize> = (0..self.places.len()).filter(|at| self.places[*at].kind == kind).collect();
        if all.is_empty() || self.draw.one_in(2) {
            return None;
        }
        let place = &self.places[*self.draw.pick(&all)];
        self.guards.extend(place.guards.iter().cloned());
        Some(place.path.clone())
    }

    fn long(&mut self, depth: usize) -> String {
        if depth > 0 {
            let op = *self.draw.pick(&["+", "-", "*"]);
            match self.draw.below(8) {
                0..=2 => return format!("({} {op} {})", self.long(depth - 1), self.long(depth - 1)),
                3 => return format!("(-{})", self.long(depth - 1)),
                4 => {
                    return format!(
                        "(if {} then {} else {})",
                        self.bool(0),
                        self.long(depth - 1),
                        self.long(depth - 1)
                    );
                }
                5 => {
                    let to = self.draw.pick(&["toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"]);
                    return format!("{}.{to}()", self.span(depth - 1));
                }
                _ => {}
            }
        }
        if let Some(place) = self.place(Kind::Long) {
            return place;
        }
        match self.draw.below(3) {
            0 => "context.session.calls".into(),
            _ => format!("{}", self.draw.pick(LONGS)),
        }
    }

    fn time(&mut self, depth: usize) -> String {
        if depth > 0 {
            match self.draw.below(6) {
                0 => return format!("{}.offset({})", self.time(depth - 1), self.span(depth - 1)),
                1 => return format!("{}.toDate()", self.time(depth - 1)),
                _ => {}
            }
        }
        if let Some(place) = self.place(Kind::Time) {
            return place;
        }
        match self.draw.below(4) {
            0 => "context.now".into(),
            1 => "context.session.authenticated_at".into(),
            _ => format!("datetime(\"{}\")", self.draw.pick(CLOCK)),
        }
    }

    fn span(&mut self, depth: usize) -> String {
        if depth > 0 {
            match self.draw.below(4) {
                0 => return format!("{}.durationSince({})", self.time(depth - 1), self.time(depth - 1)),
                1 => return format!("{}.toTime()", self.time(depth - 1)),
                2 => return "context.now.durationSince(context.session.authenticated_at)".into(),
                _ => {}
            }
        }
        format!("duration(\"{}\")", self.draw.pick(SPANS))
    }

    fn decimal(&mut self) -> String {
        self.place(Kind::Decimal).unwrap_or_else(|| format!("decimal(\"{}\")", self.draw.pick(DECIMALS)))
    }

    fn text(&mut self) -> String {
        if let Some(place) = self.place(Kind::Text) {
            return place;
        }
        match self.draw.below(10) {
            0 => "context.session.id".into(),
            1 => "context.session.acr".into(),
            2 => "context.channel".into(),
            3 => "resource.environment".into(),
            4 => format!("(if {} then \"a\" else context.channel)", self.bool(0)),
            _ => format!("\"{}\"", self.draw.pick(TEXTS)),
        }
    }

    fn texts(&mut self) -> String {
        if let Some(place) = self.place(Kind::Texts) {
            return place;
        }
        match self.draw.below(6) {
            0 => "resource.labels".into(),
            1 => "context.session.labels".into(),
            2 => format!("[{}]", self.text()),
            _ => format!("[{}, {}]", self.text(), self.text()),
        }
    }
}

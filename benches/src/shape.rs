//! What tools take: six argument schemas, arguments that fit them, and conditions that read them.

use std::fmt::Write;

use crate::policy::{Cond, Operation};
use crate::rng::Rng;

/// A kind of tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Finds records.
    Search,
    /// Fetches one record.
    Get,
    /// Moves money.
    Payment,
    /// Sends something out.
    Message,
    /// Changes a repository.
    Change,
    /// Deletes records.
    Remove,
}

impl Shape {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Search, Self::Get, Self::Payment, Self::Message, Self::Change, Self::Remove];

    /// What tools of this kind do.
    pub fn operation(self) -> Operation {
        match self {
            Self::Search | Self::Get => Operation::Read,
            Self::Payment | Self::Message | Self::Change => Operation::Write,
            Self::Remove => Operation::Delete,
        }
    }

    /// What their names begin with.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Search => "search_records",
            Self::Get => "get_record",
            Self::Payment => "create_payment",
            Self::Message => "send_message",
            Self::Change => "commit_change",
            Self::Remove => "delete_records",
        }
    }

    /// What their server says of them.
    pub fn description(self) -> &'static str {
        match self {
            Self::Search => "Finds records by text and filter",
            Self::Get => "Fetches one record with the fields asked for",
            Self::Payment => "Creates a payment or a refund; amounts are in cents",
            Self::Message => "Sends a message with attachments",
            Self::Change => "Commits a change to a branch",
            Self::Remove => "Deletes records for good",
        }
    }

    /// Their `inputSchema`.
    pub fn schema(self) -> &'static str {
        match self {
            Self::Search => {
                r#"{"type":"object","properties":{"query":{"type":"string"},"object":{"type":"string","enum":["account","contact","invoice","ticket","payslip"]},"fields":{"type":"array","items":{"type":"string"}},"limit":{"type":"integer"},"include_archived":{"type":"boolean"},"filter":{"type":"object","properties":{"field":{"type":"string"},"op":{"type":"string","enum":["eq","lt","gt"]},"value":{"type":"string"}},"required":["field","op","value"]}},"required":["query","object","include_archived"]}"#
            }
            Self::Get => {
                r#"{"type":"object","properties":{"id":{"type":"string"},"fields":{"type":"array","items":{"type":"string"}},"expand":{"type":"boolean"},"format":{"type":"string","enum":["json","text","html"]},"region":{"type":"string"},"depth":{"type":"integer"},"range":{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"}},"required":["from","to"]}},"required":["id","fields","expand","region","depth"]}"#
            }
            Self::Payment => {
                r#"{"type":"object","properties":{"account":{"type":"string"},"amount":{"type":"integer"},"currency":{"type":"string","enum":["EUR","USD","GBP","JPY"]},"note":{"type":"string"},"notify":{"type":"boolean"},"items":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"},"quantity":{"type":"integer"}},"required":["sku","quantity"]}},"customer":{"type":"object","properties":{"id":{"type":"string"},"country":{"type":"string"},"segment":{"type":"string","enum":["retail","business","public"]}},"required":["id","country","segment"]}},"required":["account","amount","currency","notify","customer"]}"#
            }
            Self::Message => {
                r#"{"type":"object","properties":{"to":{"type":"array","items":{"type":"string"}},"subject":{"type":"string"},"body":{"type":"string"},"priority":{"type":"string","enum":["low","normal","urgent"]},"confidential":{"type":"boolean"},"recipients":{"type":"integer"},"attachments":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"bytes":{"type":"integer"}},"required":["name","bytes"]}}},"required":["to","subject","body","priority","confidential","recipients"]}"#
            }
            Self::Change => {
                r#"{"type":"object","properties":{"repository":{"type":"string"},"branch":{"type":"string"},"path":{"type":"string"},"force":{"type":"boolean"},"lines":{"type":"integer"},"labels":{"type":"array","items":{"type":"string"}},"author":{"type":"object","properties":{"id":{"type":"string"},"team":{"type":"string"}},"required":["id","team"]},"message":{"type":"string"}},"required":["repository","branch","path","force","lines","labels","author"]}"#
            }
            Self::Remove => {
                r#"{"type":"object","properties":{"ids":{"type":"array","items":{"type":"string"}},"reason":{"type":"string"},"cascade":{"type":"boolean"},"count":{"type":"integer"},"scope":{"type":"string","enum":["one","some","all"]},"audit":{"type":"object","properties":{"ticket":{"type":"string"},"approved":{"type":"boolean"}},"required":["ticket","approved"]}},"required":["ids","reason","cascade","count","scope"]}"#
            }
        }
    }

    /// Arguments of about 300 bytes; `large` ones are beyond what most policies let pass without a manager.
    pub fn arguments(self, rng: &mut Rng, large: bool) -> String {
        let n = rng.below(1_000_000);
        let words =
            ["renewal", "quarterly", "migration", "follow-up", "escalation", "inventory", "onboarding", "audit"];
        let mut text = |count: usize| (0..count).map(|_| *rng.pick(&words)).collect::<Vec<_>>().join(" ");
        let (short, long) = (text(3), text(12));
        let mut number =
            |low: usize, high: usize| if large { rng.between(high * 2, high * 10) } else { rng.between(low, high) };
        let amount = number(1, 100);
        let much = number(100, 30_000);
        let yes = rng.percent(4);
        let rare = rng.percent(2);
        match self {
            Self::Search => format!(
                r#"{{"query":"{short} {n:06} {long}","object":"{}","fields":["id","name","owner","status","updated_at"],"limit":{amount},"include_archived":{yes},"filter":{{"field":"{}","op":"eq","value":"{n:06}"}}}}"#,
                if rare { "payslip" } else { ["account", "contact", "invoice", "ticket"][n % 4] },
                if rare { "salary" } else { "status" },
            ),
            Self::Get => format!(
                r#"{{"id":"rec-{n:06}","fields":["id","name","owner","status","{}","history","attachments"],"expand":{yes},"format":"json","region":"{}","depth":{},"range":{{"from":"2026-01-01 {short}","to":"2026-11-20 {long}"}}}}"#,
                if rare { "salary" } else { "notes" },
                ["eu-west", "us-east", "ap-south"][n % 3],
                amount % 12,
            ),
            Self::Payment => format!(
                r#"{{"account":"acct-{n:06}","amount":{much},"currency":"{}","note":"{short}","notify":{yes},"items":[{{"sku":"sku-{:04}","quantity":{}}},{{"sku":"sku-{:04}","quantity":2}}],"customer":{{"id":"cust-{n:06}","country":"{}","segment":"{}"}}}}"#,
                ["EUR", "USD", "GBP", "JPY"][n % 4],
                n % 10_000,
                n % 7 + 1,
                n % 9_973,
                if rare { "KP" } else { ["DE", "FR", "US", "IN", "BR"][n % 5] },
                ["retail", "business", "public"][n % 3],
            ),
            Self::Message => format!(
                r#"{{"to":["person-{n:06}@example.org","{}"],"subject":"{short}","body":"{long}","priority":"{}","confidential":{yes},"recipients":{amount},"attachments":[{{"name":"report-{n:06}.pdf","bytes":{}}}]}}"#,
                if rare { "all@example.com" } else { "team@example.com" },
                if rare { "urgent" } else { ["low", "normal"][n % 2] },
                n * 13,
            ),
            Self::Change => format!(
                r#"{{"repository":"repo-{:04}","branch":"{}{n:06}","path":"src/{}/file_{n:06}.rs","force":{yes},"lines":{amount},"labels":["{}","team-{}"],"author":{{"id":"dev-{n:06}","team":"platform"}},"message":"{long}"}}"#,
                n % 1_000,
                if rare { "release/" } else { "feature/" },
                words[n % 8],
                if rare { "breaking" } else { "minor" },
                n % 50,
            ),
            Self::Remove => {
                let mut ids = String::new();
                (0..10).for_each(|at| write!(ids, "\"rec-{:06}\",", (n + at * 7) % 1_000_000).unwrap());
                format!(
                    r#"{{"ids":[{}],"reason":"{long}","cascade":{yes},"count":{amount},"scope":"{}","audit":{{"ticket":"T-{n:06}","approved":true}}}}"#,
                    ids.trim_end_matches(','),
                    if rare { "all" } else { ["one", "some"][n % 2] },
                )
            }
        }
    }

    /// A condition that some calls meet: a large number, a rare word, a flag. `often` ones are met by most calls.
    pub fn condition(self, rng: &mut Rng, often: bool) -> Cond {
        let (low, high) = if often { (1, 20) } else { (101, 900) };
        let n = rng.between(low, high);
        let draw = if often { 0 } else { rng.below(5) };
        match (self, draw) {
            (Self::Search, 0 | 1) => Cond::HasOver("limit", n),
            (Self::Search, 2) => Cond::Is("object", "payslip"),
            (Self::Search, 3) => Cond::HasIs("filter", "field", "salary"),
            (Self::Search, _) => Cond::True("include_archived"),
            (Self::Get, 0 | 1) if often => Cond::Over("depth", n % 3),
            (Self::Get, 0 | 1) => Cond::Over("depth", 9 + n % 3),
            (Self::Get, 2 | 3) => Cond::Contains("fields", "salary"),
            (Self::Get, _) => Cond::True("expand"),
            (Self::Payment, 0..=2) if often => Cond::Over("amount", n * 10),
            (Self::Payment, 0..=2) => Cond::Over("amount", n * 300),
            (Self::Payment, 3) => Cond::Is("customer.country", "KP"),
            (Self::Payment, _) => Cond::True("notify"),
            (Self::Message, 0 | 1) => Cond::Over("recipients", n),
            (Self::Message, 2) => Cond::Contains("to", "all@example.com"),
            (Self::Message, 3) => Cond::Is("priority", "urgent"),
            (Self::Message, _) => Cond::True("confidential"),
            (Self::Change, 0 | 1) => Cond::Over("lines", n),
            (Self::Change, 2) => Cond::Begins("branch", "release/"),
            (Self::Change, 3) => Cond::Contains("labels", "breaking"),
            (Self::Change, _) => Cond::True("force"),
            (Self::Remove, 0..=2) => Cond::Over("count", n),
            (Self::Remove, 3) => Cond::Is("scope", "all"),
            (Self::Remove, _) => Cond::True("cascade"),
        }
    }
}

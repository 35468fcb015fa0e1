//! What a million grants cost. Measures and prints, and is run by hand:
//! `cargo test --release -p toolgate --lib what_a_million_grants_cost -- --ignored --nocapture`
//!
//! With `MALLOC_MMAP_THRESHOLD_=65536 MALLOC_TRIM_THRESHOLD_=65536` glibc gives back what is freed, and the first
//! number of resident bytes is what the tables and the users' names take.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers")]

use std::fmt::Write;
use std::time::Instant as Clock;

use super::*;
use crate::data::delta::Delta;
use crate::limits::Limits;
use crate::load::people;

const USERS: u64 = 200_000;
const GROUPS: u64 = 500;
const ENTITLEMENTS: u64 = 2_000;
const GRANTS: u64 = 1_000_000;

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Lines with ids like `g123456`, in the order of ids or in none.
fn lines(in_order: bool) -> String {
    let mut numbers = Numbers(7);
    let mut out = String::from(
        "{\"kind\":\"snapshot\",\"version\":1,\"issued_at\":\"2026-11-20T09:00:00Z\",\"max_age\":\"PT24H\"}\n",
    );
    for id in 0..GROUPS {
        let parents = if id < 8 { String::new() } else { format!("\"group-{}\"", id / 8) };
        writeln!(out, "{{\"kind\":\"group\",\"id\":\"group-{id}\",\"parents\":[{parents}]}}").unwrap();
    }
    for id in 0..20 {
        let client =
            format!("{{\"kind\":\"client\",\"id\":\"client-{id}\",\"client_kind\":\"personal\",\"state\":\"active\"}}");
        writeln!(out, "{client}").unwrap();
    }
    for id in 0..ENTITLEMENTS {
        writeln!(
            out,
            "{{\"kind\":\"entitlement\",\"id\":\"service-{}:right-{id}\",\"requestable_by\":[\"*\"]}}",
            id % 40
        )
        .unwrap();
    }
    let sets: Vec<String> = (0..3_000)
        .map(|_| {
            let count = 1 + numbers.below(4);
            let all: Vec<String> = (0..count).map(|_| format!("\"group-{}\"", numbers.below(GROUPS))).collect();
            all.join(",")
        })
        .collect();
    for id in 0..USERS {
        let (manager, set) = (numbers.below(USERS), sets[usize::try_from(numbers.below(3_000)).unwrap()].clone());
        let own = numbers.below(ENTITLEMENTS);
        writeln!(
            out,
            "{{\"kind\":\"user\",\"id\":\"u{id:06}\",\"active\":true,\"manager\":\"u{manager:06}\",\"groups\":[{set}],\"entitlements\":[\"service-{}:right-{own}\"]}}",
            own % 40
        )
        .unwrap();
    }
    let mut ids: Vec<u64> = (0..GRANTS).collect();
    if !in_order {
        (1..ids.len()).rev().for_each(|at| ids.swap(at, usize::try_from(numbers.below(at as u64 + 1)).unwrap()));
    }
    for id in ids {
        let user = numbers.below(USERS);
        let to = match numbers.below(100) {
            0 => format!("\"group\":\"group-{}\"", numbers.below(GROUPS)),
            1..=30 => format!("\"user\":\"u{user:06}\",\"client\":\"client-{}\"", numbers.below(20)),
            _ => format!("\"user\":\"u{user:06}\""),
        };
        let right = numbers.below(ENTITLEMENTS);
        let (month, day) = (1 + numbers.below(12), 1 + numbers.below(28));
        writeln!(
            out,
            "{{\"kind\":\"grant\",\"id\":\"g{id:06}\",\"to\":{{{to}}},\"entitlement\":\"service-{}:right-{right}\",\"until\":\"2027-{month:02}-{day:02}T10:00:00Z\"}}",
            right % 40
        )
        .unwrap();
    }
    out
}

/// The time this thread has run, which what else the machine does makes no longer.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}

#[test]
#[ignore = "takes a while, prints and asserts next to nothing"]
fn what_a_million_grants_cost() {
    let limits = Limits::default();
    for in_order in [true, false] {
        let text = lines(in_order);
        println!("\nids in order: {in_order}; {:.1} MiB of lines", text.len() as f64 / 1_048_576.0);
        let before = resident();
        let mut kept = None;
        for _ in 0..3 {
            drop(kept.take());
            let (start, clock) = (cpu(), Clock::now());
            let loaded = people::read("s.jsonl", text.as_bytes(), &limits).unwrap();
            let read = cpu().saturating_sub(start);
            kept = Some(People::new(loaded));
            let all = cpu().saturating_sub(start);
            println!("loaded in {all:?}, {read:?} of it reading; {:?} on the clock", clock.elapsed());
        }
        let (mut people, names) = kept.unwrap();
        println!("resident: {:.1} MiB more", resident().saturating_sub(before) as f64 / 1_048_576.0);
        let mut totals = [0.0; 2];
        let mut all = people.size();
        all.push(("users: names", names.users.size()));
        for (what, bytes) in all {
            let grants = what.starts_with("grants");
            let each = bytes as f64 / if grants { GRANTS as f64 } else { USERS as f64 };
            totals[usize::from(grants)] += each;
            println!("{bytes:>10} bytes, {each:>6.2} each {}: {what}", if grants { "grant" } else { "user" });
        }
        println!("{:.2} bytes a grant, {:.2} bytes a user", totals[1], totals[0]);
        assert!(totals[1] <= 24.0 && totals[0] <= 128.0);

        let mut numbers = Numbers(3);
        let mut times = Vec::new();
        for n in 0..10_000u64 {
            let change = format!(
                r#"{{"version":{},"issued_at":"2026-11-20T10:00:00Z","grants":{{"revoke":["g{:06}"],"add":[{{"id":"n{n}","to":{{"user":"u{:06}"}},"entitlement":"service-1:right-1"}}]}}}}"#,
                n + 2,
                n * 97,
                numbers.below(USERS),
            );
            let start = Clock::now();
            let next = people.with(&Delta::parse(change.as_bytes()).unwrap(), &names.as_ref(), &limits).unwrap();
            people = next;
            times.push(start.elapsed());
        }
        let (first, last) = (&mut times[..1_000].to_vec(), &mut times[9_000..].to_vec());
        [&mut *first, &mut *last].into_iter().for_each(|times| times.sort());
        println!(
            "a change of two grants: median {:?} of the first 1,000, {:?} of the last 1,000 of 10,000; longest {:?}",
            first[500],
            last[500],
            times.iter().max()
        );

        let start = cpu();
        let mut count = 0usize;
        for _ in 0..1_000_000 {
            let id = u32::try_from(numbers.below(USERS)).unwrap();
            count += people.grants(Holder::User(id)).filter(|grant| grant.until.is_some()).count();
            count += people.user(id).map_or(0, |user| user.groups.len());
        }
        println!("a user and their grants, random: {:?} ({count})", cpu().saturating_sub(start) / 1_000_000);
        let start = Clock::now();
        let count = people.active_members(3).count();
        println!("active members of a group: {count} in {:?}", start.elapsed());
        let start = cpu();
        let snapshot = people.to_snapshot(&names.as_ref());
        println!("as a plain snapshot in {:?}", cpu().saturating_sub(start));
        assert_eq!(snapshot.grants.len(), usize::try_from(GRANTS).unwrap());
    }
}

//! Criterion: one decision, by contestant, number of policies and set of calls.
//!
//! `cargo bench -- hot/engine`; `TOOLGATE_BENCH_POLICIES=10,1000 TOOLGATE_BENCH_TOOLS=1000 TOOLGATE_BENCH_GRANTS=100000`.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use toolgate_benches::calls;
use toolgate_benches::cedar::Cedar;
use toolgate_benches::engine::{decide, load};
use toolgate_benches::floor::Floor;
use toolgate_benches::workload::{Size, World};

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

fn decisions(criterion: &mut Criterion) {
    let sizes = std::env::var("TOOLGATE_BENCH_POLICIES").unwrap_or_else(|_| "10,100".into());
    let (tools, grants) = (number("TOOLGATE_BENCH_TOOLS", 100), number("TOOLGATE_BENCH_GRANTS", 10_000));
    for policies in sizes.split(',').map(|size| size.parse().expect("a number")) {
        let world = World::new(Size { policies, tools, grants });
        let calls = calls::calls(&world, 65_536);
        let (engine, floor, cedar) = (load(&world), Floor::new(&world), Cedar::new(&world, &calls));
        for (set, count) in [("hot", 64), ("warm", 1_024), ("random", 65_536)] {
            let mut group = criterion.benchmark_group(set);
            let mut at = 0;
            let mut next = || {
                at = if at + 1 < count { at + 1 } else { 0 };
                black_box(&calls[at])
            };
            group.bench_function(BenchmarkId::new("engine", policies), |b| b.iter(|| decide(&engine, next())));
            group.bench_function(BenchmarkId::new("floor", policies), |b| b.iter(|| floor.decide(next())));
            group.bench_function(BenchmarkId::new("cedar", policies), |b| b.iter(|| cedar.decide(next())));
            group.finish();
        }
    }
}

criterion_group!(benches, decisions);
criterion_main!(benches);

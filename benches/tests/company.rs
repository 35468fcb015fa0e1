//! The instrument itself: the company is the same each time, every outcome occurs, and the engine agrees with Cedar.

use std::collections::BTreeSet;

use toolgate::{Outcome, Reason};
use toolgate_benches::calls;
use toolgate_benches::cedar::Cedar;
use toolgate_benches::engine::{decide, load};
use toolgate_benches::workload::{Size, World};

#[test]
fn the_same_numbers_make_the_same_company() {
    let size = Size { policies: 100, tools: 40, grants: 2_000 };
    let (one, two) = (World::new(size), World::new(size));
    assert_eq!(one.bundle(), two.bundle());
    let larger = World::new(Size { policies: 200, ..size });
    assert!(larger.cedar().starts_with(&one.cedar()), "the first 100 of 200 are the 100");
    assert_eq!(one.bundle().snapshot, larger.bundle().snapshot, "and the people stay the same");
    let json = |count| calls::calls(&one, count).into_iter().map(|call| call.json).collect::<Vec<_>>();
    assert_eq!(json(64), json(256)[..64]);
}

#[test]
fn every_outcome_occurs_and_cedar_agrees() {
    for policies in [1, 10, 400] {
        let world = World::new(Size { policies, tools: 40, grants: 2_000 });
        let calls = calls::calls(&world, 1_024);
        let (engine, cedar) = (load(&world), Cedar::new(&world, &calls));
        let mut outcomes = BTreeSet::new();
        for call in &calls {
            let decision = decide(&engine, call);
            outcomes.insert(decision.outcome);
            let gate = decision.outcome == Outcome::Deny && decision.reason != Reason::PolicyDenied;
            if !gate && decision.reason != Reason::AllowedByApproval {
                let allows = cedar.allows(&cedar.request(call));
                assert_eq!(allows, decision.is_allowed(), "{}\n{decision:?}", String::from_utf8_lossy(&call.json));
            }
        }
        assert_eq!(outcomes.len(), 5, "{policies} policies: {outcomes:?}");
    }
}

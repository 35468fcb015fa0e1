//! Other engines, each as its own users would run it, on the same policies and facts; the verdict alone, with no
//! approval given. What a policy says of its scope (`principal in …`, `action == …`) becomes conditions where a language
//! has no scopes.

mod casbin;
mod cedarling;
mod cel;
mod facts;
mod regorus;
mod words;

use crate::calls::Call;
use crate::cedar::Cedar;
use crate::measure::{Lane, timed};
use crate::workload::World;

/// The peers that were asked for and could be made.
pub struct Peers {
    all: Vec<(&'static str, Box<dyn Fn(&Call) -> bool>)>,
}

impl Peers {
    /// Makes the peers, with the facts that these calls need, and compares each with Cedar on them.
    pub fn new(world: &World, calls: &[Call], wants: &dyn Fn(&str) -> bool) -> Self {
        type Make = fn(&World, &[Call]) -> Result<Box<dyn Fn(&Call) -> bool>, String>;
        let makers: [(&'static str, Make); 5] = [
            ("cedarling", cedarling::new),
            ("regorus", regorus::new),
            ("regorus-rvm", regorus::rvm),
            ("casbin", casbin::new),
            ("cel", cel::new),
        ];
        let mut cedar = None;
        let mut all = Vec::new();
        for (name, make) in makers.into_iter().filter(|(name, _)| wants(name)) {
            let (took, made) = timed(|| make(world, calls));
            match made {
                Err(error) => eprintln!("  {name}: {error}"),
                Ok(decide) => {
                    // callers that nobody knows have no facts, and peers differ in what they make of that
                    let some = calls.iter().filter(|call| call.who.is_some()).take(128);
                    let cedar = cedar.get_or_insert_with(|| Cedar::new(world, calls));
                    let (mut same, mut asked) = (0, 0);
                    for call in some {
                        asked += 1;
                        same += usize::from(decide(call) == (cedar.decide(call) == 1));
                    }
                    eprintln!("  {name}: made in {took:.2} s, answers as Cedar for {same} of {asked} calls");
                    all.push((name, decide));
                }
            }
        }
        Self { all }
    }

    /// Adds a lane for each.
    pub fn lanes<'a>(&'a mut self, lanes: &mut Vec<Lane<'a>>) {
        for (name, decide) in &self.all {
            lanes.push(Lane::new(name, |call| decide(call).into()));
        }
    }
}

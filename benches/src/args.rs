//! What the report is asked for.

use std::time::Duration;

/// The command line of the report.
#[derive(Clone, Debug)]
pub struct Args {
    /// How many policies, one run of the table each.
    pub policies: Vec<usize>,
    /// How many tools.
    pub tools: usize,
    /// How many grants.
    pub grants: usize,
    /// How long contestants race on one set of calls.
    pub race: Duration,
    /// How many calls the random set has.
    pub calls: usize,
    /// What to measure; empty: everything.
    pub only: Vec<String>,
}

/// What `--only` may name.
pub const PARTS: &[&str] = &[
    "engine",
    "floor",
    "cedar",
    "cedarling",
    "regorus",
    "regorus-rvm",
    "casbin",
    "cel",
    "agree",
    "alloc",
    "visible",
    "threads",
    "load",
];

const HELP: &str = "report [--policies N[,N…]] [--tools N] [--grants N] [--calls N] [--seconds S] [--quick] [--only PART[,PART…]]
  --policies  1,10,100,1000,10000
  --tools     1000
  --grants    1000000
  --calls     65536, the size of the random set
  --seconds   3, how long contestants race on one set of calls
  --quick     --policies 1,10,100 --tools 100 --grants 10000 --calls 8192 --seconds 0.5
  --only      engine, floor, cedar, cedarling, regorus, regorus-rvm, casbin, cel (contestants; peers need the feature `peers`),
              agree, alloc, visible, threads, load (parts)";

impl Args {
    /// Reads the command line, or says what it may be and ends the program.
    pub fn read() -> Self {
        let mut args = Self {
            policies: vec![1, 10, 100, 1_000, 10_000],
            tools: 1_000,
            grants: 1_000_000,
            race: Duration::from_secs(3),
            calls: 65_536,
            only: Vec::new(),
        };
        let words: Vec<String> = std::env::args().skip(1).collect();
        if words.iter().any(|word| word == "--quick") {
            let (policies, race) = (vec![1, 10, 100], Duration::from_millis(500));
            args = Self { policies, tools: 100, grants: 10_000, race, calls: 8_192, ..args };
        }
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let number = |words: &mut dyn Iterator<Item = String>| one(words.next());
            match word.as_str() {
                "--quick" => {}
                "--policies" => args.policies = list(words.next()).map(|word| one(Some(word))).collect(),
                "--tools" => args.tools = number(&mut words),
                "--grants" => args.grants = number(&mut words),
                "--calls" => args.calls = number(&mut words).max(64),
                "--seconds" => args.race = Duration::from_secs_f64(one(words.next())),
                "--only" => {
                    args.only = list(words.next()).collect();
                    if let Some(unknown) = args.only.iter().find(|part| !PARTS.contains(&part.as_str())) {
                        fail(&format!("there is no part `{unknown}`"));
                    }
                }
                other => fail(&format!("`{other}` means nothing")),
            }
        }
        args
    }

    /// Whether to measure this.
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

fn one<T: std::str::FromStr>(word: Option<String>) -> T {
    word.and_then(|word| word.parse().ok()).unwrap_or_else(|| fail("a number is missing"))
}

fn list(words: Option<String>) -> impl Iterator<Item = String> {
    let words = words.unwrap_or_else(|| fail("a list is missing"));
    words.split(',').map(String::from).collect::<Vec<_>>().into_iter()
}

fn fail(why: &str) -> ! {
    eprintln!("{why}\n\n{HELP}");
    std::process::exit(2);
}

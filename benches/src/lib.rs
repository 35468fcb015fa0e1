//! The measuring instrument of toolgate. `README.md` says how to run it and what each figure means.

pub mod calls;
pub mod engine;
pub mod policy;
pub mod rng;
pub mod rules;
pub mod shape;
pub mod workload;

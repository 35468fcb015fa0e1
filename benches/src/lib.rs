//! The measuring instrument of toolgate. `README.md` says how to run it and what each figure means.

pub mod alloc;
pub mod args;
pub mod calls;
pub mod cedar;
pub mod engine;
pub mod floor;
pub mod measure;
#[cfg(feature = "peers")]
pub mod peers;
pub mod policy;
pub mod report;
pub mod rng;
pub mod rules;
pub mod shape;
pub mod workload;

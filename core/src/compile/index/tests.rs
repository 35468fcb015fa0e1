//! The index against asking every policy.

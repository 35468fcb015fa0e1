//! What is known of a condition before anything is asked.

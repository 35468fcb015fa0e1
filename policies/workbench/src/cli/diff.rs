//! stub
use crate::Output;
/// stub
#[derive(clap::Args)]
pub(super) struct Args {}
pub(super) fn run(_: &Args) -> Output {
    Output::default()
}

//! The `toolgate` command. All of it is in the library, so that other packages install the same command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(toolgate_workbench::cli::main(std::env::args_os()))
}

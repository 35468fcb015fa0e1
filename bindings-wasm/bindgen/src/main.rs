//! Writes the JavaScript that goes with a module: `toolgate-wasm-bindgen MODULE.wasm FOLDER`.
//!
//! `wasm-bindgen-cli` without the command line: a third of the crates, and its version stands in a lock file.

use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(module), Some(folder), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        eprintln!("usage: toolgate-wasm-bindgen MODULE.wasm FOLDER");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(&module).out_name("toolgate").typescript(false).remove_name_section(true);
    bindgen.remove_producers_section(true);
    let written = bindgen.no_modules(true).and_then(|bindgen| bindgen.generate(&folder));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{module}: {error:?}");
            ExitCode::FAILURE
        }
    }
}

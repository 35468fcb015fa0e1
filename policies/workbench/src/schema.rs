//! `toolgate schema`: the vocabulary that policies of this bundle may use.

use toolgate::Engine;

use crate::Output;
use crate::render::clean;

/// The engine's Cedar schema, in Cedar's own syntax.
pub fn schema(engine: &Engine) -> Output {
    let schema = engine.schema();
    if schema.is_empty() {
        return Output::failure("error: the schema cannot be written in Cedar's own syntax\n");
    }
    // line by line: a name in the schema may hold anything, a line break excepted
    Output::answer(schema.lines().map(|line| format!("{}\n", clean(line))).collect::<String>())
}

//! Lets the addon link: what it calls is in the Node that loads it.

fn main() {
    napi_build::setup();
}

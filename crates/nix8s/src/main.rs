//! The nix8s command line.
fn main() {}

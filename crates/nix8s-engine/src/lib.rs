//! Observes, carries out and remembers: the loop around [`nix8s_core`], over five ports to the outside world.

pub mod port;
pub mod source;

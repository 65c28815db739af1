//! Observes, carries out and remembers: the loop around [`nix8s_core`], over five ports to the outside world.

pub mod converge;
pub mod doctor;
pub mod execute;
pub mod journal;
pub mod kubeconfig;
pub mod observe;
pub mod port;
pub mod progress;
pub mod real;
pub mod source;
pub mod state;
pub mod stop;
mod summary;
pub mod users;
pub mod wake;
pub mod world;

#[cfg(test)]
mod testing;

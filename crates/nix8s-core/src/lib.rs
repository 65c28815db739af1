//! Decides what nix8s does: reads documents into a [`model::Fleet`], compares it with what is
//! [`observed`], and returns a [`plan::Plan`].
//!
//! Nothing here reads a clock, a file, the environment, a socket or a random number. The same input gives the
//! same plan, byte for byte; `clippy.toml` beside this crate and `cargo xtask tidy` hold it to that.

pub mod digest;
pub mod distribution;
pub mod doctor;
pub mod event;
pub mod export;
pub mod import;
pub mod input;
pub mod lifecycle;
pub mod membership;
pub mod model;
pub mod observed;
pub mod past;
pub mod permit;
pub mod plan;
pub mod project_flake;
pub mod provision;
pub mod reconcile;
pub mod secret;
pub mod switch;
pub mod tool;

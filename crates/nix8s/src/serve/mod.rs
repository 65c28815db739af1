//! What `nix8s run` tells about itself over HTTP: is it alive, is it of use, what does it do.

pub mod board;
pub mod http;
pub mod metrics;
pub mod systemd;

#[cfg(test)]
mod tests;

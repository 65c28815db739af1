//! Whether what nix8s says at the end is true.

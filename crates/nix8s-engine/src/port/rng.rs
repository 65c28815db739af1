//! Random numbers: nonces and run ids, nothing that a plan depends on.

/// Random numbers.
pub trait Rng: Send + Sync {
    /// 64 random bits.
    fn next(&self) -> u64;
}

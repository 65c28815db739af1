//! Time: read and waited for here and nowhere else.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// Time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Waits. Cancel-safe: dropping the future is all it takes.
    async fn sleep(&self, duration: Duration);
}

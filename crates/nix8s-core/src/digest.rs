//! Content digests: the first 16 hexadecimal digits of SHA-256.

use sha2::Digest;
use sha2::Sha256;

/// The digest of some bytes.
pub fn of(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

//! Content digests: SHA-256 in hexadecimal digits, or the first 16 of them.

use sha2::Digest;
use sha2::Sha256;

/// The digest of some bytes: enough to tell what nix8s made itself apart.
pub fn of(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes)[..8])
}

/// The whole digest of some bytes, as sha256sum(1) prints it.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

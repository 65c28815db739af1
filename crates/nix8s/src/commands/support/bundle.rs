//! Files as one compressed tar archive.

use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use tar::Builder;
use tar::Header;

use super::Piece;

/// All of them in one folder, for their owner alone.
pub fn pack(folder: &str, pieces: &[Piece], at: Timestamp) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for piece in pieces {
        let mut header = Header::new_gnu();
        header.set_size(piece.text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(at.as_second()).unwrap_or(0));
        tar.append_data(&mut header, format!("{folder}/{}", piece.path), piece.text.as_bytes())?;
    }
    tar.into_inner()?.finish()
}

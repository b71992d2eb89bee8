//! Is a file compressed? Its content tells, not its name.

use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Read};

/// What the reader gives, decompressed if it begins as a gzip file does.
pub(super) fn unzipped<'r>(reader: impl Read + 'r) -> io::Result<Box<dyn BufRead + 'r>> {
    let mut reader = BufReader::new(reader);
    Ok(if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) { Box::new(BufReader::new(MultiGzDecoder::new(reader))) } else { Box::new(reader) })
}

//! Recognizes gzipped data by its content, not by its name.

use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Cursor, Read};

/// The reader, with decompression if the data begins like a gzip file.
pub(super) fn unzipped<'r>(mut reader: impl Read + 'r) -> io::Result<Box<dyn BufRead + 'r>> {
    let mut start = Vec::new();
    reader.by_ref().take(2).read_to_end(&mut start)?; // a single read may give one byte
    let zipped = start == [0x1f, 0x8b];
    let whole = BufReader::new(Cursor::new(start).chain(reader));
    Ok(if zipped { Box::new(BufReader::new(MultiGzDecoder::new(whole))) } else { Box::new(whole) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Gives one byte at a time, as a pipe may.
    struct Trickle<'a>(&'a [u8]);
    impl Read for Trickle<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let n = to.len().min(1);
            self.0.read(&mut to[..n])
        }
    }

    #[test]
    fn told_by_two_bytes_however_they_come() {
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        zipped.write_all(b"1,2,0").unwrap();
        for (bytes, expected) in
            [(zipped.finish().unwrap(), &b"1,2,0"[..]), (b"plain".to_vec(), b"plain"), (vec![0x1f], &[0x1f]), (vec![], b"")]
        {
            let mut found = Vec::new();
            unzipped(Trickle(&bytes)).unwrap().read_to_end(&mut found).unwrap();
            assert_eq!(found, expected);
        }
    }
}

//! The encoding of a record: protocol buffers in a TFRecord frame.

/// A protocol buffers message, built field by field.
#[derive(Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn new() -> Message {
        Message::default()
    }
    /// The number of the field and its layout: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
    fn field(mut self, number: u64, layout: u64) -> Message {
        self.varint(number << 3 | layout);
        self
    }
    /// Seven bits in each byte, the lowest first; the eighth bit says that more follow.
    fn varint(&mut self, mut x: u64) {
        while x >= 0x80 {
            self.0.push(x as u8 | 0x80);
            x >>= 7;
        }
        self.0.push(x as u8);
    }
    fn extend(mut self, bytes: &[u8]) -> Message {
        self.0.extend(bytes);
        self
    }
    pub(super) fn whole(self, number: u64, x: u64) -> Message {
        let mut message = self.field(number, 0);
        message.varint(x);
        message
    }
    pub(super) fn double(self, number: u64, x: f64) -> Message {
        self.field(number, 1).extend(&x.to_le_bytes())
    }
    pub(super) fn float(self, number: u64, x: f32) -> Message {
        self.field(number, 5).extend(&x.to_le_bytes())
    }
    pub(super) fn bytes(self, number: u64, bytes: &[u8]) -> Message {
        let mut message = self.field(number, 2);
        message.varint(bytes.len() as u64);
        message.extend(bytes)
    }
    /// A packed list.
    pub(super) fn doubles(self, number: u64, list: &[f64]) -> Message {
        self.bytes(number, &list.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>())
    }
    pub(super) fn message(self, number: u64, inner: Message) -> Message {
        self.bytes(number, &inner.0)
    }
}

/// A TFRecord: length, its checksum, the message, its checksum.
pub(super) fn framed(message: Message) -> Vec<u8> {
    let length = (message.0.len() as u64).to_le_bytes();
    let sums = [&length[..], &message.0].map(|bytes| masked(crc32c(bytes)).to_le_bytes());
    [&length[..], &sums[0], &message.0, &sums[1]].concat()
}

/// TFRecords hold this instead of the checksum itself, so that a checksum over data with checksums is not a special case.
pub(super) fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C: Castagnoli's polynomial, bits in reversed order.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let (mut x, mut bit) = (i as u32, 0);
            while bit < 8 {
                x = x >> 1 ^ if x & 1 == 1 { 0x82f6_3b78 } else { 0 };
                bit += 1;
            }
            table[i] = x;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, &b| crc >> 8 ^ TABLE[((crc ^ u32::from(b)) & 0xff) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_the_standard() {
        // RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
        let rising: Vec<u8> = (0..32).collect();
        let falling: Vec<u8> = (0..32).rev().collect();
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&rising), 0x46dd_794e);
        assert_eq!(crc32c(&falling), 0x113f_db5c);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }
    #[test]
    fn messages_of_the_documentation() {
        // "Protocol Buffers: Encoding": field 1 is 150; field 2 is "testing"; field 3 is a message with 150.
        assert_eq!(Message::new().whole(1, 150).0, b"\x08\x96\x01");
        assert_eq!(Message::new().bytes(2, b"testing").0, b"\x12\x07testing");
        assert_eq!(Message::new().message(3, Message::new().whole(1, 150)).0, b"\x1a\x03\x08\x96\x01");
        assert_eq!(Message::new().whole(1, u64::MAX).0.len(), 11);
        assert_eq!(Message::new().whole(20, 0).0, b"\xa0\x01\x00");
        assert_eq!(Message::new().float(2, 1.0).double(1, -2.0).0, b"\x15\0\0\x80\x3f\x09\0\0\0\0\0\0\0\xc0");
        assert_eq!(Message::new().doubles(6, &[]).0, b"\x32\0");
    }
}

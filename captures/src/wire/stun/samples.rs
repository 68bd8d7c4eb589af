//! Messages that the RFCs print, and one that holds every attribute.

use crate::wire::testing::hex;

/// Password of [`request`] and the responses.
pub(crate) const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";
/// User of the long-term requests.
pub(crate) const USERNAME: &str = "マトリックス";
/// Realm of the long-term requests.
pub(crate) const REALM: &str = "example.org";
/// Password of the long-term requests, prepared.
pub(crate) const LONG_TERM_PASSWORD: &str = "TheMatrIX";

/// RFC 5769 §2.1.
pub(crate) fn request() -> Vec<u8> {
    hex("00010058 2112a442 b7e7a701bc34d686fa87dfae
         80220010 5354554e207465737420636c69656e74
         00240004 6e0001ff
         80290008 932ff9b151263b36
         00060009 6576746a3a68367659202020
         00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
         80280004 e57a3bcf")
}

/// RFC 5769 §2.2.
pub(crate) fn response_v4() -> Vec<u8> {
    hex("0101003c 2112a442 b7e7a701bc34d686fa87dfae
         8022000b 7465737420766563746f7220
         00200008 0001a147e112a643
         00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
         80280004 c07d4c96")
}

/// RFC 5769 §2.3.
pub(crate) fn response_v6() -> Vec<u8> {
    hex("01010048 2112a442 b7e7a701bc34d686fa87dfae
         8022000b 7465737420766563746f7220
         00200014 0002a147 0113a9faa5d3f179bc25f4b5bed2b9d9
         00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
         80280004 c8fb0b4c")
}

/// RFC 5769 §2.4.
pub(crate) fn long_term_request() -> Vec<u8> {
    hex("00010060 2112a442 78ad3433c6ad72c029da412e
         00060012 e3839ee38388e383aae38383e382afe382b90000
         0015001c 662f2f3439396b39353464364f4c33346f4c39465354767936347341
         0014000b 6578616d706c652e6f726700
         00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666")
}

/// RFC 8489 appendix B.1 as corrected by erratum 6268.
pub(crate) fn sha256_request() -> Vec<u8> {
    hex("00010090 2112a442 78ad3433c6ad72c029da412e
         001e0020 4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704
         00150029 6f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341000000
         0014000b 6578616d706c652e6f726700
         001d0004 00020000
         001c0020 b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65")
}

/// A message with every attribute whose value has a form of its own, and an unknown one, with values made up.
pub(crate) fn every_attribute() -> Vec<u8> {
    let body = hex("00010008 00010d96c0000201
         00030004 00000006
         0009000d 00000426 5374616c65204e6f6e 000000
         000a0004 00247f01
         000c0004 40010000
         000d0004 00000258
         00120008 00012111e0112011
         00130005 68656c6c6f 000000
         00170004 02000000
         00180001 80 000000
         00190004 11000000
         001a0000
         001d0004 00020000
         00220008 0102030405060708
         00250000
         00270004 12340000
         002a0004 cafe0001
         8001000c 02000428 4e6f2049507636 2e
         80020008 00020000 00010000
         80040008 00000600 000005dc
         80250004 00000301
         80270004 0000003c
         802a0008 0011223344556677
         80300003 abcdef 00
         c0010004 00000001
         c0570004 0001000a
         c0590002 0001 0000
         c05d0008 0000000000000007
         c05e0000
         c0600004 01020304
         c0700003 16fefd 00
         c0710008 1122334455667788
         7abc0002 beef 0000");
    let mut message = hex("0001 0000 2112a442 000102030405060708090a0b");
    message[2..4].copy_from_slice(&(body.len() as u16).to_be_bytes());
    message.extend(body);
    message
}

/// All of them.
pub(crate) fn all() -> Vec<Vec<u8>> {
    vec![request(), response_v4(), response_v6(), long_term_request(), sha256_request(), every_attribute()]
}

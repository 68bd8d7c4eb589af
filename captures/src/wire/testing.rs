//! What every dissector is put through.

use super::node::Node;
use super::stop::Stop;

/// Random numbers that are the same in each run (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`, or zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit.max(1)
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Dissects `bytes`, which must be read to the end; then every truncation of them, many mutations, and random
/// bytes, none of which may panic. Each time every byte must be covered by exactly one leaf, children must lie within
/// their parents, and the tree must print.
pub(crate) fn check_all(bytes: &[u8], dissect: impl Fn(&[u8]) -> (Node, Option<Stop>)) {
    let (node, stop) = dissect(bytes);
    assert_eq!(stop, None, "the sample itself must be read to the end\n{node}");
    check_robust(bytes, dissect);
}

/// The same for a sample at which the dissector stops, and rightly so.
pub(crate) fn check_robust(bytes: &[u8], dissect: impl Fn(&[u8]) -> (Node, Option<Stop>)) {
    let check = |bytes: &[u8]| {
        let (node, _) = dissect(bytes);
        assert_covered(&node, bytes);
        assert!(!node.to_string().is_empty());
    };
    for length in 0..=bytes.len() {
        check(&bytes[..length]);
    }
    let mut random = Random::new(bytes.len() as u64 * 0x9e37_79b9 + 1);
    // Long samples take longer each time; their many equal parts need fewer tries.
    let tries = (300_000 / bytes.len().max(1)).clamp(200, 3000);
    for _ in 0..tries {
        check(&mutate(bytes, &mut random));
    }
    for _ in 0..tries / 6 {
        let length = random.below(bytes.len() * 2 + 8);
        check(&random.bytes(length));
    }
}

/// One to four changes: a byte replaced, a bit flipped, an extreme value, a byte inserted or removed, a cut.
fn mutate(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut mutated = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(mutated.len());
        match (random.below(6), mutated.get_mut(at)) {
            (0, Some(byte)) => *byte = random.next() as u8,
            (1, Some(byte)) => *byte ^= 1 << random.below(8),
            (2, Some(byte)) => *byte = if random.below(2) == 0 { 0 } else { 0xff },
            (3, Some(_)) => drop(mutated.remove(at)),
            (4, Some(_)) => mutated.truncate(at),
            _ => mutated.insert(at, random.next() as u8),
        }
    }
    mutated
}

fn assert_covered(node: &Node, bytes: &[u8]) {
    let mut next = 0;
    for leaf in node.leaves() {
        assert_eq!(
            leaf.range.start as usize, next,
            "gap or overlap before `{}`\nof {bytes:02x?}\n{node}",
            leaf.name
        );
        next = leaf.range.end as usize;
    }
    assert_eq!(next, bytes.len(), "the end is not covered\nof {bytes:02x?}\n{node}");
    assert_nested(node);
}

fn assert_nested(node: &Node) {
    let inside = |range: super::Span| range.start >= node.range.start && range.end <= node.range.end;
    for leaf in &node.fields {
        assert!(inside(leaf.range), "`{}` lies outside of {}\n{node}", leaf.name, node.name);
    }
    for child in &node.children {
        assert!(inside(child.range), "{} lies outside of {}\n{node}", child.name, node.name);
        assert_nested(child);
    }
}

/// Bytes from hexadecimal digits; white space is ignored.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    assert!(digits.len().is_multiple_of(2), "an odd number of digits");
    let pairs = digits.chunks_exact(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

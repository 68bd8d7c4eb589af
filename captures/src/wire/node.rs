//! The tree of everything that was read: what reports print and what findings point at.

use super::field::Span;
use super::reader::{Reader, Sink};
use super::stop::{Read, Stop};
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

/// A value that knows how to show itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number.
    Unsigned(u64),
    /// A number that may be negative.
    Signed(i64),
    /// A number that is not a quantity, with its width in bytes.
    Hex(u64, u8),
    /// A measured quantity.
    Real(f64),
    /// A bit.
    Flag(bool),
    /// A code point, with its registered name if it has one.
    Code(u64, Option<&'static str>),
    /// Bytes without further meaning.
    Bytes(Vec<u8>),
    /// Text; what was not UTF-8 has been replaced.
    Text(String),
    /// An address.
    Ip(IpAddr),
}

/// Bytes shown of a long value.
const SHOWN_BYTES: usize = 32;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(n) => write!(f, "{n}"),
            Self::Signed(n) => write!(f, "{n}"),
            Self::Hex(n, width) => write!(f, "{n:#0width$x}", width = 2 + 2 * usize::from(*width)),
            Self::Real(n) => write!(f, "{n}"),
            Self::Flag(set) => write!(f, "{set}"),
            Self::Code(n, Some(name)) => write!(f, "{name} ({n})"),
            Self::Code(n, None) => write!(f, "unknown ({n})"),
            Self::Bytes(bytes) => {
                for byte in bytes.iter().take(SHOWN_BYTES) {
                    write!(f, "{byte:02x}")?;
                }
                if bytes.len() > SHOWN_BYTES { write!(f, "… ({} bytes)", bytes.len()) } else { Ok(()) }
            }
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Ip(ip) => write!(f, "{ip}"),
        }
    }
}

/// A part of a leaf: some of its bits.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// As the RFC calls it.
    pub name: &'static str,
    /// Its bits within the leaf's big-endian number.
    pub mask: u64,
    /// The value.
    pub value: Value,
}

/// A named value and its bytes. Leaves do not overlap; bits are shown as parts of a leaf.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// As the RFC calls it.
    pub name: &'static str,
    /// Its bytes.
    pub range: Span,
    /// The value.
    pub value: Value,
    /// Bit fields within it.
    pub parts: Vec<Part>,
}

/// Something a reader should know though reading went on (trailing bytes, an inner unit that stopped). No judgement.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// Where.
    pub range: Span,
    /// What.
    pub what: Cow<'static, str>,
}

/// A unit of a protocol with all that it holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// As the RFC calls the unit.
    pub name: Cow<'static, str>,
    /// Its bytes.
    pub range: Span,
    /// What it says, in one line; may be empty.
    pub summary: String,
    /// Its own values in the order of their bytes.
    pub fields: Vec<Leaf>,
    /// The units inside in the order of their bytes.
    pub children: Vec<Node>,
    /// What is odd about it.
    pub anomalies: Vec<Anomaly>,
}

/// A leaf or a child, as they follow one another in the bytes.
#[derive(Debug, Clone, Copy)]
pub enum Item<'n> {
    /// A value.
    Leaf(&'n Leaf),
    /// A unit inside.
    Child(&'n Node),
}

impl Node {
    /// Fields and children merged in the order of their bytes.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let mut fields = self.fields.iter().peekable();
        let mut children = self.children.iter().peekable();
        std::iter::from_fn(move || match (fields.peek(), children.peek()) {
            (Some(leaf), Some(child)) if child.range.start < leaf.range.start => {
                children.next().map(Item::Child)
            }
            (Some(_), _) => fields.next().map(Item::Leaf),
            (None, _) => children.next().map(Item::Child),
        })
    }

    /// All leaves of this node and of those inside it, in the order of their bytes.
    pub fn leaves(&self) -> Vec<&Leaf> {
        fn collect<'n>(node: &'n Node, into: &mut Vec<&'n Leaf>) {
            for item in node.items() {
                match item {
                    Item::Leaf(leaf) => into.push(leaf),
                    Item::Child(child) => collect(child, into),
                }
            }
        }
        let mut leaves = Vec::new();
        collect(self, &mut leaves);
        leaves
    }

    /// The first node of that name, this one included.
    pub fn find(&self, name: &str) -> Option<&Node> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }

    /// The value of this node's own field of that name.
    pub fn field(&self, name: &str) -> Option<&Leaf> {
        self.fields.iter().find(|leaf| leaf.name == name)
    }

    /// The whole tree moved `offset` bytes towards the end, to place it in the packet that holds it.
    pub fn shift(&mut self, offset: usize) {
        self.range = self.range.shifted(offset);
        for leaf in &mut self.fields {
            leaf.range = leaf.range.shifted(offset);
        }
        for anomaly in &mut self.anomalies {
            anomaly.range = anomaly.range.shifted(offset);
        }
        for child in &mut self.children {
            child.shift(offset);
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let pad = depth * 2;
        write!(f, "{:pad$}{} [{}]", "", self.name, self.range)?;
        if !self.summary.is_empty() {
            write!(f, ": {}", self.summary)?;
        }
        writeln!(f)?;
        let pad = pad + 2;
        for item in self.items() {
            match item {
                Item::Child(child) => child.write(f, depth + 1)?,
                Item::Leaf(leaf) => {
                    writeln!(f, "{:pad$}{} [{}] = {}", "", leaf.name, leaf.range, leaf.value)?;
                    for part in &leaf.parts {
                        writeln!(f, "{:pad$}  .{} = {}", "", part.name, part.value)?;
                    }
                }
            }
        }
        for anomaly in &self.anomalies {
            writeln!(f, "{:pad$}! [{}] {}", "", anomaly.range, anomaly.what)?;
        }
        Ok(())
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

/// What a full dissection yields.
#[derive(Debug, Clone, PartialEq)]
pub struct Dissected<T> {
    /// The typed view; `None` when reading stopped before it was complete.
    pub view: Option<T>,
    /// Everything that was read, and the rest as undissected bytes.
    pub node: Node,
    /// Where reading stopped, if it did.
    pub stop: Option<Stop>,
}

impl<T> Dissected<T> {
    /// Without the view.
    pub fn outcome(self) -> (Node, Option<Stop>) {
        (self.node, self.stop)
    }
}

/// A sink that builds the tree.
#[derive(Debug, Default)]
pub struct Recorder {
    /// The open nodes, the root first.
    open: Vec<Node>,
    finished: Option<Node>,
}

impl Recorder {
    fn top(&mut self) -> Option<&mut Node> {
        self.open.last_mut()
    }
}

impl Sink for Recorder {
    const RECORDS: bool = true;

    fn open(&mut self, name: Cow<'static, str>, start: usize) {
        self.open.push(Node { name, range: Span::new(start, start), ..Node::default() });
    }

    fn close(&mut self, end: usize) {
        if let Some(mut node) = self.open.pop() {
            node.range = Span::new(node.range.start as usize, end);
            match self.open.last_mut() {
                Some(parent) => parent.children.push(node),
                None => self.finished = Some(node),
            }
        }
    }

    fn leaf(&mut self, name: &'static str, range: Span, value: Value) {
        if let Some(node) = self.top() {
            node.fields.push(Leaf { name, range, value, parts: Vec::new() });
        }
    }

    fn meaning(&mut self, value: Value) {
        if let Some(leaf) = self.top().and_then(|node| node.fields.last_mut()) {
            leaf.value = value;
        }
    }

    fn part(&mut self, name: &'static str, mask: u64, value: Value) {
        if let Some(leaf) = self.top().and_then(|node| node.fields.last_mut()) {
            leaf.parts.push(Part { name, mask, value });
        }
    }

    fn rename(&mut self, name: Cow<'static, str>) {
        if let Some(node) = self.top() {
            node.name = name;
        }
    }

    fn summary(&mut self, summary: String) {
        if let Some(node) = self.top() {
            node.summary = summary;
        }
    }

    fn anomaly(&mut self, range: Span, what: Cow<'static, str>) {
        if let Some(node) = self.top() {
            node.anomalies.push(Anomaly { range, what });
        }
    }
}

/// Runs `walk` over all of `bytes` with a recorder: the one way in which `tree` functions are made.
///
/// `name` is the root's name and the layer that a [`Stop`] names. Bytes that `walk` leaves over are recorded as trailing.
pub fn record<'a, T>(
    name: &'static str,
    bytes: &'a [u8],
    walk: impl FnOnce(&mut Reader<'a, Recorder>) -> Read<T>,
) -> Dissected<T> {
    let mut reader = Reader::with_sink(name, bytes, 0, Recorder::default());
    let outcome = reader.node(name, |r| {
        let outcome = walk(r);
        match &outcome {
            Ok(_) => r.trailing(),
            Err(stop) => r.undissected(stop),
        }
        outcome
    });
    let node = reader.into_sink().finished.unwrap_or_default();
    match outcome {
        Ok(view) => Dissected { view: Some(view), node, stop: None },
        Err(stop) => Dissected { view: None, node, stop: Some(stop) },
    }
}

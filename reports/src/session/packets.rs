//! The packets of a page.

use crate::document::Packed;
use peerproof_captures::wire::Node;
use peerproof_captures::wire::node::Item;
use schemars::JsonSchema;
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};
use std::fmt;

/// Leaves and units of one tree that are kept.
const MOST_OF_TREE: usize = 1_500;

/// The packets of a page: a row for each, and blocks with trees and bytes.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Packets {
    /// The addresses that rows refer to.
    pub addresses: Vec<String>,
    /// Rows in the order of the capture.
    pub rows: Vec<PacketRow>,
    /// Blocks with trees and bytes of consecutive frames.
    #[serde(skip)]
    #[schemars(skip)]
    pub blocks: Vec<Block>,
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PacketRow {
    /// Number of the frame, from one.
    #[serde(rename = "f")]
    pub frame: u64,
    /// When.
    #[serde(rename = "t")]
    pub t_us: i64,
    /// Interface, an index into the file's.
    #[serde(rename = "i", skip_serializing_if = "Option::is_none")]
    pub interface: Option<usize>,
    /// Source and destination, indices into [`Packets::addresses`].
    #[serde(rename = "e")]
    pub ends: [usize; 2],
    /// Length of the frame in bytes.
    #[serde(rename = "l")]
    pub length: u32,
    /// What it is on the wire, and what was decrypted of it.
    #[serde(rename = "x")]
    pub lines: Vec<Line>,
    /// What became of it, in a recording of both peers.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    pub arrival: Option<Arrival>,
    /// The frame on the wire whose plaintext it is.
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<u32>,
}

/// What became of a packet, in a recording of both peers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Arrival {
    /// It arrived, as this frame.
    Arrived(u64),
    /// It left, as this frame.
    Left(u64),
    /// It did not arrive: where and why it was lost, as far as that is known.
    Lost(String),
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arrived(frame) => write!(f, "arrived in frame {frame}"),
            Self::Left(frame) => write!(f, "left in frame {frame}"),
            Self::Lost(how) => f.write_str(how),
        }
    }
}

/// Protocol, as `--protocol` calls it, and text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Line(pub &'static str, pub String);

/// Trees and bytes of consecutive frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The first frame.
    pub first: u64,
    /// The last frame.
    pub last: u64,
    /// A list of [`Detail`].
    pub details: Packed,
}

/// Trees and bytes of a frame.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Detail {
    /// The frame.
    pub frame: u64,
    /// Bytes in the capture, in hexadecimal; perhaps only the first of them.
    pub bytes: String,
    /// How many there are in the capture.
    pub length: usize,
    /// What they say; ranges are those of `bytes`.
    pub trees: Vec<Tree>,
    /// What was put together of several frames or decrypted: a name, bytes, their length, and what they say.
    pub inside: Vec<(String, String, usize, Tree)>,
}

/// A tree of fields. As JSON a unit is an object with `n` name, `r` range, `s` summary, `i` what is in it, `a` what is odd; a field is a list of
/// name, start, end and value, and perhaps a list of its parts.
#[derive(Debug, JsonSchema)]
pub struct Tree(#[schemars(with = "serde_json::Value")] pub Node);

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let left = std::cell::Cell::new(MOST_OF_TREE);
        Unit { node: &self.0, left: &left }.serialize(to)
    }
}

/// A unit with the number of items that may still be written.
struct Unit<'a> {
    node: &'a Node,
    left: &'a std::cell::Cell<usize>,
}

impl Serialize for Unit<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let Self { node, left } = *self;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("n", &node.name)?;
        map.serialize_entry("r", &[node.range.start, node.range.end])?;
        if !node.summary.is_empty() {
            map.serialize_entry("s", &node.summary)?;
        }
        map.serialize_entry("i", &Items { node, left })?;
        if !node.anomalies.is_empty() {
            let all: Vec<_> =
                node.anomalies.iter().map(|it| (it.range.start, it.range.end, it.what.as_ref())).collect();
            map.serialize_entry("a", &all)?;
        }
        map.end()
    }
}

struct Items<'a> {
    node: &'a Node,
    left: &'a std::cell::Cell<usize>,
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut all = to.serialize_seq(None)?;
        for item in self.node.items() {
            let Some(left) = self.left.get().checked_sub(1) else {
                let end = self.node.range.end;
                all.serialize_element(&("more", end, end, "too many to show: peerproof inspect --frame"))?;
                break;
            };
            self.left.set(left);
            match item {
                Item::Child(node) => all.serialize_element(&Unit { node, left: self.left })?,
                Item::Leaf(leaf) => {
                    let value = leaf.value.to_string();
                    let (start, end) = (leaf.range.start, leaf.range.end);
                    if leaf.parts.is_empty() {
                        all.serialize_element(&(leaf.name, start, end, value))?;
                    } else {
                        let parts: Vec<_> =
                            leaf.parts.iter().map(|part| (part.name, part.value.to_string())).collect();
                        all.serialize_element(&(leaf.name, start, end, value, parts))?;
                    }
                }
            }
        }
        all.end()
    }
}

//! Putting a finished recording in the order that Wireshark wants.

use super::recorder::DECRYPTION_SECRETS_BLOCK;
use std::io::{self, Read, Seek, SeekFrom, Write};

const SECTION_HEADER_BLOCK: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION_BLOCK: u32 = 1;
const LITTLE_ENDIAN_MAGIC: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];
/// Longest block that is taken for one.
const LONGEST_BLOCK: u32 = 16 << 20;

/// Why a recording was not finalised.
#[derive(Debug, thiserror::Error)]
pub enum FinaliseError {
    /// Reading or writing failed.
    #[error("the capture cannot be rewritten: {0}")]
    Io(#[from] io::Error),
    /// It is no recording of ours.
    #[error("not a recording: {0}")]
    Foreign(&'static str),
}

/// Copies a recording so that the interfaces and all secrets stand before the first packet. Frames keep their numbers.
/// A recording that ends within a block is copied up to its last whole one. Returns the number of packets.
///
/// # Errors
/// If reading or writing fails, or if `reader` holds something else than what a [`Recorder`](super::Recorder) writes.
pub fn finalise<R: Read + Seek, W: Write>(mut reader: R, mut writer: W) -> Result<u64, FinaliseError> {
    let mut block = Vec::new();
    let mut first = true;
    each_block(&mut reader, &mut block, |kind, block| {
        let wanted = match kind {
            SECTION_HEADER_BLOCK if !first => return Err(FinaliseError::Foreign("more than one section")),
            SECTION_HEADER_BLOCK | INTERFACE_DESCRIPTION_BLOCK => true,
            _ => false,
        };
        first = false;
        if wanted {
            writer.write_all(block)?;
        }
        Ok(())
    })?;
    each_block(&mut reader, &mut block, |kind, block| match kind {
        DECRYPTION_SECRETS_BLOCK => Ok(writer.write_all(block)?),
        _ => Ok(()),
    })?;
    let mut packets = 0;
    each_block(&mut reader, &mut block, |kind, block| match kind {
        SECTION_HEADER_BLOCK | INTERFACE_DESCRIPTION_BLOCK | DECRYPTION_SECRETS_BLOCK => Ok(()),
        _ => {
            packets += 1;
            Ok(writer.write_all(block)?)
        }
    })?;
    writer.flush()?;
    Ok(packets)
}

/// Goes over the whole blocks from the beginning.
fn each_block<R: Read + Seek>(
    reader: &mut R,
    block: &mut Vec<u8>,
    mut take: impl FnMut(u32, &[u8]) -> Result<(), FinaliseError>,
) -> Result<(), FinaliseError> {
    reader.seek(SeekFrom::Start(0))?;
    let mut begun = false;
    loop {
        let mut head = [0; 8];
        if !fill(reader, &mut head)? {
            break;
        }
        let [k0, k1, k2, k3, l0, l1, l2, l3] = head;
        let kind = u32::from_le_bytes([k0, k1, k2, k3]);
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        if !begun && kind != SECTION_HEADER_BLOCK {
            return Err(FinaliseError::Foreign("no section header at its beginning"));
        }
        if length < 12 || length % 4 != 0 || length > LONGEST_BLOCK {
            return Err(FinaliseError::Foreign("a block of impossible length"));
        }
        block.clear();
        block.extend_from_slice(&head);
        let body = u64::from(length) - 8;
        if (&mut *reader).take(body).read_to_end(block)? as u64 != body {
            break;
        }
        if !begun && block.get(8..12) != Some(&LITTLE_ENDIAN_MAGIC) {
            return Err(FinaliseError::Foreign("not little-endian"));
        }
        begun = true;
        take(kind, block)?;
    }
    if begun { Ok(()) } else { Err(FinaliseError::Foreign("empty")) }
}

/// Fills the buffer, or says that the end came first.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

//! JSON for the scripts of a page, in characters that have no meaning in HTML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use std::io::BufWriter;

/// Bytes of JSON that are compressed at once.
const BUFFER: usize = 64 << 10;

/// JSON, compressed with gzip, in Base64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packed(String);

impl Packed {
    /// Its size in the page, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.len() as u64
    }

    /// The letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Packs a value.
///
/// # Errors
/// If it cannot be JSON.
pub fn pack<T: Serialize + ?Sized>(value: &T) -> Result<Packed, serde_json::Error> {
    let encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    // The serializer writes word by word, and for each write the encoder clears a buffer of its own.
    let mut buffered = BufWriter::with_capacity(BUFFER, encoder);
    serde_json::to_writer(&mut buffered, value)?;
    let encoder = buffered.into_inner().map_err(|error| serde_json::Error::io(error.into_error()))?;
    let bytes = encoder.finish().map_err(serde_json::Error::io)?;
    Ok(Packed(STANDARD.encode(bytes)))
}

/// JSON that can stand within `<script>`: without `<` and `>`, which could end it or begin a comment, and without line separators.
///
/// # Errors
/// If it cannot be JSON.
pub(crate) fn plain<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    let mut safe = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        match c {
            // Within JSON these stand only in strings.
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            c => safe.push(c),
        }
    }
    Ok(safe)
}

/// Reads what was packed.
///
/// # Errors
/// If it was not packed.
#[cfg(test)]
pub(crate) fn unpack(packed: &str) -> std::io::Result<Vec<u8>> {
    use std::io;
    let bytes = STANDARD.decode(packed).map_err(io::Error::other)?;
    let mut json = Vec::new();
    io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut json)?;
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let value = vec!["</script>", "\u{2028}", "ä"];
        let packed = pack(&value).unwrap();
        assert!(packed.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)));
        assert_eq!(unpack(packed.as_str()).unwrap(), serde_json::to_vec(&value).unwrap());
    }

    #[test]
    fn plain_json_ends_no_script() {
        let hostile = ["</script><script>alert(1)</script>", "<!--", "-->", "\u{2028}\u{2029}", "&lt;"];
        let json = plain(&hostile).unwrap();
        for outlawed in ["<", ">", "&", "\u{2028}", "\u{2029}"] {
            assert!(!json.contains(outlawed), "{outlawed:?} in {json}");
        }
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), hostile);
    }
}

//! Raw pictures: planar YUV 4:2:0, 8 bits, no padding.

use super::codec::CodecError;

/// Most pixels of a picture that is accepted anywhere (4096 × 2304): bounds what a hostile stream can make us allocate.
pub const MAX_PIXELS: u64 = 4096 * 2304;

/// A picture in I420: the Y plane, then U, then V, each without padding between its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    width: u32,
    height: u32,
    data: Vec<u8>,
}

impl Frame {
    /// A black picture.
    ///
    /// # Errors
    /// The dimensions are odd, zero, or more than [`MAX_PIXELS`].
    pub fn black(width: u32, height: u32) -> Result<Self, CodecError> {
        let luma = luma_len(width, height)?;
        let mut data = vec![128; luma + luma / 2];
        if let Some(y) = data.get_mut(..luma) {
            y.fill(16);
        }
        Ok(Self { width, height, data })
    }

    /// A picture from its planes, one after another.
    ///
    /// # Errors
    /// As [`Frame::black`], and when `data` has not exactly 1.5 bytes a pixel.
    pub fn from_i420(width: u32, height: u32, data: Vec<u8>) -> Result<Self, CodecError> {
        let luma = luma_len(width, height)?;
        if data.len() != luma + luma / 2 {
            return Err(CodecError::Dimensions { width, height });
        }
        Ok(Self { width, height, data })
    }

    /// Width in pixels; even.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels; even.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All three planes.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The luminance plane, row by row.
    #[must_use]
    pub fn luma(&self) -> &[u8] {
        self.data.get(..self.width as usize * self.height as usize).unwrap_or_default()
    }

    /// The luminance plane, to draw on.
    pub fn luma_mut(&mut self) -> &mut [u8] {
        let luma = self.width as usize * self.height as usize;
        self.data.get_mut(..luma).unwrap_or_default()
    }

    /// The same picture in another size (nearest neighbour), as a camera with another resolution would give it.
    ///
    /// # Errors
    /// As [`Frame::black`].
    pub fn scaled(&self, width: u32, height: u32) -> Result<Self, CodecError> {
        if (width, height) == (self.width, self.height) {
            return Ok(self.clone());
        }
        let luma = luma_len(width, height)?;
        let mut data = Vec::with_capacity(luma + luma / 2);
        let (from_luma, from_chroma) = self.data.split_at(self.luma().len());
        let (from_u, from_v) = from_chroma.split_at(from_chroma.len() / 2);
        let (from_w, from_h) = (self.width as usize, self.height as usize);
        let (to_w, to_h) = (width as usize, height as usize);
        scale_plane(from_luma, (from_w, from_h), &mut data, (to_w, to_h));
        for plane in [from_u, from_v] {
            scale_plane(plane, (from_w / 2, from_h / 2), &mut data, (to_w / 2, to_h / 2));
        }
        Self::from_i420(width, height, data)
    }
}

/// Bytes of the Y plane of a valid picture.
fn luma_len(width: u32, height: u32) -> Result<usize, CodecError> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > MAX_PIXELS || !width.is_multiple_of(2) || !height.is_multiple_of(2) {
        return Err(CodecError::Dimensions { width, height });
    }
    usize::try_from(pixels).map_err(|_| CodecError::Dimensions { width, height })
}

fn scale_plane(
    from: &[u8],
    (from_w, from_h): (usize, usize),
    to: &mut Vec<u8>,
    (to_w, to_h): (usize, usize),
) {
    for y in 0..to_h {
        let row = from.chunks_exact(from_w).nth(y * from_h / to_h).unwrap_or_default();
        to.extend((0..to_w).map(|x| row.get(x * from_w / to_w).copied().unwrap_or(128)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_zero_and_huge_dimensions_are_refused() {
        for (width, height) in [(0, 2), (3, 2), (2, 3), (16382, 16382), (u32::MAX - 1, 2)] {
            assert!(Frame::black(width, height).is_err(), "{width}x{height}");
        }
        assert!(Frame::from_i420(4, 2, vec![0; 11]).is_err());
    }

    #[test]
    fn scaling_keeps_what_is_where() {
        let mut frame = Frame::black(8, 4).unwrap();
        frame.luma_mut()[..4].fill(235);
        let big = frame.scaled(16, 8).unwrap();
        assert_eq!(big.luma()[..8], [235; 8]);
        assert_eq!(big.luma()[8..16], [16; 8]);
        assert_eq!(big.scaled(8, 4).unwrap(), frame);
    }
}

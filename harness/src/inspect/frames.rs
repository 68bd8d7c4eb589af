//! Ranges of frames on the command line: `12`, `10-20`, `10-`, `-20`.

use std::str::FromStr;

/// A range of frame numbers, both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frames {
    first: u64,
    last: u64,
}

impl Frames {
    /// Whether a frame is in it.
    #[must_use]
    pub const fn holds(self, frame: u64) -> bool {
        self.first <= frame && frame <= self.last
    }

    /// The last frame of it.
    #[must_use]
    pub const fn last(self) -> u64 {
        self.last
    }
}

impl FromStr for Frames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str, open: u64| match text.trim() {
            "" => Ok(open),
            text => text.parse().map_err(|_| format!("invalid frame number `{text}`")),
        };
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (number(first, 1)?, number(last, u64::MAX)?),
            None => (number(text, 0)?, number(text, 0)?),
        };
        match first {
            0 => Err("frames are counted from one: write 10-20, 10-, -20 or 12".to_owned()),
            _ if first > last => Err(format!("{first} comes after {last}")),
            _ => Ok(Self { first, last }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_both_ends_in_them_and_may_be_open() {
        for (text, inside, outside) in [("10-20", 20, 21), ("10-", 10, 9), ("-20", 1, 21), ("12", 12, 13)] {
            let frames: Frames = text.parse().unwrap();
            assert!(frames.holds(inside) && !frames.holds(outside), "{text}");
        }
        for wrong in ["", "0-3", "x", "20-10", "1-2-3"] {
            assert!(wrong.parse::<Frames>().is_err(), "{wrong}");
        }
    }
}

//! The load that the kernel reports: `/proc/pressure`, pressure stall information (PSI).
//!
//! The line `some` says for how long at least one thread had to wait: for a processor, for the disk, for memory. It is the one number
//! that says how long a thread may have waited which did not get to run. The load average and the use of processors do not: a machine
//! can be fully used and nobody waits.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Most bytes of such a file that are read; it has about a hundred.
const MOST: u64 = 4096;

/// For how long at least one thread had to wait since the machine started, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    /// For a processor.
    pub(super) cpu_us: u64,
    /// For the disk or for memory.
    pub(super) others_us: u64,
}

/// Why the pressure is not known.
#[derive(Debug, thiserror::Error)]
pub enum PressureError {
    /// The kernel does not report it: it is older than 4.20, or PSI is switched off.
    #[error("the kernel provides no pressure stall information: {0}")]
    Read(#[from] io::Error),
    /// The text has no line `some`.
    #[error("/proc/pressure has no line `some`")]
    NoLine,
    /// The line has no number `total`.
    #[error("/proc/pressure has no total: {0:?}")]
    NoTotal(String),
}

impl Totals {
    /// What the kernel reports now. It adds up at each reading what its processors have counted, so the numbers are up to date.
    pub(super) fn read() -> Result<Self, PressureError> {
        let total = |name: &str| total(&text(&Path::new("/proc/pressure").join(name))?);
        let (io_us, memory_us) = (total("io")?, total("memory")?);
        Ok(Self { cpu_us: total("cpu")?, others_us: io_us.saturating_add(memory_us) })
    }
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

/// The total in the line `some`, in microseconds.
fn total(text: &str) -> Result<u64, PressureError> {
    let mut lines = text.lines().map(str::split_ascii_whitespace);
    let mut some = lines
        .find_map(|mut words| (words.next() == Some("some")).then_some(words))
        .ok_or(PressureError::NoLine)?;
    let total = some.find_map(|word| word.strip_prefix("total="));
    let number = total.and_then(|number| number.parse().ok());
    number.ok_or_else(|| PressureError::NoTotal(total.unwrap_or_default().chars().take(40).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "some avg10=88.24 avg60=74.34 avg300=34.26 total=149749151\n\
                        full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";

    #[test]
    fn the_total_is_that_of_the_line_some() {
        assert_eq!(total(TEXT).unwrap(), 149_749_151);
        let (some, full) = TEXT.split_once('\n').unwrap();
        assert_eq!(total(&format!("{full}{some}")).unwrap(), 149_749_151);
        assert_eq!(total("some total=18446744073709551615").unwrap(), u64::MAX);
        assert_eq!(total("some").unwrap_err().to_string(), "/proc/pressure has no total: \"\"");
    }

    #[test]
    fn hostile_text_is_an_error() {
        for text in
            ["", "\n\n", "full total=1", "something total=1", "\0", "SOME total=1", "full some total=1"]
        {
            assert!(matches!(total(text), Err(PressureError::NoLine)), "{text:?}");
        }
        for number in
            ["", "-1", "1.5", "0x10", "18446744073709551616", "１", "total=1", "é".repeat(99).as_str()]
        {
            let text = format!("some avg10=0.00 total={number}");
            let error = total(&text).unwrap_err();
            assert!(matches!(error, PressureError::NoTotal(_)), "{text:?}");
            assert!(error.to_string().len() < 150, "{error}");
        }
        assert!(matches!(total("some total"), Err(PressureError::NoTotal(_))));
    }

    #[test]
    fn what_is_no_text_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cpu");
        std::fs::write(&file, [0xff, 0xfe]).unwrap();
        assert!(text(&file).is_err());
        assert!(text(&folder.path().join("none")).is_err());
        std::fs::write(&file, "x".repeat(1 << 20)).unwrap();
        assert_eq!(text(&file).unwrap().len() as u64, MOST);
    }
}

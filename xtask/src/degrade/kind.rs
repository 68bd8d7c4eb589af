//! How a capture is degraded.

use std::str::FromStr;

/// What a copy lacks, or has too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only the first bytes of each frame, this number of them.
    Snap(usize),
    /// Each frame twice, the second this number of microseconds later.
    Duplicate(u64),
    /// This percentage of the frames is missing at the beginning.
    Late(usize),
    /// This percentage of the frames is missing, anywhere.
    Loss(u64),
    /// Only what this peer sent.
    OneWay(String),
    /// The clock of the interfaces of that peer, or of the first interface with a frame, is off by this number of nanoseconds.
    Clock(Option<String>, i64),
    /// The file ends after this percentage of its bytes.
    End(usize),
    /// The file lacks its last bytes.
    Tail(usize),
    /// It has no secrets.
    NoSecrets,
    /// One digit of each secret is another.
    WrongSecret,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
        let wrong = || format!("{text:?} is no kind");
        let number = |value: Option<&str>| value.and_then(|it| it.parse::<u64>().ok()).ok_or_else(wrong);
        let length = |value| number(value).and_then(|it| usize::try_from(it).map_err(|_| wrong()));
        let percent = |value| match number(value)? {
            share @ 0..=100 => Ok(share),
            _ => Err(wrong()),
        };
        Ok(match name {
            "snap" => Self::Snap(length(value)?),
            "duplicate" => Self::Duplicate(value.map_or(Ok(5), |_| number(value))?),
            "late" => Self::Late(percent(Some(value.unwrap_or("33")))? as usize),
            "loss" => Self::Loss(percent(value)?),
            "one-way" => Self::OneWay(value.ok_or_else(wrong)?.to_owned()),
            "clock" => {
                let value = value.ok_or_else(wrong)?;
                let (peer, by) = value.split_once(':').map_or((None, value), |(peer, by)| (Some(peer), by));
                Self::Clock(peer.map(str::to_owned), nanoseconds(by).ok_or_else(wrong)?)
            }
            "end" => Self::End(percent(value)? as usize),
            "tail" => Self::Tail(length(value)?),
            "no-secrets" => Self::NoSecrets,
            "wrong-secret" => Self::WrongSecret,
            _ => return Err(wrong()),
        })
    }
}

/// `+5s`, `-20ms`, `+7us`.
fn nanoseconds(text: &str) -> Option<i64> {
    let (digits, unit) = match (text.strip_suffix("ms"), text.strip_suffix("us"), text.strip_suffix('s')) {
        (Some(digits), _, _) => (digits, 1_000_000),
        (_, Some(digits), _) => (digits, 1_000),
        (_, _, Some(digits)) => (digits, 1_000_000_000),
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read() {
        let read = |text: &str| text.parse::<Kind>();
        assert_eq!(read("snap:96"), Ok(Kind::Snap(96)));
        assert_eq!(read("duplicate"), Ok(Kind::Duplicate(5)));
        assert_eq!(read("duplicate:0"), Ok(Kind::Duplicate(0)));
        assert_eq!(read("late"), Ok(Kind::Late(33)));
        assert_eq!(read("clock:+5s"), Ok(Kind::Clock(None, 5_000_000_000)));
        assert_eq!(read("clock:bob:-20ms"), Ok(Kind::Clock(Some("bob".to_owned()), -20_000_000)));
        for wrong in ["snap", "snap:x", "loss:101", "clock:5", "clock", "one-way", "tail:-1", "what"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

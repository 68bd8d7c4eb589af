//! Times for people.

use chrono::{DateTime, Utc};

/// The date and time of microseconds since 1970.
pub(crate) fn utc(epoch_us: u64) -> DateTime<Utc> {
    i64::try_from(epoch_us).ok().and_then(DateTime::from_timestamp_micros).unwrap_or_default()
}

/// A duration for reading: `840 µs`, `12 ms`, `3.4 s`, `2 min 5 s`.
pub(crate) fn span(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..60_000_000 => format!("{}.{} s", us / 1_000_000, us / 100_000 % 10),
        _ => format!("{} min {} s", us / 60_000_000, us / 1_000_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_keep_what_matters() {
        assert_eq!(
            [0, 999, 1_000, 999_999, 1_000_000, 59_990_000, 125_000_000].map(span),
            ["0 µs", "999 µs", "1 ms", "999 ms", "1.0 s", "59.9 s", "2 min 5 s"]
        );
    }

    #[test]
    fn a_time_beyond_all_calendars_is_no_panic() {
        assert_eq!(utc(u64::MAX), DateTime::<Utc>::default());
    }
}

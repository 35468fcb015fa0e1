//! Instants and durations as they are written: RFC 3339 in UTC, ISO 8601, and the short form of annotations.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, ErrorKind};

/// An instant, to the nanosecond. Intervals are half-open everywhere: `[from, until)`.
///
/// ```
/// use toolgate::Instant;
/// let at: Instant = "2026-11-20T10:00:00Z".parse()?;
/// assert_eq!(at.to_string(), "2026-11-20T10:00:00Z");
/// assert!("2026-11-20T10:00:00".parse::<Instant>().is_err(), "a local time is not an instant");
/// # Ok::<(), toolgate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(jiff::Timestamp);

impl Instant {
    /// The earliest instant there is.
    pub const MIN: Self = Self(jiff::Timestamp::MIN);
    /// The latest instant there is.
    pub const MAX: Self = Self(jiff::Timestamp::MAX);

    /// An instant from milliseconds since 1970; `None` beyond the year 9999.
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        jiff::Timestamp::from_millisecond(millis).ok().map(Self)
    }

    /// Milliseconds since 1970, rounded down: what Cedar's `datetime` can hold.
    pub fn unix_millis(self) -> i64 {
        let millis = self.0.as_millisecond();
        // jiff truncates towards zero, so before 1970 it rounds up
        if self.0.subsec_nanosecond() < 0 && !self.0.subsec_nanosecond().unsigned_abs().is_multiple_of(1_000_000) {
            millis.saturating_sub(1)
        } else {
            millis
        }
    }

    /// This instant later by `duration`; the end of time where that lies beyond it.
    pub fn saturating_add(self, duration: Duration) -> Self {
        self.0.checked_add(duration).map_or(Self::MAX, Self)
    }

    /// This instant earlier by `duration`; the beginning of time where that lies before it.
    pub(crate) fn saturating_sub(self, duration: Duration) -> Self {
        self.0.checked_sub(duration).map_or(Self::MIN, Self)
    }

    /// The time from `earlier` to this instant; `None` if `earlier` is later.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        Duration::try_from(self.0.duration_since(earlier.0)).ok()
    }
}

impl std::str::FromStr for Instant {
    type Err = Error;

    /// Reads RFC 3339 with an offset. A leap second is refused: which second it means differs between readers.
    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(instant) = common_form(text) {
            return Ok(instant);
        }
        let refuse = |why: &str| {
            Error::new(ErrorKind::InvalidValue, format!("`{}` is not an instant: {why}", text.escape_debug()))
                .help("write it as `2026-11-20T10:00:00Z`")
        };
        if !text.is_ascii() || text.contains('[') || text.len() > 64 {
            return Err(refuse("RFC 3339 has only digits, `T`, `:`, `.` and an offset"));
        }
        if text.get(17..19) == Some("60") {
            return Err(refuse("leap seconds are not accepted"));
        }
        text.parse().map(Self).map_err(|_| refuse("RFC 3339 needs a date, a time and an offset"))
    }
}

/// Reads `YYYY-MM-DDTHH:MM:SSZ` and `YYYY-MM-DDTHH:MM:SS.fffZ` from 1970 on, as jiff does; of anything else nothing.
fn common_form(text: &str) -> Option<Instant> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, rest @ ..] =
        text.as_bytes()
    else {
        return None;
    };
    let nanoseconds = match rest {
        b"Z" => 0,
        [b'.', f1, f2, f3, b'Z'] => {
            two([*f1, *f2])?.wrapping_mul(10).wrapping_add(two([b'0', *f3])?).wrapping_mul(1_000_000)
        }
        _ => return None,
    };
    let year = two([*y1, *y2])?.wrapping_mul(100).wrapping_add(two([*y3, *y4])?);
    let (month, day) = (two([*m1, *m2])?, two([*d1, *d2])?);
    let (hour, minute, second) = (two([*h1, *h2])?, two([*n1, *n2])?, two([*s1, *s2])?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28u32.wrapping_add(u32::from(leap)),
        1..=12 => 31,
        _ => return None,
    };
    // Before 1970 seconds and their fraction have different signs, and in 9999 the last hours are out of range.
    if !(1970..9999).contains(&year) || !(1..=last).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days before this one, in years that begin in March so that the leap day is the last.
    let (year, month) =
        if month > 2 { (year, month.wrapping_sub(3)) } else { (year.wrapping_sub(1), month.wrapping_add(9)) };
    let leap_days = (year / 4).wrapping_sub(year / 100).wrapping_add(year / 400);
    let in_year = month.wrapping_mul(153).wrapping_add(2) / 5;
    let days = year.wrapping_mul(365).wrapping_add(leap_days).wrapping_add(in_year).wrapping_add(day);
    // 1970-01-01 in the same count
    let days = i64::from(days.wrapping_sub(719_469));
    let clock = hour.wrapping_mul(3_600).wrapping_add(minute.wrapping_mul(60)).wrapping_add(second);
    let seconds = days.wrapping_mul(86_400).wrapping_add(i64::from(clock));
    jiff::Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?).ok().map(Instant)
}

/// The number of two digits.
fn two(digits: [u8; 2]) -> Option<u32> {
    let [tens, ones] = digits.map(|digit| u32::from(digit.wrapping_sub(b'0')));
    (tens < 10 && ones < 10).then(|| tens.wrapping_mul(10).wrapping_add(ones))
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: Error| serde::de::Error::custom(error))
    }
}

/// The longest duration that is read.
const CENTURY: Duration = Duration::from_secs(36_525 * 86_400);

/// Reads an ISO 8601 duration of fixed length (`PT1H`, `P7D`); months and years have none.
pub(crate) fn parse_iso(text: &str) -> Result<Duration, Error> {
    let refuse = || {
        Error::new(ErrorKind::InvalidValue, format!("`{}` is not a duration", text.escape_debug()))
            .help("write ISO 8601 of fixed length and at most a century, such as `PT15M`, `PT1H` or `P7D`")
    };
    if !text.starts_with('P') || text.len() > 64 {
        return Err(refuse());
    }
    let span: jiff::Span = text.parse().map_err(|_| refuse())?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(refuse());
    }
    let signed = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| refuse())?;
    // what is accepted can be written and read again; a century is as good as for ever
    Duration::try_from(signed).ok().filter(|duration| !duration.is_zero() && *duration <= CENTURY).ok_or_else(refuse)
}

/// Reads the short form of annotations: `30s`, `15m`, `1h`, `7d`, and sums such as `1h30m`.
pub(crate) fn parse_short(text: &str) -> Result<Duration, Error> {
    let refuse = || {
        Error::new(ErrorKind::InvalidValue, format!("`{}` is not a duration", text.escape_debug()))
            .help("write it as `30s`, `15m`, `1h`, `7d` or `1h30m`")
    };
    let mut total = 0u64;
    let mut last = u64::MAX;
    let mut rest = text;
    while !rest.is_empty() {
        let at = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
        let (digits, tail) = rest.split_at_checked(at).ok_or_else(refuse)?;
        let mut tail = tail.chars();
        let unit = match tail.next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(refuse()),
        };
        // units go from long to short, each once: `30m1h` is more likely a slip than a wish
        if unit >= last {
            return Err(refuse());
        }
        last = unit;
        let count: u64 = digits.parse().map_err(|_| refuse())?;
        total = count.checked_mul(unit).and_then(|part| total.checked_add(part)).ok_or_else(refuse)?;
        rest = tail.as_str();
    }
    if total == 0 { Err(refuse()) } else { Ok(Duration::from_secs(total)) }
}

/// Writes a duration in ISO 8601, days as 24 hours: `PT1H`, `P7D`, `P1DT30M`.
pub(crate) fn format_iso(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (hours, minutes, seconds) = (rest / 3_600, rest / 60 % 60, rest % 60);
    let mut out = String::from("P");
    if days > 0 {
        out.push_str(&format!("{days}D"));
    }
    let fraction = duration.subsec_nanos();
    if rest > 0 || fraction > 0 || days == 0 {
        out.push('T');
        for (count, unit) in [(hours, 'H'), (minutes, 'M')] {
            if count > 0 {
                out.push_str(&format!("{count}{unit}"));
            }
        }
        if fraction > 0 {
            let fraction = format!("{fraction:09}");
            out.push_str(&format!("{seconds}.{}S", fraction.trim_end_matches('0')));
        } else if seconds > 0 || out.ends_with('T') {
            out.push_str(&format!("{seconds}S"));
        }
    }
    out
}

/// `#[serde(with = "iso")]` for a duration, and `iso::option` for an optional one.
pub(crate) mod iso {
    use super::{Deserialize, Deserializer, Duration, Serializer, format_iso, parse_iso};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_iso(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        parse_iso(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }

    pub(crate) mod option {
        use super::{Deserialize, Deserializer, Duration, Serializer, format_iso, parse_iso};

        #[expect(clippy::ref_option, reason = "the signature serde calls")]
        pub(crate) fn serialize<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
            match value {
                Some(duration) => serializer.serialize_some(&format_iso(*duration)),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.as_deref().map(parse_iso).transpose().map_err(serde::de::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn instants_are_rfc_3339_with_an_offset() {
        assert_eq!(at("2026-11-20T12:00:00+02:00"), at("2026-11-20T10:00:00Z"));
        assert_eq!(at("2026-11-20T10:00:00.000000001Z").to_string(), "2026-11-20T10:00:00.000000001Z");
        for bad in [
            "",
            "2026-11-20",
            "2026-11-20T10:00:00",
            "1763632800",
            "2026-11-20T10:00:00[Europe/Paris]",
            "2026-12-31T23:59:60Z",
            "2026-11-20T25:00:00Z",
            "２026-11-20T10:00:00Z",
        ] {
            assert!(bad.parse::<Instant>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_common_form_is_read_as_jiff_reads_it() {
        let jiff = |text: &str| text.parse().ok().map(Instant);
        // Every day from 1969 to 1973 and around the turns of centuries, with days and months that there are not.
        for year in [1969, 1970, 1971, 1972, 1973, 1999, 2000, 2001, 2100, 2400, 9998, 9999, 0] {
            for month in 0..=13 {
                for day in 0..=32 {
                    let text = format!("{year:04}-{month:02}-{day:02}T23:59:59.125Z");
                    if let Some(instant) = common_form(&text) {
                        assert_eq!(Some(instant), jiff(&text), "{text}");
                    } else {
                        assert!(jiff(&text).is_none() || !(1970..9999).contains(&year), "{text}");
                    }
                }
            }
        }
        let mut read = 0;
        for clock in ["00:00:00Z", "23:59:59Z", "24:00:00Z", "12:60:00Z", "12:00:60Z", "12:00:61Z", "12:00:00.001Z"] {
            let text = format!("2026-11-20T{clock}");
            let quick = common_form(&text);
            read += usize::from(quick.is_some());
            assert_eq!(quick, jiff(&text).filter(|_| !clock.ends_with(":60Z")), "{text}");
        }
        assert_eq!(read, 3);
        // Left to jiff.
        for other in
            ["2026-11-20t10:00:00Z", "2026-11-20T10:00:00+00:00", "2026-11-20T10:00:00.1Z", "2026-11-20T10:00:00"]
        {
            assert_eq!(common_form(other), None, "{other}");
        }
        for bad in ["2026-1/-20T10:00:00Z", "2026-11-20T10:00:0:Z", "20:6-11-20T10:00:00Z", "2026-11-20T10:00:00.00/Z"]
        {
            assert!(common_form(bad).is_none() && bad.parse::<Instant>().is_err(), "{bad}");
        }
    }

    #[test]
    fn milliseconds_round_down_on_both_sides_of_1970() {
        assert_eq!(at("1970-01-01T00:00:00.0019Z").unix_millis(), 1);
        assert_eq!(at("1969-12-31T23:59:59.9991Z").unix_millis(), -1);
        assert_eq!(at("1969-12-31T23:59:59.999Z").unix_millis(), -1);
    }

    #[test]
    fn durations_read_and_write() {
        for (text, seconds, canonical) in [
            ("PT1H", 3600, "PT1H"),
            ("P7D", 604_800, "P7D"),
            ("PT24H", 86_400, "P1D"),
            ("P1DT30M", 88_200, "P1DT30M"),
            ("PT90S", 90, "PT1M30S"),
            ("P1W", 604_800, "P7D"),
        ] {
            let duration = parse_iso(text).unwrap();
            assert_eq!((duration.as_secs(), format_iso(duration).as_str()), (seconds, canonical));
        }
        for bad in ["", "1h", "P1M", "P1Y", "-PT1H", "PT0S", "P", "PT", "PT1H[UTC]", "P7304484DT24H"] {
            assert!(parse_iso(bad).is_err(), "{bad}");
        }
        assert_eq!(format_iso(Duration::ZERO), "PT0S");
    }

    #[test]
    fn annotations_use_the_short_form() {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("1h", 3600), ("1h30m", 5400), ("7d", 604_800)] {
            assert_eq!(parse_short(text).unwrap().as_secs(), seconds);
        }
        for bad in ["", "h", "1", "0s", "1h 30m", "30m1h", "1h1h", "-1h", "PT1H", "99999999999999999999d", "1H"] {
            assert!(parse_short(bad).is_err(), "{bad}");
        }
    }
}

//! RFC 3339 dates and times to the millisecond, exactly or not at all.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time, date};

/// The first and last instants Cedar can write: years 0 to 9999.
const FIRST: i64 = -62_167_219_200_000;
const LAST: i64 = 253_402_300_799_999;

/// The milliseconds since 1970 of a `full-date`, at midnight UTC.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    milliseconds(full_date(text)?.to_datetime(Time::midnight()), 0)
}

/// The milliseconds since 1970 of a `date-time` with its offset.
///
/// Refused, for they are no instant Cedar can hold exactly: finer fractions than milliseconds, leap seconds, years
/// outside 0 to 9999 in UTC.
pub(crate) fn parse_date_time(text: &str) -> Option<i64> {
    let (day, rest) = text.split_at_checked(10)?;
    let day = full_date(day)?;
    let (clock, mut rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
    let mut parts = clock.split(':').map(|part| digits(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let mut millisecond = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|char: char| !char.is_ascii_digit())?;
        let (fraction, offset) = fraction.split_at_checked(end)?;
        let exact = fraction.trim_end_matches('0');
        if fraction.is_empty() || exact.len() > 3 {
            return None;
        }
        let scale = match exact.len() {
            0 => 0,
            1 => 100,
            2 => 10,
            _ => 1,
        };
        millisecond = if scale == 0 { 0 } else { exact.parse::<i64>().ok()?.checked_mul(scale)? };
        rest = offset;
    }
    let time = Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, 0).ok()?;
    milliseconds(day.to_datetime(time), offset_minutes(rest)?)?.checked_add(millisecond)
}

/// The instant as Cedar's `datetime` reads it.
pub(crate) fn write(milliseconds: i64) -> Option<String> {
    let at = epoch().checked_add(SignedDuration::from_millis(milliseconds)).ok()?;
    Some(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    ))
}

fn epoch() -> DateTime {
    date(1970, 1, 1).to_datetime(Time::midnight())
}

fn milliseconds(local: DateTime, offset_minutes: i64) -> Option<i64> {
    let since = i64::try_from(local.duration_since(epoch()).as_millis()).ok()?;
    let instant = since.checked_sub(offset_minutes.checked_mul(60_000)?)?;
    (FIRST..=LAST).contains(&instant).then_some(instant)
}

fn full_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    if parts.next().is_some() {
        return None;
    }
    Date::new(year, narrow(month)?, narrow(day)?).ok()
}

fn offset_minutes(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = text.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (i64::from(digits(hours, 2)?), i64::from(digits(minutes, 2)?));
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = hours.checked_mul(60)?.checked_add(minutes)?;
    match sign {
        "+" => Some(offset),
        "-" => offset.checked_neg(),
        _ => None,
    }
}

fn digits(text: &str, length: usize) -> Option<i16> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn narrow(number: i16) -> Option<i8> {
    i8::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_time_is_the_instant_it_names() {
        for (text, written) in [
            ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000Z"),
            ("2024-03-01T01:30:00.5+01:45", "2024-02-29T23:45:00.500Z"),
            ("2024-02-29t12:00:00.120000z", "2024-02-29T12:00:00.120Z"),
            ("2024-02-29T12:00:00-00:00", "2024-02-29T12:00:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(parse_date_time(text).and_then(write).as_deref(), Some(written), "{text}");
        }
        assert_eq!(parse_date("1970-01-02"), Some(86_400_000));
        assert_eq!(
            (write(FIRST).unwrap(), write(LAST).unwrap()),
            ("0000-01-01T00:00:00.000Z".into(), "9999-12-31T23:59:59.999Z".into())
        );
    }

    #[test]
    fn what_is_not_exactly_an_instant_is_refused() {
        for text in [
            "2024-02-29T12:00:00",
            "2024-02-29 12:00:00Z",
            "2024-02-29T12:00Z",
            "2023-02-29T12:00:00Z",
            "2024-02-29T24:00:00Z",
            "2024-02-29T12:00:60Z",
            "2024-02-29T12:00:00.0001Z",
            "2024-02-29T12:00:00.Z",
            "2024-02-29T12:00:00.1",
            "2024-02-29T12:00:00+0100",
            "2024-02-29T12:00:00+24:00",
            "2024-02-29T12:00:00+01:60",
            "2024-02-29T12:00:00Z[UTC]",
            "2024-02-29T12:00:00Z ",
            "2024-02-29T+2:00:00Z",
            "-024-02-29T12:00:00Z",
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "20240229T120000Z",
            "",
            "２024-02-29T12:00:00Z",
        ] {
            assert_eq!(parse_date_time(text), None, "{text}");
        }
        for text in ["2023-02-29", "2024-2-9", "2024-02-29Z", "24-02-29", "2024-02-29-", ""] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }
}

//! Instants in four bytes: most are whole seconds of these decades, and a grant has two of them.

use crate::data::time::Instant;

/// Codes of instants. 0 is none; up to [`ODD`] they are seconds since 1970; from there on, places in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    odd: Vec<Instant>,
}

/// An instant to compare codes with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) at: Instant,
    /// Whole seconds since 1970, as far as codes go.
    seconds: u32,
}

impl Now {
    pub(crate) fn new(at: Instant) -> Self {
        let seconds = at.unix_millis().div_euclid(1000).clamp(0, i64::from(ODD.wrapping_sub(1)));
        Self { at, seconds: u32::try_from(seconds).unwrap_or(0) }
    }
}

/// The first code that is a place in the table: 2097-07-17 in seconds.
const ODD: u32 = 0xf000_0000;

impl Times {
    /// The code of an instant, if it needs no place in the table.
    pub(crate) fn plain(at: Option<Instant>) -> Option<u32> {
        let Some(at) = at else { return Some(0) };
        let seconds = u32::try_from(at.unix_millis().div_euclid(1000)).ok()?;
        (seconds > 0 && seconds < ODD && instant(seconds) == Some(at)).then_some(seconds)
    }

    /// A new code for any other instant.
    pub(crate) fn add(&mut self, at: Instant) -> u32 {
        let code = u32::try_from(self.odd.len()).ok().and_then(|place| place.checked_add(ODD));
        self.odd.push(at);
        code.unwrap_or(u32::MAX)
    }

    /// The instant of a code.
    pub(crate) fn at(&self, code: u32) -> Option<Instant> {
        match code.checked_sub(ODD) {
            _ if code == 0 => None,
            None => instant(code),
            Some(place) => usize::try_from(place).ok().and_then(|place| self.odd.get(place)).copied(),
        }
    }

    /// Whether the instant of a code, which is not none, has come.
    #[inline]
    pub(crate) fn has_come(&self, code: u32, now: &Now) -> bool {
        // a whole second has come as soon as its number has
        if code < ODD { code <= now.seconds } else { self.at(code).is_some_and(|at| at <= now.at) }
    }

    /// The earlier of two instants by their codes, none being later than any.
    #[inline]
    pub(crate) fn earlier(&self, one: u32, other: u32) -> u32 {
        match (one, other) {
            (0, other) => other,
            (one, 0) => one,
            _ if one < ODD && other < ODD => one.min(other),
            _ if self.at(one) <= self.at(other) => one,
            _ => other,
        }
    }
}

fn instant(seconds: u32) -> Option<Instant> {
    Instant::from_unix_millis(i64::from(seconds).saturating_mul(1000))
}

/// Reads an instant as [`Instant`] does, the usual form (`2026-11-20T10:00:00Z`) at once.
pub(crate) fn read(text: &str) -> Option<Instant> {
    usual(text).or_else(|| text.parse().ok())
}

/// The usual form between 1971 and 2096, where every fourth year is a leap year.
fn usual(text: &str) -> Option<Instant> {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1, b'Z'] = text.as_bytes()
    else {
        return None;
    };
    let digits = |digits: &[u8]| {
        digits.iter().try_fold(0u32, |value, digit| {
            let digit = u32::from(digit.wrapping_sub(b'0'));
            (digit < 10).then(|| value.wrapping_mul(10).wrapping_add(digit))
        })
    };
    let (year, month, day) = (digits(&[y0, y1, y2, y3])?, digits(&[m0, m1])?, digits(&[d0, d1])?);
    let (hour, minute, second) = (digits(&[h0, h1])?, digits(&[n0, n1])?, digits(&[s0, s1])?);
    let leap = year.is_multiple_of(4);
    let (before, length) = match month {
        1 => (0, 31),
        2 => (31, if leap { 29 } else { 28 }),
        3 => (59, 31),
        4 => (90, 30),
        5 => (120, 31),
        6 => (151, 30),
        7 => (181, 31),
        8 => (212, 31),
        9 => (243, 30),
        10 => (273, 31),
        11 => (304, 30),
        12 => (334, 31),
        _ => return None,
    };
    if !(1971..=2096).contains(&year) || !(1..=length).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // 1972 was the first leap year after 1970
    let years = year.wrapping_sub(1970);
    let leap_days = years.wrapping_add(1).wrapping_div(4).wrapping_add(u32::from(leap && month > 2));
    let days = years.wrapping_mul(365).wrapping_add(leap_days).wrapping_add(before).wrapping_add(day).wrapping_sub(1);
    let minutes = days.wrapping_mul(24).wrapping_add(hour).wrapping_mul(60).wrapping_add(minute);
    instant(minutes.wrapping_mul(60).wrapping_add(second))
}

#[cfg(test)]
impl Times {
    /// The bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.odd.capacity().saturating_mul(size_of::<Instant>())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_instant_has_a_code() {
        let mut times = Times::default();
        for text in [
            "1970-01-01T00:00:01Z",
            "2026-11-20T10:00:00Z",
            "2097-07-17T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-20T10:00:00.5Z",
            "2098-01-01T00:00:00Z",
            "9999-01-01T00:00:00Z",
        ] {
            let at: Instant = text.parse().unwrap();
            let code = Times::plain(Some(at)).unwrap_or_else(|| times.add(at));
            assert_eq!(times.at(code), Some(at), "{text}");
        }
        assert_eq!((Times::plain(None), times.at(0), times.odd.len()), (Some(0), None, 5));
        assert_eq!(times.at(u32::MAX), None);
    }

    #[test]
    fn every_day_reads_as_it_does_elsewhere() {
        for year in [1970, 1971, 1972, 1999, 2000, 2026, 2028, 2095, 2096, 2097, 2100] {
            for month in 0..=13 {
                for day in 0..=32 {
                    let text = format!("{year}-{month:02}-{day:02}T23:59:58Z");
                    assert_eq!(read(&text), text.parse().ok(), "{text}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn instants_read_as_they_do_elsewhere(
            text in "(19[67][0-9]|20[0-9][0-9]|[0-9]{4})-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](Z|\\.5Z|\\+02:00|z|)"
        ) {
            prop_assert_eq!(read(&text), text.parse().ok());
        }
    }
}

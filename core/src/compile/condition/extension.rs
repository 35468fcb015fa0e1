//! Cedar's extension values from their texts, exactly as Cedar 4.14.1 reads them.

use std::net::IpAddr;

use crate::data::value::Ip;

const DAY: i64 = 86_400_000;

/// `decimal("12.34")`: ten thousand times the number.
pub(crate) fn decimal(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.')?;
    let negative = whole.starts_with('-');
    if !digits(whole.strip_prefix('-').unwrap_or(whole)) || !digits(fraction) || fraction.len() > 4 {
        return None;
    }
    let missing = 4_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let whole = whole.parse::<i64>().ok()?.checked_mul(10_000)?;
    let fraction = fraction.parse::<i64>().ok()?.checked_mul(10_i64.checked_pow(missing)?)?;
    if negative { whole.checked_sub(fraction) } else { whole.checked_add(fraction) }
}

/// `duration("-1d2h3m4s5ms")`: milliseconds.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    if rest.is_empty() {
        return None;
    }
    let mut units = [("d", DAY), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)].into_iter();
    let mut total = 0_i64;
    while !rest.is_empty() {
        let (count, after) = split_digits(rest)?;
        // each unit once, in this order
        let (unit, after) = units.by_ref().find_map(|(name, unit)| {
            let after = after.strip_prefix(name)?;
            // the `m` of `ms` is no minute
            (after.is_empty() || after.starts_with(|c: char| c.is_ascii_digit())).then_some((unit, after))
        })?;
        // Cedar reads the number as 64 bits without a sign; only the milliseconds may be 2^63, negated
        let count = count.parse::<u64>().ok()?;
        let part = i128::from(count).checked_mul(i128::from(unit))?;
        let part = i64::try_from(if negative { part.checked_neg()? } else { part }).ok()?;
        total = total.checked_add(part)?;
        rest = after;
    }
    Some(total)
}

/// `datetime("2026-01-31T12:30:00.500+0100")`: milliseconds since 1970.
pub(crate) fn datetime(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let date = date.as_bytes();
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let year = number(&[*y1, *y2, *y3, *y4])?;
    let (month, day) = (number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let midnight = days(year, month, day)?.checked_mul(DAY)?;
    if rest.is_empty() {
        return Some(midnight);
    }
    let (time, rest) = rest.split_at_checked(9)?;
    let [b'T', h1, h2, b':', m1, m2, b':', s1, s2] = time.as_bytes() else { return None };
    let (hour, minute, second) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?, number(&[*s1, *s2])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (millis, rest) = match rest.strip_prefix('.') {
        Some(rest) => {
            let (millis, rest) = rest.split_at_checked(3)?;
            (number(millis.as_bytes())?, rest)
        }
        None => (0, rest),
    };
    let offset = match rest.as_bytes() {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(60_000)?;
            if *sign == b'-' { offset.checked_neg()? } else { offset }
        }
        _ => return None,
    };
    let seconds = hour.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?.checked_add(second)?;
    midnight.checked_add(seconds.checked_mul(1_000)?)?.checked_add(millis)?.checked_sub(offset)
}

/// `ip("10.0.0.0/8")`.
pub(crate) fn ip(text: &str) -> Option<Ip> {
    let twice = |c: char| text.matches(c).nth(1).is_some();
    if text.len() > 43 || (twice(':') && twice('.')) {
        return None;
    }
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => most,
        Some(prefix) => {
            let zeros = prefix.starts_with('0') && prefix != "0";
            if !digits(prefix) || zeros || prefix.len() > 3 {
                return None;
            }
            prefix.parse::<u8>().ok().filter(|prefix| *prefix <= most)?
        }
    };
    Some(Ip { address, prefix })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn split_digits(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte.wrapping_sub(b'0')))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, if there is such a date. Years 0 to 9999.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year.checked_rem(4)? == 0 && (year.checked_rem(100)? != 0 || year.checked_rem(400)? == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = usize::try_from(month).ok()?.checked_sub(1)?;
    if day < 1 || day > *lengths.get(month)? {
        return None;
    }
    let before: i64 = lengths.iter().take(month).sum();
    // leap days in the years before this one, of which the year 0 is the first
    let last = year.checked_sub(1)?;
    let leaps =
        last.div_euclid(4).checked_sub(last.div_euclid(100))?.checked_add(last.div_euclid(400))?.checked_add(1)?;
    let since_year_0 = year.checked_mul(365)?.checked_add(leaps)?.checked_add(before)?.checked_add(day)?;
    since_year_0.checked_sub(1)?.checked_sub(719_528)
}

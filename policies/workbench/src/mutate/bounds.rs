//! Bounds a step further: integers, decimals, instants, durations.

use toolgate::Instant;

use crate::source::{Kind, Node, RelOp};

/// Time moves by a second: people write no finer.
const SECOND: i64 = 1_000;

/// A comparison that orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessEq,
    Greater,
    GreaterEq,
}

impl Order {
    /// What a node compares by, if it orders: an operator, or a method of decimals.
    pub(super) fn of(node: &Node) -> Option<Self> {
        match &node.kind {
            Kind::Compare(RelOp::Less) => Some(Self::Less),
            Kind::Compare(RelOp::LessEq) => Some(Self::LessEq),
            Kind::Compare(RelOp::Greater) => Some(Self::Greater),
            Kind::Compare(RelOp::GreaterEq) => Some(Self::GreaterEq),
            Kind::Call(name) => [Self::Less, Self::LessEq, Self::Greater, Self::GreaterEq]
                .into_iter()
                .find(|order| order.method() == name),
            _ => None,
        }
    }

    /// With the equal case in or out.
    pub(super) fn flipped(self) -> Self {
        match self {
            Self::Less => Self::LessEq,
            Self::LessEq => Self::Less,
            Self::Greater => Self::GreaterEq,
            Self::GreaterEq => Self::Greater,
        }
    }

    /// As an operator.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessEq => "<=",
            Self::Greater => ">",
            Self::GreaterEq => ">=",
        }
    }

    /// As a method of decimals.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Less => "lessThan",
            Self::LessEq => "lessThanOrEqual",
            Self::Greater => "greaterThan",
            Self::GreaterEq => "greaterThanOrEqual",
        }
    }

    /// The step of a bound on the right that the flip does not amount to: `> 5` flipped is `> 4`, so `> 6` is left.
    pub(super) fn other_step(self) -> i64 {
        match self {
            Self::Greater | Self::LessEq => 1,
            Self::GreaterEq | Self::Less => -1,
        }
    }
}

/// A literal `steps` further, as it is written in a policy; nothing for what is no such literal.
pub(super) fn stepped(node: &Node, steps: i64) -> Option<String> {
    match (&node.kind, node.children.as_slice()) {
        (Kind::Long(value), _) => i64::try_from(*value).ok()?.checked_add(steps).map(|value| value.to_string()),
        (Kind::Negate, [inner]) => match inner.kind {
            Kind::Long(value) => {
                i64::try_from(value).ok()?.checked_neg()?.checked_add(steps).map(|value| value.to_string())
            }
            _ => None,
        },
        (Kind::Call(name), [inner]) => {
            let Kind::Text(text) = &inner.kind else { return None };
            let moved = match name.as_str() {
                "decimal" => decimal(text, steps)?,
                "datetime" => instant(text, steps)?,
                "duration" => duration(text, steps)?,
                _ => return None,
            };
            Some(format!("{name}(\"{moved}\")"))
        }
        _ => None,
    }
}

/// Whether both sides of an equality would be other values a step further.
pub(super) fn is_integer(node: &Node) -> bool {
    match (&node.kind, node.children.as_slice()) {
        (Kind::Long(_), _) => true,
        (Kind::Negate, [inner]) => matches!(inner.kind, Kind::Long(_)),
        _ => false,
    }
}

fn decimal(text: &str, steps: i64) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or((1i64, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.')?;
    let scaled = format!("{whole}{part:0<4}").parse::<i64>().ok()?.checked_mul(sign)?.checked_add(steps)?;
    let sign = if scaled < 0 { "-" } else { "" };
    let size = scaled.unsigned_abs();
    Some(format!("{sign}{}.{:04}", size / 10_000, size % 10_000))
}

fn instant(text: &str, steps: i64) -> Option<String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let millis = whole.parse::<Instant>().ok()?.unix_millis().checked_add(steps.checked_mul(SECOND)?)?;
    let text = Instant::from_unix_millis(millis)?.to_string();
    // Cedar takes exactly three digits of a second, or none
    let local = text.trim_end_matches('Z');
    let (seconds, part) = local.split_once('.').unwrap_or((local, ""));
    let part = if part.is_empty() { String::new() } else { format!(".{:0<3}", part.get(..3).unwrap_or(part)) };
    Some(format!("{seconds}{part}Z"))
}

fn duration(text: &str, steps: i64) -> Option<String> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1i64, text), |rest| (-1, rest));
    let mut millis = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        let after = rest.get(digits..)?;
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let factor = match after.get(..unit)? {
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return None,
        };
        millis = millis.checked_add(number.checked_mul(factor)?)?;
        rest = after.get(unit..)?;
    }
    Some(format!("{}ms", millis.checked_mul(sign)?.checked_add(steps.checked_mul(SECOND)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_move_by_the_least_that_people_write() {
        assert_eq!(decimal("20.0", 1).unwrap(), "20.0001");
        assert_eq!(decimal("0.0", -1).unwrap(), "-0.0001");
        assert_eq!(decimal("-1.5", 1).unwrap(), "-1.4999");
        assert_eq!(instant("2026-12-19T00:00:00Z", -1).unwrap(), "2026-12-18T23:59:59Z");
        assert_eq!(instant("2026-12-19", 1).unwrap(), "2026-12-19T00:00:01Z");
        assert_eq!(instant("2026-12-19T00:00:00.500Z", 1).unwrap(), "2026-12-19T00:00:01.500Z");
        assert_eq!(duration("1h30m", -1).unwrap(), "5399000ms");
        assert_eq!(duration("-1s5ms", 1).unwrap(), "-5ms");
        for bad in ["1", "h", "1y"] {
            assert_eq!(duration(bad, 1), None, "{bad}");
        }
    }
}

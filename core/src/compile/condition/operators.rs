//! Operators on single values: what needs neither the world nor a set. `None` is Cedar's error.

use std::net::IpAddr;

use crate::compile::condition::extension;
use crate::data::value::{Const, Ip, Value};

const DAY: i64 = 86_400_000;

/// Operators with one operand, without `!`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Neg,
    IsEmpty,
    Datetime,
    Decimal,
    Duration,
    Ip,
    IsIpv4,
    IsIpv6,
    IsLoopback,
    IsMulticast,
    ToDate,
    ToTime,
    ToMilliseconds,
    ToSeconds,
    ToMinutes,
    ToHours,
    ToDays,
}

/// Operators with two operands, without `&&` and `||`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Eq,
    NotEq,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Add,
    Sub,
    Mul,
    In,
    Contains,
    ContainsAll,
    ContainsAny,
    GetTag,
    HasTag,
    IsInRange,
    Offset,
    DurationSince,
    DecimalLess,
    DecimalLessEq,
    DecimalGreater,
    DecimalGreaterEq,
}

impl Unary {
    pub(crate) fn is_test(self) -> bool {
        matches!(self, Self::IsEmpty | Self::IsIpv4 | Self::IsIpv6 | Self::IsLoopback | Self::IsMulticast)
    }
}

impl Binary {
    pub(crate) fn is_test(self) -> bool {
        !matches!(self, Self::Add | Self::Sub | Self::Mul | Self::GetTag | Self::Offset | Self::DurationSince)
    }
}

/// What an operator makes of a value. `isEmpty` is not asked here.
pub(crate) fn unary(op: Unary, value: Value<'_>) -> Option<Value<'static>> {
    match (op, value) {
        (Unary::Neg, Value::Long(long)) => long.checked_neg().map(Value::Long),
        (Unary::Datetime, Value::String(text)) => extension::datetime(text).map(Value::Datetime),
        (Unary::Decimal, Value::String(text)) => extension::decimal(text).map(Value::Decimal),
        (Unary::Duration, Value::String(text)) => extension::duration(text).map(Value::Duration),
        (Unary::Ip, Value::String(text)) => extension::ip(text).map(Value::Ip),
        (Unary::IsIpv4, Value::Ip(ip)) => Some(Value::Bool(ip.address.is_ipv4())),
        (Unary::IsIpv6, Value::Ip(ip)) => Some(Value::Bool(ip.address.is_ipv6())),
        (Unary::IsLoopback, Value::Ip(ip)) => {
            let least = if ip.address.is_ipv4() { 8 } else { 128 };
            Some(Value::Bool(ip.address.is_loopback() && ip.prefix >= least))
        }
        (Unary::IsMulticast, Value::Ip(ip)) => {
            let least = if ip.address.is_ipv4() { 4 } else { 8 };
            Some(Value::Bool(ip.address.is_multicast() && ip.prefix >= least))
        }
        (Unary::ToDate, Value::Datetime(at)) => at.checked_sub(at.rem_euclid(DAY)).map(Value::Datetime),
        (Unary::ToTime, Value::Datetime(at)) => Some(Value::Duration(at.rem_euclid(DAY))),
        (Unary::ToMilliseconds, Value::Duration(ms)) => Some(Value::Long(ms)),
        (Unary::ToSeconds, Value::Duration(ms)) => ms.checked_div(1_000).map(Value::Long),
        (Unary::ToMinutes, Value::Duration(ms)) => ms.checked_div(60_000).map(Value::Long),
        (Unary::ToHours, Value::Duration(ms)) => ms.checked_div(3_600_000).map(Value::Long),
        (Unary::ToDays, Value::Duration(ms)) => ms.checked_div(DAY).map(Value::Long),
        _ => None,
    }
}

/// What an operator makes of two values. Asked only of what needs neither sets nor entities.
pub(crate) fn binary(op: Binary, left: Value<'_>, right: Value<'_>) -> Option<Value<'static>> {
    use Value::{Bool, Datetime, Decimal, Duration, Long};
    match op {
        Binary::Less | Binary::LessEq | Binary::Greater | Binary::GreaterEq => {
            let ((Long(left), Long(right)) | (Datetime(left), Datetime(right)) | (Duration(left), Duration(right))) =
                (left, right)
            else {
                return None;
            };
            Some(Bool(match op {
                Binary::Less => left < right,
                Binary::LessEq => left <= right,
                Binary::Greater => left > right,
                _ => left >= right,
            }))
        }
        Binary::DecimalLess | Binary::DecimalLessEq | Binary::DecimalGreater | Binary::DecimalGreaterEq => {
            let (Decimal(left), Decimal(right)) = (left, right) else { return None };
            Some(Bool(match op {
                Binary::DecimalLess => left < right,
                Binary::DecimalLessEq => left <= right,
                Binary::DecimalGreater => left > right,
                _ => left >= right,
            }))
        }
        Binary::Add | Binary::Sub | Binary::Mul => {
            let (Long(left), Long(right)) = (left, right) else { return None };
            let result = match op {
                Binary::Add => left.checked_add(right),
                Binary::Sub => left.checked_sub(right),
                _ => left.checked_mul(right),
            };
            result.map(Long)
        }
        Binary::IsInRange => match (left, right) {
            (Value::Ip(left), Value::Ip(right)) => Some(Bool(is_in_range(left, right))),
            _ => None,
        },
        Binary::Offset => match (left, right) {
            (Datetime(left), Duration(right)) => left.checked_add(right).map(Datetime),
            _ => None,
        },
        Binary::DurationSince => match (left, right) {
            (Datetime(left), Datetime(right)) => left.checked_sub(right).map(Duration),
            _ => None,
        },
        _ => None,
    }
}

/// A comparison of a value with a constant of the same simple type, by the short way. `None` says nothing.
#[inline]
pub(crate) fn compare(op: Binary, value: &Value<'_>, constant: &Const) -> Option<bool> {
    let (left, right) = match (value, constant) {
        (Value::Long(left), Const::Long(right))
        | (Value::Datetime(left), Const::Datetime(right))
        | (Value::Duration(left), Const::Duration(right)) => (left, right),
        (Value::String(left), Const::String(right)) if matches!(op, Binary::Eq | Binary::NotEq) => {
            return Some((*left == &**right) == (op == Binary::Eq));
        }
        _ => return None,
    };
    Some(match op {
        Binary::Eq => left == right,
        Binary::NotEq => left != right,
        Binary::Less => left < right,
        Binary::LessEq => left <= right,
        Binary::Greater => left > right,
        Binary::GreaterEq => left >= right,
        _ => return None,
    })
}

/// Whether two values that are neither sets nor records are the same; `None` if both are sets or both are records.
pub(crate) fn same(left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left == right),
        (Value::Long(left), Value::Long(right))
        | (Value::Decimal(left), Value::Decimal(right))
        | (Value::Datetime(left), Value::Datetime(right))
        | (Value::Duration(left), Value::Duration(right)) => Some(left == right),
        (Value::String(left), Value::String(right)) => Some(left == right),
        (Value::Entity(left), Value::Entity(right)) => Some(left == right),
        (Value::Ip(left), Value::Ip(right)) => Some(left == right),
        (Value::Set(_), Value::Set(_)) | (Value::Record(_), Value::Record(_)) => None,
        // values of different types are not equal, and that is no error
        _ => Some(false),
    }
}

fn is_in_range(one: Ip, range: Ip) -> bool {
    // (first, last) address of a range, as numbers
    let bounds = |ip: Ip| match ip.address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(ip.prefix.into()).unwrap_or(0);
            let address = u32::from(address);
            (u128::from(address & !host), u128::from(address | host))
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(ip.prefix.into()).unwrap_or(0);
            let address = u128::from(address);
            (address & !host, address | host)
        }
    };
    let ((first, last), (from, to)) = (bounds(one), bounds(range));
    one.address.is_ipv4() == range.address.is_ipv4() && from <= first && last <= to
}

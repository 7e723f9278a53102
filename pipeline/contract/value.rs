//! What one value may be: its kind, and the rules that a schema's keywords give it.
//!
//! The same rules hold for a field of an event, an attribute of the envelope and a cell of a reference table.
use super::json::same;
use super::pattern::{Memory, Pattern};
use super::person::holds_person;
use super::reject::Code;
use arrow::datatypes::{DataType, Field, TimeUnit};
use std::sync::Arc;

/// What a value is, as JSON and as a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string; Utf8.
    Text,
    /// A string of hex digits, two for each byte; Binary.
    Bytes,
    /// A string `YYYY-MM-DD`, a day in Asia/Shanghai; Date32.
    Date,
    /// A string, RFC 3339 with offset; Timestamp in microseconds, UTC.
    Instant,
    /// A number written as an integer; Int64.
    Integer,
    /// `true` or `false`; Boolean.
    Boolean,
    /// An array of distinct strings; List of Utf8.
    List,
    /// The envelope's `data`: the type's fields.
    Data,
    /// The envelope's `type`: the name of one of the types.
    TypeName,
}

/// The rules of a value.
#[derive(Debug)]
pub struct Value {
    /// What it is.
    pub kind: Kind,
    /// The codes it may be; empty: any text.
    pub codes: Vec<String>,
    /// The field whose code list this is: its own name, or that of the field it refers to.
    pub code_list: Option<String>,
    /// The reference table that holds the codes' labels.
    pub table: Option<String>,
    pub(super) pattern: Option<(String, Pattern)>,
    /// Length of a text, in characters; of bytes, in bytes.
    pub(super) length: (usize, usize),
    /// Range of an integer.
    pub(super) range: (i64, i64),
    /// Whether a text is searched for personal data.
    pub(super) personal: bool,
    /// The items of a list.
    pub(super) items: Option<Box<Value>>,
}

/// Why a value is refused: a code and words that don't repeat it. Boxed, so that what is right comes back in registers.
pub(super) type Fault = Box<(Code, String)>;

#[cold]
pub(super) fn fault<T>(code: Code, why: impl Into<String>) -> Result<T, Fault> {
    Err(Box::new((code, why.into())))
}

impl Value {
    /// The column type.
    pub fn data_type(&self) -> DataType {
        match self.kind {
            Kind::Text | Kind::TypeName | Kind::Data => DataType::Utf8,
            Kind::Bytes => DataType::Binary,
            Kind::Date => DataType::Date32,
            Kind::Instant => instant_type(),
            Kind::Integer => DataType::Int64,
            Kind::Boolean => DataType::Boolean,
            Kind::List => DataType::List(item_field()),
        }
    }

    /// A string's number where it is a date (days) or an instant (µs); 0 for a text.
    #[inline]
    pub(super) fn string(&self, text: &str, memory: &mut Memory) -> Result<i64, Fault> {
        let (least, most) = self.length;
        match self.kind {
            Kind::Date => date_days(text).map_or_else(|| fault(Code::BadDate, "no day written YYYY-MM-DD"), |days| Ok(days.into())),
            Kind::Instant => instant_micros(text)
                .map_or_else(|| fault(Code::BadInstant, "no instant as RFC 3339 with offset and at most 6 decimals"), Ok),
            Kind::Bytes if text.len() == 2 * most && hex(text.as_bytes(), |_| {}) => Ok(0),
            Kind::Bytes => fault(Code::BadFormat, format!("not {} lower-case hex digits", 2 * most)),
            _ if !self.codes.is_empty() => match self.codes.iter().any(|c| same(c.as_bytes(), text.as_bytes())) {
                true => Ok(0),
                false => fault(Code::UnknownCode, format!("none of the {} codes", self.codes.len())),
            },
            _ => {
                if let Some((form, pattern)) = &self.pattern
                    && !pattern.matches(text, memory)
                {
                    return fault(Code::BadFormat, format!("not of the form {form}"));
                }
                // Characters are at most bytes: they need not be counted where the bytes fit already.
                let length = if least <= 1 && text.len() <= most { text.len() } else { text.chars().count() };
                if length < least {
                    return fault(Code::BadFormat, format!("{length} characters, at least {least}"));
                }
                if length > most {
                    return fault(Code::TooLong, format!("{length} characters, at most {most}"));
                }
                match self.personal.then(|| holds_person(text)).flatten() {
                    Some((what, byte)) => fault(Code::PersonalData, format!("{what} at byte {byte}")),
                    None => Ok(0),
                }
            }
        }
    }

    /// An integer from how it is written.
    pub(super) fn integer(&self, text: &str) -> Result<i64, Fault> {
        if text == "-0" || text.contains(['.', 'e', 'E']) {
            return fault(Code::WrongType, "a number not written as an integer");
        }
        let (least, most) = self.range;
        let value = text.parse().ok().filter(|v| (least..=most).contains(v));
        value.map_or_else(|| fault(Code::OutOfRange, format!("not from {least} to {most}")), Ok)
    }
}

/// Timestamps are microseconds in UTC, the finest that Delta Lake has.
pub(super) fn instant_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A list's item, named as Delta Lake names it in Parquet.
pub(super) fn item_field() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Utf8, true))
}

/// Appends the bytes that lower-case hex digits stand for, eight digits at a time; false if there is something else among them.
#[inline]
pub(super) fn hex(digits: &[u8], mut each: impl FnMut([u8; 4])) -> bool {
    let (words, rest) = digits.as_chunks::<8>();
    rest.is_empty() && words.iter().all(|w| four(u64::from_le_bytes(*w)).map(&mut each).is_some())
}

/// The four bytes of eight lower-case hex digits, all eight in one word.
#[inline]
fn four(word: u64) -> Option<[u8; 4]> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES * 0x80;
    if word & HIGH != 0 {
        return None;
    }
    // The high bit of each byte that is at least `c`.
    let from = |c: u8| word + ONES * u64::from(0x80 - c);
    let letters = from(b'a') & !from(b'f' + 1) & HIGH;
    if letters | (from(b'0') & !from(b'9' + 1) & HIGH) != HIGH {
        return None;
    }
    let nibbles = (word & (ONES * 0x0f)) + (letters >> 7) * 9;
    let [a, _, b, _, c, _, d, _] = (nibbles << 4 | nibbles >> 8).to_le_bytes();
    Some([a, b, c, d])
}

/// Days since 1970-01-01 of a day written `YYYY-MM-DD` in the Gregorian calendar, as RFC 3339 has it; `None` if there is no such day.
#[inline]
pub fn date_days(text: &str) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else { return None };
    let (year, month, day) = (two(y1, y2)? * 100 + two(y3, y4)?, two(m1, m2)?, two(d1, d2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i32::from(leap),
        _ => return None,
    };
    // Years from March, so that the leap day comes last (Howard Hinnant, days_from_civil).
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let days = of_era * 365 + of_era / 4 - of_era / 100 + (153 * m + 2) / 5 + day - 1;
    (1..=last).contains(&day).then_some(era * 146_097 + days - 719_468)
}

/// Microseconds since 1970-01-01T00:00:00Z of an instant written as schema::INSTANT says.
#[inline]
pub(super) fn instant_micros(text: &str) -> Option<i64> {
    let (day, [b'T', h1, h2, b':', i1, i2, b':', s1, s2, rest @ ..]) = (text.get(..10)?, text.as_bytes().get(10..)?) else { return None };
    let (hour, minute, second) = (two(*h1, *h2)?, two(*i1, *i2)?, two(*s1, *s2)?);
    let (micros, rest) = match rest {
        [b'.', decimals @ ..] => {
            let n = decimals.iter().take_while(|b| b.is_ascii_digit()).count();
            let (decimals, rest) = decimals.split_at_checked(n).filter(|_| (1..=6).contains(&n))?;
            let value = decimals.iter().fold(0, |sum, b| sum * 10 + i64::from(b - b'0'));
            (value * 10_i64.pow(6 - u32::try_from(n).ok()?), rest)
        }
        _ => (0, rest),
    };
    let offset = match *rest {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two(h1, h2).filter(|h| *h < 24)?, two(m1, m2).filter(|m| *m < 60)?);
            if sign == b'+' { hours * 60 + minutes } else { -(hours * 60 + minutes) }
        }
        _ => return None,
    };
    let whole = hour < 24 && minute < 60 && second < 60;
    let seconds = i64::from(date_days(day)?) * 86_400 + i64::from((hour * 60 + minute - offset) * 60 + second);
    whole.then_some(seconds * 1_000_000 + micros)
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<i32> {
    let (t, o) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (t < 10 && o < 10).then_some(i32::from(t) * 10 + i32::from(o))
}

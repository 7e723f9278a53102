//! Days and instants of the demo: dates are Asia/Shanghai's, instants milliseconds since 1970 in UTC, and no clock is read.
use crate::contract::date_days;
use crate::error::{Error, Result};
use chrono::{Datelike, NaiveDate};

pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;
pub const MINUTE: i64 = HOUR / 60;
/// Asia/Shanghai is eight hours ahead of UTC all year.
pub const SHANGHAI: i64 = 8 * HOUR;

/// Days since 1970.
pub fn day(year: i64, month: i64, of_month: i64) -> Result<i64> {
    let text = format!("{year:04}-{month:02}-{of_month:02}");
    date_days(&text).map(i64::from).ok_or_else(|| Error::new(format!("the demo can't use the year {year}")))
}

pub fn calendar(day: i64) -> NaiveDate {
    i32::try_from(day + 719_163).ok().and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or_default()
}

pub fn date(day: i64) -> String {
    calendar(day).to_string()
}

pub fn year_of(day: i64) -> i64 {
    calendar(day).year().into()
}

/// RFC 3339 in Asia/Shanghai, to the second.
pub fn instant(millis: i64) -> String {
    let (day, seconds) = (calendar((millis + SHANGHAI).div_euclid(DAY)), (millis + SHANGHAI).rem_euclid(DAY) / 1000);
    format!("{day}T{:02}:{:02}:{:02}+08:00", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

//! What a text may never hold: a citizen's ID number or a mobile number (contract §2, domain sheet §8).
//!
//! Pseudonyms protect nobody if a clerk types the number into a free text beside them.

/// Whether `text` holds a citizen's ID or a mainland mobile number as a whole run of digits; tells what and the byte where it starts.
///
/// A run of 11 digits covers a position that is 10 modulo 11: only those are looked at, so that a clean text costs a few loads.
pub fn holds_person(text: &str) -> Option<(&'static str, usize)> {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let mut i = 10;
    while i < bytes.len() {
        if digit(i) {
            let (mut start, mut end) = (i, i + 1);
            while start > 0 && digit(start - 1) {
                start -= 1;
            }
            while digit(end) {
                end += 1;
            }
            if let Some(what) = run(bytes, start, end).filter(|_| !within_credit_code(bytes, start, end)) {
                return Some((what, start));
            }
            i = end;
        }
        i += 11;
    }
    None
}

/// What the whole run of digits `start..end` is.
fn run(bytes: &[u8], start: usize, end: usize) -> Option<&'static str> {
    let digits = bytes.get(start..end)?;
    match digits {
        [b'1', b'3'..=b'9', ..] if digits.len() == 11 => Some("a mobile number"),
        _ if digits.len() == 18 => is_citizen_id(std::str::from_utf8(digits).ok()?).then_some("an ID number"),
        // The check digit 10 is written X, and ends the run unless digits go on after it.
        _ if digits.len() == 17 && !bytes.get(end + 1).is_some_and(u8::is_ascii_digit) => {
            is_citizen_id(std::str::from_utf8(bytes.get(start..=end)?).ok()?).then_some("an ID number")
        }
        _ => None,
    }
}

fn within_credit_code(bytes: &[u8], start: usize, end: usize) -> bool {
    let letter = |b: &u8| b.is_ascii_alphanumeric();
    let from = start - bytes.iter().take(start).rev().take_while(|b| letter(b)).count();
    let to = end + bytes.iter().skip(end).take_while(|b| letter(b)).count();
    bytes.get(from..to).and_then(|b| std::str::from_utf8(b).ok()).is_some_and(is_credit_code)
}

/// Whether `text` is a valid citizen's ID number: 18 characters, a real date of birth, the check digit (GB 11643-1999).
pub fn is_citizen_id(text: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let (Some(body), Some(check), 18) = (text.get(..17), text.get(17..), text.len()) else { return false };
    let sum = WEIGHTS.iter().zip(body.chars()).try_fold(0, |sum, (w, c)| Some(sum + w * c.to_digit(10)?));
    let born = || Some(format!("{}-{}-{}", body.get(6..10)?, body.get(10..12)?, body.get(12..14)?));
    let due = sum.and_then(|s| "10X98765432".get(s as usize % 11..=s as usize % 11));
    due.is_some_and(|d| check.eq_ignore_ascii_case(d)) && born().is_some_and(|b| super::date_days(&b).is_some())
}

/// Whether `text` is a valid unified social credit code: 18 characters, the check character (GB 32100-2015).
pub fn is_credit_code(text: &str) -> bool {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let mut weight = 1;
    let mut sum = 0;
    for c in text.chars().take(17) {
        let Some(value) = ALPHABET.find(c) else { return false };
        sum += value * weight;
        weight = weight * 3 % 31;
    }
    let check = (31 - sum % 31) % 31;
    text.len() == 18 && text.get(17..) == ALPHABET.get(check..=check)
}

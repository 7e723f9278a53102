//! JSON as RFC 8259 has it, read in place.
//!
//! A scanner of our own, since it is the hot loop and must tell what a general parser hides: how a number is written, a key that
//! comes twice at any depth, where a value stands. Strings stay where they are; only one with escapes is copied.

/// A string's text: a range of the event, or of the arena where it had escapes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
    copied: bool,
}

/// Not JSON: at this byte, and why.
pub(super) struct Syntax(pub usize, pub &'static str);

/// Nesting beyond this is refused, so that no input can exhaust the stack.
const DEEPEST: usize = 128;

pub(super) struct Scan<'a> {
    pub event: &'a str,
    pub at: usize,
    /// The unescaped strings of this event.
    pub arena: String,
    /// An object that was skipped has a key twice.
    pub twice: bool,
}

impl Scan<'_> {
    #[inline]
    pub fn text(&self, span: Span) -> &str {
        text_of(self.event, &self.arena, span)
    }

    #[inline]
    pub fn bytes(&self, span: Span) -> &[u8] {
        bytes_of(self.event, &self.arena, span)
    }

    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.event.as_bytes().get(self.at).copied()
    }

    /// The bytes still to come.
    #[inline]
    pub fn rest(&self) -> &[u8] {
        self.event.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Whether `text` comes next.
    #[inline]
    pub fn comes(&self, text: &[u8]) -> bool {
        self.rest().get(..text.len()).is_some_and(|here| same(here, text))
    }

    #[inline]
    pub fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        self.at += usize::from(is);
        is
    }

    #[inline]
    pub fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Syntax> {
        if self.eat(byte) { Ok(()) } else { Err(Syntax(self.at, what)) }
    }

    /// After a member or an item: true at `,`, false at the closing byte.
    #[inline]
    pub fn goes_on(&mut self, close: u8) -> Result<bool, Syntax> {
        self.space();
        if self.eat(b',') {
            self.space();
            return Ok(true);
        }
        self.expect(close, "a comma or the end of an object or array is missing").map(|()| false)
    }

    /// Skips `:` and the white space around it.
    #[inline]
    pub fn colon(&mut self) -> Result<(), Syntax> {
        self.space();
        self.expect(b':', "a colon is missing")?;
        self.space();
        Ok(())
    }

    /// A string; `at` is behind its opening quote.
    #[inline]
    pub fn string(&mut self) -> Result<Span, Syntax> {
        let start = self.at;
        let bytes = self.event.as_bytes();
        let mut at = start;
        while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let stops = stops(u64::from_le_bytes(*word));
            if stops != 0 {
                at += (stops.trailing_zeros() / 8) as usize;
                break;
            }
            at += 8;
        }
        loop {
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(span(start, at, false));
                }
                Some(b'\\') => return self.escaped(start, at),
                Some(0..0x20) => return Err(Syntax(at, "a control character in a string")),
                Some(_) => at += 1,
                None => return Err(Syntax(at, "cut off in a string")),
            }
        }
    }

    /// The string from `start` whose first escape is at `at`, copied into the arena.
    #[cold]
    fn escaped(&mut self, start: usize, mut at: usize) -> Result<Span, Syntax> {
        let into = self.arena.len();
        let mut from = start;
        let bytes = self.event.as_bytes();
        loop {
            match bytes.get(at) {
                Some(b'"') => {
                    self.arena.push_str(self.event.get(from..at).unwrap_or_default());
                    self.at = at + 1;
                    return Ok(span(into, self.arena.len(), true));
                }
                Some(b'\\') => {
                    self.arena.push_str(self.event.get(from..at).unwrap_or_default());
                    let (c, length) = escape(bytes.get(at + 1..).unwrap_or_default()).ok_or(Syntax(at, "no such escape"))?;
                    self.arena.push(c);
                    at += 1 + length;
                    from = at;
                }
                Some(0..0x20) => return Err(Syntax(at, "a control character in a string")),
                Some(_) => at += 1,
                None => return Err(Syntax(at, "cut off in a string")),
            }
        }
    }

    /// A number, as it is written.
    #[inline]
    pub fn number(&mut self) -> Result<Span, Syntax> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(span(start, self.at, false))
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Syntax> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Syntax(start, "a digit is missing")) }
    }

    #[inline]
    pub fn word(&mut self, word: &'static str) -> Result<(), Syntax> {
        if !self.comes(word.as_bytes()) {
            return Err(Syntax(self.at, "no JSON value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Passes over a value of any kind, `depth` deep; notes a key that comes twice.
    pub fn skip(&mut self, depth: usize) -> Result<(), Syntax> {
        if depth > DEEPEST {
            return Err(Syntax(self.at, "nested too deep"));
        }
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(|_| ())
            }
            Some(b'{') => {
                self.at += 1;
                self.space();
                let mut keys = Vec::new();
                let mut more = !self.eat(b'}');
                while more {
                    self.expect(b'"', "a key is missing")?;
                    keys.push(self.string()?);
                    self.colon()?;
                    self.skip(depth + 1)?;
                    more = self.goes_on(b'}')?;
                }
                self.note_twice(&mut keys);
                Ok(())
            }
            Some(b'[') => {
                self.at += 1;
                self.space();
                let mut more = !self.eat(b']');
                while more {
                    self.skip(depth + 1)?;
                    more = self.goes_on(b']')?;
                }
                Ok(())
            }
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            Some(b'-' | b'0'..=b'9') => self.number().map(|_| ()),
            Some(_) => Err(Syntax(self.at, "no JSON value")),
            None => Err(Syntax(self.at, "cut off")),
        }
    }

    /// Notes whether two of an object's keys are the same text.
    pub fn note_twice(&mut self, keys: &mut [Span]) {
        keys.sort_unstable_by(|a, b| self.bytes(*a).cmp(self.bytes(*b)));
        self.twice |= keys.array_windows().any(|[a, b]| self.bytes(*a) == self.bytes(*b));
    }
}

/// Equality of short texts, word by word: a call of the library's costs more than the comparison.
#[inline]
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let words = || a_words.iter().zip(b_words).all(|(x, y)| u64::from_le_bytes(*x) == u64::from_le_bytes(*y));
    match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        (Some(x), Some(y)) => a.len() == b.len() && words() && x == y,
        _ => a_rest.len() == b_rest.len() && a_rest.iter().zip(b_rest).all(|(x, y)| x == y) && a.len() == b.len(),
    }
}

/// A span's text, in the event or in the arena.
#[inline]
pub(super) fn text_of<'t>(event: &'t str, arena: &'t str, span: Span) -> &'t str {
    let home = if span.copied { arena } else { event };
    home.get(span.start as usize..span.end as usize).unwrap_or_default()
}

/// A span's bytes, without the cost of making sure that it is one.
#[inline]
pub(super) fn bytes_of<'t>(event: &'t str, arena: &'t str, span: Span) -> &'t [u8] {
    let home = if span.copied { arena } else { event };
    home.as_bytes().get(span.start as usize..span.end as usize).unwrap_or_default()
}

#[inline]
fn span(start: usize, end: usize, copied: bool) -> Span {
    // An event is at most 64 KiB, and what it unescapes to is shorter.
    Span { start: start as u32, end: end as u32, copied }
}

/// Marks, by its high bit, the first byte that ends a run of plain text: a quote, a backslash or a control character.
#[inline]
fn stops(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let below = |x: u64, c: u8| x.wrapping_sub(ONES * u64::from(c)) & !x;
    // With bit 1 flipped the quote comes right behind the control characters.
    (below(word ^ (ONES * 0x02), 0x21) | below(word ^ (ONES * u64::from(b'\\')), 1)) & (ONES * 0x80)
}

/// The character an escape stands for and the escape's length, from behind its backslash.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let c = match bytes.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = |from: usize| {
                let digits = std::str::from_utf8(bytes.get(from..from + 4)?).ok()?;
                let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
                u32::from_str_radix(digits, 16).ok().filter(|_| hex)
            };
            let high = unit(1)?;
            if !(0xd800..0xdc00).contains(&high) {
                return Some((char::from_u32(high)?, 5));
            }
            let low = unit(7).filter(|low| bytes.get(5..7) == Some(b"\\u") && (0xdc00..0xe000).contains(low))?;
            return Some((char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?, 11));
        }
        _ => return None,
    };
    Some((c, 1))
}

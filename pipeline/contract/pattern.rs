//! A schema's `pattern`, fast. Most are runs of character classes (`^[0-9a-f]{32}#[1-9][0-9]*$`), which a table per class matches at
//! a byte a cycle; what has groups goes to the regex engine, and one value remembered spares it most of the work.
use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// A compiled pattern.
#[derive(Debug)]
pub(super) enum Pattern {
    Runs(Vec<Run>),
    /// The engine, and the place of the last value it accepted in the caller's memory.
    Regex(Box<Regex>, usize),
}

/// `min` to `max` bytes of a class.
#[derive(Debug)]
pub(super) struct Run {
    class: Box<[bool; 256]>,
    min: usize,
    max: usize,
}

/// The last value that each regex accepted: a producer repeats its source and its month.
pub(super) type Memory = Vec<String>;

impl Pattern {
    /// Compiles `text`; `next` is the first free place in the memory. Error: why it isn't a pattern.
    pub fn compile(text: &str, next: &mut usize) -> Result<Pattern, String> {
        if !text.starts_with('^') || !text.ends_with('$') {
            return Err("the pattern isn't anchored at both ends".to_owned());
        }
        let hir = regex_syntax::parse(text).map_err(|e| e.to_string())?;
        if let Some(runs) = runs(&hir) {
            return Ok(Pattern::Runs(runs));
        }
        let regex = Regex::new(text).map_err(|e| e.to_string())?;
        *next += 1;
        Ok(Pattern::Regex(Box::new(regex), *next - 1))
    }

    pub fn matches(&self, text: &str, memory: &mut Memory) -> bool {
        match self {
            Pattern::Runs(runs) => {
                let mut rest = text.as_bytes();
                runs.iter().all(|run| run.take(&mut rest)) && rest.is_empty()
            }
            Pattern::Regex(regex, place) => match memory.get_mut(*place) {
                // Before the first, what is remembered is empty, and the engine hasn't seen it.
                Some(last) if *last == text && !text.is_empty() => true,
                Some(last) if regex.is_match(text) => {
                    text.clone_into(last);
                    true
                }
                Some(_) => false,
                None => regex.is_match(text),
            },
        }
    }
}

impl Run {
    /// Takes the run off the front of `rest`; false if it isn't there.
    fn take(&self, rest: &mut &[u8]) -> bool {
        let most = rest.len().min(self.max);
        let Some(front) = rest.get(..most) else { return false };
        // All of it is the common case, and the only one the compiler turns into straight code.
        let n = if front.iter().fold(true, |all, b| all & self.has(*b)) {
            most
        } else if self.min == self.max {
            return false;
        } else {
            front.iter().take_while(|b| self.has(**b)).count()
        };
        *rest = rest.get(n..).unwrap_or_default();
        n >= self.min
    }

    #[expect(clippy::indexing_slicing, reason = "a byte can't leave a table of 256")]
    fn has(&self, byte: u8) -> bool {
        self.class[usize::from(byte)]
    }
}

/// The runs of an anchored pattern without groups, where each run ends where the next one begins and nowhere else.
fn runs(hir: &Hir) -> Option<Vec<Run>> {
    let HirKind::Concat(parts) = hir.kind() else { return None };
    let [start, middle @ .., end] = parts.as_slice() else { return None };
    let anchored = matches!(start.kind(), HirKind::Look(Look::Start)) && matches!(end.kind(), HirKind::Look(Look::End));
    let mut runs = Vec::new();
    for part in middle {
        match part.kind() {
            HirKind::Literal(l) => runs.extend(l.0.iter().map(|b| Run { class: class(&[(*b, *b)]), min: 1, max: 1 })),
            HirKind::Class(c) => runs.push(Run { class: ascii(c)?, min: 1, max: 1 }),
            HirKind::Repetition(r) => {
                let HirKind::Class(c) = r.sub.kind() else { return None };
                let max = r.max.map_or(usize::MAX, |m| m as usize);
                runs.push(Run { class: ascii(c)?, min: r.min as usize, max });
            }
            _ => return None,
        }
    }
    let apart = |a: &Run, b: &Run| a.min == a.max || (b.min > 0 && a.class.iter().zip(b.class.iter()).all(|(x, y)| !(x & y)));
    (anchored && runs.array_windows().all(|[a, b]| apart(a, b))).then_some(runs)
}

fn ascii(c: &Class) -> Option<Box<[bool; 256]>> {
    let ranges: Option<Vec<(u8, u8)>> = match c {
        Class::Unicode(u) => u.iter().map(|r| Some((u8::try_from(r.start()).ok()?, u8::try_from(r.end()).ok()?))).collect(),
        Class::Bytes(b) => Some(b.iter().map(|r| (r.start(), r.end())).collect()),
    };
    ranges.filter(|r| r.iter().all(|(_, end)| end.is_ascii())).map(|r| class(&r))
}

fn class(ranges: &[(u8, u8)]) -> Box<[bool; 256]> {
    let mut table = Box::new([false; 256]);
    for (byte, has) in (0..=u8::MAX).zip(table.iter_mut()) {
        *has = ranges.iter().any(|(from, to)| (*from..=*to).contains(&byte));
    }
    table
}

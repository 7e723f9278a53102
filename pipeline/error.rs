//! The one error of the program: what happened, the detail, and what to do about it.
//!
//! Every room returns it, so that a clerk reads the same form everywhere. A cause is told once: whoever wraps an error adds
//! what it knows and never repeats what is already in it.
use std::fmt;

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a failure means to the shell (contract §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 1: not done.
    Failed,
    /// 2: the call was wrong.
    Usage,
    /// 3: done, but something was refused or does not hold.
    Refused,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
        }
    }
}

/// What happened, detail, hint: lower case, no full stop, the kind of the object named.
#[derive(Debug, Clone)]
pub struct Error {
    what: String,
    detail: Option<String>,
    hint: Option<String>,
    exit: Exit,
}

impl Error {
    /// A failure (exit 1); `what` names the object and what happened to it.
    pub fn new(what: impl Into<String>) -> Error {
        Error { what: what.into(), detail: None, hint: None, exit: Exit::Failed }
    }

    /// A wrong call or setting (exit 2).
    pub fn usage(what: impl Into<String>) -> Error {
        Error { exit: Exit::Usage, ..Error::new(what) }
    }

    /// Done, but something was refused or does not hold (exit 3).
    pub fn refused(what: impl Into<String>) -> Error {
        Error { exit: Exit::Refused, ..Error::new(what) }
    }

    /// Adds why: the cause in its own words.
    pub fn detail(mut self, detail: impl fmt::Display) -> Error {
        self.detail = Some(detail.to_string());
        self
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// What the shell is told.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(d) = &self.detail {
            write!(f, ": {d}")?;
        }
        if let Some(h) = &self.hint {
            write!(f, "\nhint: {h}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Says what was being done when a foreign error came.
pub trait Context<T> {
    /// `what` happened, because of the error; the error becomes the detail.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::new(what()).detail(e))
    }
}

//! Why a message is refused. The codes are stable: the lake keeps them, dashboards count them, producers look them up.
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal,)*) => {
        /// A reason, in the order of the checks: of several that hold, the first here is told, so that a code doesn't hang on where
        /// in the message a fault stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// Every code, in the order of the checks.
            pub const ALL: &[Code] = &[$(Code::$code),*];

            /// The name in the lake's `rejects`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Code::$code => $name,)*
                }
            }
        }
    };
}

codes! {
    /// A Kafka record without a value.
    Tombstone = "tombstone",
    /// More than 64 KiB.
    TooLarge = "too_large",
    /// Not UTF-8.
    NotUtf8 = "not_utf8",
    /// Not one whole JSON value, or nested too deep.
    NotJson = "not_json",
    /// An object, at any depth, has a key twice.
    DuplicateKey = "duplicate_key",
    /// The envelope lacks an attribute.
    MissingAttribute = "missing_attribute",
    /// The envelope has an attribute the contract doesn't know.
    UnknownAttribute = "unknown_attribute",
    /// No such event type.
    UnknownType = "unknown_type",
    /// The type belongs to another topic.
    WrongTopic = "wrong_topic",
    /// The Kafka key isn't the event's subject.
    KeyNotSubject = "key_not_subject",
    /// A required field is absent.
    MissingField = "missing_field",
    /// A field the type doesn't have.
    UnknownField = "unknown_field",
    /// `null` where a field may only be absent.
    NullField = "null_field",
    /// A value of another JSON type, or an integer not written as one.
    WrongType = "wrong_type",
    /// No such day, or not written `YYYY-MM-DD`.
    BadDate = "bad_date",
    /// No such instant, or not written as RFC 3339 with offset and at most 6 decimals.
    BadInstant = "bad_instant",
    /// A number outside the field's range.
    OutOfRange = "out_of_range",
    /// A code that isn't in the field's list.
    UnknownCode = "unknown_code",
    /// A text not of the field's form.
    BadFormat = "bad_format",
    /// A text longer than the field allows.
    TooLong = "too_long",
    /// A list holds a code twice.
    DuplicateItem = "duplicate_item",
    /// The subject isn't the one the data make.
    SubjectMismatch = "subject_mismatch",
    /// The source may not state this.
    NotAuthorised = "not_authorised",
    /// A text or id holds an ID number or a mobile number.
    PersonalData = "personal_data",
    /// The producer stamped the message, so its time isn't the broker's (told by the lake).
    ProducerTimestamp = "producer_timestamp",
    /// A range of offsets that never held a message (told by the lake).
    OffsetsAbsent = "offsets_absent",
    /// A range of offsets the log no longer has (told by the lake).
    OffsetsLost = "offsets_lost",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A refused message: what, where, why. Neither part ever repeats a value, which might name a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The reason.
    pub code: Code,
    /// Where: `$` is the event, `$.data.levels[1]` the second item of a field.
    pub json_path: String,
    /// Why, in words, with field names, lengths and positions at most.
    pub detail: String,
}

impl Reject {
    /// A reject at a path.
    pub fn new(code: Code, json_path: impl Into<String>, detail: impl Into<String>) -> Reject {
        Reject { code, json_path: json_path.into(), detail: detail.into() }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.code, self.json_path, self.detail)
    }
}

impl std::error::Error for Reject {}

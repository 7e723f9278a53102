//! The dictionary of events, written from the table itself, so that it can't lag behind.
use super::schema::{Authority, Contract, EventType, Member, Topic};
use super::value::Kind;
use std::fmt::Write;

/// Event types and data columns as Markdown.
pub fn dictionary(contract: &Contract) -> String {
    let mut out = String::from("# Events\n\n| event | title | topic | subject | stated by |\n|---|---|---|---|---|\n");
    for t in contract.types() {
        let topic = t.topic.map_or("that of the type it is about", Topic::name);
        let subject = if t.subject.is_empty() {
            "that of the type it is about".to_owned()
        } else {
            format!("`{}`", t.template().replace('|', "\\|"))
        };
        line(&mut out, format_args!("| [`{0}`](#{0}) | {1} | {topic} | {subject} | {2} |", t.name, t.title, authority(t)));
    }
    for t in contract.types() {
        line(&mut out, format_args!("\n## {}\n\n`{}`. {}\n", t.name, t.type_name, t.description));
        out.push_str("| field | kind | | meaning |\n|---|---|---|---|\n");
        for m in t.members() {
            let due = if m.required { "" } else { "may be absent" };
            line(&mut out, format_args!("| `{}` | {} | {due} | {} |", m.name, kind(m), m.description));
        }
        for n in &t.needs {
            let name = |i: usize| t.members().get(i).map_or("", |m| m.name.as_str());
            line(&mut out, format_args!("\nWith `{}` `{}`, `{}` may not be absent.", name(n.member), n.code, name(n.due)));
        }
    }
    out.push_str(
        "\n# Fields\n\nEach is a column of `events`.\n\n| field | title | kind | column | meaning | events |\n|---|---|---|---|---|---|\n",
    );
    for m in contract.fields().values() {
        let users = contract.types().iter().filter(|t| t.members().iter().any(|f| f.name == m.name)).map(|t| format!("`{}`", t.name));
        let users = users.collect::<Vec<_>>().join(", ");
        let column = column(m);
        line(&mut out, format_args!("| `{}` | {} | {} | {column} | {} | {users} |", m.name, m.title, kind(m), m.description));
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = writeln!(out, "{text}");
}

fn authority(t: &EventType) -> String {
    match t.authority {
        Authority::Any => "province, city, districts".to_owned(),
        Authority::City => "province, city".to_owned(),
        Authority::District(i) => {
            format!("province, city, the district named by `{}`", t.members().get(i).map_or("", |m| m.name.as_str()))
        }
        Authority::Target => "as the type it is about".to_owned(),
    }
}

fn kind(m: &Member) -> String {
    let value = m.value.items.as_deref().unwrap_or(&m.value);
    let one = match (&value.codes.as_slice(), value.kind) {
        ([], Kind::Text) => match (&value.pattern, value.length) {
            (Some((form, _)), (_, usize::MAX)) => format!("text `{}`", form.replace('|', "\\|")),
            (Some((form, _)), (_, most)) => format!("text `{}`, at most {most} characters", form.replace('|', "\\|")),
            (None, (least, most)) => format!("text, {least} to {most} characters"),
        },
        ([], Kind::Bytes) => format!("{} hex digits", 2 * value.length.0),
        ([], Kind::Date) => "date".to_owned(),
        ([], Kind::Instant) => "instant".to_owned(),
        ([], Kind::Boolean) => "boolean".to_owned(),
        ([], Kind::Integer) => format!("integer, {} to {}", value.range.0, value.range.1),
        ([], _) => String::new(),
        (codes, _) => codes.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(" "),
    };
    if m.value.kind == Kind::List { format!("distinct items of: {one}") } else { one }
}

fn column(m: &Member) -> &'static str {
    match m.value.kind {
        Kind::Bytes => "binary",
        Kind::Date => "date",
        Kind::Instant => "timestamp (µs, UTC)",
        Kind::Integer => "bigint",
        Kind::Boolean => "boolean",
        Kind::List => "list of text",
        Kind::Text | Kind::Data | Kind::TypeName => "text",
    }
}

//! Sheets as files and on the terminal: CSV, one HTML page, the spreadsheet.
//!
//! Pure functions of sheets and [`Vars`]: the same arguments give the same bytes.
pub mod xlsx;

use crate::error::{Context, Result};
use crate::reports::form::{Bar, Cell, Chart, Form, Format as Shown, Head, Row, Sheet, Value, Vars};
use crate::table::{self, Align, pad};
use arrow::array::RecordBatch;
use minijinja::{context, syntax::SyntaxConfig};
use std::collections::BTreeMap;
use unicode_width::UnicodeWidthStr;
pub use xlsx::xlsx;

/// A CSV file that Excel opens right: UTF-8 with a BOM, CRLF, column names first, then, where asked for, a row of labels.
pub fn csv(batch: &RecordBatch, labels: Option<&BTreeMap<String, String>>) -> Result<Vec<u8>> {
    let mut bytes = "\u{feff}".as_bytes().to_vec();
    table::csv(&batch.schema(), std::slice::from_ref(batch), labels, csv::Terminator::CRLF, &mut bytes)?;
    Ok(bytes)
}

/// One page that needs nothing else: no script, no file, no address. Reads on paper (A4 landscape), in light and dark.
pub fn html(sheets: &[Sheet], vars: &Vars) -> Result<Vec<u8>> {
    let mut env = minijinja::Environment::new();
    env.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let failed = || "page report.html can't be made".to_owned();
    env.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().context(failed)?);
    env.add_template("report.html", include_str!("../report.html")).context(failed)?;
    let tables = sheets.iter().map(page_table).collect::<Result<Vec<_>>>()?;
    let page = env.get_template("report.html").and_then(|t| t.render(context! { tables, ..vars.context() }));
    // The engine escapes slashes too, which HTML doesn't need: pins and paths stay as they are written elsewhere.
    page.map(|p| p.replace("&#x2f;", "/").into_bytes()).context(failed)
}

/// The sheet on the terminal: no colours, no frame, rules at the head and the foot.
pub fn terminal(sheet: &Sheet, vars: &Vars) -> String {
    let form = &sheet.form;
    let labels: Vec<Vec<&str>> = form.columns.iter().map(|c| c.label.lines().collect()).collect();
    let depth = labels.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths: Vec<usize> = labels.iter().map(|l| l.iter().map(|t| t.width()).max().unwrap_or(0)).collect();
    let rows = sheet.rows.get(..shown(sheet)).unwrap_or_default();
    for row in rows {
        widths.iter_mut().zip(&row.cells).for_each(|(w, c)| *w = (*w).max(c.text.width()));
    }
    let across = |widths: &[usize]| widths.iter().map(|w| w + 2).sum::<usize>().saturating_sub(2);
    let header = form.header();
    let groups = header.get(..header.len().saturating_sub(1)).unwrap_or_default();
    for group in groups.iter().rev().flatten().filter(|h| !h.leaf) {
        // A group's heading may be wider than its columns: they share what lacks.
        let columns = widths.get_mut(group.first..group.first + group.span).unwrap_or_default();
        let lacks = group.lines.concat().width().saturating_sub(across(columns));
        let (each, rest) = (lacks / group.span, lacks % group.span);
        columns.iter_mut().enumerate().for_each(|(i, w)| *w += each + usize::from(i < rest));
    }
    // Digits of different length don't line up in the middle of a terminal's cells.
    let side = |format: Shown| if matches!(format, Shown::Ordinal | Shown::Running) { Align::Right } else { format.align() };
    let (all, line) = (across(&widths), |cells: Vec<String>| cells.join("  ").trim_end().to_owned() + "\n");
    let over = |heads: &[Head]| {
        let (mut cells, mut at) = (vec![], 0);
        while at < widths.len() {
            let head = heads.iter().find(|h| h.first == at && !h.leaf);
            let span = head.map_or(1, |h| h.span.max(1));
            let width = across(widths.get(at..at + span).unwrap_or_default());
            let (text, rule) = head.map_or((String::new(), " "), |h| (h.lines.concat(), "─"));
            let rest = width.saturating_sub(text.width());
            cells.push(format!("{}{text}{}", rule.repeat(rest / 2), rule.repeat(rest - rest / 2)));
            at += span;
        }
        line(cells)
    };
    let provisional = if vars.provisional { "（暂定）" } else { "" };
    let parts: Vec<&str> = form.unit_line.iter().map(|p| p.text.as_str()).collect();
    let (title, thick) = (pad(&form.title, all, Align::Centre), "━".repeat(all));
    let marking = form.marking.as_ref().map(|m| format!("　{m}")).unwrap_or_default();
    let mut text = format!("{}{provisional}{marking}\n{}\n{}\n{thick}\n", form.number, title.trim_end(), parts.join("　　"));
    groups.iter().for_each(|heads| text += &over(heads));
    for level in 0..depth {
        // Labels stand on the rule below them: the short ones start further down.
        let at = |l: &[&str]| (level + l.len()).checked_sub(depth).and_then(|i| l.get(i).copied()).unwrap_or("").to_owned();
        let cells = form.columns.iter().zip(&labels).zip(&widths);
        text += &line(cells.map(|((c, l), w)| pad(&at(l), *w, side(c.format))).collect());
    }
    text += &line(vec!["─".repeat(all)]);
    for row in rows {
        let cells = form.columns.iter().zip(&row.cells).zip(&widths);
        text += &line(cells.map(|((c, cell), w)| pad(&cell.text, *w, side(c.format))).collect());
    }
    match sheet.rows.len() {
        0 => text += &line(vec![pad(&form.none, all, Align::Centre)]),
        all if all > rows.len() => text += &format!("（共 {all} 行，此处列前 {} 行）\n", rows.len()),
        _ => {}
    }
    text + &line(vec![thick]) + &line(vec![form.notes()])
}

/// How many rows the page and the terminal show.
fn shown(sheet: &Sheet) -> usize {
    sheet.form.page_rows.unwrap_or(usize::MAX).min(sheet.rows.len())
}

/// What the page's template is given of a sheet.
fn page_table(sheet: &Sheet) -> Result<minijinja::Value> {
    let form = &sheet.form;
    let head = |h: &Head| context! { lines => h.lines.clone(), span => h.span, deep => h.deep, leaf => h.leaf };
    let header: Vec<Vec<_>> = form.header().iter().map(|row| row.iter().map(head).collect()).collect();
    let class = |cell: &Cell, align: Align| match (cell.value.light(), cell.value, align) {
        (Some(light), ..) => format!("mid light {light}"),
        (_, _, Align::Left) => "txt".to_owned(),
        (_, Value::Null | Value::Hidden, _) => "mid none".to_owned(),
        (_, _, Align::Centre) => "mid".to_owned(),
        (_, _, Align::Right) => "num".to_owned(),
    };
    let row = |r: &Row| {
        let cells = form.columns.iter().zip(&r.cells);
        let cells: Vec<_> = cells.map(|(c, cell)| context! { text => cell.text.clone(), class => class(cell, c.format.align()) }).collect();
        context! { total => r.total, cells }
    };
    let parts: Vec<String> = form.unit_line.iter().map(|p| p.text.clone()).collect();
    let marks: Vec<String> = form.columns.iter().map(|c| c.mark.clone()).filter(|_| form.numbered()).collect();
    let rows: Vec<_> = sheet.rows.get(..shown(sheet)).unwrap_or_default().iter().map(row).collect();
    let all = sheet.rows.len();
    let chart = form.chart.as_ref().map(|c| chart(sheet, c)).transpose()?;
    // The row's heading: its first text, the district's name.
    let heading = form.columns.iter().position(|c| c.format.align() == Align::Left).unwrap_or(0);
    let Form { number, title, notes, sign_off, marking, none, sheet: table, .. } = form.clone();
    let (summary, columns) = (sheet.summary.clone(), form.columns.len());
    // The form's proportions, where the text leaves room.
    let across = form.columns.iter().map(|c| u32::from(c.width)).sum::<u32>().max(1);
    let widths: Vec<u32> = form.columns.iter().map(|c| u32::from(c.width) * 100 / across).collect();
    Ok(context! {
        columns, widths, number, title, marking, summary, parts, header, marks, rows, all, none, heading, chart, notes, sign_off, table
    })
}

/// What the page draws, in thousandths, so that the page holds geometry alone.
fn chart(sheet: &Sheet, chart: &Chart) -> Result<minijinja::Value> {
    let total = sheet.rows.iter().find(|r| r.total);
    Ok(match chart {
        Chart::Rows { title, bar } => {
            let label = sheet.form.index(&bar.label)?;
            let rows = sheet.rows.iter().filter(|r| !r.total).map(|r| (text(r, label), r, bar));
            bars(sheet, title, &rows.collect::<Vec<_>>())?
        }
        Chart::Totals { title, bars: all } => {
            let rows = all.iter().filter_map(|b| total.map(|r| (b.label.as_str(), r, b)));
            bars(sheet, title, &rows.collect::<Vec<_>>())?
        }
        Chart::Lines { title, by, at, done, due, light } => {
            let place = |name: &String| sheet.form.index(name);
            lines(sheet, title, [place(by)?, place(at)?, place(done)?, place(due)?, place(light)?])
        }
    })
}

/// Bars of completion on tracks of targets, the longest 1000 long.
fn bars(sheet: &Sheet, title: &str, rows: &[(&str, &Row, &Bar)]) -> Result<minijinja::Value> {
    let form = &sheet.form;
    let at = |name: &String| form.index(name);
    let place = |name: &Option<String>| name.as_ref().map(at).transpose();
    let mut found = vec![];
    for (label, row, bar) in rows {
        found.push((*label, *row, (at(&bar.done)?, at(&bar.target)?, at(&bar.rate)?), place(&bar.pace)?, place(&bar.light)?));
    }
    let longest = found.iter().flat_map(|(_, r, (done, target, _), ..)| [number(r, *done), number(r, *target)]).max().unwrap_or(0).max(1);
    let length = |n: i128| i64::try_from(n * 1000 / longest).unwrap_or(0);
    let bars = found.iter().map(|(label, r, (done, target, rate), pace, light)| {
        let label = *label;
        let due = pace.and_then(|p| r.cells.get(p)).and_then(|c| match c.value {
            Value::Decimal(hundredths) => Some(length(number(r, *target) * hundredths.max(0) / 10_000)),
            _ => None,
        });
        let class = light.and_then(|l| r.cells.get(l)).and_then(|c| c.value.light()).unwrap_or("none");
        let (target_at, done_at) = (length(number(r, *target)), length(number(r, *done)));
        let light = light.map_or("", |l| text(r, l));
        context! {
            label, done => text(r, *done), target => text(r, *target), rate => text(r, *rate),
            light, class, done_at, target_at, due_at => due,
        }
    });
    let bars: Vec<_> = bars.collect();
    let name = |i: usize| form.columns.get(i).map(|c| c.label.replace('\n', ""));
    let first = found.first();
    let (done, target) = (first.and_then(|f| name(f.2.0)), first.and_then(|f| name(f.2.1)));
    let pace = first.and_then(|f| f.3).and_then(name);
    let left = rows.iter().map(|(label, ..)| label.width() * 13 / 2 + 14).max().unwrap_or(0);
    Ok(context! { kind => "bars", title, bars, done, target, pace, left })
}

/// For each place, what was done and due month by month, in thousandths of the last month's due.
/// `columns`: place, month, done, due, light.
fn lines(sheet: &Sheet, title: &str, columns: [usize; 5]) -> minijinja::Value {
    let [by, at, done, due, light] = columns;
    let mut places: Vec<(&str, Vec<&Row>)> = vec![];
    for row in &sheet.rows {
        match places.last_mut() {
            Some((place, rows)) if *place == text(row, by) => rows.push(row),
            _ => places.push((text(row, by), vec![row])),
        }
    }
    let hundredths = |r: &Row| match r.cells.get(due).map(|c| c.value) {
        Some(Value::Decimal(n)) => n.max(0),
        _ => 0,
    };
    let share = |r: &Row, whole: i128| i64::try_from(number(r, done) * 100_000 / whole.max(1)).unwrap_or(0);
    let known = |r: &&&Row| matches!(r.cells.get(done).map(|c| c.value), Some(Value::Integer(_)));
    let panels = places.iter().map(|(place, rows)| {
        let place = *place;
        let whole = rows.iter().map(|r| hundredths(r)).max().unwrap_or(0);
        let last = rows.iter().rfind(known);
        let points = rows.iter().filter(known).map(|r| context! { month => number(r, at), at => share(r, whole), done => text(r, done) });
        let height = |r: &Row| i64::try_from(hundredths(r) * 1000 / whole.max(1)).ok();
        let expected = rows.iter().map(|r| context! { month => number(r, at), at => height(r) });
        let class = last.and_then(|r| r.cells.get(light)).and_then(|c| c.value.light()).unwrap_or("none");
        let of = |i: usize| last.map(|r| text(r, i));
        let top = rows.iter().filter(known).map(|r| share(r, whole)).max().unwrap_or(0);
        let (points, expected) = (points.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        let whole = whole / 100;
        let total = rows.first().is_some_and(|r| r.total);
        let (done, due, light, month) = (of(done), of(due), of(light), of(at));
        context! { place, total, whole, points, expected, class, top, done, due, light, month }
    });
    let panels: Vec<_> = panels.collect();
    let name = |i: usize| sheet.form.columns.get(i).map(|c| c.label.replace('\n', ""));
    let top = panels.iter().filter_map(|p| i64::try_from(p.get_attr("top").ok()?).ok()).max().unwrap_or(0).max(1000);
    context! { kind => "lines", title, panels, top, done => name(done), due => name(due) }
}

fn text(row: &Row, column: usize) -> &str {
    row.cells.get(column).map_or("", |c| c.text.as_str())
}

/// A count; none is 0.
fn number(row: &Row, column: usize) -> i128 {
    match row.cells.get(column).map(|c| c.value) {
        Some(Value::Integer(n)) => i128::from(n.max(0)),
        _ => 0,
    }
}

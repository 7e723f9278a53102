//! Sheets as files and on the terminal: CSV, one HTML page, the spreadsheet.
//!
//! Pure functions of sheets and [`Vars`]: the same arguments give the same bytes.
pub mod xlsx;

use crate::error::{Context, Result};
use crate::reports::form::{Cell, Chart, Form, Format as Shown, Head, Row, Sheet, Value, Vars};
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
    for row in &sheet.rows {
        widths.iter_mut().zip(&row.cells).for_each(|(w, c)| *w = (*w).max(c.text.width()));
    }
    let across = |widths: &[usize]| widths.iter().map(|w| w + 2).sum::<usize>().saturating_sub(2);
    let [top, _] = form.header();
    for group in &top {
        // A group's heading may be wider than its columns: they share what lacks.
        let columns = widths.get_mut(group.first..group.first + group.span).unwrap_or_default();
        let lacks = if group.deep { 0 } else { group.lines.concat().width().saturating_sub(across(columns)) };
        let (each, rest) = (lacks / group.span, lacks % group.span);
        columns.iter_mut().enumerate().for_each(|(i, w)| *w += each + usize::from(i < rest));
    }
    // Digits of different length don't line up in the middle of a terminal's cells.
    let side = |format: Shown| if format == Shown::Ordinal { Align::Right } else { format.align() };
    let (all, line) = (across(&widths), |cells: Vec<String>| cells.join("  ").trim_end().to_owned() + "\n");
    let groups = top.iter().map(|h| {
        let width = across(widths.get(h.first..h.first + h.span).unwrap_or_default());
        let text = if h.deep { String::new() } else { h.lines.concat() };
        let (rest, rule) = (width.saturating_sub(text.width()), if h.deep { " " } else { "─" });
        format!("{}{text}{}", rule.repeat(rest / 2), rule.repeat(rest - rest / 2))
    });
    let provisional = if vars.provisional { "（暂定）" } else { "" };
    let parts: Vec<&str> = form.unit_line.iter().map(|p| p.text.as_str()).collect();
    let (title, thick) = (pad(&form.title, all, Align::Centre), "━".repeat(all));
    let mut text = format!("{}{provisional}\n{}\n{}\n{thick}\n", form.number, title.trim_end(), parts.join("　　"));
    text += &line(groups.collect());
    for level in 0..depth {
        // Labels stand on the rule below them: the short ones start further down.
        let at = |l: &[&str]| (level + l.len()).checked_sub(depth).and_then(|i| l.get(i).copied()).unwrap_or("").to_owned();
        let cells = form.columns.iter().zip(&labels).zip(&widths);
        text += &line(cells.map(|((c, l), w)| pad(&at(l), *w, side(c.format))).collect());
    }
    text += &line(vec!["─".repeat(all)]);
    for row in &sheet.rows {
        let cells = form.columns.iter().zip(&row.cells).zip(&widths);
        text += &line(cells.map(|((c, cell), w)| pad(&cell.text, *w, side(c.format))).collect());
    }
    text + &line(vec![thick]) + &line(vec![form.notes()])
}

/// What the page's template is given of a sheet.
fn page_table(sheet: &Sheet) -> Result<minijinja::Value> {
    let form = &sheet.form;
    let head = |h: &Head| context! { lines => h.lines.clone(), span => h.span, deep => h.deep };
    let header = form.header().map(|row| row.iter().map(head).collect::<Vec<_>>());
    let class = |cell: &Cell, align: Align| match (cell.value.light(), cell.value, align) {
        (Some(light), ..) => format!("mid light {light}"),
        (_, _, Align::Left) => "txt".to_owned(),
        (_, Value::Null, _) => "mid none".to_owned(),
        (_, _, Align::Centre) => "mid".to_owned(),
        (_, _, Align::Right) => "num".to_owned(),
    };
    let row = |r: &Row| {
        let cells = form.columns.iter().zip(&r.cells);
        let cells: Vec<_> = cells.map(|(c, cell)| context! { text => cell.text.clone(), class => class(cell, c.format.align()) }).collect();
        context! { total => r.total, cells }
    };
    let parts: Vec<String> = form.unit_line.iter().map(|p| p.text.clone()).collect();
    let marks: Vec<String> = form.columns.iter().map(|c| c.mark.clone()).collect();
    let rows: Vec<_> = sheet.rows.iter().map(row).collect();
    let chart = form.chart.as_ref().map(|c| chart(sheet, c)).transpose()?;
    // The row's heading: its first text, the district's name.
    let heading = form.columns.iter().position(|c| c.format.align() == Align::Left).unwrap_or(0);
    let Form { number, title, notes, sign_off, .. } = form.clone();
    Ok(context! { number, title, summary => sheet.summary.clone(), parts, header, marks, rows, heading, chart, notes, sign_off })
}

/// The bars, in thousandths of the longest, so that the page holds geometry alone.
fn chart(sheet: &Sheet, chart: &Chart) -> Result<minijinja::Value> {
    let form = &sheet.form;
    let at = |name: &str| form.index(name);
    let (label, done, target) = (at(&chart.label)?, at(&chart.done)?, at(&chart.target)?);
    let (pace, rate, light) = (at(&chart.pace)?, at(&chart.rate)?, at(&chart.light)?);
    let rows = || sheet.rows.iter().filter(|r| !r.total);
    let integer = |r: &Row, i: usize| match r.cells.get(i).map(|c| c.value) {
        Some(Value::Integer(n)) => i128::from(n.max(0)),
        _ => 0,
    };
    let longest = rows().flat_map(|r| [integer(r, done), integer(r, target)]).max().unwrap_or(0).max(1);
    let bars = rows().map(|r| {
        let text = |i: usize| r.cells.get(i).map_or("", |c| c.text.as_str());
        let due = match r.cells.get(pace).map(|c| c.value) {
            Some(Value::Decimal(hundredths)) => i64::try_from(integer(r, target) * hundredths.max(0) / 10 / longest).ok(),
            _ => None,
        };
        let class = r.cells.get(light).and_then(|c| c.value.light()).unwrap_or("none");
        let length = |n: i128| i64::try_from(n * 1000 / longest).unwrap_or(0);
        context! {
            label => text(label), done => text(done), target => text(target), rate => text(rate), light => text(light), class,
            done_at => length(integer(r, done)), target_at => length(integer(r, target)), due_at => due,
        }
    });
    let (bars, legend) = (bars.collect::<Vec<_>>(), |i: usize| form.columns.get(i).map(|c| c.label.replace('\n', "")));
    Ok(context! { title => chart.title.clone(), bars, done => legend(done), target => legend(target), pace => legend(pace) })
}

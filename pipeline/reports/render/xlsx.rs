//! The spreadsheet: one sheet a table, laid out as the supervision report's forms are, and a last sheet on where the figures come from.
//!
//! Numbers are typed numbers with exactly the digits of the decimals: a sheet has ensured that they fit. The document's date is a
//! parameter, so the same figures are the same file.
use crate::error::{Context, Error, Result};
use crate::reports::form::{Cell, Format as Shown, Row, Sheet, Value, Vars};
use crate::table::Align;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError};
use unicode_width::UnicodeWidthStr;

/// A table of so many rows is printed on one page, however tall they are: places to sign stand on no page of their own.
const ON_ONE_PAGE: usize = 20;

/// Rows of the layout, from 0: number, title, unit line, the header's rows, column numbers where the form has them, then the data.
const UNIT_LINE: u32 = 2;
const HEADER: u32 = 3;
/// The fonts' character set in the file format.
const GB2312: u8 = 134;
/// Paper size A4 in the file format.
const A4: u8 = 9;

/// The workbook. Error: the file format refuses something (a sheet name, a range); the sheet is named.
pub fn xlsx(sheets: &[Sheet], vars: &Vars) -> Result<Vec<u8>> {
    let failed = |e: XlsxError| Error::new("workbook can't be made").detail(e);
    let mut book = Workbook::new();
    // What a Chinese Excel starts with: rows of 18 pixels, columns of 72.
    book.set_default_format(&font("宋体", 11), 18, 72).map_err(failed)?;
    let created = ExcelDateTime::parse_from_str(&vars.as_of_day.to_string()).map_err(failed)?;
    let title = sheets.first().map_or("", |s| s.form.title.as_str());
    book.set_properties(&DocProperties::new().set_title(title).set_author(vars.office.as_str()).set_creation_datetime(&created));
    for sheet in sheets.iter().filter(|s| s.form.sheet) {
        let parts = sheet.form.unit_parts()?;
        fill(book.add_worksheet(), sheet, &parts, vars).context(|| format!("sheet {} can't be made", sheet.form.number))?;
    }
    sources(book.add_worksheet(), vars).map_err(failed)?;
    book.save_to_buffer().map_err(failed)
}

fn fill(ws: &mut Worksheet, sheet: &Sheet, parts: &[(usize, usize, &str)], vars: &Vars) -> Result<(), XlsxError> {
    let form = &sheet.form;
    let last = form.columns.len().saturating_sub(1);
    let count = |n: usize| u32::try_from(n).map_err(|_| XlsxError::RowColumnLimitError);
    let header = form.header();
    let marks = HEADER + count(header.len())?;
    let data = marks + u32::from(form.numbered());
    let notes = data + count(sheet.rows.len().max(1))?;
    let widths: Vec<usize> = form.columns.iter().map(|c| usize::from(c.width)).collect();
    let width = |first: usize, span: usize| widths.iter().skip(first).take(span).sum::<usize>();
    ws.set_name(&form.number)?;
    for (i, c) in form.columns.iter().enumerate() {
        ws.set_column_width(col(i)?, c.width)?;
    }
    ws.write_with_format(0, 0, &form.number, &font("黑体", 11))?;
    let flags: Vec<&str> = form.marking.as_deref().into_iter().chain(vars.provisional.then_some("暂定")).collect();
    if !flags.is_empty() {
        let warning = font("黑体", 11).set_font_color("B3261E").set_align(FormatAlign::Right);
        ws.write_with_format(0, col(last)?, flags.join("　"), &warning)?;
    }
    span(ws, (1, 1), (0, last), &form.title, &font("黑体", 18).set_align(FormatAlign::Center))?;
    for (i, (first, end, text)) in parts.iter().enumerate() {
        let side = match (i, i + 1 == parts.len()) {
            (0, _) => FormatAlign::Left,
            (_, true) => FormatAlign::Right,
            _ => FormatAlign::Center,
        };
        span(ws, (UNIT_LINE, UNIT_LINE), (*first, *end), text, &font("宋体", 10).set_align(side))?;
    }
    let head = font("黑体", 10).set_align(FormatAlign::Center).set_text_wrap();
    let head = head.set_border(FormatBorder::Thin).set_background_color("F2F2F2");
    let depth = header.len();
    for (level, (row, heads)) in (HEADER..).zip(&header).enumerate() {
        for h in heads {
            span(ws, (row, row + count(h.deep.saturating_sub(1))?), (h.first, h.first + h.span - 1), &h.lines.concat(), &head)?;
        }
        let lines = heads.iter().filter(|h| h.deep == 1).map(|h| lines(&h.lines.concat(), width(h.first, h.span))).max();
        // The labels' own row has room for two lines, as a heading over several rows needs it too.
        ws.set_row_height(row, 6 + 13 * lines.unwrap_or(1).max(1 + u16::from(level + 1 == depth)))?;
    }
    if form.numbered() {
        let mark = grid(8).set_align(FormatAlign::Center).set_text_wrap();
        for (i, c) in form.columns.iter().enumerate() {
            match c.mark.parse::<u16>() {
                Ok(n) => ws.write_with_format(marks, col(i)?, n, &mark)?,
                Err(_) => ws.write_with_format(marks, col(i)?, &c.mark, &mark)?,
            };
        }
        ws.set_row_height(marks, 24)?;
    }
    for (r, row) in (data..).zip(&sheet.rows) {
        for (i, (c, cell)) in form.columns.iter().zip(&row.cells).enumerate() {
            put(ws, r, col(i)?, cell, &look(c.format, cell, row))?;
        }
        let lines = row.cells.iter().zip(&widths).map(|(c, w)| lines(&c.text, *w)).max().unwrap_or(1);
        ws.set_row_height(r, (8 + 13 * lines).clamp(24, 400))?;
    }
    if sheet.rows.is_empty() {
        span(ws, (data, data), (0, last), &form.none, &grid(10).set_align(FormatAlign::Center))?;
        ws.set_row_height(data, 24)?;
    }
    span(ws, (notes, notes), (0, last), &form.notes(), &font("宋体", 9).set_text_wrap())?;
    span(ws, (notes + 1, notes + 1), (0, last), &form.sign_off, &font("宋体", 10))?;
    for (row, points) in (0..HEADER).zip([16, 32, 20]) {
        ws.set_row_height(row, points)?;
    }
    ws.set_row_height(notes, 6 + 12 * lines(&form.notes(), width(0, widths.len()) * 10 / 9))?.set_row_height(notes + 1, 28)?;
    let left = form.columns.iter().position(|c| c.format.align() == Align::Left).map_or(0, |i| i + 1);
    ws.set_freeze_panes(data, col(left)?)?;
    let pages = u16::from(sheet.rows.len() <= ON_ONE_PAGE);
    ws.set_landscape().set_paper_size(A4).set_print_fit_to_pages(1, pages).set_print_center_horizontally(true);
    ws.set_margins(0.5, 0.5, 0.6, 0.6, 0.3, 0.3).set_footer("&C&9第 &P 页，共 &N 页");
    ws.set_repeat_rows(HEADER, data - 1)?.set_print_area(0, 0, notes + 1, col(last)?)?;
    Ok(())
}

/// Where the figures come from, since a spreadsheet travels alone.
fn sources(ws: &mut Worksheet, vars: &Vars) -> Result<(), XlsxError> {
    let (key, text) = (grid(10), grid(10).set_text_wrap());
    let status = if vars.provisional { "暂定：统计时点之后的日志尚未收尽，数据可能变化" } else { "确定" };
    let facts = [("报表期间", vars.span.as_str()), ("数据状态", status), ("日志位点", &vars.pin), ("输入摘要（SHA-256）", &vars.inputs)];
    // The files' digests stand on the sheet, but are not printed: the manifest has them too.
    let printed = u32::try_from(facts.len() + vars.assumptions.len()).map_err(|_| XlsxError::RowColumnLimitError)?;
    let assumptions = vars.assumptions.iter().map(|a| ("口径与假定", a.as_str()));
    let digests = vars.digests.iter().map(|(path, digest)| (path.as_str(), digest.as_str()));
    ws.set_name("说明")?.set_column_width(0, 40)?.set_column_width(1, 88)?;
    ws.write_with_format(0, 0, "数据来源与口径", &font("黑体", 14))?.set_row_height(0, 30)?;
    for (row, (name, value)) in (1..).zip(facts.into_iter().chain(assumptions).chain(digests)) {
        ws.write_with_format(row, 0, name, &key)?
            .write_with_format(row, 1, value, &text)?
            .set_row_height(row, 6 + 13 * lines(value, 88))?;
    }
    ws.set_landscape().set_paper_size(A4).set_print_fit_to_pages(1, 0).set_margins(0.5, 0.5, 0.6, 0.6, 0.3, 0.3);
    ws.set_footer("&C&9第 &P 页，共 &N 页").set_print_area(0, 0, printed, 1)?;
    Ok(())
}

fn put(ws: &mut Worksheet, row: u32, at: u16, cell: &Cell, look: &Format) -> Result<(), XlsxError> {
    match cell.value {
        // The nearest double of at most 15 digits is written with just these digits.
        Value::Integer(_) | Value::Decimal(_) => {
            let number: f64 = cell.text.parse().map_err(|_| XlsxError::ParameterError(cell.text.clone()))?;
            ws.write_with_format(row, at, number, look)?
        }
        _ => ws.write_with_format(row, at, &cell.text, look)?,
    };
    Ok(())
}

/// A data cell's look: by format, the lights coloured, the row of totals bold.
fn look(shown: Shown, cell: &Cell, row: &Row) -> Format {
    let format = if row.total { grid(10).set_bold() } else { grid(10) };
    let format = match shown {
        Shown::Integer | Shown::Ordinal | Shown::Running => format.set_num_format("0"),
        Shown::Rate | Shown::Money => format.set_num_format("0.00"),
        Shown::Difference => format.set_num_format("+0.00;-0.00;0.00"),
        Shown::Text | Shown::Light => format,
    };
    let format = match cell.value {
        Value::Green => format.set_font_color("1B6B34").set_background_color("E3F1E5"),
        Value::Yellow => format.set_font_color("7A5200").set_background_color("FFF2CC"),
        Value::Red => format.set_font_color("A61B1B").set_background_color("FBE3E1"),
        _ => format,
    };
    match (cell.value, shown.align()) {
        (Value::Null | Value::Hidden, Align::Right) | (_, Align::Centre) => format.set_align(FormatAlign::Center),
        (_, Align::Left) => format.set_align(FormatAlign::Left).set_text_wrap(),
        (_, Align::Right) => format.set_align(FormatAlign::Right),
    }
}

fn font(name: &str, size: u16) -> Format {
    Format::new().set_font_name(name).set_font_charset(GB2312).set_font_size(size).set_align(FormatAlign::VerticalCenter)
}

fn grid(size: u16) -> Format {
    font("宋体", size).set_border(FormatBorder::Thin)
}

/// Merges the rows and columns (first, last), or writes the one cell.
fn span(ws: &mut Worksheet, rows: (u32, u32), columns: (usize, usize), text: &str, format: &Format) -> Result<(), XlsxError> {
    let (first, last) = (col(columns.0)?, col(columns.1)?);
    if rows.0 == rows.1 && first == last {
        ws.write_with_format(rows.0, first, text, format)?;
    } else {
        ws.merge_range(rows.0, first, rows.1, last, text, format)?;
    }
    Ok(())
}

fn col(index: usize) -> Result<u16, XlsxError> {
    u16::try_from(index).map_err(|_| XlsxError::RowColumnLimitError)
}

/// Lines of a text in a cell of `width` characters, by display width; a cell has a margin of a character.
fn lines(text: &str, width: usize) -> u16 {
    let of = |line: &str| line.width().div_ceil(width.saturating_sub(1).max(1)).max(1);
    u16::try_from(text.split('\n').map(of).sum::<usize>()).unwrap_or(u16::MAX).min(30)
}

//! A report as its readers get it: the form's layout in the spreadsheet, the page, the terminal, the CSV.
//!
//! The rows in `render/*.csv` are invented; `render/*.txt` is what the terminal must show.
use crate::support::command::{Kangyang, golden};
use crate::support::{Scratch, python};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Int64Array, ListBuilder,
};
use arrow::array::{NullArray, RecordBatch, StringArray, StringBuilder, StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::Int32Type;
use calamine::{Data, Reader, Xlsx};
use kangyang::contract::Contract;
use kangyang::models::marts;
use kangyang::reports::form::{Form, Format, Head, Sheet, Vars, View};
use kangyang::reports::manifest::{FORMAT, Manifest, Output, sha256};
use kangyang::reports::recipients::Recipient;
use kangyang::reports::render;
use kangyang::reports::suppress::{Counts, Down, hide};
use kangyang::table::{self, print};
use kangyang::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::Arc;

#[test]
fn the_same_figures_are_the_same_bytes() {
    let (sheets, vars) = (sheets(), vars());
    assert!(render::xlsx(&sheets, &vars).unwrap() == render::xlsx(&sheets, &vars).unwrap());
    assert!(render::html(&sheets, &vars).unwrap() == render::html(&sheets, &vars).unwrap());
}

#[test]
fn what_is_compressed_is_the_same_bytes_in_every_build() {
    // A library that encodes or compresses otherwise in a new version makes every report published before unverifiable: its update
    // has to say so, with these digests. No form is in them that is edited for other reasons.
    let columns = [("n", "integer"), ("name", "text"), ("rate", "rate")];
    let columns =
        columns.map(|(name, format)| format!("[[columns]]\nname = \"{name}\"\nlabel = \"{name}\"\nformat = \"{format}\"\nwidth = 9\n"));
    let head = "number = \"1\"\ntitle = \"t\"\nunit_line = []\ntotal = \"n\"\nnotes = []\nsign_off = \"\"\n";
    let files = BTreeMap::from([("reports/x.toml".to_owned(), format!("{head}{}", columns.concat()))]);
    let form = Form::load(&Tree { name: "test".to_owned(), files }, "x").unwrap();
    let names = (0..50_000i64).map(|n| Some(format!("{:x}", n.wrapping_mul(n) % 977)));
    let rates = (0..50_000i128).map(|n| (n % 13 > 0).then_some(n * 7 % 10_007)).collect::<Decimal128Array>();
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("n", Int64Array::from_iter_values(0..50_000).into_array(), false),
        ("name", names.collect::<StringArray>().into_array(), true),
        ("rate", rates.with_precision_and_scale(12, 2).unwrap().into_array(), true),
    ])
    .unwrap();
    let book = render::xlsx(&[Sheet::new(form, &View::from(batch.slice(0, 2_000)), &vars()).unwrap()], &vars()).unwrap();
    let parquet = marts::parquet(&batch.schema(), &[batch]).unwrap();
    golden("render/bytes.txt", &format!("{}  an xlsx\n{}  a parquet\n", sha256(&book), sha256(&parquet)));
}

#[test]
fn the_spreadsheet_has_the_forms_layout() {
    let mut book = book(&vars());
    assert_eq!(book.sheet_names(), ["附表1", "附表2", "说明"]);
    let cells = book.worksheet_range("附表1").unwrap();
    let text = |row: u32, column: u32| cells.get_value((row - 1, column)).map(ToString::to_string).unwrap_or_default();
    let row = |row: u32| (0..18).map(|c| text(row, c)).collect::<Vec<_>>().join("|");
    assert_eq!(row(1), "附表1|||||||||||||||||");
    assert_eq!(row(2), "焦作市康养职业技能培训任务完成进度表（2021年1—6月）|||||||||||||||||");
    assert_eq!(row(3), "填报单位：焦作市人力资源和社会保障局（盖章）|||||||统计截止时间：2021年6月30日||||||计量单位：人次、人、%||||");
    assert_eq!(row(4), "序号|单位|本年度|||||||||与上年同期比较||2020—2022年|||待核（未计入）|备注");
    let below =
        "任务数|本月完成|本年累计|培训人数|完成率|序时进度|与序时差（百分点）|亮灯|排名|上年同期累计|同比增减|任务数|累计完成|累计完成率";
    assert_eq!(row(5), format!("||{below}||"));
    assert_eq!(row(6), "甲|乙|1|2|3|4|5=3÷1×100|6|7=5−6|8|9|10|11=(3−10)÷10×100|12|13|14=13÷12×100|15|丙");
    assert_eq!(row(7), "1|市直|450|41|231|220|51.33|50|1.33|绿|5|180|28.33|1350|681|50.44|3|");
    assert_eq!(row(9), "3|孟州市|300|38|241|230|80.33|50|30.33|绿|2|0|—|900|541|60.11|2|");
    assert_eq!(text(18, 1), "马村区");
    assert_eq!(row(19), "|全市|3000|235|1627|1547|54.23|50|4.23|绿|—|1016|60.14|9000|4585|50.94|19|");
    assert!(text(20, 0).starts_with("注：1.人次按人员、班次去重；2.") && text(20, 0).ends_with("5.2020年数据系补录；6.“—”为不适用。"));
    assert!(text(21, 0).starts_with("单位负责人：") && text(21, 0).contains("报送日期："));
    assert_eq!(cells.end(), Some((20, 17)));
    assert_eq!(cells.get_value((6, 6)), Some(&Data::Float(51.33)), "a rate is a number");
    book.load_merged_regions().unwrap();
    let merged: Vec<_> = book.merged_regions_by_sheet("附表1").iter().map(|(_, _, d)| (d.start, d.end)).collect();
    for range in [((1, 0), (1, 17)), ((2, 0), (2, 6)), ((2, 7), (2, 12)), ((2, 13), (2, 17)), ((3, 0), (4, 0)), ((3, 2), (3, 10))] {
        assert!(merged.contains(&range), "{range:?} is not merged: {merged:?}");
    }
    for range in [((3, 11), (3, 12)), ((3, 13), (3, 15)), ((3, 16), (4, 16)), ((3, 17), (4, 17)), ((19, 0), (19, 17)), ((20, 0), (20, 17))]
    {
        assert!(merged.contains(&range), "{range:?} is not merged: {merged:?}");
    }
    let names = book.defined_names();
    assert!(names.iter().any(|(n, range)| n == "_xlnm.Print_Area" && range == "附表1!$A$1:$R$21"), "{names:?}");
    assert!(names.iter().any(|(n, range)| n == "_xlnm.Print_Titles" && range == "附表1!$4:$6"), "{names:?}");
}

#[test]
fn a_provisional_report_says_so_wherever_it_is_seen() {
    let vars = Vars { provisional: true, ..vars() };
    let sheets = sheets();
    let cells = book(&vars).worksheet_range("附表1").unwrap();
    assert_eq!(cells.get_value((0, 17)).map(ToString::to_string).as_deref(), Some("暂定"));
    assert!(String::from_utf8(render::html(&sheets, &vars).unwrap()).unwrap().contains("class=\"provisional\""));
    assert!(render::terminal(&sheets[0], &vars).starts_with("附表1（暂定）"));
}

#[test]
fn the_page_needs_nothing_else_and_escapes_what_it_shows() {
    let mut vars = vars();
    vars.assumptions.push("<script>alert(1)</script>".to_owned());
    let page = String::from_utf8(render::html(&sheets(), &vars).unwrap()).unwrap();
    for foreign in ["<script", "http:", "https:", "src=", "href=\"/", "href=\"h", "url(", "@import", "<link"] {
        assert!(!page.contains(foreign), "the page has {foreign}");
    }
    for part in ["lang=\"zh-CN\"", "<svg", "scope=\"colgroup\"", "scope=\"row\"", "<caption>", "&lt;script", &vars.pin, &vars.inputs] {
        assert!(page.contains(part), "the page lacks {part}");
    }
    assert!(page.contains("全市本年累计完成培训 1627 人次（1547 人），占年度任务 3000 人次的 54.23%，与序时进度相差 +4.23 个百分点"));
}

#[test]
fn the_terminal_shows_the_form() {
    for (name, sheet) in ["table_1", "table_2"].iter().zip(sheets()) {
        golden(&format!("render/{name}.txt"), &render::terminal(&sheet, &vars()));
    }
}

#[test]
fn csv_opens_in_excel_and_keeps_its_decimals() {
    let batch = rows("table_1");
    let plain = render::csv(&batch, None).unwrap();
    let text = std::str::from_utf8(&plain).unwrap();
    assert!(text.starts_with("\u{feff}position,district,target,"));
    assert!(text.contains("\r\n3,孟州市,300,38,241,230,80.33,50.00,30.33,绿,2,0,,900,541,60.11,2,\r\n"));
    let labels = BTreeMap::from([("district".to_owned(), "单位".to_owned())]);
    let labelled = String::from_utf8(render::csv(&batch, Some(&labels)).unwrap()).unwrap();
    assert!(labelled.lines().nth(1).is_some_and(|l| l.starts_with("position,单位,target,")));
}

#[test]
fn a_form_that_does_not_fit_its_sql_names_form_and_column() {
    let refused = |batch: &RecordBatch| Sheet::new(form("table_1"), &View::from(batch.clone()), &vars()).unwrap_err().to_string();
    let batch = rows("table_1");
    let kept: Vec<usize> = (0..17).filter(|i| *i != 5).collect();
    assert_eq!(refused(&batch.project(&kept).unwrap()), "form queries/reports/table_1.toml, column persons: its SQL has no such column");
    let with = |name: &str, array: ArrayRef| {
        let columns = batch.schema_ref().fields().iter().zip(batch.columns());
        let columns = columns.map(|(f, a)| (f.name().clone(), if f.name() == name { array.clone() } else { a.clone() }));
        RecordBatch::try_from_iter_with_nullable(columns.map(|(n, a)| (n, a, true))).unwrap()
    };
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["蓝"; 13]));
    let detail = "column target: a value of type Utf8 can't be shown as integer";
    assert_eq!(refused(&with("target", texts.clone())), format!("form queries/reports/table_1.toml, {detail}"));
    assert_eq!(refused(&with("light", texts)), "form queries/reports/table_1.toml, column light: 蓝 is no light (绿 黄 红)");
    let long: ArrayRef = Arc::new(Int64Array::from(vec![1_000_000_000_000_000; 13]));
    assert!(refused(&with("held", long)).ends_with("more than the 15 digits that a spreadsheet holds"));
    assert!(
        Sheet::new(form("table_1"), &View::from(with("remark", Arc::new(NullArray::new(13)))), &vars()).is_ok(),
        "NULL alone is of no type"
    );
}

#[test]
fn a_wrong_form_is_refused_by_its_file() {
    let text = Tree::queries(None).unwrap().get("reports/table_2.toml").unwrap().to_owned();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from));
        let files = BTreeMap::from([("reports/x.toml".to_owned(), text.replacen(from, to, 1))]);
        let form = Form::load(&Tree { name: "queries".to_owned(), files }, "x");
        form.and_then(|f| Sheet::new(f, &View::from(rows("table_2")), &vars())).unwrap_err().to_string()
    };
    assert!(refused("title =", "titel =").contains("form queries/reports/x.toml is wrong: "));
    assert!(refused("G:J", "F:J").ends_with("overlap or leave the table"));
    assert!(refused("K:N", "K:O").ends_with("overlap or leave the table"));
    assert!(refused("K:N", "N:K").ends_with("cells N:K are no range such as A:G"));
    assert!(refused("{{ city }}", "{{ town }}").contains("form queries/reports/x.toml, text \"{{ town }}"));
    assert!(refused("total = \"position\"", "total = \"place\"").contains("column place"));
}

#[test]
fn a_period_in_words_ends_on_its_last_day() {
    let words = |p: &str| Vars::new(p).map(|v| (v.span, v.as_of_day.to_string())).map_err(|e| e.to_string());
    assert_eq!(words("2021-06"), Ok(("2021年1—6月".to_owned(), "2021-06-30".to_owned())));
    assert_eq!(words("2021-01"), Ok(("2021年1月".to_owned(), "2021-01-31".to_owned())));
    assert_eq!(words("2020-02"), Ok(("2020年1—2月".to_owned(), "2020-02-29".to_owned())));
    assert_eq!(words("2021"), Ok(("2021年".to_owned(), "2021-12-31".to_owned())));
    for wrong in ["2021-13", "2021-00", "2021-6", "21-06", "2021-06-30", "", "2021-", "+021-06"] {
        assert!(words(wrong).is_err(), "{wrong} is understood");
    }
}

#[test]
fn results_are_shown_by_display_width_and_exactly() {
    let batch = kinds();
    let shown = |format| {
        let mut out = vec![];
        print(format, &batch.schema(), &[batch.clone(), batch.slice(0, 0)], &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    golden("render/kinds_table.txt", &shown(table::Format::Table));
    golden("render/kinds_csv.txt", &shown(table::Format::Csv));
    golden("render/kinds_json.txt", &shown(table::Format::Json));
    let parsed: serde_json::Value = serde_json::from_str(&shown(table::Format::Json)).unwrap();
    assert_eq!(parsed[0]["decimal"], "153.82");
    let mut out = vec![];
    print(table::Format::Json, &batch.schema(), &[], &mut out).unwrap();
    assert_eq!(out, b"[]\n");
}

#[test]
fn a_manifest_tells_whether_there_is_anything_new() {
    let manifest = Manifest {
        format: FORMAT,
        period: "2021-06".to_owned(),
        recipient: None,
        revision: 1,
        plan: "jz-2020".to_owned(),
        pin: "kangyang.training/0=3".to_owned(),
        as_of: None,
        provisional: false,
        tool: "0.1.0".to_owned(),
        libraries: BTreeMap::new(),
        queries: BTreeMap::from([("reports/table_1.sql".to_owned(), sha256(b"SELECT 1"))]),
        schemas: BTreeMap::new(),
        outputs: BTreeMap::from([("report.csv".to_owned(), Output::of(b"a\r\n"))]),
    };
    let bytes = manifest.to_bytes().unwrap();
    assert!(bytes.starts_with(b"{\n  \"format\": 1,\n") && bytes.ends_with(b"}\n"));
    assert_eq!(Manifest::from_bytes(&bytes).unwrap(), manifest);
    let inputs = manifest.inputs_digest();
    let later = Manifest { revision: 2, tool: "0.2.0".to_owned(), as_of: Some("2021-07-01T00:00:00Z".to_owned()), ..manifest.clone() };
    assert_eq!(later.inputs_digest(), inputs);
    let moved = Manifest { pin: "kangyang.training/0=4".to_owned(), ..manifest.clone() };
    let edited = Manifest { schemas: BTreeMap::from([("reference/districts.csv".to_owned(), sha256(b""))]), ..manifest.clone() };
    let digests =
        [inputs, moved.inputs_digest(), edited.inputs_digest(), Manifest { provisional: true, ..manifest.clone() }.inputs_digest()];
    assert_eq!(BTreeMap::from(digests.map(|d| (d, ()))).len(), 4);
    let sent = Manifest { recipient: Some("public".to_owned()), ..manifest.clone() };
    assert_ne!(sent.inputs_digest(), manifest.inputs_digest(), "a version says something else");
    let newer = String::from_utf8(bytes).unwrap().replace("\"format\": 1", "\"format\": 2");
    assert!(Manifest::from_bytes(newer.as_bytes()).unwrap_err().to_string().contains("its format is 2, this program knows 1"));
}

#[test]
fn who_sees_what_is_one_list_and_marked_tables_stay_inside() {
    let (contract, queries) = (contract(), Tree::queries(None).unwrap());
    let forms: BTreeSet<&str> = queries.files.keys().filter_map(|p| p.strip_prefix("reports/")?.strip_suffix(".toml")).collect();
    let find = |code: &str| Recipient::find(&contract, code).unwrap();
    let sees = |code: &str| find(code).tables().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sees("hrss"), forms.iter().map(|f| (*f).to_owned()).collect(), "the office's list has every table");
    let marked: Vec<&&str> = forms.iter().filter(|f| form(f).marking.is_some()).collect();
    assert_eq!(marked, [&"table_7", &"table_7_list"]);
    for code in ["upward", "public", "civil_affairs", "commerce", "women", "finance"] {
        assert!(marked.iter().all(|t| !find(code).sees(t)), "{code} sees a marked table");
    }
    // Every code that an extract can name has a version too.
    let codes = contract.reference()["codes"].clone();
    let (fields, names) = (codes["field"].as_string::<i32>(), codes["code"].as_string::<i32>());
    let recipients: Vec<&str> = (0..codes.num_rows()).filter(|i| fields.value(*i) == "recipient").map(|i| names.value(i)).collect();
    assert_eq!(recipients.len(), 18);
    recipients.iter().for_each(|code| assert!(find(code).tables().all(|t| forms.contains(t)), "{code} has a table without a form"));
    let unknown = Recipient::find(&contract, "nobody").unwrap_err().to_string();
    assert!(unknown.contains("there is no recipient nobody") && unknown.contains("upward"), "{unknown}");
}

#[test]
fn a_marked_table_needs_more_than_a_place_on_the_list() {
    let mut schemas = Tree::schemas(None).unwrap();
    let list = schemas.files.get_mut("reference/recipient_tables.csv").unwrap();
    list.push_str("public,table_7,all,all,false,[A]\n");
    let contract = Contract::compile(&schemas).unwrap();
    let public = Recipient::find(&contract, "public").unwrap();
    let none = RecordBatch::new_empty(Arc::new(arrow::datatypes::Schema::empty()));
    let refused = public.version("table_7", form("table_7"), none.clone()).unwrap_err().to_string();
    assert!(refused.contains("table table_7 can't be made for public") && refused.contains("it is marked"), "{refused}");
    assert!(public.version("table_5", form("table_5"), none).unwrap_err().to_string().contains("not on the recipient's list"));
}

#[test]
fn a_district_sees_its_own_rows_and_a_department_its_own_columns() {
    let contract = contract();
    let district = Recipient::find(&contract, "JZ07").unwrap();
    let (_, all) = district.version("table_1", form("table_1"), rows("table_1")).unwrap();
    assert_eq!(all.batch.num_rows(), 13, "table 1 is everybody's");
    let (own_form, own) = district.version("table_3", form("table_3"), rows("table_3")).unwrap();
    let sheet = Sheet::new(own_form, &own, &vars()).unwrap();
    assert_eq!(sheet.rows.iter().map(|r| r.cells[1].text.as_str()).collect::<Vec<_>>(), ["温县"]);
    let women = Recipient::find(&contract, "women").unwrap();
    let (few, view) = women.version("table_occupations", form("table_occupations"), rows("table_occupations")).unwrap();
    let names: Vec<&str> = few.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["position", "district", "domestic_worker", "infant_carer", "nursery_carer", "remark"]);
    assert_eq!(view.batch.num_columns(), 6, "files have no more than the sheet");
    assert_eq!(few.unit_parts().unwrap().iter().map(|p| (p.0, p.1)).collect::<Vec<_>>(), [(0, 1), (2, 3), (4, 5)]);
    Sheet::new(few, &view, &vars()).unwrap();
}

#[test]
fn the_public_is_not_told_small_counts_nor_what_is_computed_from_them() {
    let public = Recipient::find(&contract(), "public").unwrap();
    let (shown, view) = public.version("table_3", form("table_3"), rows("table_3")).unwrap();
    let sheet = Sheet::new(shown, &view, &vars()).unwrap();
    let row = |i: usize| sheet.rows[i].cells.iter().map(|c| c.text.as_str()).collect::<Vec<_>>().join("|");
    assert_eq!(row(0), "1|市直|*|60|20|33.33|30|*|*|40|*|*|0|0|");
    assert_eq!(row(1), "7|温县|*|30|12|40.00|12|*|*|20|8|40.00|0|0|");
    assert_eq!(row(2), "|全市|74|88|32|36.36|42|18|42.86|66|10|15.15|0|0|");
    let told = view.told().unwrap();
    assert!(told["certified_90_days"].is_null(0) && told["certified_90_days"].data_type() == &arrow::datatypes::DataType::Int64);
    let hidden = told["hidden"].as_string::<i32>();
    assert_eq!(hidden.value(1), "certified_90_days,certified_90_days_rate,completions");
    assert!(hidden.is_null(2) && !sheet.form.notes.is_empty());
    assert!(sheet.form.notes().contains("“*”为1—4的数"));
    // Tables 1 and 2 are exempt.
    assert!(public.version("table_1", form("table_1"), rows("table_1")).unwrap().1.hidden.is_empty());
}

#[test]
fn a_version_is_published_beside_the_whole_report_and_no_marked_table_goes_up_or_out() {
    let k = Kangyang::new("versions");
    k.ok(["demo", "--data", "data", "--trainees", "900"]);
    let report = |to: &str| k.ok(["report", "--period", "2021-06", "--recipient", to]);
    for to in ["upward", "public"] {
        assert!(report(to).contains(&format!("published ./data/reports/2021-06/{to}/r1")));
        assert!(report(to).contains(&format!("nothing new, published before: ./data/reports/2021-06/{to}/r1")));
        let folder = k.data().join(format!("reports/2021-06/{to}/r1"));
        let names: Vec<String> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        assert!(names.iter().any(|n| n == "table_1.csv") && !names.iter().any(|n| n.starts_with("table_7")), "{names:?}");
        let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(!page.contains("内部资料") && !page.contains("附表7"), "{to} reads of leads");
    }
    // It is made again as any report is, and bundled with the whole alone: a bundle holds every event.
    assert!(k.ok(["verify", "data/reports/2021-06/public/r1/manifest.json"]).contains("made again, byte for byte"));
    k.run(["report", "--period", "2021-06", "--recipient", "public", "--bundle"]).exits(2).says("cannot be used with");
    // The whole report has revisions of its own.
    assert!(k.ok(["report", "--period", "2021-06"]).contains("published ./data/reports/2021-06/r1"));
    k.run(["report", "--period", "2021-06", "--recipient", "nobody"]).exits(2).says("there is no recipient nobody");
}

#[test]
fn a_header_has_as_many_rows_as_its_deepest_group() {
    let heads = form("table_3").header();
    let shape = |row: &[Head]| row.iter().map(|h| (h.lines.concat(), h.first, h.span, h.deep)).collect::<Vec<_>>();
    assert_eq!(heads.len(), 3);
    let top = shape(&heads[0]);
    assert!(top.contains(&("序号".to_owned(), 0, 1, 3)) && top.contains(&("应取证职业".to_owned(), 2, 7, 1)), "{top:?}");
    assert!(shape(&heads[1]).contains(&("培训人次".to_owned(), 2, 1, 2)), "a column with one group stands in two rows");
    assert!(shape(&heads[1]).contains(&("其中：结业满90日".to_owned(), 6, 3, 1)));
    assert_eq!(heads[2].len(), 5);
    assert_eq!(form("table_8").header().len(), 1);
}

#[test]
fn a_table_without_rows_says_so_and_a_list_says_how_much_it_leaves_out() {
    let empty = View::from(rows("table_3").slice(0, 0));
    let sheet = Sheet::new(form("table_3"), &empty, &vars()).unwrap();
    let mut book = Xlsx::new(Cursor::new(render::xlsx(std::slice::from_ref(&sheet), &vars()).unwrap())).unwrap();
    assert_eq!(book.worksheet_range("附表3").unwrap().get_value((7, 0)), Some(&Data::String("无".to_owned())));
    assert!(render::terminal(&sheet, &vars()).contains("\n  "), "a row says none");
    assert!(String::from_utf8(render::html(&[sheet], &vars()).unwrap()).unwrap().contains("colspan=\"15\">无</td>"));
    let mut few = form("table_3");
    few.page_rows = Some(2);
    let sheet = Sheet::new(few, &View::from(rows("table_3")), &vars()).unwrap();
    assert!(render::terminal(&sheet, &vars()).contains("（共 3 行，此处列前 2 行）"));
    let page = String::from_utf8(render::html(std::slice::from_ref(&sheet), &vars()).unwrap()).unwrap();
    assert!(page.contains("共 3 行，此处列前 2 行") && !page.contains("class=\"total\""));
    let mut book = Xlsx::new(Cursor::new(render::xlsx(&[sheet], &vars()).unwrap())).unwrap();
    assert_eq!(book.worksheet_range("附表3").unwrap().get_value((9, 1)), Some(&Data::String("全市".to_owned())), "the sheet has all");
}

#[test]
fn no_hidden_cell_can_be_worked_out_from_what_is_published() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let tables: Vec<Counts> = (0..400).map(|i| random_table(&mut dice, i)).collect();
    let lines = tables.iter().map(|t| {
        let down: Vec<_> = t.down.iter().map(|d| format!("{d:?}").to_lowercase()).collect();
        let hidden: Vec<_> = hide(t).into_iter().collect();
        serde_json::json!({
            "rows": t.rows, "total": t.total, "down": down, "across": t.across, "known": t.known, "hidden": hidden
        })
        .to_string()
    });
    let scratch = Scratch::new("hidden_cells");
    let file = scratch.path().join("tables.ndjson");
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let out = python("bound_hidden.py").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
    println!("{said}");
}

#[test]
fn a_table_without_small_counts_hides_nothing() {
    let mut dice = Dice(7);
    for i in 0..100 {
        let mut table = random_table(&mut dice, i);
        table.rows.iter_mut().flatten().for_each(|v| *v = v.map(|n| n * 5));
        assert!(hide(&table).is_empty(), "{table:?}");
    }
    // One small cell in a row and a column takes three others with it, of the smallest.
    let rows = [[3, 9, 40, 52], [7, 8, 50, 65], [60, 70, 80, 210], [70, 87, 170, 327]];
    let table = Counts {
        rows: rows.map(|r| r.map(Some).to_vec()).to_vec(),
        total: Some(3),
        down: vec![Down::Sum; 4],
        across: vec![(Some(3), vec![0, 1, 2])],
        ..Counts::default()
    };
    assert_eq!(hide(&table).into_iter().collect::<Vec<_>>(), [(0, 0), (0, 1), (1, 0), (1, 1)]);
}

/// Numbers in a fixed order, so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn count(&mut self) -> i64 {
        let most = [1, 5, 5, 12, 200][usize::try_from(self.below(5)).unwrap()];
        i64::try_from(self.below(most)).unwrap()
    }
}

/// A table that adds up, of every kind that forms have.
fn random_table(dice: &mut Dice, kind: usize) -> Counts {
    let (height, width) = (2 + dice.below(7) as usize, 1 + dice.below(5) as usize);
    let (with_total, with_sum) = (!kind.is_multiple_of(5), !kind.is_multiple_of(3) && width > 1);
    let with_known = kind.is_multiple_of(7);
    let mut rows: Vec<Vec<i64>> = (0..height).map(|_| (0..width).map(|_| dice.count()).collect()).collect();
    let mut down: Vec<Down> = (0..width).map(|_| if with_sum { Down::Sum } else { pick(dice) }).collect();
    let mut across = vec![];
    if with_sum && kind.is_multiple_of(4) {
        across.push((None, (0..width).collect()));
    } else if with_sum {
        rows.iter_mut().for_each(|r| r.push(r.iter().sum()));
        down.push(Down::Sum);
        across.push((Some(width), (0..width).collect()));
    }
    if with_total {
        let total = down.iter().enumerate().map(|(c, d)| {
            let (sum, most): (i64, i64) = (rows.iter().map(|r| r[c]).sum(), rows.iter().map(|r| r[c]).max().unwrap());
            match d {
                Down::Sum => sum,
                Down::Distinct => most + i64::try_from(dice.below(1 + (sum - most) as u64)).unwrap(),
                Down::Loose => sum + dice.count(),
            }
        });
        let total = total.collect();
        rows.push(total);
    }
    let known = if with_known { BTreeSet::from([dice.below(down.len() as u64) as usize]) } else { BTreeSet::new() };
    let total = with_total.then_some(height);
    Counts { rows: rows.into_iter().map(|r| r.into_iter().map(Some).collect()).collect(), total, down, across, known }
}

fn pick(dice: &mut Dice) -> Down {
    [Down::Sum, Down::Sum, Down::Distinct, Down::Loose][dice.below(4) as usize]
}

fn vars() -> Vars {
    Vars {
        city: "焦作市".to_owned(),
        office: "焦作市人力资源和社会保障局".to_owned(),
        first_year: 2020,
        last_year: 2022,
        pin: "kangyang.administration/0=12,kangyang.certification/0=340,kangyang.training/5=998".to_owned(),
        inputs: sha256(b"inputs"),
        digests: BTreeMap::from([("queries/reports/table_1.sql".to_owned(), sha256(b"SELECT 1"))]),
        assumptions: vec!["序时进度亮灯：不低于序时为绿，不低于序时的80%为黄，其余为红".to_owned()],
        ..Vars::new("2021-06").unwrap()
    }
}

fn contract() -> Contract {
    Contract::compile(&Tree::schemas(None).unwrap()).unwrap()
}

fn form(name: &str) -> Form {
    Form::load(&Tree::queries(None).unwrap(), name).unwrap()
}

fn sheets() -> Vec<Sheet> {
    ["table_1", "table_2"].map(|name| Sheet::new(form(name), &View::from(rows(name)), &vars()).unwrap()).to_vec()
}

fn book(vars: &Vars) -> Xlsx<Cursor<Vec<u8>>> {
    Xlsx::new(Cursor::new(render::xlsx(&sheets(), vars).unwrap())).unwrap()
}

/// `render/NAME.csv`, typed as the form of that name wants it.
fn rows(name: &str) -> RecordBatch {
    let path = format!("{}/tests/render/{name}.csv", env!("CARGO_MANIFEST_DIR"));
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let form = form(name);
    let column = |(i, name): (usize, &str)| {
        let values = || records.iter().map(|r| Some(&r[i]).filter(|v| !v.is_empty()));
        let array: ArrayRef = match form.columns.iter().find(|c| c.name == name).unwrap().format {
            Format::Integer | Format::Ordinal => {
                values().map(|v| v.map(|v| v.parse::<i64>().unwrap())).collect::<Int64Array>().into_array()
            }
            Format::Text | Format::Light => values().collect::<StringViewArray>().into_array(),
            _ => {
                let hundredths = values().map(|v| v.map(|v| v.replace('.', "").parse::<i128>().unwrap()));
                hundredths.collect::<Decimal128Array>().with_precision_and_scale(12, 2).unwrap().into_array()
            }
        };
        (name.to_owned(), array, true)
    };
    RecordBatch::try_from_iter_with_nullable(header.iter().enumerate().map(column)).unwrap()
}

trait IntoArray {
    fn into_array(self) -> ArrayRef;
}

impl<T: arrow::array::Array + 'static> IntoArray for T {
    fn into_array(self) -> ArrayRef {
        Arc::new(self)
    }
}

/// One column of every kind that a lake or a model has, a full row and an empty one.
fn kinds() -> RecordBatch {
    let mut groups = ListBuilder::new(StringBuilder::new());
    groups.append_value([Some("employed"), Some("veteran")]);
    groups.append_null();
    let names: DictionaryArray<Int32Type> = [Some("甲"), None].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("单位", StringArray::from(vec![Some("城乡一体化示范区"), Some("温县\u{1b}[31m\n")]).into_array()),
        ("completed", Int64Array::from(vec![Some(3132), None]).into_array()),
        ("decimal", Decimal128Array::from(vec![Some(15382), None]).with_precision_and_scale(12, 2).unwrap().into_array()),
        ("day", Date32Array::from(vec![Some(18808), None]).into_array()),
        ("recorded_at", TimestampMicrosecondArray::from(vec![Some(1_625_011_200_123_000), None]).with_timezone("UTC").into_array()),
        ("on_pace", BooleanArray::from(vec![Some(true), None]).into_array()),
        ("key", BinaryArray::from_opt_vec(vec![Some(&[0x0a, 0xff]), None]).into_array()),
        ("groups", groups.finish().into_array()),
        ("dictionary", names.into_array()),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap()
}

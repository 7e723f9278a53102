"""Runs the same SQL files in a second engine on the same lake and compares every mart, value by value.

The figures are SQL's, so a second engine is the one independent proof that the SQL says what it should, and not what one engine makes
of it. Nothing here comes from the program: the file list is read by the deltalake package, event types and reference data are typed
from the schema files, models are run by DuckDB in an order found from their own table names.

    compare_duckdb.py DATA [--report FOLDER | --bundle FOLDER] [--pin PIN] [--queries DIR] [--schemas DIR] [--threads N] [--time]

DATA is the data root: its marts are compared, at the pin of marts/build.json. With --report a published report's Parquet files are
compared instead, at its manifest's pin and for its period; with --bundle the events of a bundle, unpacked in that folder. Prints each
table with its rows; exit 1 if any differs.
"""

import argparse
import calendar
import collections
import csv
import datetime
import decimal
import hashlib
import json
import pathlib
import sys
import tempfile
import time

import deltalake
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENVELOPE = [
    "kafka_topic", "kafka_partition", "kafka_offset", "recorded_at", "id", "source", "type", "subject", "time", "supersedes", "origin",
    "series_hash", "event_hash", "data_hash",
]  # fmt: skip
SHOWN = 5  # differing rows printed per mart


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--queries", type=pathlib.Path, default=ROOT / "queries")
    parser.add_argument("--schemas", type=pathlib.Path, default=ROOT / "schemas")
    parser.add_argument("--pin")
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--bundle", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--time", action="store_true", help="build the marts, say how long it took, and compare nothing")
    return parser.parse_args()


# ---- the lake below the pin


def duckdb_type(kind):
    """A Delta type's name in DuckDB."""
    text = str(kind)
    if text.startswith("ArrayType"):
        return "VARCHAR[]"
    simple = {
        "string": "VARCHAR", "long": "BIGINT", "integer": "INTEGER", "boolean": "BOOLEAN", "date": "DATE", "timestamp": "TIMESTAMPTZ",
        "binary": "BLOB",
    }  # fmt: skip
    return simple[text.removeprefix('PrimitiveType("').removesuffix('")')]


def delta_view(con, name, folder, cut=()):
    """A view on a Delta table's files, as another reader lists them, cut at the pin; a range's end is cut too."""
    table = deltalake.DeltaTable(str(folder))
    files = [uri.removeprefix("file://") for uri in table.file_uris()]
    wanted = {field.name: duckdb_type(field.type) for field in table.schema().fields}
    present = set()
    if files:
        present = {row[0] for row in con.execute("DESCRIBE SELECT * FROM read_parquet(?, union_by_name = true)", [files]).fetchall()}
    columns = ", ".join(
        f'"{column}"::{kind} AS "{column}"' if column in present else f'NULL::{kind} AS "{column}"' for column, kind in wanted.items()
    )
    if files:
        listed = ", ".join("'" + f.replace("'", "''") + "'" for f in files)
        source = f"read_parquet([{listed}], union_by_name = true)"
    else:
        source = "(SELECT 1) WHERE false"
    con.execute(f"CREATE VIEW whole_{name} AS SELECT {columns} FROM {source}")
    ends = "".join(f" REPLACE (least(w.{column}, p.kafka_offset) AS {column})" for column in cut)
    # `pin` holds every topic and partition; what lies at or after its offset is not there.
    con.execute(
        f"CREATE VIEW {name} AS SELECT w.*{ends} FROM whole_{name} w JOIN pin p ON p.kafka_topic = w.kafka_topic"
        " AND p.kafka_partition = w.kafka_partition WHERE w.kafka_offset < p.kafka_offset"
    )
    return len(files)


def parse_pin(text):
    """A pin's text as rows of topic, partition, offset (exclusive)."""
    rows = []
    for part in filter(None, text.split(",")):
        place, offset = part.rsplit("=", 1)
        topic, partition = place.rsplit("/", 1)
        rows.append((topic, int(partition), int(offset)))
    return rows


# ---- what an event is


def resolve(schema, common):
    """Follows $ref until the node that names the kind; nearer keywords win over farther ones."""
    merged = {}
    while True:
        merged = {**schema, **{k: v for k, v in merged.items() if k != "$ref"}} if merged else dict(schema)
        ref = schema.get("$ref")
        if ref is None:
            return merged
        schema = common["$defs"][ref.rsplit("/", 1)[1]]


def arrow_type(schema, common):
    """The column type of a field's schema: the same rules as the lake's columns."""
    node = resolve(schema, common)
    kind = node.get("type")
    if kind == "array":
        return pa.list_(pa.string())
    if kind == "integer":
        return pa.int64()
    if kind == "boolean":
        return pa.bool_()
    if kind == "string":
        if node.get("format") == "date":
            return pa.date32()
        if node.get("format") == "date-time":
            return pa.timestamp("us", "UTC")
        if node.get("contentEncoding") == "base16":
            return pa.binary()
        return pa.string()
    raise SystemExit(f"a field's kind can't be told from {schema}")


def event_types(schemas, common):
    """name -> (schema, data fields in order)."""
    found = {}
    for path in sorted((schemas / "events").glob("*.json")):
        schema = json.loads(path.read_text("utf-8"))
        found[path.stem] = (schema, data_properties(schema))
    return found


def data_properties(schema):
    """The properties of an event's data, wherever the schema file holds them."""
    data = schema.get("properties", {}).get("data", schema)
    return data.get("properties", {})


def reference(con, schemas, common, fields):
    """Each CSV as a table: a column is typed by the event field of its name, else by columns.json. An empty cell is null."""
    own = json.loads((schemas / "reference" / "columns.json").read_text("utf-8"))["properties"]
    for path in sorted((schemas / "reference").glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
        header, rows = rows[0], [row for row in rows[1:] if row]
        arrays = []
        for i, column in enumerate(header):
            if column in fields:
                kind = arrow_type(fields[column], common)
            elif column in own:
                kind = arrow_type(own[column], common)
            else:
                raise SystemExit(f"{path}: column {column} is neither an event field nor in columns.json")
            arrays.append(pa.array([value(row[i], kind) for row in rows], kind))
        con.register("rows_read", pa.table(arrays, names=header))
        con.execute(f'CREATE TABLE "{path.stem}" AS SELECT * FROM rows_read')
        con.unregister("rows_read")


def report_period(con, plan, period):
    """The one row that tells a report's models what they are about."""
    year, last, last_day = last_month(period)
    first_day = f"{period}-01" if "-" in period else f"{period}-01-01"
    con.execute(
        "CREATE TABLE report_period AS SELECT ? AS plan, ? AS period, CAST(? AS BIGINT) AS year, CAST(? AS BIGINT) AS month,"
        " CAST(? AS DATE) AS first_day, CAST(? AS DATE) AS last_day",
        [plan, period, year, last, first_day, last_day],
    )


def last_month(period):
    """A period's year, its last month and its last day."""
    year, _, month = period.partition("-")
    last = int(month or 12)
    return int(year), last, f"{year}-{last:02}-{calendar.monthrange(int(year), last)[1]}"


def value(text, kind):
    if text == "":
        return None
    if kind == pa.int64():
        return int(text)
    if kind == pa.bool_():
        return {"true": True, "false": False}[text]
    if kind == pa.date32():
        return datetime.date.fromisoformat(text)
    if kind == pa.string():
        return text
    raise SystemExit(f"a reference table can't hold {kind}")


# ---- the models


def models(queries, more):
    """stem -> text, of every model to run."""
    found = {}
    for folder in ("state", "marts", "checks", "leads", *more):
        for path in sorted((queries / folder).glob("*.sql")):
            found[path.stem] = path.read_text("utf-8").strip().removesuffix(";")
    return found


def reads(texts):
    """name -> the models that it reads."""
    parser = duckdb.connect()  # an empty one: with the views at hand it would look into them
    return {name: {t for t in parser.get_table_names(text) if t in texts and t != name} for name, text in texts.items()}


def needed(texts, name):
    """A model and all that it needs."""
    needs, found, to_see = reads(texts), set(), [name]
    while to_see:
        one = to_see.pop()
        if one not in found:
            found.add(one)
            to_see += needs[one]
    return found


def in_order(texts):
    """The models' names, each after those that it reads."""
    needs = reads(texts)
    done, order = set(), []
    while len(order) < len(needs):
        ready = sorted(name for name, of in needs.items() if name not in done and of <= done)
        if not ready:
            raise SystemExit(f"models read each other in a circle: {sorted(set(needs) - done)}")
        done.update(ready)
        order += ready
    return order


def timed(con, texts, marts, folder):
    """Builds the marts as the program does and says what it took: a table where several models read it, else a view, marts as files."""
    begun, spent = time.perf_counter(), time.process_time()
    readers = collections.Counter(name for of in reads(texts).values() for name in of)
    for name in in_order(texts):
        con.execute(f'CREATE {"TABLE" if readers[name] > 1 or name in marts else "VIEW"} "{name}" AS {texts[name]}')
        if name in marts:
            con.execute(f"COPY \"{name}\" TO '{folder}/{name}.parquet' (COMPRESSION zstd)")
    print(f"{len(texts)} models: {time.perf_counter() - begun:.2f} s, {time.process_time() - spent:.2f} s of CPU")


def run(con, texts):
    """Runs the models, each after those that it reads."""
    for name in in_order(texts):
        try:
            con.execute(f'CREATE TABLE "{name}" AS {texts[name]}')
        except duckdb.Error as error:
            raise SystemExit(f"{name}: DuckDB can't run it: {error}") from error


# ---- what was signed


def signed_report(data, period, pin, digest):
    """The file of the figures that a closing signed, with plan and whether they were provisional; nothing if it is not at hand."""
    for path in sorted(data.glob(f"reports/{period}/r*/manifest.json")):
        about = json.loads(path.read_text("utf-8"))
        if hashlib.sha256(path.read_bytes()).digest() == digest and about["pin"] == pin:
            figures = path.parent / "report_figures.parquet"
            if hashlib.sha256(figures.read_bytes()).hexdigest() != about["outputs"][figures.name]["sha256"]:
                raise SystemExit(f"{figures} is not what its manifest says")
            return figures, about["plan"], about["provisional"]
    return None, None, None


def signed(con, args, pin, about_events, texts):
    """The reports that closings name, their figures as signed, and what counted at their pins by the models of today."""
    con.execute(
        "CREATE TABLE signed_reports (period VARCHAR, pin VARCHAR, digest BLOB, pin_id VARCHAR, year BIGINT, month BIGINT, last_day DATE,"
        " report VARCHAR, plan VARCHAR, provisional BOOLEAN)"
    )
    con.execute("CREATE TABLE signed_figures (digest BLOB, district_code VARCHAR, metric VARCHAR, figure BIGINT)")
    con.execute("CREATE TABLE signed_pins (pin_id VARCHAR, kafka_topic VARCHAR, kafka_partition INTEGER, kafka_offset BIGINT)")
    con.execute(
        "CREATE TABLE pinned_completions (pin_id VARCHAR, plan VARCHAR, year BIGINT, district_code VARCHAR, class_id VARCHAR,"
        " person_key BLOB, completed_on DATE, counted BOOLEAN)"
    )
    ends = {(topic, partition): offset for topic, partition, offset in parse_pin(pin)}
    years, seen = {}, set()
    for period, named, digest in con.execute("SELECT DISTINCT period, pin, digest FROM period_closed").fetchall():
        places = {(topic, partition): offset for topic, partition, offset in parse_pin(named)}
        if places.keys() != ends.keys() or any(offset > ends[place] for place, offset in places.items()):
            continue
        pin_id = hashlib.sha256(named.encode()).hexdigest()[:16]
        year, month, last_day = last_month(period)
        report, plan, provisional = signed_report(args.data, period, named, digest)
        row = [period, named, digest, pin_id, year, month, last_day, "as_signed" if report else "missing", plan, provisional]
        con.execute("INSERT INTO signed_reports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        if report and digest not in seen:
            seen.add(digest)
            con.execute("INSERT INTO signed_figures SELECT ?, district_code, metric, figure FROM read_parquet(?)", [digest, str(report)])
        years.setdefault(named, (pin_id, set()))[1].add(year)
    for signed_pin, (pin_id, wanted) in years.items():
        con.executemany(f"INSERT INTO signed_pins VALUES ('{pin_id}', ?, ?, ?)", parse_pin(signed_pin))
        # A session of its own, cut at that pin.
        then, _ = opened(args, signed_pin, *about_events)
        run(then, {name: texts[name] for name in needed(texts, "standing_completions")})
        counted_then = then.sql(
            f"SELECT '{pin_id}' AS pin_id, plan, year, district_code, class_id, person_key, completed_on, counted"
            f" FROM standing_completions WHERE year IN ({', '.join(map(str, wanted))})"
        ).to_arrow_table()
        con.register("rows_read", counted_then)
        con.execute("INSERT INTO pinned_completions SELECT * FROM rows_read")
        con.unregister("rows_read")


# ---- the comparison


def meaning(kind):
    """What a type means, so that two engines' names for it compare equal; how wide an integer is does not matter, that it is one does."""
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_decimal(kind):
        return f"decimal of scale {kind.scale}"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return "bytes"
    if pa.types.is_dictionary(kind):
        return meaning(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list of {meaning(kind.value_type)}"
    if pa.types.is_timestamp(kind):
        return "instant" if kind.tz else "local time"
    return str(kind)


def plain(cell):
    """A cell as a value that compares and hashes exactly."""
    if isinstance(cell, decimal.Decimal):
        return cell.normalize() + 0
    if isinstance(cell, datetime.datetime) and cell.tzinfo:
        return cell.astimezone(datetime.timezone.utc)
    return tuple(map(plain, cell)) if isinstance(cell, list) else cell


def rows_of(table):
    return list(zip(*([plain(c) for c in column.to_pylist()] for column in table.columns))) if table.num_columns else []


def compare(name, ours, theirs, ordered):
    """What differs, in words; nothing if nothing does."""
    if ours.column_names != theirs.column_names:
        return [f"columns: ours {ours.column_names}, DuckDB's {theirs.column_names}"]
    found = []
    for field, other in zip(ours.schema, theirs.schema):
        if meaning(field.type) != meaning(other.type):
            mine, other = (f"{meaning(f.type)} ({f.type})" for f in (field, other))
            found.append(f"column {field.name}: ours is {mine}, DuckDB's {other}")
    a, b = rows_of(ours), rows_of(theirs)
    if a == b:
        return found
    count = {}
    for row in a:
        count[row] = count.get(row, 0) + 1
    for row in b:
        count[row] = count.get(row, 0) - 1
    only = [(row, n) for row, n in count.items() if n]
    if not only:
        return found + (["the same rows in another order, though the model orders them"] if ordered else [])
    more, fewer = sum(n for _, n in only if n > 0), -sum(n for _, n in only if n < 0)
    found.append(f"{len(a)} rows against {len(b)}; {more} only ours, {fewer} only DuckDB's")
    for row, n in sorted(only, key=repr)[: 2 * SHOWN]:
        cells = ", ".join(f"{column}={cell}" for column, cell in zip(ours.column_names, row))
        found.append(f"{'only ours:     ' if n > 0 else 'only DuckDB:   '}{cells}")
    return found


def opened(args, pin, common, types, fields):
    """A session on the lake below a pin, with event types and reference data; and of how many files the lake is."""
    con = duckdb.connect()
    # Nulls come first where a query does not say, so that one that leaves it to the engine shows as a difference.
    con.execute(f"SET threads = {args.threads}; SET TimeZone = 'UTC'; SET default_null_order = 'NULLS_FIRST'")
    con.execute("CREATE TABLE pin (kafka_topic VARCHAR, kafka_partition INTEGER, kafka_offset BIGINT)")
    con.executemany("INSERT INTO pin VALUES (?, ?, ?)", parse_pin(pin))
    files = delta_view(con, "events", args.data / "events")
    delta_view(con, "rejects", args.data / "rejects", cut=["end_offset"])
    con.execute("CREATE TABLE event_types (type VARCHAR, name VARCHAR, topic VARCHAR, log BOOLEAN)")
    for name, (schema, properties) in types.items():
        topic = None if schema["x-topic"] == "target" else schema["x-topic"]
        row = [f"kangyang.{name}.v1", name, topic, bool(schema.get("x-log"))]
        con.execute("INSERT INTO event_types VALUES (?, ?, ?, ?)", row)
        columns = ", ".join(f'"{c}"' for c in ENVELOPE + list(properties))
        con.execute(f"CREATE VIEW \"{name}\" AS SELECT {columns} FROM events WHERE type = 'kangyang.{name}.v1'")
    reference(con, args.schemas, common, fields)
    return con, files


def main():
    args = arguments()
    marts = args.bundle / "events" if args.bundle else args.report or args.data / "marts"
    told = args.bundle / "report/manifest.json" if args.bundle else marts / ("manifest.json" if args.report else "build.json")
    about = json.loads(told.read_text("utf-8"))
    pin = args.pin if args.pin is not None else about["pin"]
    common = json.loads((args.schemas / "common.json").read_text("utf-8"))
    types = event_types(args.schemas, common)
    fields = {field: schema for _, properties in types.values() for field, schema in properties.items()}

    con, files = opened(args, pin, common, types, fields)
    if args.report:
        report_period(con, about["plan"], about["period"])
    texts = models(args.queries, ["reports"] * bool(args.report) + ["bundle"] * bool(args.bundle))
    model = {path: f"bundled_{path.stem}" if args.bundle else path.stem for path in sorted(marts.glob("*.parquet"))}
    signed(con, args, pin, (common, types, fields), texts)
    if args.time:
        with tempfile.TemporaryDirectory(dir=args.data) as folder:
            timed(con, {n: t for n, t in texts.items() if not (args.queries / "checks" / f"{n}.sql").exists()}, set(model.values()), folder)
        return 0
    run(con, texts)

    events = con.execute("SELECT count(*) FROM events").fetchall()[0][0]
    print(f"{events} events in {files} files; {len(texts)} models")
    compared = [path for path, name in model.items() if name in texts]
    if not compared:
        print(f"{marts} holds no mart: nothing was compared")
        return 1
    differing = 0
    for path in compared:
        name = model[path]
        theirs = con.sql(f'SELECT * FROM "{name}"').to_arrow_table()
        ours = pq.read_table(path)
        found = compare(name, ours, theirs, ordered="\nORDER BY" in texts[name])
        differing += bool(found)
        print(f"{'DIFFERS' if found else 'equal  '} {name}: {ours.num_rows} rows")
        for line in found:
            print(f"    {line}")
    print(f"{len(compared)} compared, {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())

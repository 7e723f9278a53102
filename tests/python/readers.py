"""Readers that know nothing of the program: Python's deltalake and Polars on the lake; DuckDB, Polars, pandas, PyArrow on the marts.

    readers.py lake DATA     counts the rows of both tables with each reader: `events 12 rejects 3`; exit 1 if two of them differ
    readers.py marts DATA    reads every mart with each reader; exit 1 if two differ in columns or rows
    readers.py watch DATA    reads every mart again and again until standard input ends; a mart that is missing, torn or without its
                             columns is told and is exit 1. Prints `ready` after the first round and how often it read at the end
"""

import pathlib
import sys
import threading

import deltalake
import duckdb
import pandas
import polars
import pyarrow.parquet


def lake(data):
    counts = []
    for name in ("events", "rejects"):
        folder = str(data / name)
        found = {
            "deltalake": deltalake.DeltaTable(folder).to_pyarrow_table(columns=["kafka_offset"]).num_rows,
            "polars": polars.scan_delta(folder).select(polars.len()).collect().item(),
        }
        if len(set(found.values())) != 1:
            sys.exit(f"{name}: readers differ: {found}")
        counts.append(f"{name} {found['deltalake']}")
    print(" ".join(counts))


# Each opens the file by its name and reads all of it: (columns, number of rows).
READERS = {
    "duckdb": lambda path: arrow(duckdb.connect().read_parquet(str(path)).to_arrow_table()),
    "polars": lambda path: (lambda frame: (frame.columns, frame.height))(polars.read_parquet(path)),
    "pandas": lambda path: (lambda frame: (list(frame.columns), len(frame)))(pandas.read_parquet(path)),
    "pyarrow": lambda path: arrow(pyarrow.parquet.read_table(path)),
}


def arrow(table):
    return table.column_names, table.num_rows


def marts(data):
    paths = sorted((data / "marts").glob("*.parquet"))
    if not paths:
        sys.exit(f"{data / 'marts'} holds no mart")
    for path in paths:
        found = {name: read(path) for name, read in READERS.items()}
        if any(f != found["pyarrow"] for f in found.values()):
            sys.exit(f"{path.name}: readers differ: {found}")
    print(f"{len(paths)} marts")


def watch(data):
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    paths = sorted((data / "marts").glob("*.parquet"))
    if not paths:
        sys.exit(f"{data / 'marts'} holds no mart")
    columns = {path: pyarrow.parquet.read_schema(path).names for path in paths}
    rounds, failures = 0, []
    while not ended.is_set() or rounds == 0:
        for path in paths:
            for name, read in READERS.items():
                try:
                    got, _ = read(path)
                    if got != columns[path]:
                        failures.append(f"{path.name} with {name}: columns {got}")
                except Exception as error:  # noqa: BLE001 - whatever a reader meets is the finding
                    failures.append(f"{path.name} with {name}: {error!r}")
        rounds += 1
        if rounds == 1:
            print("ready", flush=True)
    print(f"{rounds} rounds of {len(paths)} marts with {len(READERS)} readers, {len(failures)} failures")
    if failures:
        sys.exit("\n".join(failures[:20]))


if __name__ == "__main__":
    {"lake": lake, "marts": marts, "watch": watch}[sys.argv[1]](pathlib.Path(sys.argv[2]))

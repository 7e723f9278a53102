"""Recomputes table 1 (附表1) from this bundle's events with DuckDB alone and compares it, cell by cell, with the published table_1.csv.

Needs Python 3.9 or later and `pip install duckdb`; run it in the unpacked bundle: python recompute_table_1.py. It reads events/ and
schemas/reference/, and none of the program's SQL; before that it checks every file against SHA256SUMS. Exit: 0 equal, 1 not."""
import calendar, csv, datetime, hashlib, itertools, json, os, pathlib, sys, duckdb

TARGETS = """
CREATE TABLE targets AS SELECT plan, district_code, year, target FROM 'events/target_set.parquet'
WHERE plan = $plan AND metric = 'trainees' AND district_code IS NOT NULL AND year IS NOT NULL"""
# What counts: passed, in a class that is no schooling, of a district and year with a target. Of the same training of a person in a
# year the first counts, and a further one only if a review confirmed it.
DONE = """
CREATE TABLE done AS WITH passed AS (
    SELECT class_id, person, completed_on, year(completed_on) AS year, plan, district_code, occupation, level
    FROM 'events/trainee_completed.parquet' JOIN 'events/class_filed.parquet' USING (class_id)
    WHERE result = 'passed' AND NOT schooling
), in_turn AS (
    SELECT *, level IS NOT NULL AND occupation <> 'other' AND row_number() OVER (
        PARTITION BY person, occupation, level, year ORDER BY completed_on, class_id) > 1 AS again
    FROM passed SEMI JOIN targets USING (plan, district_code, year)
)
SELECT in_turn.*, NOT again OR coalesce(decision = 'confirmed', false) AS counted, again AND decision IS NULL AS held
FROM in_turn LEFT JOIN 'events/review_decided.parquet' USING (class_id, person)"""
# Of a place (null: the city), up to the last day. The year before is counted to the same day.
COUNTS = """
SELECT count(*) FILTER (counted AND completed_on >= $first), count(*) FILTER (counted AND year = $year),
    count(DISTINCT person) FILTER (counted AND year = $year), count(*) FILTER (held AND year = $year), count(*) FILTER (counted),
    count(*) FILTER (counted AND year = $year - 1 AND completed_on <= $last + INTERVAL 1 DAY - INTERVAL 1 YEAR - INTERVAL 1 DAY)
FROM done WHERE completed_on <= $last AND ($place IS NULL OR district_code = $place)"""
TARGET = "SELECT sum(target) FILTER (year = $year), sum(target) FROM targets WHERE $place IS NULL OR district_code = $place"

def check_sums():
    """Prints how many files are as SHA256SUMS lists them; returns what is not."""
    listed = dict(line.partition("  ")[::-2] for line in pathlib.Path("SHA256SUMS").read_text("utf-8", "replace").splitlines())
    here = {p.as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in pathlib.Path().rglob("*") if p.is_file()}
    differing = [name for name in sorted({*here, *listed} - {"SHA256SUMS"}) if here.get(name) != listed.get(name)]
    print(f"SHA256SUMS: {len(listed.keys() - differing)} of {len(listed)} files are as listed")
    return [f"{name}: not as SHA256SUMS lists it" for name in differing]

def reference(name, folder="schemas/reference"):
    with open(f"{folder}/{name}.csv", encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))

def span(year, month):
    """First and last day of a report's month: from cut-off day to cut-off day where there is one, within the year."""
    cut = int(reference("report_month")[0]["cut_off_day"] or 31)
    start, end = datetime.date(year, month, 1), datetime.date(year, month, calendar.monthrange(year, month)[1])
    first = start if month == 1 else min(start, (start - datetime.timedelta(1)).replace(day=1) + datetime.timedelta(cut))
    return {"first": first, "last": end if month == 12 else min(end, start + datetime.timedelta(cut - 1))}

def percent(part, whole):
    """In hundredths of a percent, half away from zero; None over nothing."""
    return (1 if part >= 0 else -1) * ((20000 * abs(part) + whole) // (2 * whole)) if whole else None

def decimal(hundredths):
    return None if hundredths is None else f"{'-' * (hundredths < 0)}{abs(hundredths) // 100}.{abs(hundredths) % 100:02}"

def light(done, target, month):
    (pace,), labels = reference("pace"), {row["code"]: row["label"] for row in reference("codes") if row["field"] == "light"}
    points = pace["by_points"] == "true"
    due = {c: month * 100 - 12 * int(pace[c + "_points"]) if points else month * int(pace[c + "_percent"]) for c in ("green", "yellow")}
    return labels[next((c for c in due if done * 1200 >= target * due[c]), "red")]

def table_1(con, plan, period):
    """Its rows by column name, the city's last."""
    year, month, rules, rows = int(period[:4]), int(period[5:] or 12), reference("ranking")[0], []
    unranked = None if rules["city_direct_ranked"] == "true" else rules["city_direct_code"]
    con.execute(TARGETS, {"plan": plan}).execute(DONE)
    restated, before = reference("previous_year")[0]["restated"] == "true", (plan, f"{year - 1}{period[4:]}")
    told = {row["district_code"]: int(row["completed"]) for row in reference("published_figures") if (row["plan"], row["period"]) == before}
    planned = con.execute("SELECT DISTINCT district_code FROM targets").fetchall()
    places = sorted((row for row in reference("districts") if (row["district_code"],) in planned), key=lambda row: int(row["position"]))
    for place in [*places, {"district_code": None, "position": None, "district": reference("city")[0]["whole"]}]:
        at = {"year": year, "place": place["district_code"]}
        of_month, done, persons, held, of_plan, previous = con.execute(COUNTS, {**at, **span(year, month)}).fetchone()
        target, plan_target = con.execute(TARGET, at).fetchone()
        previous, rate, pace = previous if restated else told.get(place["district_code"] or ""), percent(done, target), percent(month, 12)
        rows.append({
            "position": place["position"], "district": place["district"], "target": target, "month_completed": of_month,
            "year_completed": done, "persons": persons, "completion_rate": decimal(rate), "pace_rate": decimal(pace),
            "pace_difference": decimal(rate - pace if target else None), "light": light(done, target, month) if target else None,
            "previous_completed": previous, "growth_rate": decimal(percent(done - (previous or 0), previous)),
            "plan_target": plan_target, "plan_completed": of_plan, "plan_rate": decimal(percent(of_plan, plan_target)), "held": held})
    ranked = [row for row, place in zip(rows, places) if row["target"] and place["district_code"] != unranked]
    for row in ranked:
        row["rank"] = 1 + sum(a["year_completed"] * row["target"] > row["year_completed"] * a["target"] for a in ranked)
    return [{name: "" if cell is None else str(cell) for name, cell in row.items()} for row in rows]

os.chdir(pathlib.Path(__file__).resolve().parent)
wrong = check_sums()
try:
    about, (_labels, *published) = json.loads(pathlib.Path("report/manifest.json").read_text("utf-8")), reference("table_1", "report")
    ours = table_1(duckdb.connect(), about["plan"], about["period"])
    wrong += [f"{(got or was)['district']}, {name}: published {a or 'nothing'}, recomputed {b or 'nothing'}"
              for was, got in itertools.zip_longest(published, ours, fillvalue={})
              for name in {**was, **got} if (a := was.get(name, "")) != (b := got.get(name, ""))]
except Exception as error:  # as a changed file may bring about; that it is changed stands above
    wrong.append(f"table 1 can't be recomputed: {error}")
print("\n".join(wrong) or f"equal: {len(ours)} rows of {len(published[0])} columns")
sys.exit(1 if wrong else 0)

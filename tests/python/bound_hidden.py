"""Tries to work out what a published table hides, as a reader with a solver would, and fails where it gets too close.

    bound_hidden.py TABLES.ndjson

One table a line: `rows` (counts, null where there is none), `total` (the row of totals, or null), `down` (a column's rows: "sum" to the
total, "distinct" persons whose sum is at least the total, or "loose"), `across` (`[total or null, parts]`: columns that add up), `known`
(columns that a reader can look up elsewhere) and `hidden` (row, column). A linear programme bounds each hidden cell given all else: one
of 1-4 must still be able to be anything from 1 to 4, any other one anything in a range at least as wide. Where readers know sums from
elsewhere, not even a table hidden as a whole leaves so much: then a cell must have all the room that this would leave, and is counted
apart. Prints what it tried; exit 1 if any cell is too well known.
"""

import json
import sys

import numpy
from scipy.optimize import linprog

SMALL = range(1, 5)
SLACK = 1e-6


def bounds(table, hidden):
    """The least and the greatest value of each hidden cell that isn't known."""
    rows, total = table["rows"], table["total"]
    unknown = [tuple(cell) for cell in hidden if cell[1] not in table["known"]]
    place = {cell: i for i, cell in enumerate(unknown)}
    equal, at_least = [], []

    def sum_of(cells, signs, constant, into):
        """Adds: the signed cells' sum is (at least) the constant; what is published moves to the right."""
        left = numpy.zeros(len(unknown))
        for cell, sign in zip(cells, signs):
            if cell in place:
                left[place[cell]] += sign
            else:
                constant -= sign * rows[cell[0]][cell[1]]
        if left.any():
            into.append((left, constant))

    for r, row in enumerate(rows):
        for whole, parts in table["across"]:
            cells = [(r, c) for c in parts if row[c] is not None]
            if whole is None:
                sum_of(cells, [1] * len(cells), sum(row[c] for _, c in cells), equal)
            elif row[whole] is not None:
                sum_of(cells + [(r, whole)], [1] * len(cells) + [-1], 0, equal)
    for c, kind in enumerate(table["down"]):
        if total is None or kind == "loose" or rows[total][c] is None:
            continue
        cells = [(r, c) for r in range(len(rows)) if r != total and rows[r][c] is not None]
        sum_of(cells + [(total, c)], [1] * len(cells) + [-1], 0, equal if kind == "sum" else at_least)

    def solve(objective):
        found = linprog(
            objective,
            A_eq=numpy.array([left for left, _ in equal]) if equal else None,
            b_eq=[right for _, right in equal] if equal else None,
            A_ub=-numpy.array([left for left, _ in at_least]) if at_least else None,
            b_ub=[-right for _, right in at_least] if at_least else None,
            bounds=(0, None),
            method="highs",
        )
        if found.status == 3:
            return -numpy.inf
        assert found.status == 0, found.message
        return found.fun

    for cell, i in place.items():
        one = numpy.zeros(len(unknown))
        one[i] = 1
        yield cell, solve(one), -solve(-one)


def safe(value, low, high):
    """Whether a reader is left with enough doubt."""
    if value in SMALL:
        return low <= SMALL[0] + SLACK and high >= SMALL[-1] - SLACK
    return high - low >= len(SMALL) - 1 - SLACK


def as_good(value, low, high, best_low, best_high):
    """Whether no further hiding would leave a reader with more doubt."""
    if safe(value, best_low, best_high):
        return False
    if value in SMALL:
        return low <= max(SMALL[0], best_low) + SLACK and high >= min(SMALL[-1], best_high) - SLACK
    return high - low >= best_high - best_low - SLACK


def main(path):
    tables = cells = small = published = lost = 0
    bad = []
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        table = json.loads(line)
        rows, hidden = table["rows"], [tuple(cell) for cell in table["hidden"]]
        tables += 1
        published += sum(value is not None for row in rows for value in row)
        small += sum(value in SMALL for row in rows for value in row)
        shown = [(r, c) for r, row in enumerate(rows) for c, value in enumerate(row) if value in SMALL and (r, c) not in hidden]
        bad += [f"table {number}: cell {cell} is small and shown" for cell in shown]
        weak = []
        for cell, low, high in bounds(table, hidden):
            cells += 1
            if not safe(rows[cell[0]][cell[1]], low, high):
                weak.append((cell, low, high))
        if weak:
            everything = [(r, c) for r, row in enumerate(rows) for c, value in enumerate(row) if value is not None]
            best = {cell: (low, high) for cell, low, high in bounds(table, everything)}
        for cell, low, high in weak:
            value = rows[cell[0]][cell[1]]
            known_elsewhere = table["known"] or any(whole is None for whole, _ in table["across"])
            if known_elsewhere and as_good(value, low, high, *best[cell]):
                lost += 1
            else:
                bad.append(f"table {number}: cell {cell} of {value} is known to be in {low:g}..{high:g}\n  {line.strip()}")
    print(f"{tables} tables of {published} counts, {small} of them 1-4; {cells} hidden cells bounded, {lost} of them beyond protection")
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

//! Which cells of a table the public is not told: counts of 1–4, and further ones, so that no hidden cell can be worked out from sums.
//!
//! A cell stands in at most two sums: down its column to the row of totals, and across its row to a column of totals. Such a table is a
//! network: sums are nodes, hidden cells are arcs, and how far a hidden cell can move while every published sum holds is a maximum flow,
//! exact in integers. Published is what a reader could use, so a cell that isn't hidden doesn't move. Cell suppression as network flow:
//! Cox (1980), "Suppression methodology and statistical disclosure control", JASA 75; Hundepool et al. (2012), "Statistical Disclosure
//! Control", chapter 4.
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

/// Counts that lead back to persons: hidden wherever they stand (domain: cells of 1–4).
pub const SMALL: std::ops::RangeInclusive<i64> = 1..=4;

/// How a column's rows relate to the row of totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Down {
    /// They add up to it.
    #[default]
    Sum,
    /// They are distinct persons, who may stand in several rows: their sum is at least the total.
    Distinct,
    /// The total says nothing about them, as it has more than they.
    Loose,
}

/// A table of counts.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Row by row; none where there is no figure. No count is negative.
    pub rows: Vec<Vec<Option<i64>>>,
    /// The row of totals.
    pub total: Option<usize>,
    /// For each column.
    pub down: Vec<Down>,
    /// Columns that add up, to a column or to what readers know anyway; a column stands in one such sum at most.
    pub across: Vec<(Option<usize>, Vec<usize>)>,
    /// Columns that readers can see elsewhere: hidden where small, but they protect nothing.
    pub known: BTreeSet<usize>,
}

/// A row and a column.
pub type Place = (usize, usize);

/// No bound; far from overflow when added up.
const FREE: i64 = i64::MAX / 1024;

/// A cell as an arc from the sum across to the sum down.
#[derive(Clone, Copy)]
struct Arc {
    across: usize,
    down: usize,
    value: i64,
    /// The total's side of a sum counts down where the others count up.
    negative: bool,
    known: bool,
    /// None: the persons that a total counts once and its rows several times; nobody is told how many.
    place: Option<Place>,
}

impl Arc {
    /// How far it can move along (`ahead`: towards `down`) or against its direction.
    fn room(&self, ahead: bool) -> i64 {
        if self.negative == ahead { self.value } else { FREE }
    }
}

/// The cells to hide: those of 1–4 and as few others as it finds, so that with all published cells and sums known, each of 1–4 can
/// still be anything from 1 to 4, and each other one anything in a range at least as wide.
pub fn hide(table: &Counts) -> BTreeSet<Place> {
    let network = Network::new(table);
    let mut hidden: BTreeSet<Place> = network.arcs.iter().filter(|a| SMALL.contains(&a.value)).filter_map(|a| a.place).collect();
    // Ways in which no further hiding lets a cell move: its sums are told elsewhere.
    let mut lost: BTreeSet<(Place, bool)> = BTreeSet::new();
    loop {
        let unknown = hidden.iter().filter(|(_, c)| !table.known.contains(c));
        let weak = unknown.flat_map(|p| [(*p, true), (*p, false)]).filter(|w| !lost.contains(w));
        let Some((place, up, need)) = weak.filter_map(|(p, up)| Some((p, up, network.weakness(p, up, &hidden)?))).next() else {
            return hidden;
        };
        let more = network.help(place, up, need, &hidden);
        if more.is_empty() {
            lost.insert((place, up));
        }
        hidden.extend(more);
    }
}

struct Network {
    arcs: Vec<Arc>,
    nodes: usize,
}

impl Network {
    /// Node 0 stands for no sum: what isn't bound there moves freely.
    fn new(table: &Counts) -> Network {
        let width = table.rows.iter().map(Vec::len).max().unwrap_or(0);
        let groups = table.across.iter().enumerate();
        let of: BTreeMap<usize, (usize, bool)> = groups
            .flat_map(|(g, (total, parts))| parts.iter().map(move |p| (*p, (g, false))).chain(total.map(|t| (t, (g, true)))))
            .collect();
        let below = |c: usize| table.down.get(c).copied().unwrap_or_default();
        let down = |c: usize| if table.total.is_none() || below(c) == Down::Loose { 0 } else { 1 + c };
        let (mut arcs, sums) = (vec![], table.across.len());
        for (r, row) in table.rows.iter().enumerate() {
            for (c, value) in row.iter().enumerate() {
                let Some(value) = *value else { continue };
                let across = of.get(&c).map_or(0, |(g, _)| 1 + width + r * sums + g);
                let negative = (Some(r) == table.total) != of.get(&c).is_some_and(|(_, total)| *total);
                arcs.push(Arc {
                    across,
                    down: down(c),
                    value: value.max(0),
                    negative,
                    known: table.known.contains(&c),
                    place: Some((r, c)),
                });
            }
        }
        for c in (0..width).filter(|c| below(*c) == Down::Distinct && table.total.is_some()) {
            let at = |r: usize| table.rows.get(r).and_then(|row| row.get(c).copied().flatten()).unwrap_or(0);
            let others: i64 = (0..table.rows.len()).filter(|r| Some(*r) != table.total).map(at).sum();
            let value = (others - table.total.map_or(0, at)).max(0);
            let total_column = of.get(&c).is_some_and(|(_, total)| *total);
            arcs.push(Arc { across: 0, down: down(c), value, negative: !total_column, known: false, place: None });
        }
        Network { arcs, nodes: 1 + width + table.rows.len() * sums }
    }

    /// How far a hidden cell should be able to move up or down, where it can't; none: it can.
    fn weakness(&self, place: Place, up: bool, hidden: &BTreeSet<Place>) -> Option<i64> {
        let value = self.arcs.iter().find(|a| a.place == Some(place))?.value;
        let reach = |up: bool, need: i64| if need <= 0 { 0 } else { self.reach(place, up, need, hidden).0 };
        let (low, high, span) = (*SMALL.start(), *SMALL.end(), SMALL.end() - SMALL.start());
        let need = match (SMALL.contains(&value), up) {
            (true, true) => high - value,
            (true, false) => value - low,
            // Others need a range as wide, wherever it lies.
            (false, true) => span - reach(false, span.min(value)),
            (false, false) => (span - reach(true, span)).min(value),
        };
        (reach(up, need) < need).then_some(need)
    }

    /// How far, up to `need`, the cell can move, and the flow that moves the others: along each arc, ahead positive.
    fn reach(&self, place: Place, up: bool, need: i64, hidden: &BTreeSet<Place>) -> (i64, Vec<i64>) {
        let mut flow = vec![0; self.arcs.len()];
        let Some((from, to)) = self.ends(place, up) else { return (0, flow) };
        if from == to {
            return (need, flow);
        }
        let moves = |a: &Arc| !a.known && a.place != Some(place) && a.place.is_none_or(|p| hidden.contains(&p));
        let mut reached = 0;
        while reached < need {
            // Breadth first: the shortest way on which every arc has room.
            let mut came: BTreeMap<usize, (usize, usize, bool)> = BTreeMap::new();
            let mut queue = VecDeque::from([from]);
            while let Some(node) = queue.pop_front() {
                for (i, a, next, ahead) in self.leaving(node) {
                    if moves(a) && next != from && !came.contains_key(&next) && room(a, flow.get(i), ahead) > 0 {
                        came.insert(next, (node, i, ahead));
                        queue.push_back(next);
                    }
                }
            }
            let way = trace(&came, from, to);
            if way.is_empty() {
                break;
            }
            let rooms = way.iter().filter_map(|(i, ahead)| self.arcs.get(*i).map(|a| room(a, flow.get(*i), *ahead)));
            let step = rooms.min().unwrap_or(0).min(need - reached);
            for (i, ahead) in way {
                if let Some(f) = flow.get_mut(i) {
                    *f += if ahead { step } else { -step };
                }
            }
            reached += step;
        }
        (reached, flow)
    }

    /// Further cells to hide so that the cell moves at least a little further: the cheapest way through published cells.
    fn help(&self, place: Place, up: bool, need: i64, hidden: &BTreeSet<Place>) -> BTreeSet<Place> {
        let (reached, flow) = self.reach(place, up, need, hidden);
        let Some((from, to)) = self.ends(place, up) else { return BTreeSet::new() };
        let cost = |a: &Arc, ahead: bool| match a.place {
            Some(p) if !hidden.contains(&p) => price(a) + if a.room(ahead) < need - reached { 200 } else { 0 },
            _ => 0,
        };
        let mut came: BTreeMap<usize, (usize, usize, bool)> = BTreeMap::new();
        let mut best = BTreeMap::from([(from, 0)]);
        let mut heap = BinaryHeap::from([(std::cmp::Reverse(0), from)]);
        while let Some((std::cmp::Reverse(so_far), node)) = heap.pop() {
            if best.get(&node).is_some_and(|b| *b < so_far) {
                continue;
            }
            for (i, a, next, ahead) in self.leaving(node) {
                let sum = so_far + 1 + cost(a, ahead);
                if !a.known && a.place != Some(place) && room(a, flow.get(i), ahead) > 0 && best.get(&next).is_none_or(|b| sum < *b) {
                    best.insert(next, sum);
                    came.insert(next, (node, i, ahead));
                    heap.push((std::cmp::Reverse(sum), next));
                }
            }
        }
        let way = trace(&came, from, to);
        way.into_iter().filter_map(|(i, _)| self.arcs.get(i)?.place).filter(|p| !hidden.contains(p)).collect()
    }

    /// Where the others' flow begins and ends when the cell moves up or down.
    fn ends(&self, place: Place, up: bool) -> Option<(usize, usize)> {
        let arc = self.arcs.iter().find(|a| a.place == Some(place))?;
        // Up is ahead, but for a total's cell.
        Some(if up == arc.negative { (arc.across, arc.down) } else { (arc.down, arc.across) })
    }

    /// The arcs at a node, where each leads, and whether that is its direction.
    fn leaving(&self, node: usize) -> impl Iterator<Item = (usize, &Arc, usize, bool)> {
        debug_assert!(node < self.nodes, "a node is no sum of the table");
        let arcs = self.arcs.iter().enumerate();
        arcs.flat_map(move |(i, a)| {
            let ahead = (a.across == node && a.down != node).then_some((i, a, a.down, true));
            ahead.into_iter().chain((a.down == node && a.across != node).then_some((i, a, a.across, false)))
        })
    }
}

/// What is left of an arc's room where `flow` already goes along it.
fn room(arc: &Arc, flow: Option<&i64>, ahead: bool) -> i64 {
    let flow = flow.copied().unwrap_or(0);
    arc.room(ahead) - if ahead { flow } else { -flow }
}

/// Small cells are cheap to hide; totals, which readers want most, dear; zeros dearest, since who knows the place knows them.
fn price(arc: &Arc) -> i64 {
    let dear = match (arc.value, arc.negative) {
        (0, _) => 1_000_000,
        (_, true) => 100_000,
        _ => 0,
    };
    dear + 100 + arc.value.min(50_000)
}

/// The arcs from `from` to `to`, backwards; empty: there is no way.
fn trace(came: &BTreeMap<usize, (usize, usize, bool)>, from: usize, to: usize) -> Vec<(usize, bool)> {
    let (mut way, mut node) = (vec![], to);
    while node != from {
        let Some((before, arc, ahead)) = came.get(&node) else { return vec![] };
        way.push((*arc, *ahead));
        node = *before;
    }
    way
}

//! What the demo takes from reference data: the plan, its districts and targets, occupations and codes; and made-up codes that are valid.
use super::time::day;
use super::training::Class;
use crate::contract::Contract;
use crate::error::{Context, Error, Result};
use arrow::util::display::array_value_to_string;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Default)]
pub struct District {
    pub code: String,
    pub name: String,
    /// Its administrative division code.
    pub region: String,
}

/// A made-up carrier of trainings.
#[derive(Clone, Default)]
pub struct Institution {
    pub id: String,
    pub kind: String,
    pub name: String,
    pub district: usize,
    /// What it is listed for.
    pub occupations: Vec<usize>,
    /// The day it is struck off the list.
    pub until: Option<i64>,
}

#[derive(Clone, Default)]
pub struct Occupation {
    pub code: String,
    /// How many completions of the whole plan are to be in it.
    pub weight: i64,
    pub shortage: bool,
    pub certifiable: bool,
    pub levels: Vec<String>,
    pub evaluator: String,
}

/// District (none: the city), year (none: the whole plan), metric.
pub type Task = (Option<String>, Option<i64>, String);

/// What the reference data say.
pub struct World {
    pub plan: String,
    pub city: String,
    pub region: String,
    pub years: Vec<i64>,
    /// The target of a task, and the document that sets it.
    pub targets: BTreeMap<Task, (i64, String)>,
    pub districts: Vec<District>,
    pub institutions: Vec<Institution>,
    pub occupations: Vec<Occupation>,
    /// The metric that counts an occupation, by the occupation's code.
    pub metrics: BTreeMap<String, String>,
    pub codes: BTreeMap<String, Vec<String>>,
}

/// A column of a reference table as text, empty where there is nothing.
pub fn column(contract: &Contract, table: &str, name: &str) -> Result<Vec<String>> {
    let array = contract.reference().get(table).and_then(|b| b.column_by_name(name));
    let array = array.ok_or_else(|| Error::new(format!("reference table {table} lacks the column {name}, which the demo needs")))?;
    (0..array.len()).map(|row| array_value_to_string(array, row).context(|| format!("reference table {table} can't be read"))).collect()
}

impl World {
    pub fn read(contract: &Contract) -> Result<World> {
        let of = |table, name| column(contract, table, name);
        let (plans, documents, units) = (of("allocation", "plan")?, of("allocation", "document")?, of("allocation", "district_code")?);
        let plan = plans.first().cloned().ok_or_else(|| Error::new("reference table allocation has no rows"))?;
        let (codes, region) = (of("districts", "district_code")?, of("city", "region_code")?.concat());
        let metrics: BTreeMap<String, String> = of("metrics", "metric")?.into_iter().zip(of("metrics", "occupation")?).collect();
        let mut targets: BTreeMap<Task, (i64, String)> = BTreeMap::new();
        for field in contract.reference().get("allocation").iter().flat_map(|b| b.schema_ref().fields()) {
            let year: Option<i64> = field.name().parse().ok();
            let metric = if year.is_some() { "trainees" } else { field.name() };
            let cells = if metrics.contains_key(metric) { of("allocation", field.name())? } else { Vec::new() };
            for (((target, unit), document), _) in cells.iter().zip(&units).zip(&documents).zip(&plans).filter(|(_, p)| **p == plan) {
                // The control row's word is no district's code: it states the city's own targets.
                let task = (codes.contains(unit).then(|| unit.clone()), year, metric.to_owned());
                target.parse().ok().and_then(|t| targets.insert(task, (t, document.clone())));
            }
        }
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (field, code) in of("codes", "field")?.into_iter().zip(of("codes", "code")?) {
            all.entry(field).or_default().push(code);
        }
        // An occupation with a target of its own is trained as often as that asks, the others share the rest: most of it the certifiable.
        let sum = |m: &str| targets.iter().filter(|((d, ..), _)| d.is_none()).filter(|(t, _)| t.2 == m).map(|t| t.1.0).sum::<i64>();
        let own: BTreeMap<&String, i64> = metrics.iter().filter(|(_, o)| !o.is_empty()).map(|(m, o)| (o, sum(m))).collect();
        let (names, levels, ladders) = (of("occupations", "occupation")?, of("levels", "level")?, of("levels", "ladder")?);
        let flags: Vec<_> = of("occupations", "certifiable")?.into_iter().zip(of("occupations", "shortage")?).collect();
        let part = |certifiable: &str| if certifiable == "true" { 3 } else { 1 };
        let parts: i64 = names.iter().zip(&flags).filter(|(o, _)| !own.contains_key(o)).map(|(_, f)| part(&f.0)).sum();
        let rest = (sum("trainees") - own.values().sum::<i64>()) / parts.max(1);
        let occupations = names.into_iter().zip(flags).zip(0..).map(|((code, (certifiable, shortage)), n)| {
            // A certifiable occupation climbs the skill ladder; another one has the ladder with a step named as it is, or none.
            let ladder = levels.iter().zip(&ladders).find(|(level, _)| code.ends_with(level.as_str())).map(|(_, ladder)| ladder.as_str());
            let ladder = if certifiable == "true" { Some("skill") } else { ladder };
            let levels =
                levels.iter().zip(&ladders).filter(|(_, of)| Some(of.as_str()) == ladder).map(|(level, _)| level.clone()).collect();
            let evaluator = format!("S0000{}{:04}", region.get(..4).unwrap_or("0000"), n % 3 + 1);
            let weight = own.get(&code).copied().unwrap_or(rest * part(&certifiable)).max(1);
            Occupation { code, weight, shortage: shortage == "true", certifiable: certifiable == "true", levels, evaluator }
        });
        let (occupations, years) = (occupations.collect(), targets.keys().filter_map(|t| t.1).collect::<BTreeSet<i64>>());
        let (names, regions) = (of("districts", "district")?, of("districts", "region_code")?);
        let districts = codes.into_iter().zip(names).zip(regions).map(|((code, name), region)| District { code, name, region }).collect();
        let (city, years) = (of("city", "city")?.concat(), years.into_iter().collect());
        let metrics = metrics.iter().map(|(metric, occupation)| (occupation.clone(), metric.clone())).collect();
        let mut world = World { plan, city, region, years, targets, districts, institutions: vec![], occupations, metrics, codes: all };
        world.institutions = world.carriers()?;
        Ok(world)
    }

    /// Four institutions of each district. Each leaves out some occupations, none of them the same ones; a few are struck off.
    fn carriers(&self) -> Result<Vec<Institution>> {
        let struck = day(self.edges().1, 7, 1)?;
        let of = |(d, i): (usize, usize)| {
            let (n, kind) = (4 * d + i, self.code("institution_type", 3 * d + i).to_owned());
            let region = self.districts.get(d).map_or("", |d| &d.region);
            let name = format!("{}某康养职业培训机构{}", self.districts.get(d).map_or("", |d| &d.name), i + 1);
            let occupations = (0..self.occupations.len()).filter(|o| !(o + n).is_multiple_of(5)).collect();
            let until = (i == 3 && d % 4 == 1).then_some(struck);
            Institution { id: credit_code(office(&kind), region, n), kind, name, district: d, occupations, until }
        };
        Ok((0..self.districts.len()).flat_map(|d| (0..4).map(move |i| (d, i))).map(of).collect())
    }

    /// The code of an institution that stands on no list.
    pub fn unlisted(&self, n: usize) -> String {
        credit_code(office(""), &self.region, 9000 + n)
    }

    /// The n-th of a field's codes, round and round; the contract has seen to it that there are some.
    pub fn code(&self, field: &str, n: usize) -> &str {
        self.codes.get(field).and_then(|c| c.iter().cycle().nth(n % c.len().max(1))).map_or("", String::as_str)
    }

    pub fn district(&self, d: usize) -> &str {
        self.districts.get(d).map_or("", |d| &d.code)
    }

    pub fn occupation(&self, class: &Class) -> Occupation {
        self.occupations.get(class.occupation).cloned().unwrap_or_default()
    }

    /// A district's target of the metric trainees.
    pub fn target(&self, district: &str, year: i64) -> Option<i64> {
        self.targets.get(&(Some(district.to_owned()), Some(year), "trainees".to_owned())).map(|t| t.0)
    }

    pub fn edges(&self) -> (i64, i64) {
        (self.years.first().copied().unwrap_or(1970), self.years.last().copied().unwrap_or(1970))
    }

    /// A made-up ID number with a right check digit (GB 11643-1999), of the city's 99th county, which nobody was born in.
    pub fn id_number(&self) -> String {
        let mut number = format!("{}9919850312001", self.region.get(..4).unwrap_or("0000"));
        let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        let sum: u32 = number.chars().filter_map(|c| c.to_digit(10)).zip(weights).map(|(d, w)| d * w).sum();
        number.extend("10X98765432".chars().nth(sum as usize % 11));
        number
    }
}

/// Which register an organisation of this kind stands in, and as what (GB 32100-2015, the first two characters).
fn office(kind: &str) -> &'static str {
    match kind {
        "college" | "public_base" | "child_welfare_home" => "12",
        "social_association" => "51",
        "training_institution" | "elderly_care_home" => "52",
        _ => "91",
    }
}

/// A made-up organisation's code (GB 32100-2015, the body by GB 11714), known as such by "TE5T".
fn credit_code(office: &str, region: &str, serial: usize) -> String {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let mut code = format!("{office}{region}TE5T{serial:04}");
    let body = code.chars().skip(8).filter_map(|c| c.to_digit(36));
    let sum: u32 = body.zip([3, 7, 9, 10, 5, 8, 4, 2]).map(|(v, w)| v * w).sum();
    code.extend("0123456789X0".chars().nth(11 - sum as usize % 11));
    let (sum, _) = code.chars().filter_map(|c| ALPHABET.find(c)).fold((0, 1), |(sum, weight), v| (sum + v * weight, weight * 3 % 31));
    code.extend(ALPHABET.chars().nth((31 - sum % 31) % 31));
    code
}

#[cfg(test)]
mod tests {
    use super::credit_code;

    #[test]
    fn credit_codes_are_those_of_the_standard() {
        for (office, code) in [("12", "12410800TE5T000080"), ("52", "52410800TE5T00008U"), ("51", "51410800TE5T00008Y")] {
            assert_eq!(credit_code(office, "410800", 0), code);
        }
    }
}

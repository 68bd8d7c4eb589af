//! What changed between two runs: verdicts, and facts by implementation.
//!
//! A member of a fact is new if every case of a scenario with that implementation has it after and none of any scenario had it before, and
//! gone the other way round. What some cases show and others do not, in the same run, is chance and no change; so may be what a single case
//! shows, which is listed apart, and the other result of a requirement that both runs have either way. States and requirements depend on what a scenario does, so they are compared scenario by scenario, where both
//! runs show them. Controls count by their verdicts alone, and so does a case that ended with a `harness-error`.

use super::change::{Change, Checks, Comparison, VerdictChange};
use super::{CANDIDATES, Ended, Fact, Facts, Run, scenario, times};
use crate::verdict::Outcome;
use std::collections::{BTreeMap, BTreeSet};

/// The family of controls, in which something is broken on purpose.
const CONTROLS: &str = "controls/";
/// What the facts of requirements begin with.
const REQUIREMENT: &str = "requirement ";
/// Recordings that have to show a change; what fewer show may be chance.
const FEWEST: usize = 2;

/// A case's name without the versions of its peers: `data/echo/chrome@150-stack` is `data/echo/chrome-stack`.
fn plain(case: &str) -> String {
    let mut text = String::new();
    let mut in_version = false;
    for c in case.chars() {
        match c {
            '@' => in_version = true,
            '-' | '/' => in_version = false,
            _ => {}
        }
        if !in_version {
            text.push(c);
        }
    }
    text
}

/// A fact of a peer.
#[derive(Clone, Copy)]
struct Showing<'a> {
    fact: &'a Fact,
    case: &'a str,
    /// Which recording of the run it is in: a case that was repeated has several.
    recording: usize,
}

/// What the cases of a scenario show of an implementation in one fact.
#[derive(Default)]
struct Shown<'a> {
    /// How many peers could have shown it.
    peers: usize,
    facts: Vec<Showing<'a>>,
}

impl<'a> Shown<'a> {
    /// What all show, and what any shows. A peer without the fact shows nothing.
    fn members(&self) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
        let of = |fact: &'a Fact| fact.values.iter().map(String::as_str).collect::<BTreeSet<_>>();
        let any = self.facts.iter().flat_map(|it| of(it.fact)).collect();
        if self.facts.len() < self.peers {
            return (BTreeSet::new(), any);
        }
        let all = self.facts.iter().map(|it| of(it.fact)).reduce(|one, other| &one & &other);
        (all.unwrap_or_default(), any)
    }

    fn orders(&self) -> BTreeSet<&'a [String]> {
        self.facts.iter().filter(|it| it.fact.ordered).map(|it| it.fact.values.as_slice()).collect()
    }

    /// The facts that have a member.
    fn showing(&self, member: &str) -> impl Iterator<Item = Showing<'a>> {
        let shows = move |fact: &Fact| fact.values.iter().any(|value| value == member);
        self.facts.iter().filter(move |it| shows(it.fact)).copied()
    }
}

type Key<'a> = (&'a str, &'a str, &'a str);

fn shown<'a>(run: &[&'a Facts], facts: &BTreeSet<(&'a str, &'a str)>) -> BTreeMap<Key<'a>, Shown<'a>> {
    let mut all: BTreeMap<Key<'a>, Shown<'a>> = BTreeMap::new();
    for (recording, case) in run.iter().enumerate() {
        for peer in &case.peers {
            let of = peer.implementation.as_str();
            let roles: BTreeSet<&str> = peer.facts.keys().filter_map(|fact| role(fact)).collect();
            for (_, fact) in facts.iter().filter(|(implementation, _)| *implementation == of) {
                let shown = all.entry((scenario(&case.case), of, fact)).or_default();
                shown.peers += usize::from(role(fact).is_none_or(|role| roles.contains(role)));
                let showing = |fact| Showing { fact, case: &case.case, recording };
                shown.facts.extend(peer.facts.get(*fact).map(showing));
            }
        }
    }
    all
}

/// Of what a peer in some role alone shows: what its name begins with. Who answers has no offer.
fn role(fact: &str) -> Option<&'static str> {
    ["offer ", "answer ", "ClientHello ", "ServerHello ", "INIT ACK ", "INIT "]
        .into_iter()
        .find(|role| fact.starts_with(role))
}

/// Whether a fact depends on what the scenario does.
fn is_of_a_scenario(fact: &str) -> bool {
    [REQUIREMENT, "states of "].iter().any(|head| fact.starts_with(head))
}

/// Whether a case may have a fact or not by chance, such as a candidate of that type: that it has is no change, only its members are.
fn is_conditional(fact: &str) -> bool {
    fact == CANDIDATES || fact.starts_with("statistics ") && fact.ends_with(')')
}

/// What any case of any scenario shows.
fn ever<'a>(run: &BTreeMap<Key<'a>, Shown<'a>>) -> BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>> {
    let mut all: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for ((_, implementation, fact), shown) in run {
        all.entry((implementation, fact)).or_default().extend(shown.members().1);
    }
    all
}

/// The recordings of each case, by its name without versions: several where it was repeated.
type ByName<'a> = BTreeMap<String, Vec<&'a Facts>>;

fn by_name(run: &Run) -> ByName<'_> {
    let mut all = ByName::new();
    for facts in &run.cases {
        all.entry(plain(&facts.case)).or_default().push(facts);
    }
    all
}

/// Compares two runs by the cases that both have.
#[must_use]
pub fn compare(before: &Run, after: &Run) -> Comparison {
    let (names, later) = (by_name(before), by_name(after));
    let mut comparison = Comparison::default();
    let only = |one: &ByName<'_>, other: &ByName<'_>| -> Vec<String> {
        one.keys().filter(|name| !other.contains_key(*name)).cloned().collect()
    };
    (comparison.only_before, comparison.only_after) = (only(&names, &later), only(&later, &names));
    if before.tool != after.tool {
        let (before, after) = (before.tool.clone(), after.tool.clone());
        comparison.tool.checks = Some(Checks { before, after });
    }
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (name, one) in &names {
        let Some(other) = later.get(name) else { continue };
        comparison.cases += 1;
        verdict(name, one, other, &mut comparison);
        for (facts, is_after) in one.iter().map(|it| (it, false)).chain(other.iter().map(|it| (it, true))) {
            for peer in facts.peers.iter().filter(|peer| !peer.version.is_empty()) {
                let versions = comparison.versions.entry(peer.implementation.clone()).or_default();
                let of = if is_after { &mut versions.after } else { &mut versions.before };
                of.insert(peer.version.clone());
            }
        }
        let [one, other] = [one, other].map(|all| all.iter().copied().filter(|it| !is_broken(it)));
        let (one, other): (Vec<&Facts>, Vec<&Facts>) = (one.collect(), other.collect());
        if !name.starts_with(CONTROLS) && !one.is_empty() && !other.is_empty() {
            first.extend(one);
            second.extend(other);
        }
    }
    comparison.versions.retain(|_, versions| versions.before != versions.after);
    changes(&first, &second, &mut comparison);
    times::compare(&first, &second, FEWEST, &mut comparison);
    comparison
}

/// Whether a case shows nothing of its peers, since the harness failed.
fn is_broken(facts: &Facts) -> bool {
    facts.verdict.as_ref().is_some_and(|ended| ended.outcome == Outcome::HarnessError)
}

/// Whether two cases ended in the same way, wherever that shows.
fn alike(one: Option<&Ended>, other: Option<&Ended>) -> bool {
    let how = |ended: Option<&Ended>| ended.map(|it| (it.outcome, it.layer, it.side.clone()));
    how(one) == how(other)
}

/// Adds how a case ended if none of its recordings ended so in the other run. Where only the records differ and the same checks judge all alike,
/// the difference is the tool's.
fn verdict(name: &str, one: &[&Facts], other: &[&Facts], comparison: &mut Comparison) {
    let (Some(first), Some(second)) = (one.first(), other.first()) else { return };
    if one.iter().any(|it| other.iter().any(|that| alike(it.verdict.as_ref(), that.verdict.as_ref()))) {
        return;
    }
    let (before, after) = (first.verdict.clone(), second.verdict.clone());
    let decided = |ended: &&Ended| ended.frame.is_some() || ended.entry.is_some();
    let (later, earlier) = (after.as_ref().filter(decided), before.as_ref().filter(decided));
    let place = later.or(earlier);
    let (frame, entry) = place.map_or((None, None), |ended| (ended.frame, ended.entry));
    let first_run = later.is_none() && earlier.is_some();
    let change = VerdictChange { case: name.to_owned(), before, after, first_run, frame, entry };
    let again = first.again.as_ref();
    let alike = again.is_some() && one.iter().chain(other).all(|it| alike(it.again.as_ref(), again));
    let of_records = comparison.tool.checks.is_none() && alike;
    // Where it is an error that a known deviation does not show, the runs' reports say so.
    let passes = |ended: &Option<Ended>| ended.as_ref().is_some_and(|it| it.outcome == Outcome::Pass);
    let is_known = |ended: &Option<Ended>| ended.as_ref().is_some_and(|it| it.known);
    let comes_and_goes = (passes(&change.before) && is_known(&change.after))
        || (is_known(&change.before) && passes(&change.after));
    let of = match (of_records, comes_and_goes) {
        (true, _) => &mut comparison.tool.verdicts,
        (false, true) => &mut comparison.known,
        (false, false) => &mut comparison.verdicts,
    };
    of.push(change);
}

/// Whether a member was added or removed; of an order, that it is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Added,
    Removed,
    Order,
}

/// Scenario, implementation, fact, and the member that changed.
type Scope<'a> = (&'a str, &'a str, &'a str, Sign, &'a str);

/// What differs between the cases of a scenario in one fact of an implementation.
struct Row<'a, 'b> {
    scenario: &'a str,
    implementation: &'a str,
    fact: &'a str,
    members: Vec<(Sign, &'a str)>,
    order: Option<&'a [String]>,
    before: &'b Shown<'a>,
    after: &'b Shown<'a>,
    /// Whether each run has both results in some scenario: of a requirement, that it is decided either way now and then.
    either_way: bool,
}

impl<'a> Row<'a, '_> {
    /// Where recordings show the same: in the scenario, where the fact depends on it, or in all.
    fn scope(&self, sign: Sign, member: &'a str) -> Scope<'a> {
        let scenario = if is_of_a_scenario(self.fact) { self.scenario } else { "" };
        (scenario, self.implementation, self.fact, sign, member)
    }

    /// The facts that show a member that changed.
    fn showing(&self, sign: Sign, member: &str) -> Vec<Showing<'a>> {
        match sign {
            Sign::Added => self.after.showing(member).collect(),
            Sign::Removed => self.before.showing(member).collect(),
            Sign::Order => self.after.facts.iter().filter(|it| it.fact.ordered).copied().collect(),
        }
    }

    /// The change with these members of the row.
    fn change(&self, members: &[(Sign, &'a str)]) -> Option<Change> {
        let of = |wanted: Sign| {
            let those = members.iter().filter(|(sign, _)| *sign == wanted);
            those.map(|(_, member)| (*member).to_owned()).collect::<Vec<String>>()
        };
        let (sign, _) = members.first()?;
        let showing = members.iter().flat_map(|(sign, member)| {
            self.showing(*sign, member).into_iter().map(|it| (*sign == Sign::Removed, it))
        });
        // In the second run if anything there has a place; a frame, if there is one.
        let (first_run, Showing { fact, case, .. }) =
            showing.min_by_key(|(first_run, it)| match (it.fact.frame, it.fact.entry) {
                (Some(_), _) => (0, *first_run),
                (None, Some(_)) => (1, *first_run),
                (None, None) => (2, *first_run),
            })?;
        Some(Change {
            implementation: self.implementation.to_owned(),
            fact: self.fact.to_owned(),
            added: of(Sign::Added),
            removed: of(Sign::Removed),
            order: self.order.filter(|_| *sign == Sign::Order).map(<[String]>::to_vec),
            scenarios: 1,
            case: case.to_owned(),
            first_run,
            frame: fact.frame,
            entry: fact.entry,
        })
    }
}

/// What makes two changes the same: implementation, fact, what was added and removed, and the new order.
type Of = (String, String, Vec<String>, Vec<String>, Option<Vec<String>>);

/// Changes, each once with the number of scenarios that show it.
#[derive(Default)]
struct Gathered(BTreeMap<Of, Change>);

impl Gathered {
    fn add(&mut self, change: Change) {
        let Change { implementation, fact, added, removed, order, .. } = change.clone();
        match self.0.entry((implementation, fact, added, removed, order)) {
            std::collections::btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                let scenarios = known.scenarios + 1;
                if known.frame.is_none() && change.frame.is_some() {
                    *known = change;
                }
                known.scenarios = scenarios;
            }
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(change);
            }
        }
    }

    fn into_changes(self) -> Vec<Change> {
        self.0.into_values().collect()
    }
}

fn changes<'a>(before: &[&'a Facts], after: &[&'a Facts], comparison: &mut Comparison) {
    let peers = before.iter().chain(after).flat_map(|case| &case.peers);
    let facts: BTreeSet<(&str, &str)> = peers
        .flat_map(|peer| peer.facts.keys().map(|fact| (peer.implementation.as_str(), fact.as_str())))
        .collect();
    let (one, other) = (shown(before, &facts), shown(after, &facts));
    let rows = rows(&one, &other);
    // Which recordings show each member that changed.
    let mut recordings: BTreeMap<Scope<'_>, BTreeSet<usize>> = BTreeMap::new();
    for row in &rows {
        for (sign, member) in &row.members {
            let numbers = row.showing(*sign, member).into_iter().map(|it| it.recording);
            recordings.entry(row.scope(*sign, member)).or_default().extend(numbers);
        }
    }
    let (mut found, mut once, mut of_checks) = <(Gathered, Gathered, Gathered)>::default();
    for row in &rows {
        let is_seen_often = |(sign, member): &(Sign, &'a str)| {
            !row.either_way
                && recordings.get(&row.scope(*sign, member)).is_some_and(|all| all.len() >= FEWEST)
        };
        if comparison.tool.checks.is_some() && row.fact.starts_with(REQUIREMENT) {
            row.change(&row.members).into_iter().for_each(|change| of_checks.add(change));
            continue;
        }
        let (often, seldom): (Vec<_>, Vec<_>) = row.members.iter().copied().partition(is_seen_often);
        row.change(&often).into_iter().for_each(|change| found.add(change));
        row.change(&seldom).into_iter().for_each(|change| once.add(change));
    }
    (comparison.changes, comparison.once) = (found.into_changes(), once.into_changes());
    comparison.tool.changes = of_checks.into_changes();
}

/// What differs, scenario by scenario.
fn rows<'a, 'b>(
    before: &'b BTreeMap<Key<'a>, Shown<'a>>,
    after: &'b BTreeMap<Key<'a>, Shown<'a>>,
) -> Vec<Row<'a, 'b>> {
    let (ever_before, ever_after) = (ever(before), ever(after));
    let mut rows = Vec::new();
    for (key, before) in before {
        let Some(after) = after.get(key) else { continue };
        let (scenario, implementation, fact) = *key;
        let ((all_before, any_before), (all_after, any_after)) = (before.members(), after.members());
        let anywhere = |all: &BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>| {
            all.get(&(implementation, fact)).cloned().unwrap_or_default()
        };
        let (any_before, any_after) = if is_of_a_scenario(fact) {
            if before.facts.is_empty() || after.facts.is_empty() {
                continue;
            }
            (any_before, any_after)
        } else {
            let (before, after) = (anywhere(&ever_before), anywhere(&ever_after));
            if is_conditional(fact) && (before.is_empty() || after.is_empty()) {
                continue;
            }
            (before, after)
        };
        let added = (&all_after - &any_before).into_iter().map(|member| (Sign::Added, member));
        let removed = (&all_before - &any_after).into_iter().map(|member| (Sign::Removed, member));
        let mut members: Vec<(Sign, &str)> = added.chain(removed).collect();
        let (orders, new_orders) = (before.orders(), after.orders());
        let reordered = members.is_empty() && !orders.is_empty() && orders.is_disjoint(&new_orders);
        let order = new_orders.first().copied().filter(|_| reordered);
        members.extend(order.map(|_| (Sign::Order, "")));
        let (in_first, in_second) = (anywhere(&ever_before), anywhere(&ever_after));
        let either_way = fact.starts_with(REQUIREMENT)
            && members.iter().all(|(sign, member)| match sign {
                Sign::Added => in_first.contains(member),
                Sign::Removed => in_second.contains(member),
                Sign::Order => false,
            });
        rows.push(Row { scenario, implementation, fact, members, order, before, after, either_way });
    }
    rows.retain(|row| !row.members.is_empty());
    rows
}

#[cfg(test)]
mod tests {
    use super::super::About;
    use super::*;
    use crate::verdict::Layer;

    fn case(name: &str, fact: &str, values: &[&str]) -> Facts {
        let values: Vec<String> = values.iter().map(|it| (*it).to_owned()).collect();
        let fact = (fact.to_owned(), Fact { frame: Some(4), ..Fact::list(values.clone()) });
        let facts = if values.is_empty() { BTreeMap::new() } else { BTreeMap::from([fact]) };
        let peer = About {
            implementation: "chrome".to_owned(),
            version: "156".to_owned(),
            facts,
            times: BTreeMap::new(),
        };
        Facts { case: name.to_owned(), verdict: None, again: None, peers: vec![peer] }
    }

    /// Two cases of one scenario that show the same.
    fn both(fact: &str, values: &[&str]) -> Run {
        run(&[case("a/b/chrome-stack", fact, values), case("a/b/stack-chrome", fact, values)])
    }

    fn run(cases: &[Facts]) -> Run {
        Run { tool: "checks 1".to_owned(), cases: cases.to_vec() }
    }

    type Seen = Vec<(Vec<String>, Vec<String>, bool)>;

    fn seen(changes: &[Change]) -> Seen {
        changes.iter().map(|it| (it.added.clone(), it.removed.clone(), it.order.is_some())).collect()
    }

    fn changed(before: &Run, after: &Run) -> Seen {
        let comparison = compare(before, after);
        assert_eq!(seen(&comparison.once), [], "{comparison:?}");
        seen(&comparison.changes)
    }

    fn words(all: &[&str]) -> Vec<String> {
        all.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn what_all_cases_show_and_none_did_is_a_change() {
        let of = |name, values: &[&str]| case(name, "groups", values);
        let before = run(&[of("a/b/chrome@150-stack", &["x", "y"]), of("a/b/stack-chrome@150", &["y", "x"])]);
        let after = run(&[of("a/b/chrome-stack", &["x", "z"]), of("a/b/stack-chrome", &["x", "z", "y"])]);
        assert_eq!(changed(&before, &after), [(words(&["z"]), vec![], false)]);
        assert_eq!(changed(&before, &before), []);
        let comparison = compare(&before, &after);
        assert_eq!((comparison.cases, comparison.changes[0].frame), (2, Some(4)));
        assert_eq!(comparison.changes[0].case, "a/b/chrome-stack");
    }

    #[test]
    fn who_has_not_the_role_need_not_show_it() {
        let of = |values: &[&str]| {
            let mut run = both("offer audio attributes", values);
            // In the second case the implementation answers.
            for facts in run.cases.iter_mut().skip(1) {
                let answer = Fact::one("sendrecv");
                facts.peers[0].facts = BTreeMap::from([("answer audio attributes".to_owned(), answer)]);
            }
            run.cases.extend(both("offer audio attributes", values).cases.into_iter().take(1));
            run
        };
        assert_eq!(changed(&of(&["x"]), &of(&["x", "y"])), [(words(&["y"]), vec![], false)]);
        // Who offers and lacks it shows that not all have it.
        let mut some = of(&["x", "y"]);
        some.cases[0].peers[0].facts = BTreeMap::from([("offer audio codecs".to_owned(), Fact::one("z"))]);
        assert_eq!(compare(&of(&["x"]), &some).changes, []);
    }

    #[test]
    fn a_requirement_that_other_scenarios_decide_so_may_be_chance() {
        let of = |first: &str, second: &str| {
            let pair = |scenario: &str, value: &str| {
                ["chrome-stack", "stack-chrome"]
                    .map(|pair| case(&format!("a/{scenario}/{pair}"), "requirement r", &[value]))
            };
            run(&[pair("b", first), pair("e", second)].concat())
        };
        // No scenario passes any more.
        assert_eq!(changed(&of("pass", "fail"), &of("fail", "fail")).len(), 1);
        // Each run has both.
        let comparison = compare(&of("fail", "pass"), &of("pass", "fail"));
        assert_eq!((comparison.changes.len(), comparison.once.len()), (0, 2), "{comparison:?}");
        // None failed before.
        assert_eq!(changed(&of("pass", "pass"), &of("fail", "pass")).len(), 1);
    }

    #[test]
    fn a_place_is_a_frame_if_there_is_one_and_of_the_first_run_if_the_second_has_none() {
        let of = |name, values: &[&str], frame, entry| {
            let mut facts = case(name, "groups", values);
            facts.peers[0].facts.values_mut().for_each(|fact| (fact.frame, fact.entry) = (frame, entry));
            facts
        };
        let runs = |values: &[&str], frame, entry| {
            run(&["a/b/c-d", "a/e/c-d"].map(|name| of(name, values, frame, entry)))
        };
        let place = |before: &Run, after: &Run| {
            let change = compare(before, after).changes.remove(0);
            (change.case, change.first_run, change.frame, change.entry)
        };
        let before = runs(&["x"], Some(2), None);
        let named = |case: &str, first_run, frame, entry| (case.to_owned(), first_run, frame, entry);
        assert_eq!(
            place(&before, &runs(&["y"], Some(5), Some(7))),
            named("a/b/c-d", false, Some(5), Some(7))
        );
        assert_eq!(place(&before, &runs(&["y"], None, None)), named("a/b/c-d", true, Some(2), None));
        let mut some = runs(&["y"], None, Some(7));
        assert_eq!(place(&runs(&["x"], None, Some(4)), &some), named("a/b/c-d", false, None, Some(7)));
        some.cases[1] = of("a/e/c-d", &["y"], Some(6), None);
        assert_eq!(place(&runs(&["x"], None, Some(4)), &some), named("a/e/c-d", false, Some(6), None));
    }

    #[test]
    fn a_fact_that_comes_or_goes_and_another_order_are_changes() {
        let (none, one) = (both("groups", &[]), both("groups", &["x"]));
        assert_eq!(changed(&none, &one), [(words(&["x"]), vec![], false)]);
        assert_eq!(changed(&one, &none), [(vec![], words(&["x"]), false)]);
        let (forth, back) = (both("groups", &["x", "y"]), both("groups", &["y", "x"]));
        assert_eq!(changed(&forth, &back), [(vec![], vec![], true)]);
        // Cases of other scenarios say nothing of this one.
        assert_eq!(compare(&one, &run(&[case("a/e/c-d", "groups", &[])])).only_after, ["a/e/c-d"]);
    }

    #[test]
    fn what_a_run_has_by_chance_is_compared_where_both_have_it() {
        for (fact, count) in
            [(CANDIDATES, 0), ("statistics local-candidate (host, tcp)", 0), ("statistics transport", 1)]
        {
            let (none, one) = (both(fact, &[]), both(fact, &["id"]));
            assert_eq!(changed(&none, &one).len(), count, "{fact}");
            assert_eq!(changed(&one, &none).len(), count, "{fact}");
            assert_eq!(changed(&one, &both(fact, &["id", "tcpType"])).len(), 1, "{fact}");
        }
    }

    #[test]
    fn what_one_case_shows_is_listed_apart() {
        let of = |name, values: &[&str]| case(name, "groups", values);
        let before = run(&[of("a/b/c-d", &["x"]), of("a/e/c-d", &["x"])]);
        let after = run(&[of("a/b/c-d", &["x", "y", "z"]), of("a/e/c-d", &["x", "z"])]);
        let comparison = compare(&before, &after);
        // `y` is seen once, `z` twice, although in one scenario beside `y`.
        assert_eq!(seen(&comparison.changes), [(words(&["z"]), vec![], false)]);
        assert_eq!(comparison.changes[0].scenarios, 2);
        assert_eq!(seen(&comparison.once), [(words(&["y"]), vec![], false)]);
        let comparison = compare(&after, &before);
        assert_eq!(seen(&comparison.once), [(vec![], words(&["y"]), false)]);
        let (forth, back) = (run(&[of("a/b/c-d", &["x", "y"])]), run(&[of("a/b/c-d", &["y", "x"])]));
        let comparison = compare(&forth, &back);
        assert_eq!((seen(&comparison.changes), comparison.once.len()), (vec![], 1));
    }

    #[test]
    fn what_depends_on_the_scenario_must_be_seen_twice_in_one() {
        for (fact, often) in [("requirement r", 0), ("states of ICE", 0), ("groups", 1)] {
            let of = |values: &[&str]| run(&["a/b/c-d", "a/e/c-d"].map(|name| case(name, fact, values)));
            let comparison = compare(&of(&["x"]), &of(&["y"]));
            assert_eq!((comparison.changes.len(), comparison.once.len()), (often, 1 - often), "{fact}");
            assert_eq!(changed(&both(fact, &["x"]), &both(fact, &["y"])).len(), 1, "{fact}");
        }
    }

    #[test]
    fn a_case_that_was_repeated_shows_a_change_in_each_recording() {
        let of = |values: &[&str]| case("a/b/c-d", "groups", values);
        let (twice, changed_twice) = (run(&[of(&["x"]), of(&["x"])]), run(&[of(&["y"]), of(&["y"])]));
        assert_eq!(changed(&twice, &changed_twice), [(words(&["y"]), words(&["x"]), false)]);
        assert_eq!(compare(&twice, &changed_twice).cases, 1);
        assert_eq!(changed(&twice, &run(&[of(&["x"]), of(&["x", "y"])])), []);
        let ended = |outcomes: &[Outcome]| {
            let of = |outcome: &Outcome| {
                let verdict = Some(Ended { frame: Some(3), ..Ended::of(*outcome) });
                Facts { verdict, ..of(&["x"]) }
            };
            run(&outcomes.iter().map(of).collect::<Vec<_>>())
        };
        let (pass, fail) = (Outcome::Pass, Outcome::Fail);
        let verdicts =
            |before: &[Outcome], after: &[Outcome]| compare(&ended(before), &ended(after)).verdicts.len();
        assert_eq!(verdicts(&[pass, fail], &[fail]), 0);
        assert_eq!(verdicts(&[pass, pass], &[fail]), 1);
        let comparison = compare(&ended(&[pass]), &ended(&[fail]));
        assert_eq!((comparison.verdicts[0].first_run, comparison.verdicts[0].frame), (false, Some(3)));
    }

    #[test]
    fn requirements_that_other_checks_decided_are_listed_apart() {
        let (pass, fail) = (both("requirement r", &["pass"]), both("requirement r", &["fail"]));
        assert_eq!(changed(&pass, &fail), [(words(&["fail"]), words(&["pass"]), false)]);
        let other = Run { tool: "checks 2".to_owned(), ..fail };
        let comparison = compare(&pass, &other);
        assert_eq!(seen(&comparison.changes), []);
        assert_eq!(seen(&comparison.tool.changes), [(words(&["fail"]), words(&["pass"]), false)]);
        assert_eq!(comparison.tool.checks.unwrap().after, "checks 2");
        // What peers do is compared all the same.
        let other = Run { tool: "checks 2".to_owned(), ..both("groups", &["y"]) };
        let comparison = compare(&both("groups", &["x"]), &other);
        assert_eq!(seen(&comparison.changes), [(words(&["y"]), words(&["x"]), false)]);
    }

    #[test]
    fn a_verdict_that_the_same_checks_do_not_give_is_of_the_tool() {
        let ended = |outcome| Some(Ended::of(outcome));
        let of = |verdict, again| {
            let facts = case("a/b/c-d", "groups", &["x"]);
            run(&[Facts { verdict: ended(verdict), again: ended(again), ..facts }])
        };
        let (pass, fail) = (Outcome::Pass, Outcome::Fail);
        let compared = |before: &Run, after: &Run| {
            let comparison = compare(before, after);
            (comparison.verdicts.len(), comparison.tool.verdicts.len())
        };
        assert_eq!(compared(&of(pass, pass), &of(fail, fail)), (1, 0));
        assert_eq!(compared(&of(pass, fail), &of(fail, fail)), (0, 1));
        assert_eq!(compared(&of(pass, fail), &of(pass, pass)), (0, 0));
        // Checks of two versions are no witness.
        let other = Run { tool: "checks 2".to_owned(), ..of(fail, fail) };
        assert_eq!(compared(&of(pass, fail), &other), (1, 0));
    }

    #[test]
    fn a_known_deviation_that_comes_and_goes_is_no_change() {
        let of = |outcome, known| {
            let verdict = Some(Ended { known, ..Ended::of(outcome) });
            run(&[Facts { verdict, ..case("a/b/c-d", "groups", &["x"]) }])
        };
        let (pass, fail) = (Outcome::Pass, Outcome::Fail);
        let compared = |before: &Run, after: &Run| {
            let comparison = compare(before, after);
            (comparison.verdicts.len(), comparison.known.len())
        };
        assert_eq!(compared(&of(pass, false), &of(fail, true)), (0, 1));
        assert_eq!(compared(&of(fail, true), &of(pass, false)), (0, 1));
        assert_eq!(compared(&of(pass, false), &of(fail, false)), (1, 0));
        assert_eq!(compared(&of(Outcome::Unsupported, false), &of(fail, true)), (1, 0));
    }

    #[test]
    fn a_case_in_which_the_harness_failed_counts_by_its_verdict() {
        let mut broken = both("groups", &["y"]);
        for facts in &mut broken.cases {
            let layer = Some(Layer::Gathering);
            facts.verdict = Some(Ended { layer, ..Ended::of(Outcome::HarnessError) });
        }
        let comparison = compare(&both("groups", &["x"]), &broken);
        assert_eq!((comparison.verdicts.len(), seen(&comparison.changes)), (2, vec![]));
    }

    #[test]
    fn changes_of_few_scenarios_can_be_left_out() {
        let of = |values: &[&str]| run(&["a/b/c-d", "a/e/c-d"].map(|name| case(name, "groups", values)));
        let mut comparison = compare(&of(&["x"]), &of(&["y"]));
        comparison.keep_at_least(2);
        assert_eq!((comparison.changes.len(), comparison.left_out.unwrap().changes), (1, 0));
        comparison.keep_at_least(3);
        assert_eq!((comparison.changes.len(), comparison.left_out.unwrap().changes), (0, 1));
    }
}

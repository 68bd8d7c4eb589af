//! Modules of a crate that need each other in a circle.
//!
//! Between the modules directly below a crate's root none is allowed, nor between the folders of a folder. Files of one folder may know
//! each other, and a folder's files know the folder's own `mod.rs`.

use super::paths::{self, Path, Paths};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Re-exports are followed so far.
const MOST_HOPS: usize = 8;

/// A file of a crate: its path below `src`, and its text.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

/// The circles between the modules of a crate, each as one line.
///
/// # Errors
/// If a file is not Rust.
pub(super) fn breaches(krate: &str, sources: &[Source]) -> Result<Vec<String>> {
    let modules = Modules::read(krate, sources)?;
    let mut breaches = Vec::new();
    for (folder, edges) in modules.levels() {
        for circle in circles(&edges) {
            let at = [vec![krate.to_owned()], folder.clone()].concat().join("::");
            breaches.push(format!("{at}: {}", shown(&circle, &edges)));
        }
    }
    Ok(breaches)
}

/// Which of the modules of a folder names which other, and where.
type Edges = BTreeMap<(String, String), Vec<String>>;

/// The modules of a crate that are not for tests.
struct Modules {
    /// By path; the file in which a module stands, and what it names.
    files: BTreeMap<Path, (String, Paths)>,
    imports: BTreeMap<Path, Path>,
}

impl Modules {
    fn read(krate: &str, sources: &[Source]) -> Result<Self> {
        let mut files = BTreeMap::new();
        let mut tests = Vec::new();
        for Source { path, text } in sources {
            let module = module(path);
            let found = paths::read(&module, text).with_context(|| format!("{krate}/src/{path}"))?;
            tests.extend(found.tests.iter().cloned());
            // `main.rs` and `lib.rs` are both the root, and name no module of their own crate by a path.
            files.insert(module, (path.clone(), found));
        }
        files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        let imports = files.values().flat_map(|(_, found)| found.imports.clone()).collect();
        Ok(Self { files, imports })
    }

    /// The module in which a path ends.
    fn within<'a>(&self, path: &'a [String]) -> &'a [String] {
        let mut module: &[String] = &[];
        while let Some(longer) = path.get(..module.len() + 1)
            && self.files.contains_key(longer)
        {
            module = longer;
        }
        module
    }

    /// The modules that a path needs: those that it names, and those from which they have the name.
    fn needed(&self, path: &Path) -> BTreeSet<Path> {
        let mut needed = BTreeSet::new();
        let mut path = path.clone();
        for _ in 0..MOST_HOPS {
            let module = self.within(&path).to_vec();
            let name = path.get(..module.len() + 1).map(<[String]>::to_vec);
            let rest = path.get(module.len() + 1..).unwrap_or_default().to_vec();
            needed.insert(module);
            let Some(origin) = name.and_then(|name| self.imports.get(&name)) else { break };
            path = [origin.as_slice(), &rest].concat();
        }
        needed
    }

    /// The edges between the modules of each folder: of the root all, else those that are folders themselves.
    fn levels(&self) -> BTreeMap<Path, Edges> {
        let folders: BTreeSet<&[String]> =
            self.files.keys().filter_map(|module| Some(module.split_last()?.1)).collect();
        let mut levels: BTreeMap<Path, Edges> = BTreeMap::new();
        for (module, (file, found)) in &self.files {
            for (path, line) in &found.named {
                for target in self.needed(path) {
                    let common = module.iter().zip(&target).take_while(|(one, other)| one == other).count();
                    let (Some(from), Some(to)) = (module.get(common), target.get(common)) else { continue };
                    let counts =
                        |of: &Path| common == 0 || of.get(..=common).is_some_and(|it| folders.contains(it));
                    if counts(module) && counts(&target) {
                        let edges = levels.entry(target.iter().take(common).cloned().collect()).or_default();
                        let named = edges.entry((from.clone(), to.clone())).or_default();
                        let place = format!("{file}:{line}");
                        if named.last() != Some(&place) {
                            named.push(place);
                        }
                    }
                }
            }
        }
        levels
    }
}

/// The module that a file below `src` holds.
fn module(path: &str) -> Path {
    let mut module: Path = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    module
}

/// A shortest circle through each set of modules that reach each other.
fn circles(edges: &Edges) -> Vec<Vec<String>> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut circles = Vec::new();
    let starts: BTreeSet<&String> = edges.keys().map(|(from, _)| from).collect();
    for start in starts {
        if seen.contains(start) {
            continue;
        }
        if let Some(circle) = shortest(edges, start) {
            seen.extend(circle.iter().cloned());
            circles.push(circle);
        }
    }
    circles
}

/// The shortest way from a module back to itself.
fn shortest(edges: &Edges, start: &String) -> Option<Vec<String>> {
    let mut before: BTreeMap<&String, &String> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for (_, to) in edges.keys().filter(|(from, _)| from == at) {
            if to == start {
                let mut circle = vec![at.clone()];
                let mut back = at;
                while let Some(previous) = before.get(back) {
                    circle.push((*previous).clone());
                    back = previous;
                }
                circle.reverse();
                return Some(circle);
            }
            if !before.contains_key(to) {
                before.insert(to, at);
                queue.push_back(to);
            }
        }
    }
    None
}

fn shown(circle: &[String], edges: &Edges) -> String {
    let mut next = circle.iter().cycle().skip(1);
    let steps = circle.iter().map(|from| {
        let to = next.next().map_or_else(String::new, String::clone);
        let named = edges.get(&(from.clone(), to.clone())).map(Vec::as_slice).unwrap_or_default();
        let first = named.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let more = if named.len() > 3 { format!(" and {} more", named.len() - 3) } else { String::new() };
        format!("{from} uses {to} ({first}{more})")
    });
    format!("modules in a circle: {}", steps.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let source =
            |(path, text): &(&str, &str)| Source { path: (*path).to_owned(), text: (*text).to_owned() };
        breaches("c", &files.iter().map(source).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_circle_is_named_with_the_lines_that_make_it() {
        let files = [
            ("lib.rs", "mod a; mod b; mod d;"),
            ("a/mod.rs", "mod inner;"),
            ("a/inner.rs", "\nuse crate::b::B;"),
            ("b.rs", "use super::d;\nuse crate::a::A;"),
            ("d.rs", ""),
        ];
        let circle = "c: modules in a circle: a uses b (a/inner.rs:2), b uses a (b.rs:2)";
        assert_eq!(found(&files), [circle]);
        assert!(found(&files[..3]).is_empty());
    }

    #[test]
    fn a_circle_of_three_is_found_once() {
        let files = [
            ("a.rs", "use crate::b::X;"),
            ("b.rs", "use crate::d::Y;"),
            ("d.rs", "fn f() { crate::a::z() }"),
        ];
        let circle = "c: modules in a circle: a uses b (a.rs:1), b uses d (b.rs:1), d uses a (d.rs:1)";
        assert_eq!(found(&files), [circle]);
    }

    #[test]
    fn a_name_from_the_root_is_the_one_of_its_module() {
        let files = [
            ("lib.rs", "mod a; mod b; pub use b::B;"),
            ("a.rs", "use crate::B;"),
            ("b.rs", "use crate::a::A;"),
        ];
        assert_eq!(found(&files).len(), 1);
        let files = [("lib.rs", "mod a; mod b; pub use b::B;"), ("a.rs", "use crate::B;"), ("b.rs", "")];
        assert!(found(&files).is_empty());
    }

    #[test]
    fn below_the_root_only_folders_count() {
        let (one, other) = ("use super::b::X;", "use super::a::Y;");
        assert!(found(&[("m/mod.rs", ""), ("m/a.rs", one), ("m/b.rs", other)]).is_empty());
        let files =
            [("m/mod.rs", ""), ("m/a/mod.rs", one), ("m/a/c.rs", ""), ("m/b.rs", other), ("m/b/c.rs", "")];
        assert_eq!(
            found(&files),
            ["c::m: modules in a circle: a uses b (m/a/mod.rs:1), b uses a (m/b.rs:1)"]
        );
    }

    #[test]
    fn what_is_for_tests_makes_no_circle() {
        let files = [
            ("a.rs", "#[cfg(test)]\nmod tests;\nuse crate::b::X;"),
            ("a/tests.rs", ""),
            ("b.rs", "#[cfg(test)]\nmod tests;"),
            ("b/tests.rs", "use crate::a::X;"),
        ];
        assert!(found(&files).is_empty());
    }
}

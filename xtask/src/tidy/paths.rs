//! The paths by which a file of Rust names other modules of its crate.

use super::tokens::{self, Kind, Token};
use anyhow::Result;
use std::collections::BTreeMap;

/// Path of a module or of something in it, from the crate's root.
pub(super) type Path = Vec<String>;

/// What a file says of the modules of its crate, without the parts that are compiled for tests only.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// Every path that names something in the crate, with the line where it stands.
    pub(super) named: Vec<(Path, usize)>,
    /// Names that `use` brings into each module of the file, by the path of the name: re-exports are resolved by them.
    pub(super) imports: BTreeMap<Path, Path>,
    /// Modules that are compiled for tests only and have a file of their own.
    pub(super) tests: Vec<Path>,
}

/// Reads a file that holds a module.
///
/// # Errors
/// If the text is not Rust.
pub(super) fn read(module: &[String], text: &str) -> Result<Paths> {
    let tokens = tokens::read(text)?;
    let mut reader = Reader { module: module.to_vec(), found: Paths::default(), bare: Vec::new() };
    reader.tokens(&tokens);
    let Reader { mut found, bare, .. } = reader;
    // `use super::network;` and then `network::Rule`: the first word is a name that was imported.
    for (module, path, line) in bare {
        let Some((first, rest)) = path.split_first() else { continue };
        let name = [module.as_slice(), std::slice::from_ref(first)].concat();
        if let Some(origin) = found.imports.get(&name) {
            found.named.push(([origin.as_slice(), rest].concat(), line));
        }
    }
    Ok(found)
}

struct Reader {
    module: Path,
    found: Paths,
    /// Paths that begin with a plain name, with the module in which they stand.
    bare: Vec<(Path, Path, usize)>,
}

impl Reader {
    fn tokens(&mut self, tokens: &[Token]) {
        let mut rest = tokens;
        while let [token, after @ ..] = rest {
            rest = match &token.kind {
                Kind::Mark('#') => self.attribute(after),
                Kind::Group(_, inner) => {
                    self.tokens(inner);
                    after
                }
                Kind::Word(word) if word == "use" => {
                    let tree = after.iter().take_while(|token| !token.is(';')).count();
                    let (tree, after) = after.split_at(tree);
                    self.import(tree);
                    after
                }
                Kind::Word(word) if word == "mod" => self.inline_module(after),
                Kind::Word(_) => self.path(rest),
                Kind::Mark(_) | Kind::Literal => after,
            };
        }
    }

    /// What follows `#`. An item for tests is left out.
    fn attribute<'a>(&mut self, tokens: &'a [Token]) -> &'a [Token] {
        let tokens = match tokens {
            [first, rest @ ..] if first.is('!') => rest,
            _ => tokens,
        };
        let [Token { kind: Kind::Group(_, attribute), .. }, rest @ ..] = tokens else { return tokens };
        if !for_tests(attribute) {
            self.tokens(attribute);
            return rest;
        }
        let (item, rest) = rest.split_at(item_end(rest));
        if let Some(name) = module_with_file(item) {
            self.found.tests.push([self.module.as_slice(), &[name]].concat());
        }
        rest
    }

    /// What follows `mod`: its braces are another module, to which `super` is this one.
    fn inline_module<'a>(&mut self, tokens: &'a [Token]) -> &'a [Token] {
        let [name, Token { kind: Kind::Group('{', body), .. }, rest @ ..] = tokens else { return tokens };
        let Some(name) = name.word() else { return tokens };
        self.module.push(name.to_owned());
        self.tokens(body);
        self.module.pop();
        rest
    }

    /// A path in an expression, a type or a macro.
    fn path<'a>(&mut self, tokens: &'a [Token]) -> &'a [Token] {
        let line = tokens.first().map_or(0, |token| token.line);
        let (path, rest) = names(tokens);
        if path.len() > 1 {
            match self.absolute(&path) {
                Some(path) => self.found.named.push((path, line)),
                None => self.bare.push((self.module.clone(), path, line)),
            }
        }
        rest
    }

    /// The tree of a `use`.
    fn import(&mut self, tree: &[Token]) {
        let mut leaves = Vec::new();
        branches(tree, &[], &mut leaves);
        for Leaf { path, name, line } in leaves {
            // A plain name is a child of this module or another crate, and of the latter no module has the name.
            let path = self.absolute(&path).unwrap_or_else(|| [self.module.as_slice(), &path].concat());
            if let Some(name) = name {
                self.found.imports.insert([self.module.as_slice(), &[name]].concat(), path.clone());
            }
            self.found.named.push((path, line));
        }
    }

    /// The path from the crate's root, if it says where it begins.
    fn absolute(&self, path: &[String]) -> Option<Path> {
        let (first, mut rest) = path.split_first()?;
        let mut base = self.module.as_slice();
        match first.as_str() {
            "crate" => base = &[],
            "self" => {}
            "super" => base = base.split_last()?.1,
            _ => return None,
        }
        while let [first, after @ ..] = rest
            && first == "super"
        {
            base = base.split_last()?.1;
            rest = after;
        }
        Some([base, rest].concat())
    }
}

/// One path of a `use`, and the name that it brings.
struct Leaf {
    path: Path,
    name: Option<String>,
    line: usize,
}

fn branches(tree: &[Token], before: &[String], leaves: &mut Vec<Leaf>) {
    for branch in tree.split(|token| token.is(',')) {
        let branch = after_colons(branch);
        let Some(first) = branch.first() else { continue };
        let line = first.line;
        let (path, rest) = names(branch);
        let mut path = [before, &path].concat();
        match after_colons(rest) {
            [Token { kind: Kind::Group(_, inner), .. }, ..] => branches(inner, &path, leaves),
            [star, ..] if star.is('*') => leaves.push(Leaf { path, name: None, line }),
            rest => {
                if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
                    path.pop();
                }
                let name = match rest {
                    [_as, name, ..] => name.word().map(str::to_owned),
                    _ => path.last().cloned(),
                };
                leaves.push(Leaf { path, name, line });
            }
        }
    }
}

fn after_colons(tokens: &[Token]) -> &[Token] {
    let start = tokens.iter().position(|token| !token.is(':')).unwrap_or(tokens.len());
    tokens.get(start..).unwrap_or_default()
}

/// The names joined by `::` with which the tokens begin, and what comes after them.
fn names(tokens: &[Token]) -> (Path, &[Token]) {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let [Token { kind: Kind::Word(name), .. }, after @ ..] = rest {
        path.push(name.clone());
        rest = after;
        match after {
            [one, other, next @ ..] if one.is(':') && other.is(':') => {
                if next.first().is_none_or(|it| it.word().is_none()) {
                    break;
                }
                rest = next;
            }
            _ => break,
        }
    }
    (path, rest)
}

/// Whether an attribute is `cfg(test)` or `cfg(all(test, …))`.
fn for_tests(attribute: &[Token]) -> bool {
    let [cfg, Token { kind: Kind::Group(_, condition), .. }] = attribute else { return false };
    let names_test = |tokens: &[Token]| tokens.iter().any(|token| token.word() == Some("test"));
    cfg.word() == Some("cfg")
        && match condition.as_slice() {
            [all, Token { kind: Kind::Group(_, inner), .. }] if all.word() == Some("all") => {
                names_test(inner)
            }
            condition => names_test(condition),
        }
}

/// Where the item ends that follows an attribute.
fn item_end(tokens: &[Token]) -> usize {
    let mut braces_end = true;
    let mut comma_ends = true;
    for (at, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Word(word) => match word.as_str() {
                "use" | "static" | "type" | "let" => (braces_end, comma_ends) = (false, false),
                "fn" | "mod" | "struct" | "enum" | "impl" | "trait" => comma_ends = false,
                _ => {}
            },
            Kind::Group('{', _) if braces_end => return at + 1,
            Kind::Mark(';') => return at + 1,
            Kind::Mark(',') if comma_ends => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The name in `mod name;`.
fn module_with_file(item: &[Token]) -> Option<String> {
    let at = item.iter().position(|token| token.word() == Some("mod"))?;
    match item.get(at + 1..)? {
        [name, end] if end.is(';') => name.word().map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(module: &str, text: &str) -> Vec<String> {
        let module: Path = module.split("::").map(str::to_owned).collect();
        let found = read(&module, text).unwrap();
        found.named.iter().map(|(path, line)| format!("{line}:{}", path.join("::"))).collect()
    }

    #[test]
    fn trees_of_use_are_read() {
        let text =
            "use crate::a::{self, b::{C, D as E}, f::*};\nuse super::g;\npub use child::X;\nuse ::std::io;";
        let all =
            ["1:a", "1:a::b::C", "1:a::b::D", "1:a::f", "2:m::g", "3:m::n::child::X", "4:m::n::std::io"];
        assert_eq!(named("m::n", text), all);
    }

    #[test]
    fn paths_in_code_types_and_macros_are_read() {
        let text =
            "fn f(x: &crate::a::B) {\n  write!(o, \"{}\", super::super::c::d(x));\n  self::e::<u8>();\n}";
        assert_eq!(named("m::n", text), ["1:a::B", "2:c::d", "3:m::n::e"]);
    }

    #[test]
    fn a_path_through_an_imported_module_is_followed() {
        let text = "use super::other as o;\nfn f() -> o::inner::T { std::mem::take(x) }";
        assert_eq!(named("m::n", text), ["1:m::other", "2:m::other::inner::T"]);
    }

    #[test]
    fn text_and_comments_name_nothing() {
        let text = "//! crate::a::b\n/// [`crate::a`]\nfn f() { \"crate::a::b\"; /* super::x::y */ r#\"crate::c::d\"#; }";
        assert_eq!(named("m", text), [""; 0]);
    }

    #[test]
    fn an_inline_module_is_one_level_deeper() {
        assert_eq!(named("m", "mod inner { use super::a; }\nuse super::b;"), ["1:m::a", "2:b"]);
    }

    #[test]
    fn what_is_for_tests_does_not_count() {
        let text = "#[cfg(test)]\nuse crate::a::{b};\n#[cfg(test)] fn f<A, B>() { crate::a::c(); }\n\
            #[cfg(all(test, unix))]\n#[expect(x)]\nmod tests { use crate::d::e; }\n#[cfg(test)]\nmod testing;\n\
            struct S { #[cfg(test)] x: crate::f::G, y: crate::h::I }\n#[cfg(not(test))]\nuse crate::j::k;";
        assert_eq!(named("m", text), ["9:h::I", "11:j::k"]);
        let found = read(&["m".to_owned()], text).unwrap();
        assert_eq!(found.tests, [["m", "testing"]]);
    }

    #[test]
    fn what_is_not_rust_is_an_error() {
        assert!(read(&[], "fn f( {").is_err());
    }
}

//! From what the file and the flags say to the implementations of a run.

use super::error::{ConfigErrors, Places, Wrong};
use super::{Entry, FILE, File, page, set};
use crate::adapters;
use crate::input::{self, Limit};
use crate::peers::browser::{Build, Kind, Remote};
use crate::peers::implementation::{Browser, Page, Program, Roster};
use crate::peers::name::{NAME, is_name};
use crate::peers::program::ProgramSpec;
use crate::scenario::ScenarioError;
use crate::span::Span;
use crate::versions::Wanted;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A configuration that makes sense.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// The implementations of this machine and of the file.
    pub roster: Roster,
    /// The names of those that the file and the flags define.
    pub own: BTreeSet<String>,
    /// Folder of the user's scenarios.
    pub scenarios: Option<PathBuf>,
    /// Whether the scenarios of the program are played too.
    pub suite: bool,
    /// Files of known deviations.
    pub expected: Vec<PathBuf>,
    /// Known deviations that the program brings along for the implementations of this run, with the names of their files.
    pub known: Vec<(String, &'static str)>,
    /// Folder in which each run gets a folder.
    pub output: Option<PathBuf>,
    /// How often statistics are read while steps wait.
    pub stats_every: Option<Span>,
}

impl Configuration {
    /// Reads the file that is named, or the one of this folder if there is one, and adds the programs (`NAME=COMMAND`) and the pages
    /// (`NAME=BROWSER`) of the command line. Keys of implementations that are set there (`NAME:KEY=VALUE`) replace those of the file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(
        named: Option<&Path>,
        programs: &[String],
        pages: &[String],
        sets: &[String],
    ) -> Result<Self, ConfigErrors> {
        let path = named.unwrap_or(Path::new(FILE));
        let text = match input::text(path, Limit::CONFIGURATION) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(ConfigErrors::Unreadable(path.to_owned(), error)),
        };
        let mut errors = Vec::new();
        // A program of the command line whose keys are set there is an entry like those of the file.
        let is_set = |program: &&String| {
            let name = program.split_once('=').map_or("", |(name, _)| name);
            sets.iter().any(|set| set.split_once(':').is_some_and(|(of, _)| of == name))
        };
        let (entries, programs): (Vec<&String>, Vec<&String>) = programs.iter().partition(is_set);
        let mut as_sets = Vec::new();
        for program in entries {
            match from_flag(program) {
                Ok(program) => as_sets.push(set::of_program(&program)),
                Err(message) => errors.push(of_flag("--program", message)),
            }
        }
        // Errors of the file first: only there they have a place.
        let set = match sets {
            [] => None,
            sets => {
                let sets = [as_sets.as_slice(), sets].concat();
                toml::from_str::<File>(&text).map_err(|error| {
                    ConfigErrors::Malformed(Box::new(ScenarioError::of_toml(path, &text, &error)))
                })?;
                let with = set::with(&text, &sets);
                Some(with.map_err(|message| ConfigErrors::Wrong(vec![of_flag("--set", message)]))?)
            }
        };
        let effective = set.as_deref().unwrap_or(&text);
        let mut configuration = Self::parse(path, effective)?;
        errors.extend(absent(path, &text, effective));
        for program in programs {
            match from_flag(program) {
                Ok(program) => {
                    configuration.own.insert(program.name.clone());
                    configuration.roster.add(Arc::new(Program::new(program)));
                }
                Err(message) => errors.push(of_flag("--program", message)),
            }
        }
        for page in pages {
            match page::from_flag(page) {
                Ok(page) => configuration.roster.add(Arc::new(Page::new(page))),
                Err(message) => errors.push(of_flag("--page", message)),
            }
        }
        if errors.is_empty() { Ok(configuration) } else { Err(ConfigErrors::Wrong(errors)) }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigErrors> {
        let file: File = toml::from_str(text)
            .map_err(|error| ConfigErrors::Malformed(Box::new(ScenarioError::of_toml(path, text, &error))))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut errors = Vec::new();
        let mut configuration = Self {
            roster: Roster::default(),
            own: file.implementations.keys().cloned().collect(),
            suite: file.suite.unwrap_or(file.scenarios.is_none()),
            scenarios: file.scenarios.map(|scenarios| folder.join(scenarios)),
            known: Vec::new(),
            expected: file.expected.iter().map(|expected| folder.join(expected)).collect(),
            output: file.output.map(|output| folder.join(output)),
            stats_every: file.stats_every,
        };
        let places = Places::of(text);
        for (name, entry) in file.implementations {
            configuration.expected.extend(entry.expected.iter().map(|expected| folder.join(expected)));
            if let Err(all) = configuration.add(&name, entry, folder) {
                let whole = ["implementations", name.as_str()];
                errors.extend(all.into_iter().map(|Wrong { key, message }| {
                    let of_key = key.and_then(|key| places.find(&["implementations", &name, key]));
                    let place = of_key.or_else(|| places.find(&whole));
                    ScenarioError::within(path, text, place, format!("implementation `{name}`: {message}"))
                }));
            }
        }
        // Tables come in the order of their names.
        errors.sort_by_key(|error| error.place.map(|place| (place.line, place.column)));
        if errors.is_empty() { Ok(configuration) } else { Err(ConfigErrors::Wrong(errors)) }
    }

    fn add(&mut self, name: &str, entry: Entry, folder: &Path) -> Result<(), Vec<Wrong>> {
        let mut wrong = Vec::new();
        if !is_name(name) {
            wrong.push(Wrong::whole(format!("a name has {NAME}")));
        }
        let kinds = [
            ("program", entry.program.is_some()),
            ("chrome", entry.chrome.is_some()),
            ("firefox", entry.firefox.is_some()),
            ("webdriver", entry.webdriver.is_some()),
            ("page", entry.page.is_some()),
        ];
        let given: Vec<&'static str> =
            kinds.iter().filter(|(_, given)| *given).map(|(kind, _)| *kind).collect();
        let [kind] = given.as_slice() else {
            // The second of two is one too many.
            let message = "give one of `program`, `chrome`, `firefox`, `webdriver` and `page`";
            wrong.push(given.get(1).map_or_else(|| Wrong::whole(message), |key| Wrong::at(key, message)));
            return Err(wrong);
        };
        let is = match *kind {
            "program" => None,
            "webdriver" => entry.browser.as_deref(),
            "page" => entry.page.as_deref(),
            browser => Some(browser),
        };
        if let Some(message) = taken(name, is) {
            wrong.push(Wrong::whole(message));
        }
        if let Some(url) = entry.webdriver.as_deref().filter(|url| !is_web_address(url)) {
            let message = format!(
                "`webdriver` is a URL, such as http://127.0.0.1:4444, and not `{}`",
                page::quoted(url)
            );
            wrong.push(Wrong::at("webdriver", message));
        }
        for (key, given, fits) in [
            ("directory", entry.directory.is_some(), *kind == "program"),
            ("env", !entry.env.is_empty(), *kind == "program"),
            ("cases", entry.cases.is_some(), *kind == "program"),
            ("keylog", entry.keylog, *kind == "program"),
            ("implementation", entry.implementation.is_some(), *kind == "program"),
            ("driver", entry.driver.is_some(), ["chrome", "firefox"].contains(kind)),
            ("browser", entry.browser.is_some(), *kind == "webdriver"),
            ("capabilities", !entry.capabilities.is_empty(), *kind == "webdriver"),
            ("listen", entry.listen.is_some(), *kind == "page"),
            ("wait", entry.wait.is_some(), *kind == "page"),
        ] {
            if given && !fits {
                wrong.push(Wrong::at(key, format!("`{key}` does not belong to `{kind}`")));
            }
        }
        if entry.cases == Some(0) {
            wrong.push(Wrong::at("cases", "`cases` must be at least 1"));
        }
        if let Some(page) = entry.page {
            match page::from_keys(name, page, entry.listen.as_deref(), entry.wait) {
                Ok(page) if wrong.is_empty() => self.roster.add(Arc::new(Page::new(page))),
                Ok(_) => {}
                Err(more) => wrong.extend(more),
            }
            return if wrong.is_empty() { Ok(()) } else { Err(wrong) };
        }
        let browser = |kind, browser: Option<PathBuf>, driver: Option<PathBuf>| Build {
            kind,
            browser: browser.map(|path| folder.join(path)),
            driver: driver.map(|path| folder.join(path)),
            remote: None,
        };
        let build = match (entry.program, entry.chrome, entry.firefox, entry.webdriver) {
            (Some(command), ..) => {
                let Some((program, args)) = command.split_first() else {
                    wrong.push(Wrong::at("program", "`program` is empty"));
                    return Err(wrong);
                };
                let spec = ProgramSpec {
                    name: name.to_owned(),
                    is: entry.implementation.unwrap_or_else(|| base(name).to_owned()),
                    program: PathBuf::from(program),
                    args: args.to_vec(),
                    directory: Some(absolute(&folder.join(entry.directory.unwrap_or_default()))),
                    env: entry.env.into_iter().collect(),
                    cases: entry.cases.unwrap_or(1),
                    exposes_keys: entry.keylog,
                    missing: None,
                };
                if wrong.is_empty() {
                    self.roster.add(Arc::new(Program::new(spec)));
                }
                None
            }
            (None, Some(chrome), ..) => Some(browser(Kind::Chrome, Some(chrome), entry.driver)),
            (None, None, Some(firefox), _) => Some(browser(Kind::Firefox, Some(firefox), entry.driver)),
            (None, None, None, url) => {
                let kind = Kind::named(entry.browser.as_deref().unwrap_or_default());
                let (Some(kind), Some(url)) = (kind, url) else {
                    let message = "`webdriver` needs `browser = \"chrome\"` or `browser = \"firefox\"`";
                    let key = if entry.browser.is_some() { "browser" } else { "webdriver" };
                    wrong.push(Wrong::at(key, message));
                    return Err(wrong);
                };
                let capabilities = serde_json::to_string(&entry.capabilities).unwrap_or_default();
                Some(Build { remote: Some(Remote { url, capabilities }), ..browser(kind, None, None) })
            }
        };
        if let (Some(build), true) = (build, wrong.is_empty()) {
            self.roster.add(Arc::new(Browser::new(name, build)));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// Adds the implementation of that name from among those that `setup --peers` installs: adapters that the program brings along, and
    /// other versions of browsers. Returns the name by which it plays: that of the version where the oldest one is asked for.
    pub fn add_known(&mut self, name: &str) -> Option<String> {
        if self.roster.get(name).is_some() {
            return Some(name.to_owned());
        }
        let known = match Wanted::parse(name) {
            Some(browser) => browser.implementation(),
            None => adapters::implementation(name)?,
        };
        self.known.extend(adapters::expected(name).map(|text| (format!("{name}/expected.toml"), text)));
        let plays = known.name().to_owned();
        // What the configuration calls so goes before.
        if self.roster.get(&plays).is_none() {
            self.roster.add(known);
        }
        Some(plays)
    }
}

/// What is wrong with a flag.
fn of_flag(flag: &str, message: String) -> ScenarioError {
    ScenarioError::whole(Path::new(flag), message)
}

/// The folders and files that are named and not there, each at its key in the text of the file. `effective` is that text with what the command
/// line sets.
fn absent(path: &Path, text: &str, effective: &str) -> Vec<ScenarioError> {
    let Ok(file) = toml::from_str::<File>(effective) else { return Vec::new() };
    let (folder, places) = (path.parent().unwrap_or(Path::new("")), Places::of(text));
    let mut errors = Vec::new();
    let mut check = |at: &[&str], named: &Path, is_folder: bool| {
        let there = folder.join(named);
        let wrong = match std::fs::metadata(&there) {
            Ok(found) if found.is_dir() == is_folder => return,
            Ok(_) if is_folder => "is no folder".to_owned(),
            Ok(_) => "is a folder, and a file is needed".to_owned(),
            Err(error) => format!("cannot be read: {error}"),
        };
        let message = format!("{} {wrong}", there.display());
        errors.push(ScenarioError::within(path, text, places.find(at), message));
    };
    if let Some(scenarios) = &file.scenarios {
        check(&["scenarios"], scenarios, true);
    }
    file.expected.iter().for_each(|expected| check(&["expected"], expected, false));
    for (name, entry) in &file.implementations {
        if let Some(expected) = &entry.expected {
            check(&["implementations", name, "expected"], expected, false);
        }
        if let Some(directory) = &entry.directory {
            check(&["implementations", name, "directory"], directory, true);
        }
    }
    errors
}

/// Why an implementation must have another name, if it must: one that everybody has may only be replaced by itself. Its known deviations, its roles in
/// scenarios and its row in reports would be those of something else.
pub(super) fn taken(name: &str, is: Option<&str>) -> Option<String> {
    let known = Roster::default().get(name).is_some() && is != Some(name);
    known.then(|| {
        format!(
            "`{name}` is an implementation that everybody has: give this one another name, such as my{name}"
        )
    })
}

/// Whether it is a URL with a scheme and a host that a WebDriver client can connect to.
fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    host.is_some_and(|host| {
        !host.is_empty() && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control())
    })
}

/// The name without its version.
pub(super) fn base(name: &str) -> &str {
    name.split_once('@').map_or(name, |(base, _)| base)
}

/// A folder by its absolute path. The parent of a bare file name is the empty path: it stands for the current folder, and no system call
/// takes it.
fn absolute(folder: &Path) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

/// `NAME=COMMAND`, its words divided by spaces.
fn from_flag(text: &str) -> Result<ProgramSpec, String> {
    let form = "write NAME=COMMAND, such as mystack=./adapter.py";
    let (name, command) = text.split_once('=').ok_or_else(|| format!("`{text}`: {form}"))?;
    if !is_name(name) {
        return Err(format!("`{name}`: a name has {NAME}"));
    }
    if let Some(message) = taken(name, None) {
        return Err(message);
    }
    let mut words = command.split_whitespace().map(str::to_owned);
    let program = words.next().ok_or_else(|| format!("`{text}`: {form}"))?;
    Ok(ProgramSpec {
        name: name.to_owned(),
        is: base(name).to_owned(),
        program: PathBuf::from(program),
        args: words.collect(),
        directory: None,
        env: Vec::new(),
        cases: 1,
        exposes_keys: false,
        missing: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Configuration, ConfigErrors> {
        Configuration::parse(Path::new("here/peerproof.toml"), text)
    }

    #[test]
    fn the_example_is_one() {
        let configuration = parse(super::super::EXAMPLE).unwrap();
        // Nothing in it is in the way of a first run.
        assert_eq!(configuration.roster.names().collect::<Vec<_>>(), ["stack", "chrome", "firefox"]);
        // All that is commented out makes sense.
        let whole: String = super::super::EXAMPLE
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n")
            .collect();
        let configuration = parse(&whole).unwrap();
        for name in ["mystack", "chrome@150", "firefox@140", "grid", "mobile"] {
            assert!(configuration.roster.get(name).is_some(), "{name}");
        }
        assert_eq!(configuration.scenarios, Some(PathBuf::from("here/scenarios")));
        assert!(configuration.suite);
        assert_eq!(configuration.stats_every, Some(Span::seconds(1)));
        for wrong in ["99ms", "61min", "0s", "1"] {
            assert!(parse(&format!("stats_every = '{wrong}'")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn without_a_file_there_is_what_everybody_has() {
        let configuration = parse("").unwrap();
        assert_eq!(configuration.roster.names().collect::<Vec<_>>(), ["stack", "chrome", "firefox"]);
        assert!(configuration.suite && configuration.scenarios.is_none());
    }

    #[test]
    fn the_folder_of_a_bare_file_name_is_the_current_one() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(absolute(Path::new("pp.toml").parent().unwrap()), here);
        assert_eq!(absolute(Path::new("there")), here.join("there"));
    }

    #[test]
    fn all_errors_are_reported_with_their_lines() {
        let text = "[implementations.a-b]\nprogram = ['x']\n\n[implementations.two]\nprogram = ['x']\nchrome = 'y'\n\
                    \n[implementations.c]\nfirefox = 'f'\nkeylog = true\ncases = 0\n";
        let error = parse(text).unwrap_err().to_string();
        let firsts: Vec<&str> = error.lines().filter(|line| line.contains("peerproof.toml:")).collect();
        assert_eq!(firsts.len(), 5, "{error}");
        for (line, place) in firsts.iter().zip([
            ":1:18: implementation `a-b`: a name has",
            ":6:1: implementation `two`: give one of",
            ":10:1: implementation `c`: `keylog` does not belong",
            ":11:1: implementation `c`: `cases` does not belong",
            ":11:1: implementation `c`: `cases` must be",
        ]) {
            assert!(line.contains(place), "{place}\n{error}");
        }
        assert!(error.contains("11 | cases = 0\n    | ^^^^^"), "{error}");
        let unknown = parse("scenario = 'x'\n").unwrap_err().to_string();
        assert!(unknown.starts_with("here/peerproof.toml:1:1: unknown field `scenario`"), "{unknown}");
    }

    #[test]
    fn who_everybody_has_is_replaced_by_itself_alone() {
        for (text, place) in [
            ("[implementations.stack]\nprogram = ['x']\n", ":1:18: implementation `stack`: `stack` is an"),
            ("[implementations.chrome]\nfirefox = 'f'\n", ":1:18: "),
            ("[implementations.firefox]\npage = 'safari'\n", ":1:18: "),
            ("[implementations.chrome]\nwebdriver = 'http://x'\nbrowser = 'firefox'\n", ":1:18: "),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains("give this one another name"), "{error}");
        }
        for text in [
            "[implementations.chrome]\nchrome = 'c'\n",
            "[implementations.firefox]\nwebdriver = 'https://grid/wd/hub'\nbrowser = 'firefox'\n",
            "[implementations.stack2]\nprogram = ['x']\n",
        ] {
            parse(text).unwrap_or_else(|error| panic!("{error}"));
        }
        let error = from_flag("stack=./adapter.py").unwrap_err();
        assert!(error.contains("such as mystack"), "{error}");
    }

    #[test]
    fn a_remote_end_is_a_url() {
        for (url, good) in [
            ("http://127.0.0.1:4444", true),
            ("https://user:key@grid.example/wd/hub", true),
            ("127.0.0.1:1", false),
            ("ftp://grid", false),
            ("http://", false),
            ("http:// grid", false),
        ] {
            let text = format!("[implementations.grid]\nbrowser = 'chrome'\nwebdriver = '{url}'\n");
            let error = parse(&text).err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(error.is_empty(), good, "{error}");
            assert!(
                good || error.contains(":3:1: implementation `grid`: `webdriver` is a URL, such as"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_a_file_names_and_is_not_there_is_reported_at_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let text = "expected = ['none.toml', '.']\nscenarios = 'peerproof.toml'\n\n[implementations.a]\nprogram = ['x']\n\
                    directory = 'none'\nexpected = 'none.toml'\n";
        std::fs::write(&path, text).unwrap();
        let error = Configuration::load(Some(&path), &[], &[], &[]).unwrap_err().to_string();
        for place in [
            ":1:1: ",
            "is a folder, and a file is needed",
            ":2:1: ",
            "is no folder",
            ":6:1: ",
            ":7:1: ",
            "7 | expected = 'none.toml'\n   | ^^^^^^^^",
        ] {
            assert!(error.contains(place), "{place}\n{error}");
        }
        assert_eq!(error.matches("peerproof.toml:").count(), 5, "{error}");
        // What the command line sets is what counts.
        let set = ["a:directory=.".to_owned()];
        let error = Configuration::load(Some(&path), &[], &[], &set).unwrap_err().to_string();
        assert!(!error.contains(":6:1: ") && error.contains(":7:1: "), "{error}");
    }

    #[test]
    fn a_flag_names_a_program() {
        let spec = from_flag("mystack@2=./adapter.py --port 7").unwrap();
        assert_eq!((spec.is.as_str(), spec.args.len()), ("mystack", 2));
        for bad in ["mystack", "my-stack=x", "a=", "=x"] {
            assert!(from_flag(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_of_a_program_of_the_command_line_can_be_set_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, "").unwrap();
        let load = |set: &str| {
            let program = ["mine=./adapter.py --port 7".to_owned(), "other=x".to_owned()];
            Configuration::load(Some(&path), &program, &[], &[set.to_owned()])
        };
        let configuration = load("mine:env.DEBUG=1").unwrap();
        assert!(["mine", "other"].iter().all(|name| configuration.roster.get(name).is_some()));
        assert!(load("mine:cases=0").unwrap_err().to_string().contains("`cases` must be at least 1"));
    }
}

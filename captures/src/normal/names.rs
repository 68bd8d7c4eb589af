//! Names for random values, by what they are and whose.

use indexmap::IndexMap;

/// The names that were given in a case.
#[derive(Debug, Default)]
pub(super) struct Names {
    given: IndexMap<(String, String), String>,
    counts: IndexMap<(String, String), u32>,
}

impl Names {
    /// The name of `value`, which is a `kind` of `owner`'s if it has no name yet: `<ufrag alice 1>`.
    pub(super) fn numbered(&mut self, kind: &str, owner: &str, value: &str) -> String {
        self.name(kind, owner, value, |kind, owner, count| format!("<{kind} {owner} {count}>"))
    }

    /// As [`Self::numbered`], but the first has no number: `<fingerprint alice>`.
    pub(super) fn plain(&mut self, kind: &str, owner: &str, value: &str) -> String {
        self.name(kind, owner, value, |kind, owner, count| match count {
            1 => format!("<{kind} {owner}>"),
            _ => format!("<{kind} {owner} {count}>"),
        })
    }

    /// The name of `value`, with a word after the owner: `<ssrc alice video rtx>`.
    pub(super) fn of(&mut self, kind: &str, owner: &str, what: &str, value: &str) -> String {
        let key = (kind.to_owned(), value.to_owned());
        if let Some(name) = self.given.get(&key) {
            return name.clone();
        }
        let count = self.counts.entry((kind.to_owned(), format!("{owner} {what}"))).or_insert(0);
        *count += 1;
        let name = match *count {
            1 => format!("<{kind} {owner} {what}>"),
            count => format!("<{kind} {owner} {what} {count}>"),
        };
        self.given.insert(key, name.clone());
        name
    }

    /// The name given to `value` already.
    pub(super) fn known(&self, kind: &str, value: &str) -> Option<&str> {
        self.given.get(&(kind.to_owned(), value.to_owned())).map(String::as_str)
    }

    /// Gives `value` this very name.
    pub(super) fn keep(&mut self, kind: &str, value: &str, name: &str) {
        self.given.insert((kind.to_owned(), value.to_owned()), name.to_owned());
    }

    fn name(&mut self, kind: &str, owner: &str, value: &str, form: fn(&str, &str, u32) -> String) -> String {
        let key = (kind.to_owned(), value.to_owned());
        if let Some(name) = self.given.get(&key) {
            return name.clone();
        }
        let count = self.counts.entry((kind.to_owned(), owner.to_owned())).or_insert(0);
        *count += 1;
        let name = form(kind, owner, *count);
        self.given.insert(key, name.clone());
        name
    }
}

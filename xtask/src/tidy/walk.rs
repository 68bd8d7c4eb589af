//! The functions that the architecture names are where it says.

use std::path::Path;

/// The document.
pub(super) const DOCUMENT: &str = "ARCHITECTURE.md";
/// How the headings of the sections begin whose functions are looked up.
const SECTIONS: [&str; 2] = ["## One datagram,", "## One step,"];

/// A file and a function that it must define.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) file: String,
    pub(super) function: String,
}

/// The functions that the sections name: code spans that are an identifier, each in the file that was named last.
pub(super) fn named(text: &str) -> Vec<Named> {
    let mut all = Vec::new();
    for section in text
        .split("\n## ")
        .filter(|it| SECTIONS.iter().any(|head| it.starts_with(head.trim_start_matches("## "))))
    {
        let mut file = None;
        for span in section.split('`').skip(1).step_by(2) {
            if Path::new(span).extension().is_some_and(|it| it == "rs") {
                file = Some(span.to_owned());
            } else if let Some(file) = &file
                && is_identifier(span)
            {
                all.push(Named { file: file.clone(), function: span.to_owned() });
            }
        }
    }
    all
}

fn is_identifier(span: &str) -> bool {
    !span.is_empty() && span.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// Those that `read` shows to be elsewhere, or whose file is not there.
pub(super) fn breaches(text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let missing = |it: &Named| {
        let source = read(&it.file);
        let defines = source.is_some_and(|source| source.contains(&format!("fn {}", it.function)));
        (!defines).then(|| format!("{DOCUMENT}: {} has no function `{}`", it.file, it.function))
    };
    named(text).iter().filter_map(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A\n\n## Other\n\n`a.rs` `no`\n\n## One step, x\n\n1. `a.rs` `one` and `CaseTap`, `b/`: `b.rs` `two`\n";

    #[test]
    fn functions_belong_to_the_file_before_them() {
        let pairs: Vec<_> = named(TEXT).into_iter().map(|it| (it.file, it.function)).collect();
        assert_eq!(pairs, [("a.rs", "one"), ("b.rs", "two")].map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn one_that_is_not_there_is_found() {
        let read = |file: &str| (file == "a.rs").then(|| "pub async fn one() {}".to_owned());
        assert_eq!(breaches(TEXT, read), ["ARCHITECTURE.md: b.rs has no function `two`"]);
    }
}

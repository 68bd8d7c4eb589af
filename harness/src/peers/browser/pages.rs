//! The files that a browser loads: the lobby, and the agent's page with its modules.

use crate::embedded::AGENT;
use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use include_dir::File;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// How the paths of the agent's files begin. It changes with their content: a browser may keep each file, and finds none of another version
/// at a port that was another version's.
static AGENT_FOLDER: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (path, file) in files() {
        hash.update(path.as_bytes());
        hash.update((file.contents().len() as u64).to_be_bytes());
        hash.update(file.contents());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// All files of the folder and of those in it, by their paths, in a fixed order.
fn files() -> impl Iterator<Item = (&'static str, &'static File<'static>)> {
    let all = AGENT.files().chain(AGENT.dirs().flat_map(include_dir::Dir::files));
    all.filter_map(|file| Some((file.path().to_str()?, file)))
}

/// The path of the page of a frame.
pub(super) fn agent_page() -> String {
    format!("/agent/{}/agent.html", *AGENT_FOLDER)
}

/// The lobby. Its path is the same in each version, so it is never kept.
pub(super) async fn lobby() -> Response {
    found("lobby.html", "no-store")
}

/// A file of the agent.
pub(super) async fn agent(Path((version, path)): Path<(String, String)>) -> Response {
    if version == *AGENT_FOLDER {
        found(&path, "max-age=86400, immutable")
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

fn found(path: &str, cache: &'static str) -> Response {
    let Some((kind, content)) = content(path) else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, cache),
        // An isolated page has clocks of microseconds (High Resolution Time §7.1).
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    ];
    (headers, content).into_response()
}

/// The media type and the text of a file that is served.
fn content(path: &str) -> Option<(&'static str, &'static str)> {
    let file = AGENT.get_file(path)?;
    let kind = match file.path().extension()?.to_str()? {
        "html" => "text/html; charset=utf-8",
        // A browser takes a module of no other type.
        "js" | "mjs" => "text/javascript; charset=utf-8",
        _ => return None,
    };
    Some((kind, file.contents_utf8()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn modules() -> BTreeSet<&'static str> {
        files().map(|(path, _)| path).filter(|path| path.ends_with(".js") || path.ends_with(".mjs")).collect()
    }

    /// What stands between two marks, each time.
    fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
        text.split(before).skip(1).filter_map(|rest| Some(rest.split_once(after)?.0)).collect()
    }

    #[test]
    fn the_page_preloads_every_module() {
        let (_, page) = content("agent.html").unwrap();
        let preloaded = between(page, "<link rel=\"modulepreload\" href=\"", "\"");
        assert_eq!(preloaded.len(), preloaded.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(preloaded.into_iter().collect::<BTreeSet<_>>(), modules());
    }

    #[test]
    fn every_import_is_a_module_that_is_served() {
        let mut imports = 0;
        for path in modules() {
            let (kind, text) = content(path).unwrap();
            assert!(kind.starts_with("text/javascript"), "{path}");
            for import in between(text, "\nimport ", ";") {
                let (_, from) = import.trim_end_matches('"').split_once("from \"").unwrap();
                let folder = path.rsplit_once('/').map(|(folder, _)| folder);
                let target = match (from.strip_prefix("../"), from.strip_prefix("./"), folder) {
                    (Some(above), None, Some(_)) => above.to_owned(),
                    (None, Some(beside), Some(folder)) => format!("{folder}/{beside}"),
                    (None, Some(beside), None) => beside.to_owned(),
                    _ => panic!("{path} imports {from}"),
                };
                assert!(modules().contains(target.as_str()), "{path} imports {from}");
                imports += 1;
            }
        }
        assert!(imports > modules().len());
    }

    #[tokio::test]
    async fn pages_are_found_by_their_version_and_other_files_are_not() {
        let page = agent_page();
        let (_, version) = page.trim_end_matches("/agent.html").rsplit_once('/').unwrap();
        let get = async |version: &str, path: &str| agent(Path((version.to_owned(), path.to_owned()))).await;
        let served = get(version, "media/frame.js").await;
        assert_eq!(served.status(), StatusCode::OK);
        assert_eq!(served.headers()[header::CACHE_CONTROL], "max-age=86400, immutable");
        assert_eq!(lobby().await.headers()[header::CACHE_CONTROL], "no-store");
        for (version, path) in [
            ("0123456789abcdef", "agent.html"),
            (version, "README.md"),
            (version, "jsconfig.json"),
            (version, "../embedded.rs"),
            (version, "nothing.js"),
        ] {
            assert_eq!(get(version, path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}

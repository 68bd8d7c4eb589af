//! The JSON Schema that `peerproof schema` prints, held by an independent validator against every scenario of the suite.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn schema(what: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_peerproof")).args(["schema", what]).output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    files.sort();
    files
}

fn refused(schema: &Value, files: &[PathBuf]) -> Vec<String> {
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("scenario.json", schema.clone()).unwrap();
    let mut schemas = boon::Schemas::new();
    let compiled = compiler.compile("scenario.json", &mut schemas).unwrap();
    let validate = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let value: Value = serde_yaml::from_str(&text).unwrap();
        let error = schemas.validate(&value, compiled).err()?;
        Some(format!("{}: {error:#}", path.display()))
    };
    files.iter().filter_map(validate).collect()
}

#[test]
fn it_accepts_every_scenario_of_the_suite() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let schema = schema("scenario");
    let mut count = 0;
    for family in ["data", "dtls", "ice", "media", "network", "sdp", "signalling", "turn"] {
        let files = yaml_files(&folder.join(family));
        count += files.len();
        assert_eq!(refused(&schema, &files), Vec::<String>::new());
    }
    assert!(count > 150, "{count} scenarios");
    let mut controls = yaml_files(&folder.join("controls"));
    // The catalogues stand for many.
    controls.retain(|path| !path.ends_with("lies.yaml") && !path.ends_with("breaks.yaml"));
    assert_eq!(refused(&self::schema("control"), &controls), Vec::<String>::new());
    let statements = [folder.join("statements.yaml")];
    assert_eq!(refused(&self::schema("statements"), &statements), Vec::<String>::new());
}

#[test]
fn descriptions_say_something_and_have_no_links_of_rustdoc() {
    fn look(of: &str, value: &Value, wrong: &mut Vec<String>) {
        if let Some(text) = value["description"].as_str() {
            // The name of a constant alone says nothing.
            let is_name = text.trim_matches(['`', '.']).chars().all(|c| c.is_ascii_uppercase() || c == '_');
            let is_name = is_name && text.starts_with('`');
            if is_name || ["[`", "`]", "]("].iter().any(|link| text.contains(link)) {
                wrong.push(format!("{of}: {text}"));
            }
        }
        let members = value.as_object().into_iter().flat_map(|it| it.values());
        let elements = value.as_array().into_iter().flatten();
        members.chain(elements).for_each(|it| look(of, it, wrong));
    }
    let mut wrong = Vec::new();
    for what in [
        "scenario",
        "control",
        "config",
        "case",
        "peer",
        "inspect",
        "dump",
        "page",
        "judge",
        "run",
        "check-server",
        "requirements",
        "statements",
        "coverage",
        "diff",
        "archive",
    ] {
        let schema = schema(what);
        assert!(schema.to_string().contains("description"), "{what}");
        look(what, &schema, &mut wrong);
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn it_refuses_what_no_scenario_may_say() {
    let folder = tempfile::tempdir().unwrap();
    let head = "title: t\npeers: { alice: { role: offerer }, bob: { role: answerer } }\n";
    for (n, wrong) in [
        "steps: [{ alice: { createDatachannel: { label: chat } } }]",
        "steps: [{ alice: { send: { channel: chat, text: [1] } } }]",
        "steps: [{ alice: { send: { channel: chat, pattern: { sise: 3, seed: 1 } } } }]",
        "steps: [{ connect: { trickel: true } }]",
        "network: { alice: nowhere }\nsteps: [{ connect: {} }]",
        "stepz: []",
        "steps: [{ connect: {} }]\nexpect: { wire: [{ from: alice, dtls: ClientHelo }] }",
        "steps: [{ connect: {} }]\nexpect: { wire: [{ from: alice, sctp: INITACK }] }",
        "steps: [{ connect: {} }]\nexpect: { alice: { stats: [{ type: inbound, count: 1 }] } }",
        "steps: [{ connect: {} }]\nexpect: { alice: { candidates: { includes: [hots] } } }",
        "steps: [{ connect: { rewrite: { candidate: { drop: [hots] } } } }]",
        "steps: [{ alice: { await: { icecandidate: { type: hots } } } }]",
        "steps: [{ alice: { createOffer: {}, rejects: InvalidStatError } }]",
    ]
    .iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{n}.yaml"));
        std::fs::write(&path, format!("{head}{wrong}\n")).unwrap();
        assert_eq!(refused(&schema("scenario"), &[path]).len(), 1, "{wrong}");
    }
    // The same with the words that are meant, and with those of `each`.
    let right = "each: { kind: [host, relay] }
steps:
  - connect: { rewrite: { candidate: { drop: [any] } } }
  - alice: { await: { icecandidate: { type: $kind } } }
  - alice: { createOffer: {}, rejects: InvalidStateError }
expect:
  wire: [{ from: alice, dtls: ClientHello }, { from: alice, stun: Binding request }, { from: alice, srtp: any }]
  alice: { stats: [{ type: inbound-rtp, count: 1 }], candidates: { includes: [$kind] } }
";
    let path = folder.path().join("right.yaml");
    std::fs::write(&path, format!("{head}{right}")).unwrap();
    assert_eq!(refused(&schema("scenario"), &[path]), Vec::<String>::new());
}

/// What an editor shows beside a key.
#[test]
fn every_property_is_described() {
    fn walk(schema: &Value, path: &str, bare: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                for (key, value) in map {
                    let path = format!("{path}/{key}");
                    if let ("properties", Some(properties)) = (key.as_str(), value.as_object()) {
                        let of = |(key, it): (&String, &Value)| {
                            it.get("description").is_none().then(|| format!("{path}/{key}"))
                        };
                        bare.extend(properties.iter().filter_map(of));
                    }
                    walk(value, &path, bare);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, path, bare)),
            _ => {}
        }
    }
    let mut bare = Vec::new();
    for what in ["scenario", "statements", "coverage"] {
        walk(&schema(what), what, &mut bare);
    }
    assert_eq!(bare, Vec::<String>::new());
}

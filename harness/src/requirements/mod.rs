//! `peerproof requirements`: the catalogue, which checks decide it, and what a run has shown of it.

use crate::terminal::{Paint, Style};
use clap::ValueEnum;
use indexmap::IndexMap;
use peerproof_conformance::case::CaseFile;
use peerproof_conformance::catalogue::{Catalogue, Level, Observe, Requirement, Topic};
use peerproof_conformance::checks::{self, fault};
use peerproof_reports::{Requirements as Counts, counted};
use schemars::JsonSchema;
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;

/// Which requirements, and how they are shown.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  peerproof requirements                         all, one line each, and how many are checked
  peerproof requirements --source 'RFC 8445'     those of one document
  peerproof requirements --topic dtls,srtp --level must
  peerproof requirements --unchecked             what no check decides yet
  peerproof requirements ice-check-has-priority      one in full
  peerproof requirements --run runs/latest       with what that run showed of each")]
pub struct RequirementsArgs {
    /// Only requirements whose name contains this; a full name shows all details
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Only of these levels; MUST includes MUST NOT
    #[arg(long, value_delimiter = ',', value_enum)]
    pub level: Vec<Wanted>,
    /// Only of these documents, such as `RFC 8445` or `webrtc-pc`
    #[arg(long, value_delimiter = ',', value_name = "DOCUMENT")]
    pub source: Vec<String>,
    /// Only about these: sdp, ice, stun, turn, api-state, security, dtls, srtp, rtp, rtcp, codec, sctp, datachannel
    #[arg(long, alias = "layer", value_delimiter = ',', value_parser = topic, value_name = "TOPIC")]
    pub topic: Vec<Topic>,
    /// Only those without a check
    #[arg(long)]
    pub unchecked: bool,
    /// A folder with cases: how often each requirement was satisfied and violated in them
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Levels to choose by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    /// MUST and MUST NOT
    Must,
    /// SHOULD and SHOULD NOT
    Should,
}

fn topic(text: &str) -> Result<Topic, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|_| format!("unknown topic `{text}`"))
}

/// The requirements that were asked for: the format of `--json`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    /// How many there are.
    pub total: usize,
    /// How many of them a check decides.
    pub checked: usize,
    /// One by one, in the order of the catalogue.
    pub requirements: Vec<Row>,
}

/// A requirement with how it is covered.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Row {
    /// The requirement.
    #[serde(flatten)]
    pub requirement: Requirement,
    /// The check that decides it: its own, or that of one that says the same.
    pub check_by: Option<String>,
    /// The kinds of fault that it can find; none without a check.
    pub faults: &'static [&'static str],
    /// What the cases showed, if a run was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<Counts>,
}

/// Lists the requirements. Whether there was any.
///
/// # Errors
/// If the run cannot be read or nothing can be written.
pub fn main(args: &RequirementsArgs, out: &mut dyn Write) -> Result<bool, crate::judge::JudgeError> {
    let shown = args.run.as_ref().map(|run| crate::judge::case_files(run)).transpose()?;
    let shown = shown.map(|cases| counts(&cases));
    let wanted = Catalogue::get().requirements().filter(|it| wants(args, it));
    let rows: Vec<Row> = wanted
        .map(|requirement| {
            let check_by = checks::of(&requirement.id).map(|check| check.id.to_owned());
            let shown = shown.as_ref().map(|shown| {
                let by = check_by.as_ref().unwrap_or(&requirement.id);
                shown.get(by).copied().unwrap_or_default()
            });
            let faults = fault::of(check_by.as_ref().unwrap_or(&requirement.id));
            Row { requirement: requirement.clone(), check_by, faults, shown }
        })
        .collect();
    let checked = rows.iter().filter(|row| row.check_by.is_some()).count();
    let listed = Listed { total: rows.len(), checked, requirements: rows };
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &listed).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        text(args, &listed, out)?;
    }
    Ok(!listed.requirements.is_empty())
}

fn wants(args: &RequirementsArgs, it: &Requirement) -> bool {
    let level = |wanted: &Wanted| match wanted {
        Wanted::Must => matches!(it.level, Level::Must | Level::MustNot),
        Wanted::Should => matches!(it.level, Level::Should | Level::ShouldNot),
    };
    // `RFC 8445` is no part of `RFC 84451`.
    let source = |wanted: &String| {
        let (source, wanted) = (it.source.to_lowercase(), wanted.to_lowercase());
        let mut found = source.match_indices(wanted.as_str());
        found
            .any(|(at, _)| !source.get(at + wanted.len()..).unwrap_or_default().starts_with(char::is_numeric))
    };
    (args.ids.is_empty() || args.ids.iter().any(|id| it.id.contains(id.as_str())))
        && (args.level.is_empty() || args.level.iter().any(level))
        && (args.source.is_empty() || args.source.iter().any(source))
        && (args.topic.is_empty() || args.topic.contains(&it.topic))
        && !(args.unchecked && checks::of(&it.id).is_some())
}

fn counts(cases: &[CaseFile]) -> IndexMap<String, Counts> {
    let mut all: IndexMap<String, Counts> = IndexMap::new();
    for finding in cases.iter().filter(|case| case.control_of.is_none()).flat_map(|case| &case.findings) {
        all.entry(finding.requirement.clone()).or_default().add(Counts::of([finding]));
    }
    all
}

fn text(args: &RequirementsArgs, listed: &Listed, out: &mut dyn Write) -> io::Result<()> {
    let style = Style::of_stdout();
    for row in &listed.requirements {
        if args.ids.contains(&row.requirement.id) {
            in_full(row, &style, out)?;
        } else {
            line(row, &style, out)?;
        }
    }
    writeln!(out, "{}, {} of them checked", counted(listed.total, "requirement"), listed.checked)
}

fn line(row: &Row, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let Requirement { id, source, level, .. } = &row.requirement;
    let (mark, paint) = mark(row);
    writeln!(out, "{} {id}  {}  {source}", style.paint(paint, &format!("{mark:<7}")), level.as_str())?;
    if let Some(words) = row.shown.map(|shown| shown.words()).filter(|words| !words.is_empty()) {
        writeln!(out, "        {words}")?;
    }
    Ok(())
}

fn mark(row: &Row) -> (&'static str, Paint) {
    match (&row.check_by, row.requirement.observe) {
        (Some(_), _) => ("checked", Paint::Good),
        (None, Observe::Active) => ("active", Paint::Soft),
        (None, _) => ("-", Paint::Soft),
    }
}

fn in_full(row: &Row, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let it = &row.requirement;
    writeln!(out, "{}  {}  {}", style.paint(Paint::Heading, &it.id), it.level.as_str(), it.source)?;
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let binds = word(serde_json::to_value(it.applies_to).unwrap_or_default());
    let check = match &row.check_by {
        Some(check) if *check == it.id => "checked".to_owned(),
        Some(check) => format!("checked by {check}, which has the same rule"),
        None => "not checked yet".to_owned(),
    };
    let mut field = |name: &str, text: &str| {
        let head = format!("  {name:<9} ");
        style.wrapped(out, &head, &" ".repeat(head.len()), text)
    };
    field("asks", &it.summary)?;
    for quote in &it.quotes {
        field("quoted", &format!("\"{}\" ({})", quote.text, quote.place))?;
    }
    field("binds", &binds)?;
    field("decided", &it.check)?;
    if let Some(provoke) = &it.provoke {
        field("provoked", provoke)?;
    }
    field("control", &it.mutation)?;
    if let Some(note) = &it.note {
        field("note", note)?;
    }
    field("state", &check)?;
    if !row.faults.is_empty() {
        field("faults", &row.faults.join(", "))?;
    }
    if let Some(shown) = row.shown {
        field("shown", &shown.words())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(arguments: &[&str]) -> (bool, String) {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: RequirementsArgs,
        }
        let line = <Line as clap::Parser>::try_parse_from([&["requirements"], arguments].concat()).unwrap();
        let mut out = Vec::new();
        let any = main(&line.args, &mut out).unwrap();
        (any, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_filters_choose_by_document_level_layer_and_coverage() {
        let total = Catalogue::get().requirements().len();
        let (_, all) = listed(&[]);
        assert_eq!(all.lines().count(), total + 1);
        let (_, ice) = listed(&["--source", "RFC 8445", "--level", "must"]);
        assert!(ice.lines().count() > 5 && ice.lines().rev().skip(1).all(|line| line.contains("RFC 8445")));
        assert!(!ice.contains("SHOULD"));
        let (_, open) = listed(&["--unchecked"]);
        assert!(open.lines().all(|line| !line.starts_with("checked ")));
        assert!(open.lines().count() > 1 && open.contains(" 0 of them checked"), "{open}");
        assert!(!listed(&["no-such-requirement"]).0);
        let (_, full) = listed(&["dtls-no-compression"]);
        assert!(full.contains("checked") && full.contains("asks"), "{full}");
    }

    #[test]
    fn json_says_the_same_as_the_catalogue() {
        let (_, json) = listed(&["--json", "--topic", "dtls"]);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let rows = value["requirements"].as_array().unwrap();
        assert_eq!(value["total"], rows.len());
        assert!(rows.iter().all(|row| row["topic"] == "dtls"));
        let checked = rows.iter().filter(|row| !row["check_by"].is_null()).count();
        assert_eq!(value["checked"], checked);
    }
}

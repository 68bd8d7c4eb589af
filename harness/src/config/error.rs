//! What is wrong with a configuration.

use crate::scenario::ScenarioError;
use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong with an implementation: at one of its keys, or with its name.
#[derive(Debug, PartialEq)]
pub(super) struct Wrong {
    /// The key; none if it is the whole.
    pub(super) key: Option<&'static str>,
    /// What is wrong.
    pub(super) message: Cow<'static, str>,
}

impl Wrong {
    /// At a key.
    pub(super) fn at(key: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { key: Some(key), message: message.into() }
    }

    /// Of the whole.
    pub(super) fn whole(message: impl Into<Cow<'static, str>>) -> Self {
        Self { key: None, message: message.into() }
    }
}

/// Where the keys of a file stand.
pub(super) struct Places<'t>(Option<DeTable<'t>>);

impl<'t> Places<'t> {
    /// Those of a text; of one that is no TOML no key has a place.
    pub(super) fn of(text: &'t str) -> Self {
        Self(DeTable::parse(text).ok().map(toml::Spanned::into_inner))
    }

    /// Where a key stands that is reached by way of these tables.
    pub(super) fn find(&self, path: &[&str]) -> Option<Range<usize>> {
        let (last, before) = path.split_last()?;
        let mut table = self.0.as_ref()?;
        for key in before {
            let DeValue::Table(inner) = table.get(*key)?.get_ref() else { return None };
            table = inner;
        }
        table.keys().find(|key| key.get_ref() == *last).map(toml::Spanned::span)
    }
}

/// All that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigErrors {
    /// The file cannot be read.
    #[error("{0}: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// It is no such TOML.
    #[error("{0}")]
    Malformed(Box<ScenarioError>),
    /// It says what cannot be, each at its place in the file; of a flag, with its name.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nerror: "))]
    Wrong(Vec<ScenarioError>),
}

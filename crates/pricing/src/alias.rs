//! Other names of models: deployments, ARNs, fine-tunes, each perhaps for a time.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use units::UnixMicros;

use crate::book::PriceBook;
use crate::error::PriceBookError;
use crate::file::AliasFile;
use crate::layer::Layer;
use crate::place::Step;
use crate::window::Window;

/// Longest chain of names that lead to names.
pub(crate) const CHAIN_MAX: usize = 8;

/// The aliases of one provider by name in lower case; of each name the highest layer's first.
pub(crate) type Aliases = HashMap<Box<str>, Vec<Alias>>;

/// What a name stands for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Alias {
    /// A name of the provider.
    #[serde(skip)]
    pub(crate) provider: Box<str>,
    /// The name in lower case.
    #[serde(skip)]
    pub(crate) name: Box<str>,
    /// A name in lower case.
    pub(crate) model: Box<str>,
    pub(crate) window: Window,
    /// Where it is written.
    #[serde(skip)]
    pub(crate) written: Written,
}

impl Alias {
    /// An alias of a file.
    pub(crate) fn new(file: &AliasFile, written: Written) -> Self {
        Self {
            provider: file.provider.as_str().into(),
            name: file.name.trim().to_lowercase().into(),
            model: file.model.trim().to_lowercase().into(),
            window: file.window(),
            written,
        }
    }
}

/// A place in a layer.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) layer: Arc<Layer>,
    pub(crate) position: usize,
}

impl Written {
    /// What is wrong in the layer at a path.
    pub(crate) fn error(&self, path: &[Step<'_>], told: &str) -> PriceBookError {
        let text = self.layer.json.trim_start_matches('\u{feff}');
        PriceBookError::at(&self.layer.name, text, path, told)
    }

    /// An entry of a list is about a provider nobody knows.
    pub(crate) fn unknown(&self, list: &str, provider: &str) -> PriceBookError {
        let path = [Step::Key(list), Step::At(self.position), Step::Key("provider")];
        let told =
            format!("`{provider}` is no provider of the book: write the id of one, or add it");
        self.error(&path, &told)
    }
}

/// What a name stands for at an instant.
pub(crate) fn in_force<'a>(aliases: &'a Aliases, name: &str, at: UnixMicros) -> Option<&'a str> {
    let of_name = aliases.get(name)?;
    of_name.iter().find(|alias| alias.window.is_active(at)).map(|alias| &*alias.model)
}

/// Refuses names that lead back to themselves at some instant, and chains that are too long.
pub(crate) fn check_cycles(book: &PriceBook) -> Result<(), PriceBookError> {
    for provider in &book.providers {
        for (name, of_name) in &provider.aliases {
            for alias in of_name {
                let chain = Chain { aliases: &provider.aliases, seen: vec![name], alias };
                chain.follow(alias.window)?;
            }
        }
    }
    Ok(())
}

/// A walk along names, all of which hold at some common instant.
struct Chain<'a> {
    aliases: &'a Aliases,
    seen: Vec<&'a str>,
    alias: &'a Alias,
}

impl<'a> Chain<'a> {
    fn follow(mut self, common: Window) -> Result<(), PriceBookError> {
        let next: &'a str = &self.alias.model;
        if self.seen.contains(&next) {
            let way = self.seen.join("` -> `");
            return Err(self.error(&format!(
                "the aliases `{way}` -> `{next}` lead in a circle: let one name a model of the provider"
            )));
        }
        if self.seen.len() > CHAIN_MAX {
            let told = format!(
                "more than {CHAIN_MAX} aliases lead from `{}` to a model: name the model itself",
                self.seen.first().copied().unwrap_or_default()
            );
            return Err(self.error(&told));
        }
        self.seen.push(next);
        for alias in self.aliases.get(next).into_iter().flatten() {
            if alias.window.overlaps(&common) {
                let from = common.from.max(alias.window.from);
                let to = common.to.min(alias.window.to);
                let chain = Chain { aliases: self.aliases, seen: self.seen.clone(), alias };
                chain.follow(Window { from, to, daily: None })?;
            }
        }
        Ok(())
    }

    fn error(&self, told: &str) -> PriceBookError {
        let written = &self.alias.written;
        written.error(&[Step::Key("aliases"), Step::At(written.position)], told)
    }
}

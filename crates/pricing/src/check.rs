//! What can be wrong with a price file although every part of it is right by itself: prices whose
//! times overlap, two rules for one name, two factors for one price.

use std::collections::HashMap;

use crate::clause::Clause;
use crate::error::PriceBookError;
use crate::file::{AliasFile, BookFile, ModelFile, ProviderFile, SheetFile};
use crate::layer::{Layer, LayerKind};
use crate::multiplier::overlap;
use crate::place::Step;
use crate::window::Window;

/// A file that has been read and is being looked through.
pub(crate) struct Reading<'f> {
    pub(crate) layer: &'f Layer,
    /// The text without a byte order mark.
    pub(crate) text: &'f str,
    pub(crate) file: &'f BookFile,
}

impl Reading<'_> {
    /// What is wrong at a place; `told` is the message, a colon and the remedy.
    pub(crate) fn error(&self, path: &[Step<'_>], told: &str) -> PriceBookError {
        PriceBookError::at(&self.layer.name, self.text, path, told)
    }

    /// Everything that does not depend on other layers.
    pub(crate) fn check(&self) -> Result<(), PriceBookError> {
        for (number, provider) in self.file.providers.iter().enumerate() {
            for (position, model) in provider.models.iter().enumerate() {
                let at = [
                    Step::Key("providers"),
                    Step::At(number),
                    Step::Key("models"),
                    Step::At(position),
                ];
                self.prices(model, &at)?;
                self.variants(model, &at)?;
            }
            self.names(provider, number)?;
        }
        self.factors()?;
        self.aliases()
    }

    fn prices(&self, model: &ModelFile, at: &[Step<'_>]) -> Result<(), PriceBookError> {
        let sheets = model.prices.as_deref().unwrap_or_default();
        let windows: Vec<Window> = sheets.iter().map(|sheet| sheet.0.window()).collect();
        for (later, window) in windows.iter().enumerate() {
            for earlier in windows.iter().take(later).filter(|w| w.daily == window.daily) {
                let told = if earlier.from == window.from {
                    "two prices of `{}` begin at the same instant: keep one, or give the later a `from`"
                } else if earlier.from > window.from {
                    "the prices of `{}` are not in order of time: sort them by `from`"
                } else if earlier.to > window.from && earlier.to != Window::ALWAYS.to {
                    "the dates of two prices of `{}` overlap: end the earlier where the later begins"
                } else {
                    continue;
                };
                let path = [at, &[Step::Key("prices"), Step::At(later)]].concat();
                return Err(self.error(&path, &told.replace("{}", &model.id)));
            }
        }
        Ok(())
    }

    /// Of variants the first that applies wins, so that a later one must not stand behind it.
    fn variants(&self, model: &ModelFile, at: &[Step<'_>]) -> Result<(), PriceBookError> {
        let hides = |earlier: &SheetFile, later: &SheetFile| {
            let (a, b) = (earlier.window(), later.window());
            let shared = |(key, _): &(_, _)| later.rates.0.iter().any(|(other, _)| other == key);
            earlier.when == later.when
                && a.daily == b.daily
                && a.from <= b.from
                && a.to > b.from
                && earlier.rates.0.iter().any(shared)
        };
        for (later, sheet) in model.variants.iter().enumerate() {
            if model.variants.iter().take(later).any(|earlier| hides(&earlier.0, &sheet.0)) {
                let told = format!(
                    "the dates of two variants of `{}` for `{}` overlap: put the newest first, or end it",
                    model.id, sheet.0.when
                );
                let path = [at, &[Step::Key("variants"), Step::At(later)]].concat();
                return Err(self.error(&path, &told));
            }
        }
        Ok(())
    }

    /// Names two models of one provider claim. In the catalog the first wins, as its source says.
    fn names(&self, provider: &ProviderFile, number: usize) -> Result<(), PriceBookError> {
        if self.layer.kind == LayerKind::Embedded {
            return Ok(());
        }
        let rule =
            |model: &ModelFile| model.clause.clone().unwrap_or_else(|| Clause::equals(&model.id));
        let rules: Vec<Clause> = provider.models.iter().map(rule).collect();
        let mut names: HashMap<Box<str>, usize> = HashMap::new();
        let mut open = Vec::new();
        let twice = |position: usize, first: usize, name: &str| {
            let id = |at: usize| provider.models.get(at).map_or("", |model| &*model.id);
            let (id, other) = (id(position), id(first));
            let path =
                [Step::Key("providers"), Step::At(number), Step::Key("models"), Step::At(position)];
            let told = format!(
                "`{name}` is matched by `{other}` and by `{id}`: narrow one of them, so that a name has one price"
            );
            self.error(&path, &told)
        };
        for (position, clause) in rules.iter().enumerate() {
            let mut own = HashMap::new();
            if !clause.note_names(position, &mut own) {
                open.push(position);
            }
            for name in own.into_keys() {
                if let Some(first) = names.get(&name) {
                    return Err(twice(position, *first, &name));
                }
                names.insert(name, position);
            }
        }
        for position in open {
            let clause = rules.get(position);
            let other = names.iter().find(|(name, of)| {
                **of != position && clause.is_some_and(|clause| clause.matches(name))
            });
            if let Some((name, of)) = other {
                return Err(twice(position.max(*of), position.min(*of), name));
            }
        }
        Ok(())
    }

    fn factors(&self) -> Result<(), PriceBookError> {
        let all = &self.file.multipliers;
        for (later, multiplier) in all.iter().enumerate() {
            let path = [Step::Key("multipliers"), Step::At(later)];
            let window = multiplier.window();
            if window.from >= window.to {
                let told = "`to` is not after `from`: this factor is never in force";
                return Err(self.error(&path, told));
            }
            if all.iter().take(later).any(|earlier| overlap(earlier, multiplier)) {
                let told = "two factors for the same prices of the same requests overlap: keep one, or end \
                            the earlier where the later begins";
                return Err(self.error(&path, told));
            }
        }
        Ok(())
    }

    fn aliases(&self) -> Result<(), PriceBookError> {
        let id = |alias: &AliasFile| {
            (alias.provider.trim().to_lowercase(), alias.name.trim().to_lowercase())
        };
        let mut seen: HashMap<_, Vec<Window>> = HashMap::new();
        for (position, alias) in self.file.aliases.iter().enumerate() {
            let path = [Step::Key("aliases"), Step::At(position)];
            let window = alias.window();
            if window.from >= window.to {
                let told = "`to` is not after `from`: this alias never holds";
                return Err(self.error(&path, told));
            }
            if alias.name.trim().is_empty() || alias.model.trim().is_empty() {
                let told = "an alias needs a `name` and the `model` it stands for: write both";
                return Err(self.error(&path, told));
            }
            let earlier = seen.entry(id(alias)).or_default();
            if earlier.iter().any(|other| other.overlaps(&window)) {
                let told = format!(
                    "`{}` stands for two models at a time: keep one, or end the earlier where the later begins",
                    alias.name
                );
                return Err(self.error(&path, &told));
            }
            earlier.push(window);
        }
        Ok(())
    }
}

//! A price file of ours as an import: checked, compared, and taken as it is.

use crate::import::coverage::Below;
use crate::import::read::Source;
use crate::import::{ImportError, Imported};
use crate::layer::{Layer, LayerKind};
use crate::place::Step;

/// The models of a price file by provider and id, each as it is written.
type Models = std::collections::BTreeMap<(String, String), String>;

/// Takes a price file over; its author dates its prices.
pub(super) fn take(
    source: &Source<'_>,
    below: &Below,
    previous: Option<&str>,
) -> Result<Imported, ImportError> {
    let text = source.text();
    let layer =
        Layer { kind: LayerKind::Imported, name: source.name().to_owned(), json: text.to_owned() };
    below.accepts(layer).map_err(|error| match error {
        ImportError::Unusable(error) => ImportError::Catalog(error),
        other => other,
    })?;
    let old = match previous {
        Some(previous) => models(&Source::new("the last import", previous))?,
        None => Models::new(),
    };
    let (mut added, mut changed, mut unchanged) = (0, 0, 0);
    for (place, model) in models(source)? {
        match old.get(&place) {
            None => added += 1,
            Some(old) if *old == model => unchanged += 1,
            Some(_) => changed += 1,
        }
    }
    let skipped = Vec::new();
    Ok(Imported { layer_json: text.to_owned(), added, changed, unchanged, skipped })
}

fn models(source: &Source<'_>) -> Result<Models, ImportError> {
    let mut found = Models::new();
    let Some(providers) = source.root()?.get("providers") else { return Ok(found) };
    let list = [Step::Key("providers")];
    for (number, provider) in source.list(providers, &list)?.into_iter().enumerate() {
        let at = [Step::Key("providers"), Step::At(number)];
        let provider = source.fields(provider, &at)?;
        let id = provider.text("id").unwrap_or_default().to_lowercase();
        let Some(models) = provider.get("models") else { continue };
        for (position, value) in source.list(models, &at)?.into_iter().enumerate() {
            let model =
                source.fields(value, &[at[0], at[1], Step::Key("models"), Step::At(position)])?;
            let name = model.text("id").unwrap_or_default().to_lowercase();
            found.insert((id.clone(), name), value.get().to_owned());
        }
    }
    Ok(found)
}

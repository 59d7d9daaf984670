//! LiteLLM's map: one object of models, prices in dollars for one unit, everything in the field's name.

mod entry;
mod field;

use crate::import::ImportError;
use crate::import::offer::Collected;
use crate::import::read::Source;
use crate::place::Step;

use entry::Entry;

/// Entries that are no models.
const NO_MODELS: [&str; 2] = ["sample_spec", "fallback_generalizations"];

/// Reads every model.
pub(super) fn collect(
    source: &Source<'_>,
    collected: &mut Collected<'_>,
) -> Result<(), ImportError> {
    for (key, value) in source.root()?.0 {
        if NO_MODELS.contains(&key.as_str()) {
            collected.skip(key, "it describes the catalog and is no model");
            continue;
        }
        let fields = source.fields(value, &[Step::Key(&key)])?;
        let Some(provider) = fields.text("litellm_provider") else {
            collected.skip(key, "it names no `litellm_provider`");
            continue;
        };
        let seller = match collected.seller(&provider) {
            Ok(seller) => seller,
            Err(why) => {
                collected.skip(key, why);
                continue;
            }
        };
        let mut entry = Entry::new(source, &key, &fields);
        entry.read()?;
        let (offer, skipped) = entry.finish();
        for (field, why) in skipped {
            collected.skip(format!("{key}: {field}"), why);
        }
        collected.take(&seller, &key, offer, false);
    }
    Ok(())
}

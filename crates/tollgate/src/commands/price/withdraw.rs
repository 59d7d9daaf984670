//! `tollgate price withdraw`: a layer taken out of force, and everything it said.
//!
//! Nothing is deleted: an empty layer takes its place, and the books that had it stay as they were, so
//! that what they priced can be told to the last digit.

use std::path::Path;

use pricing::LayerKind;
use serde_json::json;
use store::{NewPriceLayer, PriceLayer};
use units::{Clock, SystemClock};

use super::book::block_on;
use super::change::Change;
use super::diff::{HEADER, differences};
use crate::cli::{LaidAs, PriceWithdrawArgs};
use crate::commands::config::load;
use crate::commands::key::open;
use crate::failure::CommandError;
use crate::prices::{self, Laid};
use crate::print;

/// A price file that says nothing.
const EMPTY: &str = "{\"providers\":[]}\n";

/// Runs the command.
pub(super) fn run(arguments: &PriceWithdrawArgs, path: &Path) -> Result<(), CommandError> {
    let config = load(path)?;
    block_on(async {
        let store = open(&config).await?;
        let laid = Laid::read(&config, &store).await?;
        let layer = withdrawn(&laid, arguments)?;
        let kind = layer.kind;
        let before = prices::compose(&laid.layers())?;
        let change = Change::of(&laid, layer)?;
        let shown = differences(&before, &change.book, SystemClock.now());
        let version = change.book.version().to_owned();
        let told = json!({ "kind": kind.as_str(), "price_version": version });
        if !arguments.dry_run {
            change.record(&store, "price.withdraw", told).await?;
        }
        store.close().await;
        print::rows(HEADER, &shown, arguments.output)?;
        let end = match arguments.dry_run {
            true => format!("would give price book {version}; nothing was changed"),
            false => format!(
                "{kind} layer `{}` withdrawn, price book {version} in force; what it priced keeps its \
                 cost (`tollgate price rerate` prices it again)",
                arguments.name
            ),
        };
        eprintln!("tollgate: {end}");
        Ok(())
    })
}

/// The layer that says nothing in place of the one that is meant.
fn withdrawn(laid: &Laid, arguments: &PriceWithdrawArgs) -> Result<NewPriceLayer, CommandError> {
    let in_force = || laid.stored.layers.iter().filter(|kept| kept.layer.text != EMPTY);
    let kind = arguments.laid_as.map(kind_of);
    let is_meant = |kept: &&PriceLayer| {
        kept.layer.name == arguments.name && kind.is_none_or(|kind| kept.layer.kind == kind)
    };
    let mut meant = in_force().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(kept), None) => Ok(NewPriceLayer {
            kind: kept.layer.kind,
            name: kept.layer.name.clone(),
            source_version: None,
            text: EMPTY.to_owned(),
        }),
        (Some(_), Some(_)) => Err(CommandError::Usage(format!(
            "layers of several kinds are called `{}`: say which with --as",
            arguments.name
        ))),
        (None, _) => {
            let named = |kept: &PriceLayer| format!("{} `{}`", kept.layer.kind, kept.layer.name);
            let known: Vec<String> = in_force().map(named).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(CommandError::Usage(format!(
                "no such layer `{}` is in force; in force: {known} (the configured price file is \
                 withdrawn by taking it out of the configuration)",
                arguments.name
            )))
        }
    }
}

fn kind_of(laid_as: LaidAs) -> LayerKind {
    match laid_as {
        LaidAs::Imported => LayerKind::Imported,
        LaidAs::Operator => LayerKind::Operator,
        LaidAs::Contract => LayerKind::Contract,
    }
}

#[cfg(test)]
mod tests {
    use store::PricesInForce;
    use units::UnixMicros;

    use super::*;
    use crate::cli::Output;

    fn laid(layers: &[(LayerKind, &str, &str)]) -> Laid {
        let kept = |(kind, name, text): &(LayerKind, &str, &str)| {
            let layer = NewPriceLayer {
                kind: *kind,
                name: (*name).to_owned(),
                source_version: Some("7".to_owned()),
                text: (*text).to_owned(),
            };
            let (recorded_at, recorded_by) = (UnixMicros::new(1), "cli".to_owned());
            PriceLayer { hash: layer.hash(), layer, recorded_at, recorded_by }
        };
        let stored = PricesInForce { revision: 9, layers: layers.iter().map(kept).collect() };
        Laid { file: None, stored }
    }

    fn asked(name: &str, laid_as: Option<LaidAs>) -> PriceWithdrawArgs {
        let name = name.to_owned();
        PriceWithdrawArgs { name, laid_as, dry_run: false, output: Output::Table }
    }

    const WRONG: &str = r#"{"providers":[{"id":"openai","models":[
        {"id":"gpt-5.4","prices":[{"rates":{"input":"99"}}]}]}]}"#;

    #[test]
    fn a_book_without_a_layer_is_the_book_as_it_was_before_it() {
        let before = prices::compose(&[]).unwrap();
        let laid = laid(&[(LayerKind::Imported, "litellm", WRONG)]);
        assert_ne!(prices::compose(&laid.layers()).unwrap().version(), before.version());
        let layer = withdrawn(&laid, &asked("litellm", None)).unwrap();
        assert_eq!((layer.kind, &*layer.name), (LayerKind::Imported, "litellm"));
        let change = Change::of(&laid, layer).unwrap();
        assert_eq!(change.book.version(), before.version());
    }

    #[test]
    fn what_is_meant_must_be_in_force_and_one() {
        let both = laid(&[
            (LayerKind::Operator, "annex", WRONG),
            (LayerKind::Contract, "annex", WRONG),
            (LayerKind::Imported, "models-dev", EMPTY),
        ]);
        let refused = |name: &str| withdrawn(&both, &asked(name, None)).unwrap_err().to_string();
        assert!(refused("annex").contains("--as"));
        let unknown = refused("models-dev");
        assert!(unknown.contains("operator `annex`, contract `annex`"), "{unknown}");
        let contract = withdrawn(&both, &asked("annex", Some(LaidAs::Contract))).unwrap();
        assert_eq!((contract.kind, &*contract.text), (LayerKind::Contract, EMPTY));
        let none = withdrawn(&laid(&[]), &asked("annex", None)).unwrap_err().to_string();
        assert!(none.contains("in force: none"), "{none}");
    }
}

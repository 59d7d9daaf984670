//! Imports of public catalogs: what is carried over and what is told instead (`carried`), how a history
//! grows (`history`), and what a bad catalog is answered with (`faults`). The samples have the shapes of
//! the catalogs and facts of a few models; they are ours.

mod carried;
mod faults;
mod history;

use events::Meters;
use pricing::import::{Catalog, CatalogFormat, ImportError, Imported, import};
use pricing::{Layer, LayerKind, PriceBook, PriceContext, Query};
use units::{UnixMicros, Usd};

use crate::{BOOK, instant};

/// When the first import is observed.
const FIRST: &str = "2026-11-22T12:00:00Z";
/// A later import.
const SECOND: &str = "2026-11-24T12:00:00Z";

fn take(
    format: CatalogFormat,
    text: &str,
    previous: Option<&Imported>,
    at: &str,
) -> Result<Imported, ImportError> {
    over(&BOOK, (format, text), previous, at)
}

/// An import over another book than the shipped one.
fn over(
    book: &PriceBook,
    (format, text): (CatalogFormat, &str),
    previous: Option<&Imported>,
    at: &str,
) -> Result<Imported, ImportError> {
    let catalog = Catalog { format, text, name: "catalog.json" };
    import(&catalog, book, previous.map(|last| &*last.layer_json), instant(at))
}

fn litellm(text: &str) -> Imported {
    take(CatalogFormat::Litellm, text, None, FIRST).unwrap()
}

/// The shipped book under an import.
fn under(imported: &Imported) -> PriceBook {
    under_layers(Layer::embedded(), imported)
}

fn under_layers(below: Vec<Layer>, imported: &Imported) -> PriceBook {
    let layer = Layer {
        kind: LayerKind::Imported,
        name: "catalog.json".to_owned(),
        json: imported.layer_json.clone(),
    };
    let layers: Vec<Layer> = below.into_iter().chain([layer]).collect();
    PriceBook::compose(&layers).unwrap()
}

/// What a request costs under a book.
fn priced(
    book: &PriceBook,
    (provider, model): (&str, &str),
    at: UnixMicros,
    (context, used): (PriceContext<'_>, &Meters),
) -> Option<Usd> {
    let query = Query { provider, model, at, context, meters: used };
    book.price(&query).map(|priced| priced.cost)
}

fn why<'i>(imported: &'i Imported, what: &str) -> &'i str {
    let found = imported.skipped.iter().find(|skip| skip.what == what);
    found.map_or("carried", |skip| &skip.why)
}

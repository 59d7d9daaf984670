//! Why a catalog was not imported.

use crate::error::{PriceBookError, PriceFault};
use crate::import::{CATALOG_BYTES_MAX, CatalogFormat};

/// Why a catalog was not imported. Nothing of it is taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The catalog is faulty; its publisher's to repair, or the file is another than was meant.
    #[error(transparent)]
    Catalog(PriceBookError),
    /// The last import of the source is not what an import wrote; ours, or somebody edited it.
    #[error("the last import of this source cannot be continued: {0}")]
    Previous(PriceBookError),
    /// The text is too long to be a catalog.
    #[error(
        "{file}: {bytes} bytes are more than the {CATALOG_BYTES_MAX} a catalog may have: check what was fetched"
    )]
    TooLarge {
        /// The catalog.
        file: String,
        /// Its length.
        bytes: usize,
    },
    /// No price in it could be read as the format.
    #[error(
        "{file}: nothing in it is a price in the format `{format}`: check the file and the format"
    )]
    Nothing {
        /// The catalog.
        file: String,
        /// The format it was read as.
        format: CatalogFormat,
    },
    /// A price would be put before one that was imported later.
    #[error(
        "observed at {observed}, which is not after the last change imported, at {last}: import catalogs in the order they were fetched"
    )]
    OutOfOrder {
        /// When the catalog was observed.
        observed: String,
        /// When the last change was.
        last: String,
    },
    /// What the import made is no price file; ours.
    #[error("the imported prices do not make a price book: {0}")]
    Unusable(PriceBookError),
}

impl ImportError {
    /// The place and the remedy, where a text is at fault; renders as a `miette` diagnostic.
    pub fn fault(&self) -> Option<&PriceFault> {
        match self {
            Self::Catalog(error) | Self::Previous(error) | Self::Unusable(error) => error.fault(),
            Self::TooLarge { .. } | Self::Nothing { .. } | Self::OutOfOrder { .. } => None,
        }
    }
}

//! What a name was resolved to, and by which rule: for people who ask why a request costs what it does.

use std::fmt;

use units::UnixMicros;

use crate::book::PriceBook;

/// How a name was read to be one of the catalog's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rewrite {
    /// A compact date was written with dashes.
    Date,
    /// The resource of an ARN of Bedrock was taken.
    Arn,
    /// The region of an inference profile (`us.`, `eu.`) was left out.
    Profile,
    /// A path of Vertex or Gemini was left out (`publishers/…/models/`, `models/`).
    Path,
    /// A version after `@` was read as Vertex writes it.
    Version,
    /// The provider's own name before the model was left out.
    Provider,
    /// A wish about routing (`:nitro`) was left out.
    Routing,
}

/// By which rule a model was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The book spells the name out.
    Name,
    /// A pattern of the book matches the name.
    Pattern,
    /// A price file says what the name stands for.
    Alias,
    /// The name, read as the catalog writes it, is one of the book.
    Rewritten(Rewrite),
}

impl Rule {
    pub(crate) fn or_rewritten(self, how: Rewrite) -> Self {
        if self == Rule::Alias { self } else { Rule::Rewritten(how) }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Name => "spelled out in the book",
            Rule::Pattern => "matched by a pattern of the book",
            Rule::Alias => "an alias of a price file",
            Rule::Rewritten(Rewrite::Date) => "its date written with dashes",
            Rule::Rewritten(Rewrite::Arn) => "the resource of its ARN",
            Rule::Rewritten(Rewrite::Profile) => "its inference profile without the region",
            Rule::Rewritten(Rewrite::Path) => "the last part of its path",
            Rule::Rewritten(Rewrite::Version) => "its version written with a dash",
            Rule::Rewritten(Rewrite::Provider) => "without the provider's own name",
            Rule::Rewritten(Rewrite::Routing) => "without its wish about routing",
        })
    }
}

/// What the names of a request are in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution<'a> {
    /// The book's id of the provider that bills.
    pub provider_id: &'a str,
    /// The book's id of the provider whose model it is: another one where the biller resells it.
    pub owner_id: &'a str,
    /// The book's id of the model.
    pub model_id: &'a str,
    /// By which rule it was found.
    pub rule: Rule,
}

impl PriceBook {
    /// What a provider's name and a model's name are in the book, as of now and for good. `None` where
    /// they are unknown: no name is ever taken for a similar one.
    pub fn resolve(&self, provider: &str, model: &str) -> Option<Resolution<'_>> {
        self.resolve_at(provider, model, UnixMicros::new(i64::MAX))
    }

    /// [`PriceBook::resolve`] at an instant, for aliases that hold for a time.
    pub fn resolve_at(
        &self,
        provider: &str,
        model: &str,
        at: UnixMicros,
    ) -> Option<Resolution<'_>> {
        let found = self.find(provider, model, at)?;
        Some(Resolution {
            provider_id: &found.provider.id,
            owner_id: &found.owner.unwrap_or(found.provider).id,
            model_id: &found.model.id,
            rule: found.rule,
        })
    }
}

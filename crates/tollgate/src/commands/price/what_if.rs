//! `tollgate price what-if`: what was recorded, priced as if it had been asked of another model, or
//! otherwise.

use std::path::Path;

use finops::{
    Alternative, Caching, Repricing, Tokenizers, WhatIf, WhatIfLine, tier_starts, tier_starts_of,
    what_if,
};
use lake::{Lake, WhatIfGroup, WhatIfQuery, Window};
use policy::Scope;
use pricing::{ModelEntry, PriceBook};
use units::{Clock, SystemClock, UnixMicros};

use super::book;
use super::show::named;
use crate::cli::PriceWhatIfArgs;
use crate::commands::config::load;
use crate::commands::query::with_lake;
use crate::config::Config;
use crate::failure::CommandError;
use crate::print;

/// Runs the command.
pub(super) fn run(arguments: &PriceWhatIfArgs, path: &Path) -> Result<(), CommandError> {
    if arguments.from >= arguments.to {
        return Err(CommandError::Usage("--to must lie after --from".to_owned()));
    }
    let has_terms = arguments.tier.is_some() || arguments.processing.is_some();
    if arguments.models.is_empty() && !has_terms && arguments.cached.is_none() {
        let what = "say what to price it as: --model, --tier, --processing or --cached";
        return Err(CommandError::Usage(what.to_owned()));
    }
    let config = load(path)?;
    let book = book::book(path, None)?;
    let tokenizers = Tokenizers::embedded()
        .map_err(|error| CommandError::Usage(format!("tokenizers: {error}")))?;
    let asked = Asked { arguments, config: &config, book: &book, tokenizers: &tokenizers };
    let rows = with_lake(&config, async |lake| asked.rows(lake).await)?;
    let header = [
        "as",
        "provider",
        "model",
        "requests",
        "billed",
        "would_cost",
        "low",
        "high",
        "difference",
        "notes",
    ];
    print::rows(header, &rows, arguments.output)
}

/// What was asked, and what answers need.
struct Asked<'a> {
    arguments: &'a PriceWhatIfArgs,
    config: &'a Config,
    book: &'a PriceBook,
    tokenizers: &'a Tokenizers,
}

impl Asked<'_> {
    async fn rows(&self, lake: &Lake) -> Result<Vec<[String; 10]>, CommandError> {
        if self.arguments.models.is_empty() {
            // Which sizes matter depends on the models there are.
            let sizes = self.sizes_of(&self.groups(lake, Vec::new()).await?);
            let groups = self.groups(lake, sizes.clone()).await?;
            return Ok(rows("recorded model", &self.answer(&groups, None, sizes)));
        }
        let mut all = Vec::new();
        for name in &self.arguments.models {
            let model = named(self.book, None, name)?;
            let sizes = tier_starts(&model);
            let groups = self.groups(lake, sizes.clone()).await?;
            let title = format!("{}/{}", model.provider_id(), model.id());
            all.extend(rows(&title, &self.answer(&groups, Some(&model), sizes)));
        }
        Ok(all)
    }

    async fn groups(&self, lake: &Lake, sizes: Vec<u64>) -> Result<Vec<WhatIfGroup>, CommandError> {
        let arguments = self.arguments;
        let query = WhatIfQuery {
            window: Window { from: arguments.from, to: arguments.to },
            organisation: None,
            scope: arguments.team.clone().map_or(Scope::Organisation, Scope::Team),
            filters: Vec::new(),
            sizes,
        };
        let mut groups = lake.what_if(&query).await?;
        let is = |asked: &Option<String>, found: &Option<String>| {
            asked.is_none() || asked.as_deref() == found.as_deref()
        };
        groups.retain(|group| {
            is(&arguments.only_provider, &group.provider) && is(&arguments.only_model, &group.model)
        });
        Ok(groups)
    }

    fn answer(
        &self,
        groups: &[WhatIfGroup],
        model: Option<&ModelEntry<'_>>,
        tiers: Vec<u64>,
    ) -> WhatIf {
        let read = |per_cent: u8| u16::from(per_cent) * 10;
        let alternative = Alternative {
            model: model.map(|model| model.id().to_owned()),
            caching: self.arguments.cached.map_or(Caching::AsRecorded, |per_cent| Caching::Share {
                read_per_mille: read(per_cent),
                written_per_mille: 0,
            }),
            tiers,
        };
        let last = UnixMicros::new(self.arguments.to.get().saturating_sub(1));
        let repricing = Repricing {
            book: self.book,
            // The prices at the end of the window, or now if that lies ahead.
            at: last.min(SystemClock.now()),
            model: model.copied(),
            tier: self.arguments.tier.as_deref(),
            processing: self.arguments.processing.as_deref(),
        };
        what_if(groups, &alternative, self.tokenizers, |group, bill| {
            repricing.price(
                group,
                bill,
                self.billed_as(group.provider.as_deref().unwrap_or_default()),
            )
        })
    }

    fn billed_as<'p>(&'p self, provider: &'p str) -> &'p str {
        self.config.provider(provider).map_or(provider, |known| known.prices.as_str())
    }

    /// The sizes at which the models of the traffic change price, the smallest first.
    fn sizes_of(&self, groups: &[WhatIfGroup]) -> Vec<u64> {
        let models = groups.iter().filter_map(|group| {
            let provider = self.billed_as(group.provider.as_deref()?);
            self.book.model(provider, group.model.as_deref()?)
        });
        tier_starts_of(models)
    }
}

fn rows(title: &str, answer: &WhatIf) -> Vec<[String; 10]> {
    let shown = |line: &WhatIfLine, is_total: bool| {
        let name = |name: &Option<String>| {
            let nobody = if is_total { "all" } else { "-" };
            name.clone().unwrap_or_else(|| nobody.to_owned())
        };
        [
            title.to_owned(),
            name(&line.provider),
            name(&line.model),
            line.requests.to_string(),
            line.billed.to_string(),
            line.would_cost.expected.to_string(),
            line.would_cost.low.to_string(),
            line.would_cost.high.to_string(),
            (line.would_cost.expected - line.billed).to_string(),
            notes(line),
        ]
    };
    let lines = answer.lines.iter().map(|line| shown(line, false));
    lines.chain([shown(&answer.total, true)]).collect()
}

fn notes(line: &WhatIfLine) -> String {
    let mut notes = Vec::new();
    if !line.is_exact {
        notes.push("tokens converted".to_owned());
    }
    if line.may_cross_tier {
        notes.push("some prompts may fall into another tier".to_owned());
    }
    if line.unpriced > 0 {
        notes.push(format!("{} without a recorded cost", line.unpriced));
    }
    if line.unknown > 0 {
        notes.push(format!("{} without a price there", line.unknown));
    }
    notes.join("; ")
}

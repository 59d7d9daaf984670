//! What explore and requests are asked alike: days, and usage to take in or leave out. The form is
//! kept as it was sent, so that a mistake can be shown where it was made.

use jiff::civil::Date;
use units::{BillingZone, UnixMicros};

use crate::explore::{By, Condition, Dimension, Span};
use crate::span::{Days, Preset};

/// Filters of one question.
const FILTERS_MAX: usize = 16;
/// Longest value of a filter, bytes.
const VALUE_BYTES_MAX: usize = 512;
/// Longest range, days.
const DAYS_MAX: i32 = 400;
/// Filters left empty for more to be written.
const SPARE_FILTERS: usize = 2;

/// How a filter matches: its name in addresses, what people read, and whether it takes a value.
const MATCHES: [(&str, &str, bool); 4] = [
    ("is", "is", true),
    ("not", "is not", true),
    ("none", "has none", false),
    ("any", "has any", false),
];

/// Days and filters as they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// A preset's name, or `dates`.
    pub(crate) range: String,
    /// First and last day, for `dates`.
    pub(crate) from: String,
    pub(crate) to: String,
    /// Exact instants, in place of days: links to single buckets carry them.
    pub(crate) since: String,
    pub(crate) until: String,
    pub(crate) filters: Vec<FilterField>,
}

/// What is looked at: a dimension's name, `tag` with a name beside it, or `tag:` and a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pick {
    pub(crate) word: String,
    pub(crate) tag: String,
}

/// One filter as it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FilterField {
    pub(crate) pick: Pick,
    pub(crate) matching: String,
    pub(crate) value: String,
}

/// An option of a `select`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) title: String,
    pub(crate) is_chosen: bool,
}

impl Choice {
    /// Options, of which the one of this value is chosen.
    pub(crate) fn all<'a>(
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
        chosen: &str,
    ) -> Vec<Self> {
        let choice = |(value, title): (&str, &str)| Self {
            value: value.to_owned(),
            title: title.to_owned(),
            is_chosen: value == chosen,
        };
        options.into_iter().map(choice).collect()
    }
}

impl Pick {
    /// What was picked; `None` when nothing was.
    pub(crate) fn by(&self) -> Result<Option<By>, String> {
        let text = match self.word.as_str() {
            "" => return Ok(None),
            "tag" if self.tag.trim().is_empty() => {
                return Err("Write the name of the tag beside “Tag…”.".to_owned());
            }
            "tag" => format!("tag:{}", self.tag.trim()),
            word => word.to_owned(),
        };
        text.parse().map(Some).map_err(|error| format!("{error}."))
    }

    /// The options of its `select`, tags given by name apart.
    pub(crate) fn choices(&self) -> Vec<Choice> {
        let word = if self.word.starts_with("tag:") { "tag" } else { &self.word };
        let dimensions = Dimension::ALL.iter().map(|d| (d.as_str(), d.title()));
        let all = [("", "–")].into_iter().chain(dimensions).chain([("tag", "Tag…")]);
        Choice::all(all, word)
    }

    /// The tag's name, wherever it was written.
    pub(crate) fn tag_name(&self) -> &str {
        self.word.strip_prefix("tag:").unwrap_or(&self.tag)
    }

    /// As addresses carry it.
    pub(crate) fn in_address(&self) -> String {
        match self.by() {
            Ok(Some(by)) => by.to_string(),
            _ => self.word.clone(),
        }
    }
}

impl FilterField {
    /// A filter for usage of this value, or of none.
    pub(crate) fn of(by: &By, value: Option<&str>) -> Self {
        Self {
            pick: Pick { word: by.to_string(), tag: String::new() },
            matching: if value.is_some() { "is" } else { "none" }.to_owned(),
            value: value.unwrap_or_default().to_owned(),
        }
    }

    /// The options of how it matches.
    pub(crate) fn matchings(&self) -> Vec<Choice> {
        Choice::all(MATCHES.map(|(value, title, _)| (value, title)), &self.matching)
    }

    fn condition(&self) -> Result<Option<Condition>, String> {
        let matching = if self.matching.is_empty() { "is" } else { &self.matching };
        let known = MATCHES.iter().find(|(name, ..)| *name == matching);
        let (_, _, takes_value) =
            known.ok_or_else(|| "A filter matches in a way that is not known.".to_owned())?;
        let Some(by) = self.pick.by()? else {
            let is_empty = self.value.is_empty();
            return if is_empty {
                Ok(None)
            } else {
                Err("Say what a filter’s value is of.".into())
            };
        };
        if self.value.len() > VALUE_BYTES_MAX {
            return Err(format!("A filter’s value is longer than {VALUE_BYTES_MAX} bytes."));
        }
        // A filter someone started and left is no filter.
        if *takes_value && self.value.is_empty() {
            return Ok(None);
        }
        let value = takes_value.then(|| self.value.clone());
        let is_excluded = matches!(matching, "not" | "any");
        Ok(Some(Condition { by, is_excluded, values: vec![value] }))
    }
}

impl Terms {
    /// Takes its fields out of a query. Of a filter's fields, `f` comes first.
    pub(crate) fn read(pairs: &[(String, String)]) -> Self {
        let mut terms = Self::default();
        for (name, value) in pairs {
            let field = match name.as_str() {
                "range" => &mut terms.range,
                "from" => &mut terms.from,
                "to" => &mut terms.to,
                "since" => &mut terms.since,
                "until" => &mut terms.until,
                "f" => {
                    let pick = Pick { word: value.clone(), tag: String::new() };
                    terms.filters.push(FilterField { pick, ..FilterField::default() });
                    continue;
                }
                other => {
                    let Some(filter) = terms.filters.last_mut() else { continue };
                    match other {
                        "f_tag" => &mut filter.pick.tag,
                        "op" => &mut filter.matching,
                        "v" => &mut filter.value,
                        _ => continue,
                    }
                }
            };
            field.clone_from(value);
        }
        if terms.range.is_empty() && !terms.from.is_empty() {
            terms.range = "dates".to_owned();
        }
        terms
    }

    /// The same as an address carries it, filters that say nothing left out.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let days = [("range", &self.range), ("from", &self.from), ("to", &self.to)];
        let instants = [("since", &self.since), ("until", &self.until)];
        for (name, value) in days.into_iter().chain(instants) {
            if !value.is_empty() {
                pairs.push((name, value.clone()));
            }
        }
        for filter in self.filters.iter().filter(|filter| !matches!(filter.condition(), Ok(None))) {
            pairs.push(("f", filter.pick.in_address()));
            pairs.push(("op", filter.matching.clone()));
            pairs.push(("v", filter.value.clone()));
        }
        pairs
    }

    /// The days asked for, those of `default` when nothing is.
    pub(crate) fn days(&self, today: Date, default: Preset) -> Result<Days, String> {
        match self.range.as_str() {
            "" => Ok(default.days(today)),
            "dates" => self.dates(today),
            name => Preset::named(name)
                .map(|preset| preset.days(today))
                .ok_or_else(|| "That range is not known.".to_owned()),
        }
    }

    fn dates(&self, today: Date) -> Result<Days, String> {
        let day = |text: &str, what: &str| {
            let parsed: Result<Date, _> = text.trim().parse();
            parsed
                .ok()
                .filter(|date| (2000..=2200).contains(&date.year()))
                .ok_or_else(|| format!("The {what} day is no date such as 2026-11-22."))
        };
        let first = day(&self.from, "first")?;
        let last = if self.to.trim().is_empty() { today } else { day(&self.to, "last")? };
        let days = Days { first, last };
        if last < first {
            return Err("The last day is before the first.".to_owned());
        }
        if days.count() > DAYS_MAX {
            return Err("That is more than 400 days: choose fewer.".to_owned());
        }
        Ok(days)
    }

    /// The instants asked for: exact ones, or those of whole days.
    pub(crate) fn span(&self, days: Days, zone: &BillingZone) -> Result<Span, String> {
        if self.since.is_empty() && self.until.is_empty() {
            return days.span(zone).ok_or_else(|| "Those days are beyond the calendar.".to_owned());
        }
        let instant = |text: &str| -> Result<UnixMicros, String> {
            let parsed: Result<jiff::Timestamp, _> = text.parse();
            parsed
                .map(Into::into)
                .map_err(|_| "An instant is not written such as 2026-11-22T14:00:00Z.".to_owned())
        };
        let span = Span { from: instant(&self.since)?, to: instant(&self.until)? };
        if span.from < span.to { Ok(span) } else { Err("The range ends before it starts.".into()) }
    }

    /// What usage must meet: filters of one thing that match alike are alternatives.
    pub(crate) fn conditions(&self) -> Result<Vec<Condition>, Vec<String>> {
        let (mut conditions, mut problems) = (Vec::<Condition>::new(), Vec::new());
        for filter in &self.filters {
            match filter.condition() {
                Ok(None) => {}
                Err(problem) => problems.push(problem),
                Ok(Some(condition)) => {
                    let alike = |c: &&mut Condition| {
                        c.by == condition.by && c.is_excluded == condition.is_excluded
                    };
                    match conditions.iter_mut().find(alike) {
                        Some(same) => same.values.extend(condition.values),
                        None => conditions.push(condition),
                    }
                }
            }
        }
        if self.filters.len() > FILTERS_MAX {
            problems.push(format!("At most {FILTERS_MAX} filters."));
        }
        if problems.is_empty() { Ok(conditions) } else { Err(problems) }
    }

    /// The options of the range.
    pub(crate) fn ranges(&self, default: Preset) -> Vec<Choice> {
        let chosen = match self.range.as_str() {
            _ if !self.since.is_empty() => "dates",
            "" => default.as_str(),
            range => range,
        };
        let presets = Preset::ALL.iter().map(|preset| (preset.as_str(), preset.title()));
        Choice::all(presets.chain([("dates", "Dates…")]), chosen)
    }

    /// The first and the last day as the form shows them: those of exact instants are of UTC.
    pub(crate) fn shown_dates(&self) -> (&str, &str) {
        if self.since.is_empty() {
            (&self.from, &self.to)
        } else {
            (self.since.get(..10).unwrap_or_default(), self.until.get(..10).unwrap_or_default())
        }
    }

    /// The filters of the form: those sent and room for more.
    pub(crate) fn shown_filters(&self) -> Vec<FilterField> {
        let said = self
            .filters
            .iter()
            .filter(|filter| !filter.pick.word.is_empty() || !filter.value.is_empty());
        let spare = std::iter::repeat_n(FilterField::default(), SPARE_FILTERS);
        said.take(FILTERS_MAX).cloned().chain(spare).collect()
    }
}

/// An address with a query.
pub(crate) fn address<'a>(
    path: &str,
    pairs: impl IntoIterator<Item = &'a (&'static str, String)>,
) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Terms {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Terms::read(&pairs)
    }

    #[test]
    fn filters_of_one_thing_are_alternatives_and_empty_ones_nothing() {
        let terms = read(
            "f=team&op=is&v=search&f=team&op=none&v=&f=model&op=not&v=gpt-5&f=tag&f_tag=env&op=is&v=prod\
             &f=user&op=is&v=&f=&op=is&v=",
        );
        let conditions = terms.conditions().unwrap();
        let shown: Vec<(String, bool, usize)> =
            conditions.iter().map(|c| (c.by.to_string(), c.is_excluded, c.values.len())).collect();
        assert_eq!(
            shown,
            [
                ("team".to_owned(), false, 2),
                ("model".to_owned(), true, 1),
                ("tag:env".to_owned(), false, 1)
            ]
        );
        assert_eq!(conditions[0].values, [Some("search".to_owned()), None]);
    }

    #[test]
    fn terms_read_back_from_their_own_address() {
        let terms =
            read("range=dates&from=2026-11-01&to=2026-11-03&f=tag%3Aa%26b&op=is&v=%3Cb%3E+x");
        let again = read(address("/x", &terms.pairs()).strip_prefix("/x?").unwrap());
        assert_eq!(terms, again);
    }

    #[test]
    fn mistakes_are_told_in_words() {
        let today = jiff::civil::date(2026, 11, 22);
        for (query, part) in [
            ("range=fortnight", "not known"),
            ("range=dates&from=2026-13-01", "first day is no date"),
            ("range=dates&from=2026-11-05&to=2026-11-01", "before the first"),
            ("range=dates&from=2016-11-05", "more than 400 days"),
            ("from=", ""),
        ] {
            match read(query).days(today, Preset::Month) {
                Err(problem) => assert!(!part.is_empty() && problem.contains(part), "{problem}"),
                Ok(_) => assert!(part.is_empty(), "{query}"),
            }
        }
        for (query, part) in [
            ("f=teams&op=is&v=x", "“teams” is no dimension"),
            ("f=team&op=like&v=x", "not known"),
            ("f=tag&f_tag=&op=is&v=x", "name of the tag"),
            ("f=&op=is&v=x", "Say what"),
        ] {
            let problems = read(query).conditions().unwrap_err();
            assert!(problems[0].contains(part), "{query}: {problems:?}");
        }
        let long = format!("f=team&op=is&v={}", "x".repeat(600));
        assert!(read(&long).conditions().is_err());
    }
}

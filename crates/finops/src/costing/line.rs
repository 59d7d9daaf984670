//! One line of what is to be costed: its members as they were written, and what they ask.

use std::borrow::Cow;
use std::fmt;

use dialects::{Metered, Usage, UsageDialect, read_usage};
use events::{Dialect, Meters};
use pricing::PriceContext;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use units::UnixMicros;

use super::moment::instant;

/// The members of a JSON object in their order, values as they were written.
#[derive(Debug)]
pub(super) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name.0, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// A member's name, borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Members<'a> {
    /// The value of a member that is there and not null.
    ///
    /// # Errors
    /// When it is there twice: which one counts would be a guess about money.
    fn get(&self, name: &str) -> Result<Option<&'a str>, String> {
        let mut found = self.0.iter().filter(|(known, _)| known == name).map(|(_, raw)| raw.get());
        let first = found.next();
        match found.next() {
            Some(_) => Err(format!("`{name}` is there twice: keep one")),
            None => Ok(first.filter(|json| *json != "null")),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        let read = |json: &str| {
            serde_json::from_str::<String>(json).map_err(|_| format!("`{name}` must be a text"))
        };
        self.get(name)?.map(read).transpose().map(|text| text.filter(|text| !text.is_empty()))
    }
}

/// What of a request selects prices, as the line tells it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToldContext {
    service_tier: Option<String>,
    processing: Option<String>,
    speed: Option<String>,
    inference_geo: Option<String>,
    deployment_type: Option<String>,
    search_type: Option<String>,
    route: Option<String>,
    duration_us: Option<u64>,
}

impl ToldContext {
    /// What selects the prices of a usage: what the line says, else what the usage says.
    pub(super) fn of<'c>(&'c self, usage: &'c Usage) -> PriceContext<'c> {
        let or = |told: &'c Option<String>, metered: &'c Option<String>| {
            told.as_deref().or(metered.as_deref())
        };
        PriceContext {
            service_tier: or(&self.service_tier, &usage.service_tier),
            processing: or(&self.processing, &usage.processing),
            speed: or(&self.speed, &usage.speed),
            inference_geo: or(&self.inference_geo, &usage.inference_geo),
            deployment_type: self.deployment_type.as_deref(),
            search_type: self.search_type.as_deref(),
            route: self.route.as_deref(),
            duration_us: self.duration_us,
        }
    }

    /// This, and what a usage says of what is left unsaid.
    pub(super) fn or_of(mut self, usage: &Usage) -> Self {
        let fill = |slot: &mut Option<String>, metered: &Option<String>| {
            if slot.is_none() {
                slot.clone_from(metered);
            }
        };
        fill(&mut self.service_tier, &usage.service_tier);
        fill(&mut self.processing, &usage.processing);
        fill(&mut self.speed, &usage.speed);
        fill(&mut self.inference_geo, &usage.inference_geo);
        self
    }
}

/// What a line asks the cost of.
#[derive(Debug)]
pub(super) struct Ask {
    /// Who bills; `None` when the line leaves it to the model's name.
    pub(super) provider: Option<String>,
    pub(super) model: String,
    /// When; `None` when the line does not say.
    pub(super) at: Option<UnixMicros>,
    pub(super) context: ToldContext,
    pub(super) used: Metered,
}

impl Ask {
    /// Reads what a line asks.
    pub(super) fn read(members: &Members<'_>) -> Result<Self, String> {
        let provider = members.text("provider")?;
        let model = members.text("model")?;
        let context = match members.get("context")? {
            Some(json) => {
                serde_json::from_str(json).map_err(|error| in_words("context", &error))?
            }
            None => ToldContext::default(),
        };
        let used = used(members, provider.as_deref().unwrap_or_default())?;
        let model = used.model.clone().or(model).ok_or("`model` is missing: name the model")?;
        let at = members.get("at")?.map(instant).transpose()?;
        Ok(Self { provider, model, at, context, used })
    }
}

/// The quantities: as meters, or in the provider's own words.
fn used(members: &Members<'_>, provider: &str) -> Result<Metered, String> {
    let dialect = members.text("dialect")?;
    match (members.get("meters")?, members.get("usage")?) {
        (Some(_), Some(_)) => Err("both `meters` and `usage` are there: keep one".to_owned()),
        (None, None) => Err("`usage` is missing: give the provider's usage object, or `meters` \
                             such as {\"input.text\": 1200}"
            .to_owned()),
        (Some(json), None) => {
            let meters: Meters =
                serde_json::from_str(json).map_err(|error| in_words("meters", &error))?;
            Ok(Metered::from(Usage { meters, ..Usage::default() }))
        }
        (None, Some(json)) => {
            let dialect = match dialect {
                Some(name) => spoken(&name)?,
                None => UsageDialect::guess(provider, json),
            };
            let mut metered = read_usage(dialect, json)?;
            tell(json, &mut metered.usage);
            Ok(metered)
        }
    }
}

/// The dialect of a name: one of the names of usage dialects, or of the gateway's own.
fn spoken(name: &str) -> Result<UsageDialect, String> {
    name.parse::<UsageDialect>().or_else(|error| {
        Ok(match name.parse::<Dialect>().map_err(|_| format!("`dialect`: {error}"))? {
            Dialect::OpenaiChat => UsageDialect::Openai,
            Dialect::OpenaiResponses => UsageDialect::Responses,
            Dialect::AnthropicMessages => UsageDialect::Anthropic,
            Dialect::GeminiGenerate => UsageDialect::Gemini,
            Dialect::BedrockConverse => UsageDialect::Bedrock,
            Dialect::CohereChat => UsageDialect::Cohere,
        })
    })
}

/// Takes from a usage object what selects prices and some dialects tell elsewhere in their answers:
/// logs are often made by writing it into the usage.
fn tell(json: &str, usage: &mut Usage) {
    let Ok(members) = serde_json::from_str::<Members<'_>>(json) else { return };
    for (name, slot) in [
        ("service_tier", &mut usage.service_tier),
        ("processing", &mut usage.processing),
        ("speed", &mut usage.speed),
        ("inference_geo", &mut usage.inference_geo),
    ] {
        if slot.is_none() {
            // Anything but a text is somebody else's member of that name.
            *slot = members.text(name).ok().flatten();
        }
    }
}

/// What serde says of a member, without a position within it.
fn in_words(member: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let words = text.split(" at line ").next().unwrap_or(&text);
    format!("`{member}`: {words}")
}

//! The answer, composed from seed and prompt before it takes a dialect's shape.

use std::ops::RangeInclusive;

use crate::ask::{Ask, Thinking, Wish};
use crate::bill::Quantities;
use crate::dice::{Dice, mix};
use crate::prompt::Document;
use crate::script::{AnswerSize, Script};
use crate::tokens::Measure;
use crate::{cited, instance, prose};

/// Times an advisor is asked where nothing forbids it.
const ADVICE_USUAL: u64 = 2;
/// Makes advice differ from the answer.
const ADVICE_SALT: u64 = 0xad71;

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Numbers the request: part of every id in the answer.
    pub(crate) serial: u64,
    /// The model, without a script.
    pub(crate) model: String,
    /// When, seconds since 1970.
    pub(crate) created_s: i64,
    /// Service tier served.
    pub(crate) tier: &'static str,
    /// The answers themselves.
    pub(crate) choices: Vec<Choice>,
    /// What it uses when produced to its end.
    pub(crate) usage: Quantities,
    /// What a further model was asked meanwhile, billed on that model.
    pub(crate) advice: Vec<Advice>,
    /// The document it cites, instead of a page.
    pub(crate) document: Option<Document>,
    /// Whether usage is told at all.
    pub(crate) tells_usage: bool,
    /// Whether a stream's client asked for its usage.
    pub(crate) wants_usage: bool,
}

/// One piece of advice.
#[derive(Debug)]
pub(crate) struct Advice {
    /// The model that gave it.
    pub(crate) model: String,
    /// What it says.
    pub(crate) text: String,
    /// What it used; it is no request of its own.
    pub(crate) usage: Quantities,
}

/// One of the answers to a request.
#[derive(Debug)]
pub(crate) struct Choice {
    /// In the order the model wrote them.
    pub(crate) parts: Vec<Part>,
    /// Why it ended.
    pub(crate) finish: Finish,
    /// Reasoning that is not shown, tokens.
    pub(crate) hidden_tokens: u64,
}

/// A run of output of one kind.
#[derive(Debug)]
pub(crate) struct Part {
    /// Which.
    pub(crate) kind: PartKind,
    /// Its text; JSON for a tool's arguments.
    pub(crate) text: String,
    /// How its tokens are counted.
    pub(crate) measure: Measure,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// Reasoning shown to the client.
    Thinking,
    /// The answer's text.
    Text,
    /// A call of the tool of this name.
    Tool(String),
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finish {
    /// It is complete.
    Stop,
    /// A stop sequence would have begun.
    StopSequence(String),
    /// The token limit was reached.
    Length,
    /// Tools are to be called.
    ToolCalls,
}

/// What an answer depends on beside the request.
#[derive(Debug)]
pub(crate) struct Circumstances<'a> {
    /// The simulator's seed.
    pub(crate) seed: u64,
    /// Length of an ordinary answer, words.
    pub(crate) words: RangeInclusive<u64>,
    /// What the request asks to go wrong.
    pub(crate) script: &'a Script,
    /// Whether the format cuts a text where what it rests on changes.
    pub(crate) cuts_citations: bool,
    /// Numbers the request.
    pub(crate) serial: u64,
    /// When, seconds since 1970.
    pub(crate) created_s: i64,
}

/// Writes the answer to `ask`, whose input is billed as `input`.
pub(crate) fn compose(
    ask: &Ask,
    model: &str,
    input: Quantities,
    around: &Circumstances<'_>,
) -> Answer {
    let choices: Vec<Choice> = (0..ask.limits.choices)
        .map(|index| {
            let seed = mix(mix(around.seed, ask.prompt.hash()), u64::from(index));
            write_choice(ask, Dice::new(seed), around)
        })
        .collect();
    let usage = Quantities {
        requests: 1,
        output_tokens: choices.iter().map(Choice::tokens).sum(),
        reasoning_tokens: choices.iter().map(Choice::reasoning_tokens).sum(),
        ..input
    };
    Answer {
        serial: around.serial,
        model: model.to_owned(),
        created_s: around.created_s,
        tier: ask.tier,
        choices,
        usage,
        advice: advise(ask, around),
        document: ask.prompt.to_cite().cloned(),
        tells_usage: !around.script.no_usage,
        wants_usage: ask.wants_usage,
    }
}

/// What the advisor says each time it is asked: most often twice, about all it can read by then.
fn advise(ask: &Ask, around: &Circumstances<'_>) -> Vec<Advice> {
    let Some(advisor) = &ask.advisor else { return Vec::new() };
    let mut dice = Dice::new(mix(mix(around.seed, ask.prompt.hash()), ADVICE_SALT));
    let mut read = ask.prompt.tokens();
    let advise = |_| {
        let words = dice.between(8, 40).min(advisor.tokens_max.unwrap_or(u64::MAX));
        let text = prose::words(&mut dice, words);
        let output_tokens = Measure::Words.count(&text);
        let usage = Quantities { input_tokens: read, output_tokens, ..Quantities::default() };
        read += output_tokens;
        Advice { model: advisor.model.clone(), text, usage }
    };
    (0..advisor.uses_max.unwrap_or(ADVICE_USUAL).min(ADVICE_USUAL)).map(advise).collect()
}

impl Part {
    /// Output tokens of the part.
    pub(crate) fn tokens(&self) -> u64 {
        self.measure.count(&self.text)
    }
}

impl Choice {
    /// Output tokens, reasoning included.
    fn tokens(&self) -> u64 {
        self.hidden_tokens + self.parts.iter().map(Part::tokens).sum::<u64>()
    }

    /// Reasoning tokens, shown or not.
    fn reasoning_tokens(&self) -> u64 {
        let shown = self.parts.iter().filter(|part| part.kind == PartKind::Thinking);
        self.hidden_tokens + shown.map(Part::tokens).sum::<u64>()
    }
}

fn write_choice(ask: &Ask, mut dice: Dice, around: &Circumstances<'_>) -> Choice {
    let thinking = match (around.script.reasoning_tokens, ask.thinking) {
        (Some(tokens), Thinking::Shown(_)) => Thinking::Shown(tokens),
        (Some(tokens), _) => Thinking::Hidden(tokens),
        (None, thinking) => thinking,
    };
    let mut room = Room { left: ask.limits.tokens_max.unwrap_or(u64::MAX), is_full: false };
    let mut parts = Vec::with_capacity(2);
    let mut hidden_tokens = 0;
    match thinking {
        Thinking::Off | Thinking::Shown(0) => {}
        Thinking::Hidden(tokens) => hidden_tokens = room.take(tokens),
        Thinking::Shown(tokens) => {
            let text = prose::words(&mut dice, room.take(tokens));
            parts.push(Part { kind: PartKind::Thinking, text, measure: Measure::Words });
        }
    }
    let mut finish = Finish::Stop;
    match &ask.wish {
        Wish::Text => finish = write_text(&mut parts, &mut room, &mut dice, (ask, around)),
        Wish::Json(schema) => {
            let text = instance::of_schema(schema, &mut dice).to_string();
            room.push(&mut parts, PartKind::Text, text, Measure::Json);
        }
        Wish::Tools(calls) => {
            finish = Finish::ToolCalls;
            for call in calls {
                let text = instance::of_schema(&call.schema, &mut dice).to_string();
                room.push(&mut parts, PartKind::Tool(call.name.clone()), text, Measure::Json);
            }
        }
    }
    let finish = if room.is_full { Finish::Length } else { finish };
    Choice { parts, finish, hidden_tokens }
}

fn write_text(
    parts: &mut Vec<Part>,
    room: &mut Room,
    dice: &mut Dice,
    (ask, around): (&Ask, &Circumstances<'_>),
) -> Finish {
    if around.script.cites || ask.prompt.to_cite().is_some() {
        for piece in cited::pieces(around.cuts_citations) {
            room.push(parts, PartKind::Text, piece.to_owned(), Measure::Words);
        }
        return Finish::Stop;
    }
    let text = match around.script.size {
        // One word more than there is room for tells that the limit cut the answer.
        Some(AnswerSize::Tokens(words)) => prose::words(dice, words.min(room.beyond())),
        Some(AnswerSize::Bytes(bytes)) => {
            prose::bytes(dice, usize::try_from(bytes).unwrap_or(usize::MAX))
        }
        None => {
            let words = dice.between(*around.words.start(), *around.words.end());
            prose::words(dice, words.min(room.beyond()))
        }
    };
    let found = ask.limits.stops.iter().filter(|stop| !stop.is_empty());
    let first = found.filter_map(|stop| text.find(stop.as_str()).map(|at| (at, stop))).min();
    let (text, finish) = match first {
        Some((at, stop)) => (text[..at].to_owned(), Finish::StopSequence(stop.clone())),
        None => (text, Finish::Stop),
    };
    room.push(parts, PartKind::Text, text, Measure::Words);
    finish
}

/// Tokens the limit still allows.
struct Room {
    left: u64,
    is_full: bool,
}

impl Room {
    /// Takes up to `tokens`.
    fn take(&mut self, tokens: u64) -> u64 {
        let taken = tokens.min(self.left);
        self.is_full |= taken < tokens;
        self.left -= taken;
        taken
    }

    /// One token beyond what fits.
    const fn beyond(&self) -> u64 {
        self.left.saturating_add(1)
    }

    /// Adds a part, cut to what fits; nothing once the limit was reached.
    fn push(&mut self, parts: &mut Vec<Part>, kind: PartKind, text: String, measure: Measure) {
        if self.is_full {
            return;
        }
        let tokens = measure.count(&text);
        if tokens <= self.left {
            self.left -= tokens;
            parts.push(Part { kind, text, measure });
            return;
        }
        self.is_full = true;
        if self.left > 0 {
            let text = measure.cut(&text, self.left).to_owned();
            parts.push(Part { kind, text, measure });
            self.left = 0;
        }
    }
}

//! What a client asks for. A decoder fills it without judging; an encoder refuses what it cannot say.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::request::RequestError;

/// One request.
#[derive(Debug, Default)]
pub(crate) struct ChatRequest<'a> {
    /// The conversation, in the client's order, system messages included.
    pub(crate) turns: Vec<Turn<'a>>,
    /// Functions the model may call.
    pub(crate) tools: Vec<Tool<'a>>,
    /// Whether and which of them it must call.
    pub(crate) tool_choice: ToolChoice<'a>,
    /// Whether it may call several at once; `None` leaves it to the provider.
    pub(crate) parallel_tool_calls: Option<bool>,
    /// The shape the answer must have.
    pub(crate) format: ResponseFormat<'a>,
    /// How tokens are drawn.
    pub(crate) sampling: Sampling<'a>,
    /// How much to reason.
    pub(crate) effort: Option<Effort>,
    /// Most tokens to produce.
    pub(crate) max_output_tokens: Option<u64>,
    /// How many answers are asked for; zero and one mean one.
    pub(crate) choices: u32,
    /// Whether the answer is to be streamed.
    pub(crate) stream: bool,
    /// Opaque id of the end user.
    pub(crate) user: Option<Cow<'a, str>>,
    /// Every other parameter that asks for something: name and JSON text.
    pub(crate) rest: Vec<(Cow<'a, str>, &'a str)>,
    /// Hints no other dialect has a word for: their loss is named and never refused.
    pub(crate) hints: Vec<&'static str>,
}

impl ChatRequest<'_> {
    /// Whether there are tools to choose from.
    ///
    /// # Errors
    /// There are none, and one must be called.
    pub(crate) fn offers_tools(&self) -> Result<bool, RequestError> {
        let must_call = matches!(self.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
        if self.tools.is_empty() && must_call {
            return Err(RequestError::invalid("tool_choice", "there are no tools to choose from"));
        }
        Ok(!self.tools.is_empty())
    }

    /// Whether several calls at once are forbidden; where none may be made there is nothing to forbid.
    pub(crate) fn forbids_parallel_calls(&self) -> bool {
        self.parallel_tool_calls == Some(false) && !matches!(self.tool_choice, ToolChoice::None)
    }

    /// For providers that cannot be asked to cite a document: that it is to be cited is left out by name.
    pub(crate) fn leave_uncited(&mut self) {
        for turn in &mut self.turns {
            if turn.parts.iter().all(|part| part.cited.is_none()) {
                continue;
            }
            for mut part in std::mem::take(&mut turn.parts) {
                if let Some(cited) = part.cited.take() {
                    self.rest.push((Cow::Owned(cited.param), cited.json));
                    turn.parts.extend(cited.title.map(|title| Part::plain(Content::Text(title))));
                }
                turn.parts.push(part);
            }
        }
    }

    /// Bytes of text and data, for reserving room once: the encoded request is a little larger.
    pub(crate) fn text_bytes(&self) -> usize {
        let turns = self.turns.iter().map(|turn| parts_bytes(&turn.parts));
        let tools = self.tools.iter().map(|tool| {
            tool.description.as_ref().map_or(0, |text| text.len())
                + tool.parameters.as_deref().map_or(0, |schema| schema.get().len())
        });
        turns.chain(tools).sum()
    }
}

fn parts_bytes(parts: &[Part<'_>]) -> usize {
    let bytes = |part: &Part<'_>| match &part.content {
        Content::Text(text) | Content::RedactedThinking(text) | Content::Other(text) => text.len(),
        Content::Image(Image::Data { data, .. }) | Content::Document { data, .. } => data.len(),
        Content::Image(Image::Url(url)) => url.len(),
        Content::ToolCall { name, arguments, signature, .. } => {
            name.len() + arguments.len() + signature.as_ref().map_or(0, |text| text.len())
        }
        Content::ToolResult { parts, .. } => parts_bytes(parts),
        Content::Thinking { text, signature } => text.len() + signature.len(),
        Content::UnsignedThinking => 0,
    };
    parts.iter().map(|part| bytes(part) + PART_OVERHEAD_BYTES).sum()
}

/// Bytes a part takes beside its text, roughly.
const PART_OVERHEAD_BYTES: usize = 96;

/// One message.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    /// Who speaks.
    pub(crate) role: Role,
    /// What they say, in order.
    pub(crate) parts: Vec<Part<'a>>,
    /// Position in the client's list of messages, for naming it in an error.
    pub(crate) position: usize,
    /// Whether the client named the speaker.
    pub(crate) has_name: bool,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The application (also called developer).
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// A tool, with its result.
    Tool,
}

/// One part of a message.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// What it holds.
    pub(crate) content: Content<'a>,
    /// A cache breakpoint after this part, as the client wrote it.
    pub(crate) cache_control: Option<&'a RawValue>,
    /// Set on a file, or a text that is one, which the answer is to cite.
    pub(crate) cited: Option<Box<Cited<'a>>>,
}

/// A document that is to be cited.
#[derive(Debug)]
pub(crate) struct Cited<'a> {
    /// The parameter that says so, and its JSON.
    pub(crate) param: String,
    pub(crate) json: &'a str,
    /// What the document is called, if it is a text: a file knows that itself.
    pub(crate) title: Option<Cow<'a, str>>,
}

impl<'a> Part<'a> {
    /// A part without a cache breakpoint.
    pub(crate) fn plain(content: Content<'a>) -> Self {
        Self { content, cache_control: None, cited: None }
    }
}

/// What a part holds.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// A picture.
    Image(Image<'a>),
    /// A file: media type and base64.
    Document {
        /// Such as `application/pdf`.
        media_type: Cow<'a, str>,
        /// Base64.
        data: Cow<'a, str>,
        /// File name.
        title: Option<Cow<'a, str>>,
    },
    /// A call of a tool by the model.
    ToolCall {
        /// Id the result refers to.
        id: Cow<'a, str>,
        /// Name of the tool.
        name: Cow<'a, str>,
        /// JSON text of the arguments; empty means none.
        arguments: Cow<'a, str>,
        /// The provider's signature over the reasoning that led to it.
        signature: Option<Cow<'a, str>>,
    },
    /// The result of a call.
    ToolResult {
        /// Id of the call.
        call_id: Cow<'a, str>,
        /// Text and pictures.
        parts: Vec<Part<'a>>,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// Reasoning the model showed, with the provider's signature over it.
    Thinking {
        /// The reasoning.
        text: Cow<'a, str>,
        /// The signature.
        signature: Cow<'a, str>,
    },
    /// Reasoning the provider encrypted.
    RedactedThinking(Cow<'a, str>),
    /// Reasoning without a signature: nobody takes it back.
    UnsignedThinking,
    /// Something the neutral chat has no word for: its name in the client's dialect.
    Other(Cow<'a, str>),
}

/// A picture.
#[derive(Debug)]
pub(crate) enum Image<'a> {
    /// Carried along: media type and base64.
    Data {
        /// Such as `image/png`.
        media_type: Cow<'a, str>,
        /// Base64.
        data: Cow<'a, str>,
    },
    /// To be fetched by the provider.
    Url(Cow<'a, str>),
}

/// A function the model may call.
#[derive(Debug)]
pub(crate) struct Tool<'a> {
    /// Its name.
    pub(crate) name: Cow<'a, str>,
    /// What it is for.
    pub(crate) description: Option<Cow<'a, str>>,
    /// JSON schema of its arguments.
    pub(crate) parameters: Option<Cow<'a, RawValue>>,
    /// Whether arguments must follow the schema to the letter.
    pub(crate) strict: bool,
    /// A cache breakpoint after this tool, as the client wrote it.
    pub(crate) cache_control: Option<&'a RawValue>,
}

/// Whether and which tools must be called.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum ToolChoice<'a> {
    /// Nothing was said.
    #[default]
    Unset,
    /// The model decides.
    Auto,
    /// None may be called.
    None,
    /// At least one must be called.
    Required,
    /// This one must be called.
    Named(Cow<'a, str>),
    /// Something else: its name in the client's dialect.
    Other(Cow<'a, str>),
}

/// The shape the answer must have.
#[derive(Debug, Default)]
pub(crate) enum ResponseFormat<'a> {
    /// Free text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows this schema.
    JsonSchema(JsonSchema<'a>),
    /// Something else: its name in the client's dialect.
    Other(Cow<'a, str>),
}

/// A schema the answer must follow.
#[derive(Debug)]
pub(crate) struct JsonSchema<'a> {
    /// The schema.
    pub(crate) schema: Cow<'a, RawValue>,
    /// Its name, for the dialects that want one.
    pub(crate) name: Option<Cow<'a, str>>,
    /// What it is for.
    pub(crate) description: Option<Cow<'a, str>>,
    /// Whether the answer must follow it to the letter; `None` leaves it to the provider.
    pub(crate) strict: Option<bool>,
}

/// How tokens are drawn: numbers as the client wrote them.
#[derive(Debug, Default)]
pub(crate) struct Sampling<'a> {
    /// Temperature.
    pub(crate) temperature: Option<&'a RawValue>,
    /// Nucleus.
    pub(crate) top_p: Option<&'a RawValue>,
    /// Candidates.
    pub(crate) top_k: Option<&'a RawValue>,
    /// Texts that end the answer.
    pub(crate) stop: Vec<Cow<'a, str>>,
}

/// How much to reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Effort {
    /// Not at all.
    None,
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// Very much.
    Xhigh,
    /// As much as possible.
    Max,
}

impl Effort {
    /// Its name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Effort::None => "none",
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::Xhigh => "xhigh",
            Effort::Max => "max",
        }
    }
}

//! Reading the conversation of a converse request, with the checks the service makes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::request::{blank, is_id, lifetime, list, only_member};
use crate::dialects::content::{Hints, attach};
use crate::dice::mix_text;
use crate::prompt::Prompt;
use crate::refusal::Refusal;
use crate::tokens::MESSAGE_TOKENS;

const PICTURES: [&str; 4] = ["png", "jpeg", "gif", "webp"];
const FILES: [&str; 9] = ["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"];

/// Reads the conversation.
pub(super) struct Reader<'p> {
    prompt: &'p mut Prompt,
    has_tools: bool,
    /// Calls of the turn before, which this one must answer.
    calls: Vec<String>,
}

impl<'p> Reader<'p> {
    /// A reader that adds to `prompt`; `has_tools` tells whether tools are declared.
    pub(super) fn new(prompt: &'p mut Prompt, has_tools: bool) -> Self {
        Self { prompt, has_tools, calls: Vec::new() }
    }

    /// Reads all messages; what the last one hints at.
    pub(super) fn messages(&mut self, messages: &[Value]) -> Result<Hints, Refusal> {
        let mut hints = Hints::default();
        let mut last = "assistant";
        for (index, message) in messages.iter().enumerate() {
            let role = message["role"].as_str().unwrap_or_default();
            if role == last || !matches!(role, "user" | "assistant") {
                return Err(Refusal::invalid(match index {
                    0 => {
                        "A conversation must start with a user message. Try again with a conversation that starts with a user message."
                    }
                    _ => {
                        "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again."
                    }
                }));
            }
            last = if role == "user" { "user" } else { "assistant" };
            let blocks = list(&message["content"]);
            if blocks.is_empty() {
                let told = format!(
                    "The content field in the Message object at messages.{index} is empty. Add a ContentBlock object to the content field and try again."
                );
                return Err(Refusal::invalid(told));
            }
            self.prompt.fixed(MESSAGE_TOKENS, mix_text(0, role));
            hints = Hints::default();
            let asked = std::mem::take(&mut self.calls);
            let mut answered = Vec::new();
            for (at, block) in blocks.iter().enumerate() {
                let place = format!("messages.{index}.content.{at}");
                self.block(block, &place, &mut hints, &mut answered)?;
            }
            if let Some(missing) = asked.iter().find(|id| !answered.contains(id)) {
                let told = format!(
                    "Expected toolResult blocks at messages.{index}.content for the following Ids: {missing}"
                );
                return Err(Refusal::invalid(told));
            }
            if answered.len() > asked.len() {
                let told = format!(
                    "The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks of previous turn."
                );
                return Err(Refusal::invalid(told));
            }
            if role == "assistant" {
                hints = Hints::default();
            }
        }
        if messages.is_empty() {
            return Err(Refusal::invalid("A conversation must have at least one message."));
        }
        Ok(hints)
    }

    fn block(
        &mut self,
        block: &Value,
        place: &str,
        hints: &mut Hints,
        answered: &mut Vec<String>,
    ) -> Result<(), Refusal> {
        let (kind, value) = only_member(block, place)?;
        let wrong = |told: &str| Refusal::invalid(format!("{told} at {place}"));
        match kind {
            "text" => {
                let text = value.as_str().filter(|text| !text.trim().is_empty());
                let text = text.ok_or_else(|| blank(place))?;
                hints.note(text);
                self.prompt.text(text);
            }
            "image" => self.attachment(value, &PICTURES, place)?,
            "document" => {
                let is_taken = |c: char| c.is_ascii_alphanumeric() || " -()[]".contains(c);
                let name = value["name"].as_str().unwrap_or_default();
                if !(1..=200).contains(&name.len())
                    || !name.chars().all(is_taken)
                    || name.contains("  ")
                {
                    return Err(wrong(
                        "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character",
                    ));
                }
                self.attachment(value, &FILES, place)?;
                self.prompt.document(name, value["citations"]["enabled"] == true);
            }
            "toolUse" | "toolResult" if !self.has_tools => {
                return Err(Refusal::invalid(
                    "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
                ));
            }
            "toolUse" => {
                let id = value["toolUseId"].as_str().filter(|id| is_id(id, "_.:-"));
                let (Some(id), true) = (id, value["input"].is_object()) else {
                    return Err(wrong("The toolUse block is not valid"));
                };
                self.calls.push(id.to_owned());
                self.prompt.text(&value["input"].to_string());
            }
            "toolResult" => answered.push(self.result(value, place)?),
            "reasoningContent" => {
                only_member(value, place)?;
            }
            "cachePoint" => self.prompt.mark(lifetime(value)),
            kind => return Err(wrong(&format!("{kind} is not simulated"))),
        }
        Ok(())
    }

    /// The id of the call a result answers.
    fn result(&mut self, value: &Value, place: &str) -> Result<String, Refusal> {
        let wrong = |told: &str| Refusal::invalid(format!("{told} at {place}"));
        let id = value["toolUseId"].as_str().filter(|id| is_id(id, "_.:-"));
        let id = id.ok_or_else(|| wrong("The toolUseId is not valid"))?;
        let content = value["content"].as_array();
        for block in content.ok_or_else(|| wrong("The content is missing"))? {
            match only_member(block, place)? {
                ("text", text) => self.prompt.text(text.as_str().unwrap_or_default()),
                ("json", json) => self.prompt.text(&json.to_string()),
                ("image", image) => self.attachment(image, &PICTURES, place)?,
                ("document", file) => self.attachment(file, &FILES, place)?,
                (kind, _) => return Err(wrong(&format!("{kind} is not taken"))),
            }
        }
        Ok(id.to_owned())
    }

    fn attachment(&mut self, value: &Value, formats: &[&str], place: &str) -> Result<(), Refusal> {
        let format = value["format"].as_str().unwrap_or_default();
        if !formats.contains(&format) {
            return Err(Refusal::invalid(format!("The format field at {place} is not valid.")));
        }
        let told = || Refusal::invalid(format!("Could not process the data at {place}"));
        match only_member(&value["source"], place)? {
            ("bytes", bytes) => {
                let text = bytes.as_str().filter(|text| !text.is_empty()).ok_or_else(told)?;
                STANDARD.decode(text).map_err(|_| told())?;
                attach(self.prompt, text);
            }
            ("text", text) => {
                let text = text.as_str().filter(|text| !text.is_empty()).ok_or_else(told)?;
                self.prompt.text(text);
            }
            ("s3Location", place) => attach(self.prompt, &place.to_string()),
            _ => return Err(told()),
        }
        Ok(())
    }
}

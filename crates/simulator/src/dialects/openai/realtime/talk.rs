//! The conversation of a session: what was heard, what is said, and what each response is billed.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::bill::{BilledRequest, Quantities};
use crate::desk::Desk;
use crate::dialects::request_id;
use crate::dice::{Dice, mix};
use crate::prose;
use crate::script::{AnswerSize, Script};
use crate::tokens::{IMAGE_TOKENS, MESSAGE_TOKENS, text_tokens};

/// Bytes of base64 of audio that are a token when heard: a tenth of a second of 24 kHz in 16 bits.
const HEARD_BYTES_PER_TOKEN: usize = 6_400;
/// Audio tokens heard for each word that is written down.
const WRITTEN_TOKENS_PER_WORD: u64 = 4;
/// Audio tokens of a spoken word.
const SPOKEN_TOKENS_PER_WORD: u64 = 5;
/// A word's audio, base64; what it holds is nothing anybody listens to.
const SPOKEN_WORD: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Tokens by kind.
#[derive(Debug, Clone, Copy, Default)]
struct Kinds {
    text: u64,
    audio: u64,
    image: u64,
}

impl Kinds {
    fn total(self) -> u64 {
        self.text + self.audio + self.image
    }

    fn told(self) -> Value {
        json!({ "text_tokens": self.text, "audio_tokens": self.audio, "image_tokens": self.image })
    }
}

/// A response under way.
#[derive(Debug)]
struct Speech {
    id: String,
    serial: u64,
    words: VecDeque<String>,
    said: Vec<String>,
    is_spoken: bool,
    /// Events until the connection is cut.
    until_cut: Option<u32>,
}

/// One session.
#[derive(Debug)]
pub(super) struct Talk {
    desk: Arc<Desk>,
    model: String,
    script: Script,
    serial: u64,
    events: u64,
    is_spoken: bool,
    output_tokens_max: Option<u64>,
    context: Kinds,
    /// What the last response has read: the next one finds it in the cache.
    cached: Kinds,
    /// Base64 of audio that is not part of the conversation yet, bytes.
    unheard_bytes: usize,
    /// The model that writes down what is heard.
    writer: Option<String>,
    /// Items that are still to be written down, and their tokens of audio.
    unwritten: Vec<(String, u64)>,
    speech: Option<Speech>,
}

impl Talk {
    /// A session in which nothing was said.
    pub(super) fn new(desk: Arc<Desk>, model: String, script: Script, serial: u64) -> Self {
        Self {
            desk,
            model,
            script,
            serial,
            events: 0,
            is_spoken: true,
            output_tokens_max: None,
            context: Kinds::default(),
            cached: Kinds::default(),
            unheard_bytes: 0,
            writer: None,
            unwritten: Vec::new(),
            speech: None,
        }
    }

    /// What all sessions share.
    pub(super) fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Milliseconds between two words.
    pub(super) fn chunk_ms(&self) -> u64 {
        self.script.chunk_ms.unwrap_or(0)
    }

    /// Whether a response is under way.
    pub(super) fn is_speaking(&self) -> bool {
        self.speech.is_some()
    }

    /// The first event of a session.
    pub(super) fn opened(&mut self) -> Value {
        let session = self.session();
        self.event("session.created", json!({ "session": session }))
    }

    /// What is said to an event of the client's.
    pub(super) fn hear(&mut self, text: &str) -> Vec<Value> {
        let Ok(event) = serde_json::from_str::<Value>(text) else {
            return vec![self.error("invalid_json", "The event could not be parsed.")];
        };
        match event["type"].as_str().unwrap_or_default() {
            "session.update" => {
                self.configure(&event["session"]);
                let session = self.session();
                vec![self.event("session.updated", json!({ "session": session }))]
            }
            "conversation.item.create" => {
                self.add(&event["item"]);
                let body = json!({ "previous_item_id": null, "item": self.item(&event["item"]) });
                vec![
                    self.event("conversation.item.added", body.clone()),
                    self.event("conversation.item.done", body),
                ]
            }
            "input_audio_buffer.append" => {
                self.unheard_bytes += event["audio"].as_str().map_or(0, str::len);
                Vec::new()
            }
            "input_audio_buffer.clear" => {
                self.unheard_bytes = 0;
                vec![self.event("input_audio_buffer.cleared", json!({}))]
            }
            "input_audio_buffer.commit" => {
                let bytes = std::mem::take(&mut self.unheard_bytes);
                let heard = count(bytes.div_ceil(HEARD_BYTES_PER_TOKEN));
                self.context.audio += heard;
                let item = self.name("item");
                if self.writer.is_some() {
                    self.unwritten.push((item.clone(), heard));
                }
                let body = json!({ "previous_item_id": null, "item_id": item });
                vec![self.event("input_audio_buffer.committed", body)]
            }
            "response.create" => self.begin(&event["response"]),
            "response.cancel" if self.is_speaking() => self.end("cancelled"),
            "response.cancel" => {
                vec![self.error("response_cancel_not_active", "No active response found.")]
            }
            _ => vec![self.error("invalid_value", "Invalid value for 'type'.")],
        }
    }

    /// The next word; `None` cuts the connection.
    pub(super) fn speak(&mut self) -> Option<Vec<Value>> {
        let Some(speech) = &mut self.speech else { return Some(Vec::new()) };
        if let Some(left) = &mut speech.until_cut {
            if *left == 0 {
                self.bill(false);
                return None;
            }
            *left -= 1;
        }
        let Some(word) = speech.words.pop_front() else { return Some(self.end("completed")) };
        speech.said.push(word.clone());
        let about = json!({
            "response_id": speech.id, "item_id": format!("item_{}", speech.id),
            "output_index": 0, "content_index": 0,
        });
        if !speech.is_spoken {
            return Some(vec![self.delta("response.output_text.delta", &about, &word)]);
        }
        Some(vec![
            self.delta("response.output_audio_transcript.delta", &about, &word),
            self.delta("response.output_audio.delta", &about, SPOKEN_WORD),
        ])
    }

    fn delta(&mut self, kind: &str, about: &Value, delta: &str) -> Value {
        let mut body = about.clone();
        body["delta"] = delta.into();
        self.event(kind, body)
    }

    fn begin(&mut self, response: &Value) -> Vec<Value> {
        if self.is_speaking() {
            let told = "Conversation already has an active response in progress.";
            return vec![self.error("conversation_already_has_active_response", told)];
        }
        let serial = self.desk.serial();
        let mut dice = Dice::new(mix(self.desk.options.seed, serial));
        let usual = self.desk.options.answer_words.clone();
        let wanted = match self.script.size {
            Some(AnswerSize::Tokens(tokens)) => tokens,
            Some(AnswerSize::Bytes(bytes)) => bytes / 8,
            None => dice.between(*usual.start(), *usual.end()),
        };
        let is_spoken = spoken(response).unwrap_or(self.is_spoken);
        let own_max = response["max_output_tokens"].as_u64();
        let per_word = if is_spoken { 1 + SPOKEN_TOKENS_PER_WORD } else { 1 };
        let most = own_max.or(self.output_tokens_max).map_or(u64::MAX, |max| max / per_word);
        let words = (0..wanted.min(most)).map(|_| format!("{} ", prose::plain_word(&mut dice)));
        self.speech = Some(Speech {
            id: format!("resp_{serial:016x}"),
            serial,
            words: words.collect(),
            said: Vec::new(),
            is_spoken,
            until_cut: self.script.cut_after,
        });
        let response = self.response("in_progress", Value::Null);
        vec![self.event("response.created", json!({ "response": response }))]
    }

    fn end(&mut self, status: &str) -> Vec<Value> {
        let usage = self.bill(status == "completed");
        let usage = if self.script.no_usage { Value::Null } else { usage };
        let response = self.response(status, usage);
        self.speech = None;
        let mut said = vec![self.event("response.done", json!({ "response": response }))];
        // A model of its own writes, which takes longer than the response to what was heard.
        for (item, heard) in std::mem::take(&mut self.unwritten) {
            said.extend(self.write_down(&item, heard));
        }
        said
    }

    /// What was heard as text, billed on the model that writes.
    fn write_down(&mut self, item: &str, heard: u64) -> Option<Value> {
        let model = self.writer.clone()?;
        let mut dice = Dice::new(mix(self.desk.options.seed, self.serial));
        let transcript = prose::words(&mut dice, heard / WRITTEN_TOKENS_PER_WORD + 1);
        let said = text_tokens(&transcript);
        self.desk.ledger.add(BilledRequest {
            id: item.to_owned(),
            request_id: item.to_owned(),
            model,
            is_complete: true,
            quantities: Quantities {
                input_tokens: heard,
                output_tokens: said,
                ..Quantities::default()
            },
        });
        let usage = json!({
            "type": "tokens", "total_tokens": heard + said, "input_tokens": heard,
            "output_tokens": said,
            "input_token_details": { "text_tokens": 0, "audio_tokens": heard },
        });
        let body = json!({
            "item_id": item, "content_index": 0, "transcript": transcript, "usage": usage,
        });
        Some(self.event("conversation.item.input_audio_transcription.completed", body))
    }

    /// Bills the response under way; gives its usage as told.
    fn bill(&mut self, is_complete: bool) -> Value {
        let Some(speech) = &self.speech else { return Value::Null };
        let words = count(speech.said.len());
        let audio = if speech.is_spoken { words * SPOKEN_TOKENS_PER_WORD } else { 0 };
        let output = Kinds { text: words, audio, image: 0 };
        let (input, cached) = (self.context, self.cached);
        self.desk.ledger.add(BilledRequest {
            id: speech.id.clone(),
            request_id: request_id(speech.serial),
            model: self.model.clone(),
            is_complete,
            quantities: Quantities {
                requests: 1,
                input_tokens: input.total() - cached.total(),
                cache_read_tokens: cached.total(),
                output_tokens: output.total(),
                ..Quantities::default()
            },
        });
        self.cached = input;
        self.context.text += output.text + MESSAGE_TOKENS;
        self.context.audio += output.audio;
        let mut inside = input.told();
        inside["cached_tokens"] = cached.total().into();
        inside["cached_tokens_details"] = cached.told();
        json!({
            "total_tokens": input.total() + output.total(),
            "input_tokens": input.total(), "output_tokens": output.total(),
            "input_token_details": inside,
            "output_token_details": { "text_tokens": output.text, "audio_tokens": output.audio },
        })
    }

    fn response(&self, status: &str, usage: Value) -> Value {
        let Some(speech) = &self.speech else { return Value::Null };
        let text = speech.said.concat();
        let content = if speech.is_spoken {
            json!({ "type": "output_audio", "transcript": text })
        } else {
            json!({ "type": "output_text", "text": text })
        };
        let item = json!({
            "id": format!("item_{}", speech.id), "object": "realtime.item", "type": "message",
            "status": "completed", "role": "assistant", "content": [content],
        });
        let output = if status == "in_progress" { json!([]) } else { json!([item]) };
        json!({
            "object": "realtime.response", "id": speech.id, "status": status,
            "status_details": null, "output": output, "metadata": null, "usage": usage,
            "output_modalities": [if speech.is_spoken { "audio" } else { "text" }],
        })
    }

    fn configure(&mut self, session: &Value) {
        self.is_spoken = spoken(session).unwrap_or(self.is_spoken);
        if let Some(instructions) = session["instructions"].as_str() {
            self.context.text += text_tokens(instructions);
        }
        let transcription = &session["audio"]["input"]["transcription"];
        if transcription.is_object() {
            self.writer = transcription["model"].as_str().map(str::to_owned);
        }
        match &session["max_output_tokens"] {
            Value::Null => {}
            limit => self.output_tokens_max = limit.as_u64(),
        }
    }

    fn add(&mut self, item: &Value) {
        self.context.text += MESSAGE_TOKENS;
        for part in item["content"].as_array().into_iter().flatten() {
            let text = part["text"].as_str().map_or(0, text_tokens);
            let bytes = part["audio"].as_str().map_or(0, str::len);
            self.context.text += text;
            self.context.audio += count(bytes.div_ceil(HEARD_BYTES_PER_TOKEN));
            self.context.image += if part["image_url"].is_string() { IMAGE_TOKENS } else { 0 };
        }
    }

    fn item(&self, item: &Value) -> Value {
        let mut item = item.clone();
        if item["id"].is_null() && item.is_object() {
            item["id"] = self.name("item").into();
        }
        item
    }

    fn session(&self) -> Value {
        let limit = self.output_tokens_max.map_or_else(|| json!("inf"), |max| json!(max));
        let writes = self.writer.as_ref().map(|model| json!({ "model": model }));
        json!({
            "audio": { "input": { "transcription": writes } },
            "type": "realtime", "object": "realtime.session", "id": format!("sess_{:016x}", self.serial),
            "model": self.model, "max_output_tokens": limit,
            "output_modalities": [if self.is_spoken { "audio" } else { "text" }],
        })
    }

    fn error(&mut self, code: &str, message: &str) -> Value {
        let error = json!({
            "type": "invalid_request_error", "code": code, "message": message,
            "param": null, "event_id": null,
        });
        self.event("error", json!({ "error": error }))
    }

    fn event(&mut self, kind: &str, mut body: Value) -> Value {
        self.events += 1;
        body["type"] = kind.into();
        body["event_id"] = self.name("event").into();
        body
    }

    fn name(&self, kind: &str) -> String {
        format!("{kind}_{:08x}{:08x}", self.serial >> 32, self.events)
    }
}

/// Whether settings ask for speech; `None` when they do not say.
fn spoken(settings: &Value) -> Option<bool> {
    let modalities = settings["output_modalities"].as_array()?;
    Some(modalities.iter().any(|modality| modality == "audio"))
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

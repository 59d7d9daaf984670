//! A streamed answer of this dialect read into neutral steps. Nothing says that a stream is complete
//! but its end behind the reason the model stopped for.

use super::answer::{Progress, Response, Said};
use super::error;
use super::grounding::TEXT_BYTES_MAX;
use super::recitation::Recited;
use crate::chat::{Citation, StreamEvent};
use crate::error::StreamError;
use crate::reply::Facts;
use crate::request::without_position;
use crate::sse::Event;
use crate::wire::{StreamDecoder, event_text};

/// One stream.
#[derive(Default)]
pub(super) struct ResponseDecoder {
    progress: Progress,
    has_told_finish: bool,
    /// The text so far, which sources are told by bytes of; at most [`TEXT_BYTES_MAX`].
    texts: [String; 1],
    /// The latest telling of the sources, which replaces the one before.
    cited: Vec<Citation>,
    /// What was recited; positions are those of all the text.
    recited: Recited,
}

/// What an event holds; `None` for one without data.
pub(super) fn read<'e>(
    event: &'e Event<'_>,
) -> Result<Option<(&'e str, Response<'e>)>, StreamError> {
    let data = event.data.trim_ascii();
    if data.is_empty() {
        return Ok(None);
    }
    let garbage = |what: &str| StreamError::Garbage(what.to_owned());
    let json = event_text(data)?;
    let response: Response<'e> =
        serde_json::from_str(json).map_err(|e| garbage(&without_position(&e)))?;
    if let Some(member) = response.error {
        return Err(error::read(member.get()).into());
    }
    Ok(Some((json, response)))
}

impl StreamDecoder for ResponseDecoder {
    fn decode<'e>(
        &mut self,
        event: &'e Event<'_>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) -> Result<(), StreamError> {
        let Some((_, response)) = read(event)? else {
            steps.push(StreamEvent::KeepAlive);
            return Ok(());
        };
        let mut index = self.progress.calls;
        self.progress.note(&response, facts);
        // One answer is all a translated request asks for.
        let candidate = response.candidates.unwrap_or_default().0.into_iter().next();
        if let Some(candidate) = &candidate {
            let [kept] = &mut self.texts;
            for text in candidate.texts() {
                let room = TEXT_BYTES_MAX.saturating_sub(kept.len());
                kept.push_str(&text[..text.floor_char_boundary(room)]);
            }
            candidate.note_recited(&mut self.recited);
            let cited = candidate.grounded(&self.texts);
            if !cited.is_empty() {
                self.cited = cited;
            }
        }
        for said in candidate.map(|candidate| candidate.said(index)).unwrap_or_default() {
            match said {
                Said::Text(text) => steps.push(StreamEvent::Text(text)),
                Said::Thinking(text) => steps.push(StreamEvent::Thinking(text)),
                Said::Signature(marked) => {
                    steps.push(StreamEvent::ThinkingSignature(marked.into()));
                }
                Said::Call(call) => {
                    let (id, name, signature) = (call.id, call.name, call.signature);
                    steps.push(StreamEvent::ToolCall { index, id, name, signature });
                    steps.push(StreamEvent::ToolArguments { index, json: call.arguments });
                    index = index.saturating_add(1);
                }
            }
        }
        if self.progress.is_finished && !std::mem::replace(&mut self.has_told_finish, true) {
            let [text] = &self.texts;
            let recited = std::mem::take(&mut self.recited).citations(text);
            let cited = std::mem::take(&mut self.cited).into_iter().chain(recited);
            steps.extend(cited.map(|citation| StreamEvent::Citation(Box::new(citation))));
            steps.push(StreamEvent::Finish);
        }
        Ok(())
    }

    fn end(&mut self, _: &mut Facts, steps: &mut Vec<StreamEvent<'_>>) {
        if self.progress.is_finished {
            steps.push(StreamEvent::Done);
        }
    }
}

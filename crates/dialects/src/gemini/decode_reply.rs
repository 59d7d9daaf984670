//! A plain answer of this dialect read into the neutral chat.

use std::borrow::Cow;

use super::answer::{CandidateBody, Progress, Response, Said};
use super::error;
use super::recitation::Recited;
use crate::chat::{ChatReply, Citation, OutputPart};
use crate::reply::{Facts, ReplyError};
use crate::request::without_position;

/// The body of an answer; an error in spite of its status is one.
pub(super) fn read<'a>(
    json: &'a str,
    progress: &mut Progress,
    facts: &mut Facts,
) -> Result<Response<'a>, ReplyError> {
    let garbage = |what: &str| ReplyError::Garbage(what.to_owned());
    let response: Response<'a> =
        serde_json::from_str(json).map_err(|e| garbage(&without_position(&e)))?;
    if let Some(member) = response.error {
        return Err(error::read(member.get()).into());
    }
    progress.note(&response, facts);
    // A plain answer is all there is, whether or not it says why it ended.
    facts.is_usage_partial = false;
    let is_empty = response.candidates.as_ref().is_none_or(|list| list.0.is_empty());
    if is_empty && !progress.is_finished {
        return Err(garbage("it has no candidates"));
    }
    Ok(response)
}

pub(super) fn decode<'a>(json: &'a str, facts: &mut Facts) -> Result<ChatReply<'a>, ReplyError> {
    let response = read(json, &mut Progress::default(), facts)?;
    let candidate = response.candidates.unwrap_or_default().0.into_iter().next();
    let citations = candidate.as_ref().map(citations).unwrap_or_default();
    let mut parts: Vec<OutputPart<'a>> = Vec::new();
    for said in candidate.map(|candidate| candidate.said(0)).unwrap_or_default() {
        match said {
            Said::Text(text) => parts.push(OutputPart::Text(text)),
            Said::Thinking(text) => parts.push(OutputPart::Thinking { text, signature: None }),
            Said::Signature(marked) => match parts.last_mut() {
                Some(OutputPart::Thinking { signature: slot @ None, .. }) => {
                    *slot = Some(Cow::Owned(marked));
                }
                _ => {
                    let signature = Some(Cow::Owned(marked));
                    parts.push(OutputPart::Thinking { text: Cow::Borrowed(""), signature });
                }
            },
            Said::Call(call) => parts.push(OutputPart::ToolCall {
                id: call.id,
                name: call.name,
                arguments: call.arguments,
                signature: call.signature,
            }),
        }
    }
    Ok(ChatReply { parts, citations })
}

fn citations(candidate: &CandidateBody<'_>) -> Vec<Citation> {
    let texts = candidate.texts();
    let mut recited = Recited::default();
    candidate.note_recited(&mut recited);
    let mut citations = candidate.grounded(&texts);
    citations.extend(recited.citations(&texts.concat()));
    citations
}

#[cfg(test)]
mod tests;

//! An answer cut into the steps a stream tells it in, one after the other, without keeping them.

use crate::answer::{Answer, PartKind};

/// Answers longer than this are told in larger steps, so that a huge one is not a million events.
const DELTAS_MAX: u64 = 2048;

/// One step of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// The answer begins.
    Start,
    /// A choice begins.
    Begin {
        /// Which.
        choice: usize,
    },
    /// A part begins.
    Open {
        /// Of which choice.
        choice: usize,
        /// Which.
        part: usize,
    },
    /// More of a part's text: bytes `from..to`.
    Delta {
        /// Of which choice.
        choice: usize,
        /// Which.
        part: usize,
        /// First byte.
        from: usize,
        /// Byte behind the last.
        to: usize,
    },
    /// A part is complete.
    Close {
        /// Of which choice.
        choice: usize,
        /// Which.
        part: usize,
    },
    /// A choice is complete.
    Finish {
        /// Which.
        choice: usize,
    },
    /// What was used.
    Usage,
    /// The answer is complete.
    End,
}

/// Tokens a beat brings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Produced {
    /// Output tokens, reasoning included.
    pub(crate) output_tokens: u64,
    /// The part of them that is reasoning.
    pub(crate) reasoning_tokens: u64,
}

/// The beats of an answer still to come.
#[derive(Debug)]
pub(crate) struct Beats {
    next: Option<Beat>,
    step_tokens: u64,
}

impl Beats {
    /// The beats of `answer`, told in deltas of `step_tokens` tokens or more.
    pub(crate) fn of(answer: &Answer, step_tokens: u64) -> Self {
        let step_tokens = step_tokens.max(answer.usage.output_tokens.div_ceil(DELTAS_MAX));
        Self { next: Some(Beat::Start), step_tokens }
    }

    /// The next beat and the tokens produced for it.
    pub(crate) fn next(&mut self, answer: &Answer) -> Option<(Beat, Produced)> {
        let mut beat = self.next?;
        let mut produced = Produced::default();
        match &mut beat {
            Beat::Begin { choice } => {
                let hidden = answer.choices[*choice].hidden_tokens;
                produced = Produced { output_tokens: hidden, reasoning_tokens: hidden };
            }
            Beat::Delta { choice, part, from, to } => {
                let part = &answer.choices[*choice].parts[*part];
                let (end, tokens) = part.measure.advance(&part.text, *from, self.step_tokens);
                *to = end;
                produced.output_tokens = tokens;
                if part.kind == PartKind::Thinking {
                    produced.reasoning_tokens = tokens;
                }
            }
            _ => {}
        }
        self.next = after(answer, beat);
        Some((beat, produced))
    }
}

fn after(answer: &Answer, beat: Beat) -> Option<Beat> {
    let part_or_finish = |choice: usize, part: usize| {
        if part < answer.choices[choice].parts.len() {
            Beat::Open { choice, part }
        } else {
            Beat::Finish { choice }
        }
    };
    let choice_or_usage = |choice: usize| {
        if choice < answer.choices.len() { Beat::Begin { choice } } else { Beat::Usage }
    };
    Some(match beat {
        Beat::Start => choice_or_usage(0),
        Beat::Begin { choice } => part_or_finish(choice, 0),
        Beat::Open { choice, part } if answer.choices[choice].parts[part].text.is_empty() => {
            Beat::Close { choice, part }
        }
        Beat::Open { choice, part } => Beat::Delta { choice, part, from: 0, to: 0 },
        Beat::Delta { choice, part, to, .. } => {
            if to < answer.choices[choice].parts[part].text.len() {
                Beat::Delta { choice, part, from: to, to }
            } else {
                Beat::Close { choice, part }
            }
        }
        Beat::Close { choice, part } => part_or_finish(choice, part + 1),
        Beat::Finish { choice } => choice_or_usage(choice + 1),
        Beat::Usage => Beat::End,
        Beat::End => return None,
    })
}

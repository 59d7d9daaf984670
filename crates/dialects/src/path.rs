//! What a request says in its path: the model, what is to be done with it, how a stream is framed.
//!
//! One vendor's API names the model there and not in the body; this is what a server must hand over.

/// What a path and its query say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathModel {
    /// Model (or route) asked for; never empty.
    pub model: String,
    /// What is to be done.
    pub verb: Verb,
    /// How a streamed answer is framed.
    pub framing: Framing,
}

/// What is to be done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Answer at once.
    Generate,
    /// Answer as a stream.
    StreamGenerate,
    /// Count the tokens of a prompt.
    CountTokens,
    /// Embed one content.
    EmbedContent,
    /// Embed several contents.
    BatchEmbedContents,
}

/// How a streamed answer is framed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Framing {
    /// As server-sent events.
    #[default]
    Events,
    /// As one JSON array that grows ([`crate::EventArray`]).
    Array,
}

const VERBS: [(&str, Verb); 5] = [
    ("generateContent", Verb::Generate),
    ("streamGenerateContent", Verb::StreamGenerate),
    ("countTokens", Verb::CountTokens),
    ("embedContent", Verb::EmbedContent),
    ("batchEmbedContents", Verb::BatchEmbedContents),
];

impl PathModel {
    /// Reads a path such as `/v1beta/models/gemini-x:streamGenerateContent`, whatever stands before
    /// `/models/` (a version, a project and its location), and its query (`alt=sse`). `None` for every
    /// other path, so that it can be asked of each.
    pub fn parse(path: &str, query: Option<&str>) -> Option<Self> {
        let (name, verb) = path.rsplit_once(':')?;
        let (_, verb) = VERBS.iter().find(|(word, _)| *word == verb)?;
        let model = match name.find("/models/") {
            Some(at) => percent_decoded(&name[at + "/models/".len()..])?,
            // Tuned models are named with the collection they are in.
            None => percent_decoded(&name[name.find("/tunedModels/")? + 1..])?,
        };
        let is_sse = query.unwrap_or_default().split('&').any(|pair| pair == "alt=sse");
        let framing = match (verb, is_sse) {
            (Verb::StreamGenerate, false) => Framing::Array,
            _ => Framing::Events,
        };
        (!model.is_empty()).then_some(Self { model, verb: *verb, framing })
    }

    /// Whether the answer is to be streamed.
    pub fn streams(&self) -> bool {
        self.verb == Verb::StreamGenerate
    }
}

/// The text with its `%XX` read; `None` when they are none or give no text.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

/// The text as one part of a path: every byte but letters, digits and `-._~@:` as `%XX`.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_model_and_the_verb_are_read_from_every_form_of_path() {
        for (path, query, model, verb, framing) in [
            (
                "/v1beta/models/gemini-x:generateContent",
                None,
                "gemini-x",
                Verb::Generate,
                Framing::Events,
            ),
            (
                "/v1/models/gemini-x:streamGenerateContent",
                Some("key=1&alt=sse"),
                "gemini-x",
                Verb::StreamGenerate,
                Framing::Events,
            ),
            ("/v1/models/a:streamGenerateContent", None, "a", Verb::StreamGenerate, Framing::Array),
            (
                "/v1beta/models/acme/fast:countTokens",
                None,
                "acme/fast",
                Verb::CountTokens,
                Framing::Events,
            ),
            (
                "/v1beta/models/llama:8b:embedContent",
                None,
                "llama:8b",
                Verb::EmbedContent,
                Framing::Events,
            ),
            (
                "/v1beta1/projects/p/locations/l/publishers/google/models/gemini-x:generateContent",
                None,
                "gemini-x",
                Verb::Generate,
                Framing::Events,
            ),
            (
                "/v1beta/tunedModels/mine:batchEmbedContents",
                None,
                "tunedModels/mine",
                Verb::BatchEmbedContents,
                Framing::Events,
            ),
            ("/v1/models/a%2Fb:generateContent", None, "a/b", Verb::Generate, Framing::Events),
        ] {
            let expected = PathModel { model: model.to_owned(), verb, framing };
            assert_eq!(PathModel::parse(path, query), Some(expected), "{path}");
        }
        for other in [
            "/v1/models",
            "/v1/models/a",
            "/v1/models/a:tune",
            "/v1/models/:generateContent",
            "/x:generateContent",
            "/models/%f:generateContent",
        ] {
            assert_eq!(PathModel::parse(other, None), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_name_survives_its_path(name in "\\PC{1,20}", path in "[/a-z:%0-9]{0,40}") {
            prop_assert_eq!(percent_decoded(&percent_encoded(&name)), Some(name));
            let _ = PathModel::parse(&path, Some(&path));
        }
    }
}

//! Replays recorded traffic of real providers, where a folder of recordings is at hand.
//!
//! The environment variable `TOLLGATE_RECORDINGS` names the folder (VCR cassettes in YAML). Every
//! interaction of a dialect this crate speaks is decoded and compared with the recording's own
//! figures; the others are named. Without the folder the test says so and passes.

#[cfg(test)]
#[path = "recordings/cassette.rs"]
mod cassette;
#[cfg(test)]
#[path = "recordings/expected.rs"]
mod expected;

#[cfg(test)]
mod walk {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use bytes::Bytes;
    use dialects::{
        Facts, ReplyContext, StreamError, StreamTranscoder, Target, decode_error, encode_request,
        estimate_input_tokens, peek, transcode_reply,
    };
    use events::Dialect;
    use serde_json::Value;
    use units::Usd;

    use crate::cassette::{Interaction, interactions};
    use crate::expected::{Said, of_plain, of_stream};

    const OPENAI: Dialect = Dialect::OpenaiChat;
    const ANTHROPIC: Dialect = Dialect::AnthropicMessages;

    fn context() -> ReplyContext {
        let cost: dialects::CostFn = Arc::new(|_| Some(Usd::from_pico(123_456_789)));
        ReplyContext { cost, ..ReplyContext::unpriced() }
    }

    #[test]
    fn recordings_of_both_dialects_replay_to_their_own_figures() {
        let Some(folder) = std::env::var_os("TOLLGATE_RECORDINGS") else {
            println!("TOLLGATE_RECORDINGS is not set: no recordings were replayed");
            return;
        };
        let mut files: Vec<_> = std::fs::read_dir(Path::new(&folder))
            .expect("TOLLGATE_RECORDINGS names a folder")
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
            .collect();
        files.sort();
        let mut counts = BTreeMap::new();
        let mut failures = Vec::new();
        for path in &files {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let yaml = std::fs::read_to_string(path).unwrap();
            for (at, interaction) in interactions(&yaml).into_iter().enumerate() {
                let Some(dialect) = dialect_of(&interaction.uri) else {
                    println!("not of these dialects: {name} #{at} {}", interaction.uri);
                    *counts.entry("other").or_insert(0) += 1;
                    continue;
                };
                match replay(dialect, &interaction) {
                    Ok(kind) => *counts.entry(kind).or_insert(0) += 1,
                    Err(why) => failures.push(format!("{name} #{at}: {why}")),
                }
            }
        }
        println!("{} files: {counts:?}", files.len());
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    fn dialect_of(uri: &str) -> Option<Dialect> {
        let path = uri.split('?').next().unwrap_or(uri);
        if path.ends_with("/chat/completions") {
            Some(OPENAI)
        } else if path.ends_with("/messages") {
            Some(ANTHROPIC)
        } else {
            None
        }
    }

    fn replay(dialect: Dialect, interaction: &Interaction) -> Result<&'static str, String> {
        if dialect == OPENAI
            && let Some(request) = &interaction.request
        {
            replay_request(request)?;
        }
        let Some(body) = &interaction.response else { return Ok("without a body") };
        if interaction.status >= 300 {
            replay_error(dialect, interaction.status, body)?;
            return Ok("errors");
        }
        if body.starts_with(b"{") {
            replay_plain(dialect, body)?;
            return Ok(if dialect == OPENAI { "openai plain" } else { "anthropic plain" });
        }
        replay_stream(dialect, body)?;
        Ok(if dialect == OPENAI { "openai streams" } else { "anthropic streams" })
    }

    fn replay_request(request: &Value) -> Result<(), String> {
        let body = Bytes::from(request.to_string());
        let peek = peek(OPENAI, &body).map_err(|e| e.to_string())?;
        check("model", &Value::from(peek.model.as_str()), &request["model"])?;
        if estimate_input_tokens(OPENAI, &body) == 0 {
            return Err("the input was estimated at nothing".into());
        }
        for dialect in [OPENAI, ANTHROPIC] {
            let target =
                Target { dialect, model: "other", max_output_tokens: None, drop_params: true };
            let encoded = encode_request(OPENAI, &body, &target).map_err(|e| e.to_string())?;
            let out: Value = serde_json::from_slice(&encoded.body).map_err(|e| e.to_string())?;
            check("model sent", &out["model"], &Value::from("other"))?;
            if dialect == OPENAI {
                for (key, value) in request.as_object().into_iter().flatten() {
                    if key != "model" && key != "stream_options" {
                        check(key, &out[key], value)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn replay_error(dialect: Dialect, status: u16, body: &[u8]) -> Result<(), String> {
        let error = decode_error(dialect, status, body);
        check("status", &Value::from(error.status), &Value::from(status))?;
        let recorded: Value = serde_json::from_slice(body).unwrap_or_default();
        match recorded["error"]["message"].as_str() {
            Some(message) => check("message", &Value::from(error.message), &Value::from(message)),
            None if error.message.is_empty() => Err("an error without words".into()),
            None => Ok(()),
        }
    }

    fn replay_plain(dialect: Dialect, body: &[u8]) -> Result<(), String> {
        let recorded: Value = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        let bytes = Bytes::copy_from_slice(body);
        let reply =
            transcode_reply(dialect, OPENAI, &bytes, &context()).map_err(|e| e.to_string())?;
        let out: Value = serde_json::from_slice(&reply.body).map_err(|e| e.to_string())?;
        let expected = of_plain(dialect, &recorded);
        check_said(&of_plain(OPENAI, &out), &expected)?;
        check_facts(&reply.facts, &expected)?;
        if recorded["usage"].is_object() {
            check("cost", &out["usage"]["cost"], &serde_json::json!(0.000123456789))?;
        }
        if dialect == OPENAI {
            let mut untouched = out;
            match recorded["usage"].get("cost") {
                Some(cost) => untouched["usage"]["cost"] = cost.clone(),
                None => {
                    untouched["usage"].as_object_mut().map(|usage| usage.remove("cost"));
                }
            }
            check("the rest", &untouched, &recorded)?;
        }
        Ok(())
    }

    fn replay_stream(dialect: Dialect, body: &[u8]) -> Result<(), String> {
        let expected = of_stream(dialect, &String::from_utf8_lossy(body));
        let (whole, facts) = transcoded(dialect, body, body.len(), expected.is_complete)?;
        for piece in [1, 7, 64, 1000] {
            let cut = transcoded(dialect, body, piece, expected.is_complete)?;
            if cut != (whole.clone(), facts.clone()) {
                return Err(format!("pieces of {piece} bytes give another stream"));
            }
        }
        check_facts(&facts, &expected)?;
        check_said(&of_stream(OPENAI, &String::from_utf8_lossy(&whole)), &expected)
    }

    fn transcoded(
        dialect: Dialect,
        body: &[u8],
        piece: usize,
        is_complete: bool,
    ) -> Result<(Vec<u8>, Facts), String> {
        let mut transcoder = StreamTranscoder::new(dialect, OPENAI, context());
        let mut out = Vec::new();
        for chunk in body.chunks(piece.max(1)) {
            let bytes =
                transcoder.push(&Bytes::copy_from_slice(chunk)).map_err(|e| e.to_string())?;
            out.extend_from_slice(&bytes);
        }
        match transcoder.finish() {
            Ok(bytes) => out.extend_from_slice(&bytes),
            Err(StreamError::Cut) if !is_complete => {}
            Err(error) => return Err(error.to_string()),
        }
        Ok((out, transcoder.facts().clone()))
    }

    fn check(what: &str, seen: &Value, expected: &Value) -> Result<(), String> {
        if seen == expected { Ok(()) } else { Err(format!("{what}: {seen} is not {expected}")) }
    }

    fn check_said(seen: &Said, expected: &Said) -> Result<(), String> {
        check("text", &Value::from(seen.text.as_str()), &Value::from(expected.text.as_str()))?;
        check(
            "reasoning",
            &Value::from(seen.reasoning.as_str()),
            &Value::from(expected.reasoning.as_str()),
        )?;
        if seen.calls != expected.calls {
            return Err(format!("calls: {:?} are not {:?}", seen.calls, expected.calls));
        }
        if seen.finish != expected.finish {
            return Err(format!("finish: {:?} is not {:?}", seen.finish, expected.finish));
        }
        Ok(())
    }

    fn check_facts(facts: &Facts, expected: &Said) -> Result<(), String> {
        let finish = facts.finish_reason.map(|reason| reason.as_str().to_owned());
        if finish != expected.finish {
            return Err(format!("finish: {finish:?} is not {:?}", expected.finish));
        }
        let told = facts
            .usage
            .as_ref()
            .map(|usage| (usage.meters.input_tokens(), usage.meters.output_tokens()));
        if told != expected.tokens {
            return Err(format!("usage: {told:?} is not {:?}", expected.tokens));
        }
        Ok(())
    }
}

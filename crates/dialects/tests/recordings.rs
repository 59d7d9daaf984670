//! Replays recorded traffic of real providers, where a folder of recordings is at hand.
//!
//! The environment variable `TOLLGATE_RECORDINGS` names the folder (VCR cassettes in YAML). Every
//! interaction of a dialect this crate speaks is decoded and compared with the recording's own
//! figures; the others are named. Without the folder the test says so and passes.

#[cfg(test)]
#[path = "recordings/bedrock.rs"]
mod bedrock;
#[cfg(test)]
#[path = "recordings/cassette.rs"]
mod cassette;
#[cfg(test)]
#[path = "recordings/cohere.rs"]
mod cohere;
#[cfg(test)]
#[path = "recordings/expected.rs"]
mod expected;
#[cfg(test)]
#[path = "recordings/gemini.rs"]
mod gemini;
#[cfg(test)]
#[path = "recordings/invoked.rs"]
mod invoked;

#[cfg(test)]
mod walk {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use bytes::Bytes;
    use dialects::{
        Facts, PathModel, ReplyContext, StreamError, StreamTranscoder, Target, VectorFormat,
        decode_count, decode_error, encode_count_request, encode_request_at, estimate_count,
        estimate_input_tokens, peek, peek_at, peek_embeddings, transcode_embeddings,
        transcode_reply,
    };
    use events::Dialect;
    use serde_json::Value;
    use units::Usd;

    use crate::cassette::{Interaction, interactions};
    use crate::expected::{Said, of_plain, of_stream};
    use crate::invoked;

    const OPENAI: Dialect = Dialect::OpenaiChat;
    const ANTHROPIC: Dialect = Dialect::AnthropicMessages;
    const RESPONSES: Dialect = Dialect::OpenaiResponses;
    const GEMINI: Dialect = Dialect::GeminiGenerate;
    const BEDROCK: Dialect = Dialect::BedrockConverse;
    const COHERE: Dialect = Dialect::CohereChat;
    /// The dialects an answer is told in.
    const CLIENTS: [Dialect; 4] = [OPENAI, ANTHROPIC, RESPONSES, GEMINI];

    fn context() -> ReplyContext {
        let cost: dialects::CostFn = Arc::new(|_| Some(Usd::from_pico(123_456_789)));
        ReplyContext { cost, ..ReplyContext::unpriced() }
    }

    #[test]
    fn recordings_replay_to_their_own_figures() {
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
                if let Some(dialect) = counted_by(&interaction.uri) {
                    match replay_count(dialect, &interaction) {
                        Ok(()) => *counts.entry("counts").or_insert(0) += 1,
                        Err(why) => failures.push(format!("{name} #{at}: {why}")),
                    }
                    continue;
                }
                if interaction.uri.ends_with("/embeddings") {
                    match replay_embeddings(&interaction) {
                        Ok(()) => *counts.entry("embeddings").or_insert(0) += 1,
                        Err(why) => failures.push(format!("{name} #{at}: {why}")),
                    }
                    continue;
                }
                if interaction.uri.ends_with("/invoke") {
                    match invoked::replay(&interaction) {
                        Ok(()) => *counts.entry("embeddings").or_insert(0) += 1,
                        Err(why) => failures.push(format!("{name} #{at}: {why}")),
                    }
                    continue;
                }
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

    /// Every vector reads back bit by bit, and the usage is what was told.
    fn replay_embeddings(interaction: &Interaction) -> Result<(), String> {
        let request = interaction.request.as_ref().ok_or("without a request")?;
        let asked = peek_embeddings(request.to_string().as_bytes()).map_err(|e| e.to_string())?;
        check("model", &Value::from(asked.peek.model), &request["model"])?;
        let body = interaction.response.clone().ok_or("without an answer")?;
        let recorded: Value = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
        let told = |body: Bytes, format| {
            let reply = transcode_embeddings(&body, format, &ReplyContext::unpriced());
            reply.map_err(|e| e.to_string())
        };
        let floats = told(Bytes::from(body), VectorFormat::Float)?;
        let vectors: Value = serde_json::from_slice(&floats.body).map_err(|e| e.to_string())?;
        if !vectors["data"][0]["embedding"].is_array() {
            return Err("the vector is no list of numbers".into());
        }
        let back = told(floats.body, asked.format)?;
        let back: Value = serde_json::from_slice(&back.body).map_err(|e| e.to_string())?;
        check("the vectors", &back, &recorded)?;
        let tokens = floats.facts.usage.map(|usage| usage.meters.input_tokens());
        check("usage", &Value::from(tokens), &recorded["usage"]["total_tokens"])
    }

    fn dialect_of(uri: &str) -> Option<Dialect> {
        let path = uri.split('?').next().unwrap_or(uri);
        if path.ends_with("/chat/completions") {
            Some(OPENAI)
        } else if path.ends_with("/messages") {
            Some(ANTHROPIC)
        } else if path.ends_with("/responses") || path.contains("/responses/resp_") {
            Some(RESPONSES)
        } else if path.ends_with("enerateContent") {
            Some(GEMINI)
        } else if path.ends_with("/converse") || path.ends_with("/converse-stream") {
            Some(BEDROCK)
        } else if path.ends_with("/v2/chat") {
            Some(COHERE)
        } else {
            None
        }
    }

    /// The dialect of a request to count its input.
    fn counted_by(uri: &str) -> Option<Dialect> {
        let path = uri.split('?').next().unwrap_or(uri);
        path.ends_with("/messages/count_tokens").then_some(ANTHROPIC)
    }

    fn replay_count(dialect: Dialect, interaction: &Interaction) -> Result<(), String> {
        let request = interaction.request.as_ref().ok_or("a count of nothing")?;
        let body = Bytes::from(request.to_string());
        let model = request["model"].as_str().unwrap_or_default();
        let target = Target { dialect, model, max_output_tokens: Some(1), drop_params: false };
        let sent = encode_count_request(&body, &target).map_err(|e| e.to_string())?;
        let sent: Value = serde_json::from_slice(&sent.body.whole()).map_err(|e| e.to_string())?;
        check("request", &sent, request)?;
        let estimate = estimate_count(dialect, &body).map_err(|e| e.to_string())?;
        let recorded: Value =
            serde_json::from_slice(interaction.response.as_deref().unwrap_or(b"null"))
                .map_err(|e| e.to_string())?;
        let told = decode_count(dialect, recorded.to_string().as_bytes());
        check("count", &told.into(), &recorded["input_tokens"])?;
        let told = told.unwrap_or_default();
        // The vendor's tokenizer is not published, and with tools it adds instructions of its own.
        if estimate > told * 3 || told > estimate * 3 + 700 {
            return Err(format!("estimated {estimate} tokens of {told}"));
        }
        Ok(())
    }

    fn replay(dialect: Dialect, interaction: &Interaction) -> Result<&'static str, String> {
        if CLIENTS.contains(&dialect)
            && let Some(request) = &interaction.request
        {
            replay_request(dialect, request, &interaction.uri)?;
        }
        let Some(body) = &interaction.response else { return Ok("without a body") };
        if interaction.status >= 300 {
            replay_error(dialect, interaction.status, body)?;
            return Ok("errors");
        }
        if body.starts_with(b"{") {
            replay_plain(dialect, body)?;
            return Ok(match dialect {
                BEDROCK => "bedrock plain",
                COHERE => "cohere plain",
                _ => counted(dialect, PLAIN),
            });
        }
        replay_stream(dialect, body)?;
        Ok(match dialect {
            BEDROCK => "bedrock streams",
            COHERE => "cohere streams",
            _ => counted(dialect, STREAMS),
        })
    }

    const PLAIN: [&str; 4] = ["openai plain", "anthropic plain", "responses plain", "gemini plain"];
    const STREAMS: [&str; 4] =
        ["openai streams", "anthropic streams", "responses streams", "gemini streams"];

    fn counted(dialect: Dialect, names: [&'static str; 4]) -> &'static str {
        let at = CLIENTS.iter().position(|client| *client == dialect);
        at.map_or("others", |at| names[at])
    }

    /// Whether a request leans on what its provider keeps, which no other can be asked.
    fn is_stateful(request: &Value) -> bool {
        let asks = |key: &str| !matches!(request[key], Value::Null | Value::Bool(false));
        ["previous_response_id", "conversation", "background"].into_iter().any(asks)
    }

    fn replay_request(from: Dialect, request: &Value, uri: &str) -> Result<(), String> {
        let body = Bytes::from(request.to_string());
        // One dialect names the model in its path.
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let at = PathModel::parse(path, Some(query)).filter(|_| from == GEMINI);
        let seen = match &at {
            Some(at) => peek_at(from, at, &body),
            None => peek(from, &body),
        };
        let seen = seen.map_err(|e| e.to_string())?;
        if from == GEMINI {
            check("stream", &seen.stream.into(), &uri.contains(":stream").into())?;
        } else {
            check("model", &Value::from(seen.model.as_str()), &request["model"])?;
        }
        if estimate_input_tokens(from, &body) == 0 {
            return Err("the input was estimated at nothing".into());
        }
        for dialect in CLIENTS {
            let target =
                Target { dialect, model: "other", max_output_tokens: None, drop_params: true };
            let encoded = match encode_request_at(from, at.as_ref(), &body, &target) {
                Err(error) if dialect != from && is_stateful(request) => {
                    check("code", &error.code().into(), &"unsupported_parameter".into())?;
                    continue;
                }
                encoded => encoded.map_err(|e| e.to_string())?,
            };
            let out: Value =
                serde_json::from_slice(&encoded.body.whole()).map_err(|e| e.to_string())?;
            if dialect != GEMINI {
                check("model sent", &out["model"], &Value::from("other"))?;
                let streams = out["stream"].as_bool().unwrap_or(false);
                check("stream sent", &streams.into(), &seen.stream.into())?;
            }
            if dialect == from {
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
        let is_pending = ["queued", "in_progress"].iter().any(|word| recorded["status"] == *word);
        for client in CLIENTS.into_iter().filter(|client| *client == dialect || !is_pending) {
            replay_plain_to(client, dialect, &recorded, body)
                .map_err(|why| format!("told in {client}: {why}"))?;
        }
        Ok(())
    }

    fn replay_plain_to(
        client: Dialect,
        dialect: Dialect,
        recorded: &Value,
        body: &[u8],
    ) -> Result<(), String> {
        let bytes = Bytes::copy_from_slice(body);
        let reply =
            transcode_reply(dialect, client, &bytes, &context()).map_err(|e| e.to_string())?;
        let out: Value = serde_json::from_slice(&reply.body).map_err(|e| e.to_string())?;
        let expected = of_plain(dialect, recorded);
        check_said(&of_plain(client, &out), &expected)?;
        check_facts(&reply.facts, &expected)?;
        if client == ANTHROPIC || client == GEMINI {
            let tokens = of_plain(client, &out).tokens;
            if expected.tokens.is_some() && tokens != expected.tokens {
                return Err(format!("usage told: {tokens:?} is not {:?}", expected.tokens));
            }
            // The dialect has no word for a cost.
        } else if recorded["usage"].is_object() {
            check("cost", &out["usage"]["cost"], &serde_json::json!(0.000123456789))?;
        }
        if dialect == client && (client == ANTHROPIC || client == GEMINI) {
            check("the answer", &out, recorded)?;
        } else if dialect == client {
            let mut untouched = out;
            match recorded["usage"].get("cost") {
                Some(cost) => untouched["usage"]["cost"] = cost.clone(),
                None => {
                    untouched["usage"].as_object_mut().map(|usage| usage.remove("cost"));
                }
            }
            check("the rest", &untouched, recorded)?;
        }
        Ok(())
    }

    fn replay_stream(dialect: Dialect, body: &[u8]) -> Result<(), String> {
        let expected = match dialect {
            BEDROCK => crate::bedrock::of_stream(body),
            _ => of_stream(dialect, &String::from_utf8_lossy(body)),
        };
        for client in CLIENTS {
            replay_stream_to(client, dialect, &expected, body)
                .map_err(|why| format!("told in {client}: {why}"))?;
        }
        Ok(())
    }

    fn replay_stream_to(
        client: Dialect,
        dialect: Dialect,
        expected: &Said,
        body: &[u8],
    ) -> Result<(), String> {
        let pair = (dialect, client);
        let (whole, facts) = transcoded(pair, body, body.len(), expected.is_complete)?;
        for piece in [1, 7, 64, 1000] {
            let cut = transcoded(pair, body, piece, expected.is_complete)?;
            if cut != (whole.clone(), facts.clone()) {
                return Err(format!("pieces of {piece} bytes give another stream"));
            }
        }
        check_facts(&facts, expected)?;
        let is_untouched = dialect == client && (client == ANTHROPIC || client == GEMINI);
        if is_untouched && expected.is_complete && whole != body {
            return Err("the stream is not the provider's own".into());
        }
        check_said(&of_stream(client, &String::from_utf8_lossy(&whole)), expected)
    }

    fn transcoded(
        (dialect, client): (Dialect, Dialect),
        body: &[u8],
        piece: usize,
        is_complete: bool,
    ) -> Result<(Vec<u8>, Facts), String> {
        let mut transcoder = StreamTranscoder::new(dialect, client, context());
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
        if calls_of(seen) != calls_of(expected) {
            return Err(format!("calls: {:?} are not {:?}", seen.calls, expected.calls));
        }
        // Where a recording tells none, a translation says that the model stopped.
        if expected.finish.is_some() && seen.finish != expected.finish {
            return Err(format!("finish: {:?} is not {:?}", seen.finish, expected.finish));
        }
        Ok(())
    }

    /// Name and arguments of each call. Some dialects tell arguments as text, others as an object.
    fn calls_of(said: &Said) -> Vec<(&str, Value)> {
        let arguments = |json: &String| match json.trim() {
            "" => Value::Object(serde_json::Map::new()),
            json => serde_json::from_str(json).unwrap_or_else(|_| Value::from(json)),
        };
        said.calls.values().map(|(name, json)| (name.as_str(), arguments(json))).collect()
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

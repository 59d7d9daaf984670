//! What an answer rests on reaches the client: the same in a stream however it is cut, and the same again
//! when the client's answer is read as a provider's. Text that is not ASCII tells characters from bytes.

use bytes::Bytes;
use dialects::{ReplyContext, transcode_reply};
use events::Dialect;
use serde_json::{Value, json};

use crate::bodies::{CLIENTS, PROVIDERS, told};

/// The text before what is cited, and what is: each has a character of several bytes.
const BEFORE: &str = "Grüße 🌦: ";
const CITED: &str = "Zwölf Grad";
const SOURCE: &str = "https://example.com/wetter";

/// A provider's plain answer, whose citation is over [`CITED`].
fn plain(provider: Dialect) -> Value {
    let text = format!("{BEFORE}{CITED}");
    let (start, end) = (BEFORE.chars().count(), text.chars().count());
    match provider {
        Dialect::OpenaiChat => {
            json!({"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text, "annotations": [{"type": "url_citation",
                "url_citation": {"start_index": start, "end_index": end, "url": SOURCE, "title": "Wetter"}}]}}]})
        }
        Dialect::OpenaiResponses => {
            json!({"id": "resp_1", "object": "response", "status": "completed", "model": "m",
            "output": [{"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "output_text",
                "text": text, "annotations": [{"type": "url_citation", "start_index": start, "end_index": end,
                    "url": SOURCE, "title": "Wetter"}]}]}]})
        }
        Dialect::AnthropicMessages => {
            json!({"id": "msg", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": BEFORE}, {"type": "text", "text": CITED, "citations": [{
                "type": "web_search_result_location", "url": SOURCE, "title": "Wetter", "cited_text": "12 °C",
                "encrypted_index": "x"}]}], "stop_reason": "end_turn"})
        }
        Dialect::GeminiGenerate => {
            json!({"responseId": "g", "modelVersion": "m", "candidates": [{"index": 0,
            "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": text}]}, "groundingMetadata": {
                "groundingChunks": [{"web": {"uri": SOURCE, "title": "Wetter"}}],
                "groundingSupports": [{"segment": {"startIndex": BEFORE.len(), "endIndex": text.len(), "text": CITED},
                    "groundingChunkIndices": [0]}]}}]})
        }
        Dialect::BedrockConverse => json!({"output": {"message": {"role": "assistant", "content": [
            {"text": BEFORE}, {"citationsContent": {"content": [{"text": CITED}], "citations": [{"title": "Wetter",
                "sourceContent": [{"text": "12 °C"}], "location": {"web": {"url": SOURCE}}}]}}]}},
            "stopReason": "end_turn"}),
        Dialect::CohereChat => {
            json!({"id": "c", "finish_reason": "COMPLETE", "message": {"role": "assistant",
            "content": [{"type": "text", "text": text}], "citations": [{"start": start, "end": end, "text": CITED,
                "type": "TEXT_CONTENT", "content_index": 0, "sources": [{"type": "document", "id": "d",
                    "document": {"url": SOURCE, "title": "Wetter"}}]}]}})
        }
    }
}

fn sse(events: &[Value]) -> Vec<u8> {
    let named = |event: &Value| {
        let name =
            event["type"].as_str().map(|name| format!("event: {name}\n")).unwrap_or_default();
        format!("{name}data: {event}\n\n")
    };
    events.iter().map(named).collect::<String>().into_bytes()
}

/// The same answer streamed, where the provider's frames are text.
fn streamed(provider: Dialect) -> Option<Vec<u8>> {
    let whole = plain(provider);
    Some(match provider {
        Dialect::OpenaiChat => {
            let chunk = |delta: Value, end: Value| {
                json!({"id": "c", "model": "m", "choices": [
                {"index": 0, "delta": delta, "finish_reason": end}]})
            };
            let annotations = &whole["choices"][0]["message"]["annotations"];
            let mut bytes = sse(&[
                chunk(json!({"role": "assistant", "content": BEFORE}), Value::Null),
                chunk(json!({"content": CITED}), Value::Null),
                chunk(json!({"annotations": annotations}), Value::Null),
                chunk(json!({}), json!("stop")),
            ]);
            bytes.extend_from_slice(b"data: [DONE]\n\n");
            bytes
        }
        Dialect::OpenaiResponses => {
            let annotation = &whole["output"][0]["content"][0]["annotations"][0];
            let delta = |text| json!({"type": "response.output_text.delta", "output_index": 0, "delta": text});
            sse(&[
                json!({"type": "response.created", "response": {"id": "resp_1", "model": "m", "status": "in_progress"}}),
                json!({"type": "response.content_part.added", "output_index": 0}),
                delta(BEFORE),
                delta(CITED),
                json!({"type": "response.output_text.annotation.added", "output_index": 0, "annotation": annotation}),
                json!({"type": "response.completed", "response": whole}),
            ])
        }
        Dialect::AnthropicMessages => {
            let of = |kind, index: u64, key: &str, value: Value| {
                let mut event = json!({"type": kind, "index": index});
                event[key] = value;
                event
            };
            let (start, step) = ("content_block_start", "content_block_delta");
            let citation = &whole["content"][1]["citations"][0];
            let empty = || json!({"type": "text", "text": ""});
            sse(&[
                json!({"type": "message_start", "message": {"id": "msg", "model": "m"}}),
                of(start, 0, "content_block", empty()),
                of(step, 0, "delta", json!({"type": "text_delta", "text": BEFORE})),
                json!({"type": "content_block_stop", "index": 0}),
                of(start, 1, "content_block", empty()),
                of(step, 1, "delta", json!({"type": "citations_delta", "citation": citation})),
                of(step, 1, "delta", json!({"type": "text_delta", "text": CITED})),
                json!({"type": "content_block_stop", "index": 1}),
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
                json!({"type": "message_stop"}),
            ])
        }
        Dialect::GeminiGenerate => {
            let mut last = whole.clone();
            last["candidates"][0]["content"]["parts"][0]["text"] = json!(CITED);
            sse(&[
                json!({"responseId": "g", "modelVersion": "m", "candidates": [{"content": {"parts": [{"text": BEFORE}]}}]}),
                last,
            ])
        }
        Dialect::CohereChat => {
            let step = |kind, message: Value| json!({"type": kind, "index": 0, "delta": {"message": message}});
            let text = |text| json!({"content": {"text": text}});
            sse(&[
                json!({"type": "message-start", "id": "c"}),
                step("content-start", json!({"content": {"type": "text", "text": ""}})),
                step("content-delta", text(BEFORE)),
                step("content-delta", text(CITED)),
                step("citation-start", json!({"citations": whole["message"]["citations"][0]})),
                json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}),
            ])
        }
        // Its frames are binary; its decoder is tested beside it.
        Dialect::BedrockConverse => return None,
    })
}

/// The citations an answer in OpenAI's chat names: address, title, and the text they are over.
fn cited(body: &[u8]) -> Vec<(String, String, String)> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let message = &body["choices"][0]["message"];
    let text: Vec<char> = message["content"].as_str().unwrap().chars().collect();
    let list = message["annotations"].as_array().cloned().unwrap_or_default();
    let at = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let one = |annotation: &Value| {
        let cited = &annotation["url_citation"];
        let over = text[at(&cited["start_index"])..at(&cited["end_index"])].iter().collect();
        let word = |name: &str| cited[name].as_str().unwrap().to_owned();
        (word("url"), word("title"), over)
    };
    list.iter().map(one).collect()
}

/// The same of a stream of chunks.
fn cited_of_stream(bytes: &[u8]) -> Vec<(String, String, String)> {
    let (mut text, mut annotations) = (String::new(), Vec::new());
    for line in std::str::from_utf8(bytes).unwrap().lines() {
        let Some(data) = line.strip_prefix("data: ").filter(|data| *data != "[DONE]") else {
            continue;
        };
        let chunk: Value = serde_json::from_str(data).unwrap();
        let delta = &chunk["choices"][0]["delta"];
        text.push_str(delta["content"].as_str().unwrap_or_default());
        annotations.extend(delta["annotations"].as_array().cloned().unwrap_or_default());
    }
    let message = json!({"content": text, "annotations": annotations});
    cited(json!({"choices": [{"message": message}]}).to_string().as_bytes())
}

fn wanted(over: &str) -> Vec<(String, String, String)> {
    vec![(SOURCE.to_owned(), "Wetter".to_owned(), over.to_owned())]
}

#[test]
fn every_provider_tells_a_source_over_the_same_characters_plain_and_streamed_however_it_is_cut() {
    let context = ReplyContext::unpriced();
    let chat = Dialect::OpenaiChat;
    for provider in PROVIDERS {
        let body = Bytes::from(plain(provider).to_string());
        let reply = transcode_reply(provider, chat, &body, &context).unwrap();
        assert_eq!(cited(&reply.body), wanted(CITED), "{provider}, plain");
        let Some(bytes) = streamed(provider) else { continue };
        let (whole, error, _) = told((provider, chat), &context, [&bytes[..]]);
        assert_eq!((error, cited_of_stream(&whole)), (None, wanted(CITED)), "{provider}, streamed");
        for size in [1, 2, 3, 7, 50] {
            let (pieces, ..) = told((provider, chat), &context, bytes.chunks(size));
            assert_eq!(pieces, whole, "{provider}, in pieces of {size} bytes");
        }
    }
}

#[test]
fn what_a_client_is_told_reads_back_as_what_the_provider_said() {
    let context = ReplyContext::unpriced();
    let chat = Dialect::OpenaiChat;
    for (provider, client) in PROVIDERS.into_iter().flat_map(|p| CLIENTS.map(|c| (p, c))) {
        let body = Bytes::from(plain(provider).to_string());
        let there = transcode_reply(provider, client, &body, &context).unwrap();
        let back = transcode_reply(client, chat, &there.body, &context).unwrap();
        // Blocks are what these clients cite by: what was one text stays one.
        let in_blocks =
            |dialect| matches!(dialect, Dialect::AnthropicMessages | Dialect::BedrockConverse);
        let all = format!("{BEFORE}{CITED}");
        let is_whole = client == Dialect::AnthropicMessages && !in_blocks(provider);
        let over = if is_whole { &all } else { CITED };
        assert_eq!(cited(&back.body), wanted(over), "{provider} to {client}, plain");

        let Some(bytes) = streamed(provider) else { continue };
        let (there, ..) = told((provider, client), &context, [&bytes[..]]);
        let (back, error, _) = told((client, chat), &context, [&there[..]]);
        // A stream has no seam between two blocks of text that follow each other.
        let over =
            if client == Dialect::AnthropicMessages && client != provider { &all } else { CITED };
        assert_eq!(
            (error, cited_of_stream(&back)),
            (None, wanted(over)),
            "{provider} to {client}, streamed"
        );
    }
}

#[test]
fn no_answer_brings_more_citations_than_are_kept() {
    let mut body = plain(Dialect::CohereChat);
    let one = body["message"]["citations"][0].clone();
    body["message"]["citations"] = Value::Array(vec![one; 600]);
    let body = Bytes::from(body.to_string());
    let context = ReplyContext::unpriced();
    let reply = transcode_reply(Dialect::CohereChat, Dialect::OpenaiChat, &body, &context).unwrap();
    assert_eq!(cited(&reply.body).len(), 512);
}

#[test]
fn a_document_is_told_where_the_client_has_a_word_for_one() {
    let mut body = plain(Dialect::AnthropicMessages);
    body["content"][1]["citations"][0] = json!({"type": "page_location", "cited_text": "12 °C", "document_index": 2,
        "document_title": "Bericht", "file_id": "file_1", "start_page_number": 3, "end_page_number": 4});
    let body = Bytes::from(body.to_string());
    let context = ReplyContext::unpriced();
    let to = |client| {
        let reply = transcode_reply(Dialect::AnthropicMessages, client, &body, &context).unwrap();
        serde_json::from_slice::<Value>(&reply.body).unwrap()
    };
    let chat = to(Dialect::OpenaiChat);
    assert_eq!(chat["choices"][0]["message"]["annotations"], Value::Null);
    let responses = to(Dialect::OpenaiResponses);
    assert_eq!(
        responses["output"][0]["content"][0]["annotations"],
        json!([{"type": "file_citation", "file_id": "file_1", "filename": "Bericht", "index": 19}])
    );
    let gemini = to(Dialect::GeminiGenerate);
    assert_eq!(
        gemini["candidates"][0]["groundingMetadata"],
        json!({"groundingChunks": [{"retrievedContext": {"uri": "file_1", "title": "Bericht", "text": "12 °C"}}],
            "groundingSupports": [{"segment": {"partIndex": 1, "startIndex": 0, "endIndex": 11, "text": CITED},
                "groundingChunkIndices": [0]}]})
    );
}

#[test]
fn a_turn_that_brings_its_citations_back_is_taken() {
    let ask = json!({"model": "r", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Wie warm?"},
        {"role": "assistant", "content": plain(Dialect::AnthropicMessages)["content"]},
        {"role": "user", "content": "Und morgen?"}]});
    let body = Bytes::from(ask.to_string());
    for provider in PROVIDERS {
        let target = dialects::Target {
            dialect: provider,
            model: "m",
            max_output_tokens: None,
            drop_params: false,
        };
        let sent = dialects::encode_request_at(Dialect::AnthropicMessages, None, &body, &target);
        let sent = sent.unwrap_or_else(|error| panic!("{provider}: {error}"));
        assert!(String::from_utf8_lossy(&sent.body.whole()).contains(CITED), "{provider}");
    }
}

/// Documents an application wants cited: one that can be asked to cite them is, by what it calls a document; for any
/// other the parameter is named.
#[test]
fn documents_to_be_cited_reach_the_provider_that_can_be_asked_to() {
    let text = json!({"type": "document", "title": "Tarife", "citations": {"enabled": true},
        "source": {"type": "text", "media_type": "text/plain", "data": "Zoll: 3 €."}});
    let file = json!({"type": "document", "title": "tarife.pdf", "citations": {"enabled": true},
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}});
    let uncited = json!({"type": "document", "title": "Notiz", "citations": {"enabled": false},
        "source": {"type": "text", "media_type": "text/plain", "data": "Nur Text."}});
    let question = json!({"type": "text", "text": "Wie viel?"});
    let ask = json!({"model": "r", "max_tokens": 9, "messages": [
        {"role": "user", "content": [text, file, uncited, question]}]});
    let body = Bytes::from(ask.to_string());
    let sent = |dialect, drop_params| {
        let target = dialects::Target { dialect, model: "m", max_output_tokens: None, drop_params };
        dialects::encode_request_at(Dialect::AnthropicMessages, None, &body, &target)
    };
    let converse = sent(Dialect::BedrockConverse, false).unwrap();
    let told: Value = serde_json::from_slice(&converse.body.whole()).unwrap();
    let enabled = json!({"enabled": true});
    assert_eq!(
        told["messages"][0]["content"],
        json!([
            {"document": {"format": "txt", "name": "Tarife", "source": {"text": "Zoll: 3 €."}, "citations": enabled}},
            {"document": {"format": "pdf", "name": "tarife", "source": {"bytes": "JVBERg=="}, "citations": enabled}},
            {"text": "Notiz"}, {"text": "Nur Text."}, {"text": "Wie viel?"}])
    );
    for provider in [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::GeminiGenerate] {
        let error = sent(provider, false).unwrap_err();
        assert_eq!(error.param(), Some("messages[0].content[0].citations"), "{provider}");
        let sent = sent(provider, true).unwrap();
        let named = ["messages[0].content[0].citations", "messages[0].content[1].citations"];
        assert_eq!(sent.dropped, named, "{provider}");
        let told = String::from_utf8(sent.body.whole().to_vec()).unwrap();
        let at = |words: &str| told.find(words).unwrap_or_else(|| panic!("{provider}: {words}"));
        assert!(at("Tarife") < at("Zoll: 3 €.") && at("Zoll") < at("Wie viel?"), "{provider}");
    }
}

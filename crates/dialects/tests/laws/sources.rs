//! Sources that stand beside an answer and not in it (`citations` and `search_results` with marks in the text,
//! Google's `citationMetadata`) reach every client over the same characters, plain and streamed; what a client's
//! dialect has no words for is told as dropped.

use bytes::Bytes;
use dialects::{Facts, ReplyContext, transcode_reply};
use events::Dialect;
use serde_json::{Value, json};

use crate::bodies::{CLIENTS, told};

const CHAT: Dialect = Dialect::OpenaiChat;

/// Addresses, titles and the characters they are over.
type Cited = Vec<(String, String, String)>;

/// An answer with marks, its sources beside it.
fn marked(text: &str) -> Value {
    json!({"id": "c", "model": "sonar", "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text}}],
        "citations": ["https://a.example/1", "https://b.example/2"],
        "search_results": [{"title": "Eins", "url": "https://a.example/1", "date": "2026-01-02"},
            {"title": "Zwei", "url": "https://b.example/2"}]})
}

/// The same streamed in pieces of one character; the sources come again with every chunk, or with the last.
fn marked_stream(text: &str, is_repeated: bool) -> Vec<u8> {
    let chunk = |delta: Value, end: Value, is_told: bool| {
        let mut chunk = if is_told { marked("") } else { json!({"id": "c", "model": "sonar"}) };
        chunk["choices"] = json!([{"index": 0, "delta": delta, "finish_reason": end}]);
        format!("data: {chunk}\n\n")
    };
    let piece = |char: char| chunk(json!({"content": char.to_string()}), Value::Null, is_repeated);
    let mut stream: String = text.chars().map(piece).collect();
    stream.push_str(&chunk(json!({}), json!("stop"), true));
    stream.push_str("data: [DONE]\n\n");
    stream.into_bytes()
}

fn cited(message: &Value) -> Cited {
    let text: Vec<char> = message["content"].as_str().unwrap_or_default().chars().collect();
    let one = |annotation: &Value| {
        let cited = &annotation["url_citation"];
        let at = |name: &str| usize::try_from(cited[name].as_u64().unwrap()).unwrap();
        let word = |name: &str| cited[name].as_str().unwrap().to_owned();
        let over = text[at("start_index")..at("end_index")].iter().collect();
        (word("url"), word("title"), over)
    };
    message["annotations"].as_array().into_iter().flatten().map(one).collect()
}

fn cited_plain(body: &[u8]) -> Cited {
    cited(&serde_json::from_slice::<Value>(body).unwrap()["choices"][0]["message"])
}

fn cited_streamed(bytes: &[u8]) -> Cited {
    let (mut text, mut annotations) = (String::new(), Vec::new());
    for line in std::str::from_utf8(bytes).unwrap().lines() {
        let data = line.strip_prefix("data: ").filter(|data| *data != "[DONE]");
        let Some(data) = data else { continue };
        let chunk: Value = serde_json::from_str(data).unwrap();
        let delta = &chunk["choices"][0]["delta"];
        text.push_str(delta["content"].as_str().unwrap_or_default());
        annotations.extend(delta["annotations"].as_array().cloned().unwrap_or_default());
    }
    cited(&json!({"content": text, "annotations": annotations}))
}

fn wanted(list: &[(&str, &str, &str)]) -> Cited {
    list.iter().map(|(u, t, o)| ((*u).into(), (*t).into(), (*o).into())).collect()
}

/// What clients of the chat hear of a provider's answer by way of another client's words.
fn by_way_of(client: Dialect, provider: Dialect, body: &Value) -> Cited {
    let context = ReplyContext::unpriced();
    let body = Bytes::from(body.to_string());
    let there = transcode_reply(provider, client, &body, &context).unwrap();
    cited_plain(&transcode_reply(client, CHAT, &there.body, &context).unwrap().body)
}

#[test]
fn marks_cite_the_sources_beside_the_answer_for_every_translated_client_plain_and_streamed() {
    let text = "Es sind 12 °C 🌦[1][2], morgen 9 [3].";
    let each =
        wanted(&[("https://a.example/1", "Eins", "[1]"), ("https://b.example/2", "Zwei", "[2]")]);
    let context = ReplyContext::unpriced();
    for client in [Dialect::OpenaiResponses, Dialect::GeminiGenerate] {
        assert_eq!(by_way_of(client, CHAT, &marked(text)), each, "{client}, plain");
        for is_repeated in [false, true] {
            let stream = marked_stream(text, is_repeated);
            let (there, error, _) = told((CHAT, client), &context, [&stream[..]]);
            assert_eq!(error, None, "{client}");
            let (back, error, _) = told((client, CHAT), &context, [&there[..]]);
            assert_eq!((error, cited_streamed(&back)), (None, each.clone()), "{client}, streamed");
        }
    }
    // Blocks are what these clients cite by.
    let body = Bytes::from(marked(text).to_string());
    let reply = transcode_reply(CHAT, Dialect::AnthropicMessages, &body, &context).unwrap();
    let reply: Value = serde_json::from_slice(&reply.body).unwrap();
    let blocks = reply["content"].as_array().unwrap();
    let urls: Vec<&Value> = blocks
        .iter()
        .flat_map(|block| block["citations"].as_array().into_iter().flatten())
        .map(|citation| &citation["url"])
        .collect();
    assert_eq!(urls, ["https://a.example/1", "https://b.example/2"]);
}

#[test]
fn an_equal_dialect_hears_marks_and_sources_to_the_letter() {
    let context = ReplyContext::unpriced();
    let body = Bytes::from(marked("Zwölf [1].").to_string());
    let reply = transcode_reply(CHAT, CHAT, &body, &context).unwrap();
    assert_eq!(reply.body, body);
    let stream = marked_stream("Zwölf [1].", true);
    let (passed, error, facts) = told((CHAT, CHAT), &context, [&stream[..]]);
    assert_eq!((passed, error, facts.dropped_citations), (stream, None, false));
}

/// An answer whose text is recited, its parts counted in bytes.
fn recited(parts: &[&str]) -> Value {
    let parts: Vec<Value> = parts.iter().map(|text| json!({"text": text})).collect();
    json!({"responseId": "g", "modelVersion": "m", "candidates": [{"index": 0, "finishReason": "STOP",
        "content": {"role": "model", "parts": parts}, "citationMetadata": {"citationSources": [
            {"startIndex": 14, "endIndex": 25, "uri": "https://a.example/1", "license": "mit"},
            {"uri": "https://b.example/2", "title": "Zwei"}]}}]})
}

#[test]
fn what_a_model_recites_is_cited_over_the_bytes_it_names() {
    let gemini = Dialect::GeminiGenerate;
    let (before, after) = ("Grüße 🌦: ", "Zwölf Grad");
    let each = wanted(&[
        ("https://a.example/1", "", "Zwölf Grad"),
        ("https://b.example/2", "Zwei", "Grüße 🌦: Zwölf Grad"),
    ]);
    let context = ReplyContext::unpriced();
    let body = Bytes::from(recited(&[before, after]).to_string());
    let reply = transcode_reply(gemini, CHAT, &body, &context).unwrap();
    assert_eq!(cited_plain(&reply.body), each);
    assert_eq!(by_way_of(Dialect::OpenaiResponses, gemini, &recited(&[before, after])), each);

    let mut first = recited(&[before]);
    first["candidates"][0]["finishReason"] = Value::Null;
    let last = recited(&[after]);
    let stream = format!("data: {first}\r\n\r\ndata: {last}\r\n\r\n").into_bytes();
    for size in [1, 7, 5_000] {
        let (out, error, _) = told((gemini, CHAT), &context, stream.chunks(size));
        assert_eq!((error, cited_streamed(&out)), (None, each.clone()), "pieces of {size}");
    }
}

/// What became of an answer that cites a document, plain and streamed.
fn of_a_document(client: Dialect) -> [Facts; 2] {
    let citation = json!({"type": "char_location", "cited_text": "12", "document_index": 0,
        "start_char_index": 0, "end_char_index": 2});
    let body = json!({"id": "m", "type": "message", "model": "m", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "Zwölf", "citations": [citation]}]});
    let context = ReplyContext::unpriced();
    let from = Dialect::AnthropicMessages;
    let plain = Bytes::from(body.to_string());
    let plain = transcode_reply(from, client, &plain, &context).unwrap().facts;
    let events = [
        json!({"type": "message_start", "message": {"id": "m", "model": "m"}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Zwölf"}}),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "citations_delta", "citation": citation}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        json!({"type": "message_stop"}),
    ];
    let frame =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    let stream: String = events.iter().map(frame).collect();
    let (_, error, streamed) = told((from, client), &context, [stream.as_bytes()]);
    assert_eq!(error, None);
    [plain, streamed]
}

#[test]
fn a_citation_the_client_has_no_words_for_is_told_as_dropped() {
    for client in CLIENTS {
        // A document that has a number alone: only these two count documents or show them without a name.
        let is_carried = matches!(client, Dialect::AnthropicMessages | Dialect::GeminiGenerate);
        for facts in of_a_document(client) {
            assert_eq!(facts.dropped_citations, !is_carried, "{client}");
        }
    }
}

//! Requests read: every item in its turn, errors that name the parameter, no panic.

use proptest::prelude::*;

use super::*;
use crate::chat::Image;

#[test]
fn a_request_is_read_whole() {
    let body = r#"{"model":"m","instructions":"be brief","input":[
        {"role":"developer","content":"rules"},
        {"type":"message","role":"user","content":[
            {"type":"input_text","text":"a"},
            {"type":"input_image","detail":"auto","image_url":"data:image/png;base64,AAAA"},
            {"type":"input_image","image_url":"https://x/y.png"},
            {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="},
            {"type":"input_audio"}]},
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"tollgate.signed:sig"},
        {"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"gAAAA"},
        {"type":"reasoning","id":"rs_3","summary":[],"encrypted_content":"tollgate.call:c2ln"},
        {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}"},
        {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"b","annotations":[]}]},
        {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"r"}]}],
        "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":true},{"type":"web_search"}],
        "tool_choice":{"type":"function","name":"f"},"parallel_tool_calls":false,
        "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true},"verbosity":"low"},
        "reasoning":{"effort":"high","summary":"auto"},"max_output_tokens":9,"temperature":0.5,
        "store":false,"include":["reasoning.encrypted_content"],"previous_response_id":null,
        "prompt_cache_key":"k","safety_identifier":"u","user":"old","stream":true}"#;
    let request = request(body).unwrap();
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::System, Role::System, Role::User, Role::Assistant, Role::Tool]);
    let user = &request.turns[2].parts;
    assert!(
        matches!(&user[1].content, Content::Image(Image::Data { media_type, data }) if media_type == "image/png" && data == "AAAA")
    );
    assert!(matches!(&user[2].content, Content::Image(Image::Url(_))));
    assert!(
        matches!(&user[3].content, Content::Document { title: Some(title), .. } if title == "a.pdf")
    );
    assert!(matches!(&user[4].content, Content::Other(kind) if kind == "input_audio"));
    let said = &request.turns[3].parts;
    assert!(
        matches!(&said[0].content, Content::Thinking { text, signature } if text == "t" && signature == "sig")
    );
    assert!(matches!(&said[1].content, Content::UnsignedThinking));
    assert!(
        matches!(&said[2].content, Content::ToolCall { id, signature: Some(sig), .. } if id == "c1" && sig == "c2ln")
    );
    assert!(matches!(&said[3].content, Content::Text(text) if text == "b"));
    assert_eq!(request.tool_choice, ToolChoice::Named("f".into()));
    assert!(request.tools[0].strict && request.tools.len() == 1);
    let ResponseFormat::JsonSchema(format) = &request.format else { panic!() };
    assert_eq!((format.name.as_deref(), format.strict), (Some("n"), Some(true)));
    assert_eq!((request.effort, request.max_output_tokens), (Some(Effort::High), Some(9)));
    assert_eq!(request.user.as_deref(), Some("u"));
    let rest: Vec<&str> = request.rest.iter().map(|(name, _)| name.as_ref()).collect();
    assert_eq!(rest, ["tools[1]", "text.verbosity"]);
}

#[test]
fn an_error_names_the_parameter() {
    for (members, param) in [
        (r#""model":"m""#, "input"),
        (r#""input":[]"#, "input"),
        (r#""input":5"#, "input"),
        (r#""input":[{"content":"x"}]"#, "input[0].role"),
        (r#""input":[{"role":"bard","content":"x"}]"#, "input[0].role"),
        (r#""input":[{"role":"user","content":5}]"#, "input[0].content"),
        (
            r#""input":[{"role":"user","content":[{"type":"input_text"}]}]"#,
            "input[0].content[0].text",
        ),
        (r#""input":[{"type":"function_call","name":"f"}]"#, "input[0].call_id"),
        (r#""input":"x","previous_response_id":"resp_1""#, "previous_response_id"),
        (r#""input":"x","conversation":"conv_1""#, "conversation"),
        (r#""input":"x","background":true"#, "background"),
        (r#""input":"x","prompt":{"id":"p"}"#, "prompt"),
        (r#""input":"x","tools":[{"type":"function"}]"#, "tools[0].name"),
        (r#""input":"x","tool_choice":7"#, "tool_choice"),
        (r#""input":"x","text":{"format":{"type":"json_schema"}}"#, "text.format.schema"),
        (r#""input":"x","reasoning":{"effort":"extreme"}"#, "reasoning.effort"),
        (r#""input":"x","temperature":"hot""#, "temperature"),
    ] {
        let body = format!("{{{members}}}");
        let error = request(&body).unwrap_err();
        assert_eq!(error.param(), Some(param), "{error}");
    }
    let error = request(r#"{"input":"x","previous_response_id":"resp_1"}"#).unwrap_err();
    assert_eq!(error.code(), "unsupported_parameter");
    assert!(error.to_string().contains("send the whole conversation in `input`"), "{error}");
}

#[test]
fn a_request_that_leans_on_a_state_can_be_counted_all_the_same() {
    let body = r#"{"input":"one two","previous_response_id":"resp_1","background":true}"#;
    assert!(request(body).is_err());
    assert_eq!(counted(body).unwrap().turns.len(), 1);
}

proptest! {
    #[test]
    fn no_text_panics(body in "[{}\\[\\]\",:a-z0-9 \\\\]{0,80}") {
        let _ = request(&body);
    }

    #[test]
    fn no_item_panics(item in "\\{(\"(type|role|content|call_id|output|summary)\":(\"[a-z_]{0,20}\"|\\[\\]|null|1|\\{\\}),?){0,4}\\}") {
        let _ = request(&format!("{{\"input\":[{item}]}}"));
    }
}

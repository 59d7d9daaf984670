use super::*;

#[test]
fn every_finish_reason_has_its_neutral_word() {
    for (native, reason) in [
        ("COMPLETE", FinishReason::Stop),
        ("STOP_SEQUENCE", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("TOOL_CALL", FinishReason::ToolCalls),
        ("ERROR", FinishReason::Error),
        ("TIMEOUT", FinishReason::Error),
    ] {
        let mut facts = Facts::default();
        note_finish(&mut facts, native);
        assert_eq!(facts.finish_reason, Some(reason), "{native}");
        assert_eq!(facts.native_finish_reason.as_deref(), Some(native));
    }
}

#[test]
fn an_error_under_status_200_and_junk_are_no_answers() {
    let decode = |json| decode(json, &mut Facts::default());
    let error = decode(r#"{"id":"x","message":"invalid request"}"#);
    assert!(matches!(error, Err(ReplyError::Upstream(e)) if e.message == "invalid request"));
    for junk in ["", "{}", "[]", "<html>", r#"{"message":5}"#, r#"{"message":[]}"#] {
        assert!(matches!(decode(junk), Err(ReplyError::Garbage(_))), "{junk}");
    }
}

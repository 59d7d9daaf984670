//! A body that names the model its address names: one cloud's addresses name the deployment, and what
//! the body says of the model counts for nothing there.

use bytes::Bytes;

use crate::json::{Edit, text_of};
use crate::operations::{form, members};
use crate::request::RequestError;

/// The body with this model in the place of whatever it names, or added where it names none; its own
/// bytes where it names it already. Attribution, which is read later, stays.
///
/// # Errors
/// The body is neither a JSON object nor a form, or names two models.
pub fn name_model(content_type: &str, body: &Bytes, model: &str) -> Result<Bytes, RequestError> {
    if let Some(form) = form(content_type, body)? {
        return Ok(match form.text("model") == Some(model) {
            true => body.clone(),
            false => form.with("model", model).into(),
        });
    }
    let members = members(body)?;
    let named = text_of(model);
    let has_model = members.iter().any(|(key, _)| key == "model");
    let added = if has_model { vec![] } else { vec![("model", named.clone())] };
    let edit = |key: &str, json: &str| {
        (key == "model" && json != named).then(|| Edit::Replace(named.clone()))
    };
    Ok(members.rewrite(edit, &added).map_or_else(|| body.clone(), Bytes::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORM: &str = "multipart/form-data; boundary=b";

    fn named(kind: &str, body: &str) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        String::from_utf8(name_model(kind, &body, "dep \"1\"").unwrap().to_vec()).unwrap()
    }

    #[test]
    fn the_address_decides_whatever_the_body_says() {
        let json = "application/json";
        for (body, expected) in [
            (r#"{"a":1}"#, r#"{"a":1,"model":"dep \"1\""}"#),
            ("{}", r#"{"model":"dep \"1\""}"#),
            (r#"{"model":"x", "session_id":"s"}"#, r#"{"model":"dep \"1\"", "session_id":"s"}"#),
            (r#"{"model":null}"#, r#"{"model":"dep \"1\""}"#),
        ] {
            assert_eq!(named(json, body), expected);
        }
        let field = "--b\r\ncontent-disposition: form-data; name=model\r\n\r\nx\r\n--b--\r\n";
        assert_eq!(named(FORM, field), field.replace("\r\n\r\nx", "\r\n\r\ndep \"1\""));
        let none = "--b\r\ncontent-disposition: form-data; name=n\r\n\r\n1\r\n--b--\r\n";
        assert!(named(FORM, none).contains("name=\"model\"\r\n\r\ndep \"1\"\r\n"));
    }

    #[test]
    fn a_body_that_says_so_already_is_not_copied() {
        let body = Bytes::from_static(br#"{ "model":"m" }"#);
        let same = name_model("application/json", &body, "m").unwrap();
        assert_eq!(same.as_ptr(), body.as_ptr());
        assert_eq!(
            name_model("application/json", &Bytes::new(), "m").unwrap_err().code(),
            "invalid_json"
        );
        assert_eq!(name_model(FORM, &body, "m").unwrap_err().param(), Some("body"));
    }

    proptest! {
        #[test]
        fn every_model_is_read_again_as_it_was_named(model in "\\PC{1,20}", body in "[{}\":,a-z]{0,30}") {
            let told = name_model("", &Bytes::from(format!("{{\"x\":{{}},\"model\":{:?}}}", "y")), &model).unwrap();
            prop_assert_eq!(crate::peek(events::Dialect::OpenaiChat, &told).unwrap().model, model.clone());
            let _ = name_model("", &Bytes::from(body), &model);
        }
    }
}

//! One part of a message of a client.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::member::many;
use crate::chat::{Content, Image, Part};
use crate::json::{Object, Text};
use crate::request::RequestError;

/// A part as a client writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartBody<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    pub(super) thought: Option<bool>,
    #[serde(borrow, alias = "thought_signature")]
    pub(super) thought_signature: Option<Text<'a>>,
    #[serde(borrow, alias = "inline_data")]
    inline_data: Option<BlobBody<'a>>,
    #[serde(borrow, alias = "file_data")]
    file_data: Option<FileBody<'a>>,
    #[serde(borrow, alias = "function_call")]
    pub(super) function_call: Option<CallBody<'a>>,
    #[serde(borrow, alias = "function_response")]
    pub(super) function_response: Option<ResultBody<'a>>,
    #[serde(alias = "executable_code")]
    executable_code: Option<IgnoredAny>,
    #[serde(alias = "code_execution_result")]
    code_execution_result: Option<IgnoredAny>,
    #[serde(alias = "tool_call")]
    tool_call: Option<IgnoredAny>,
    #[serde(alias = "tool_response")]
    tool_response: Option<IgnoredAny>,
}

/// Data carried along.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlobBody<'a> {
    #[serde(borrow, alias = "mime_type")]
    mime_type: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<Text<'a>>,
    #[serde(borrow, alias = "display_name")]
    display_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileBody<'a> {
    #[serde(borrow, alias = "mime_type")]
    mime_type: Option<Text<'a>>,
    #[serde(borrow, alias = "file_uri")]
    file_uri: Option<Text<'a>>,
}

/// A call of a tool.
#[derive(Deserialize)]
pub(super) struct CallBody<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

/// What a tool returned.
#[derive(Deserialize)]
pub(super) struct ResultBody<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

/// A part of a result.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultPartBody<'a> {
    #[serde(borrow, alias = "inline_data")]
    inline_data: Option<BlobBody<'a>>,
}

/// Members that hold what a tool returned as text: the vendor's documented one, and those its own
/// libraries write.
pub(super) const OUTPUTS: [&str; 3] = ["output", "result", "error"];

impl<'a> ResultBody<'a> {
    /// Whether the tool failed, by the vendor's documented word for it.
    pub(super) fn is_error(&self) -> bool {
        let response = self.response.and_then(|raw| Object::scan(raw.get()));
        response.is_some_and(|object| {
            let mut keys = object.iter().map(|(key, _)| key);
            keys.next() == Some("error") && keys.next().is_none()
        })
    }

    /// What the tool returned: the text, where that is all; the JSON otherwise; then its pictures.
    pub(super) fn parts(&self, param: &str) -> Result<Vec<Part<'a>>, RequestError> {
        let mut parts = Vec::new();
        if let Some(response) = self.response {
            parts.push(Part::plain(Content::Text(said(response))));
        }
        if let Some(raw) = self.parts {
            let param = format!("{param}.functionResponse.parts");
            for raw in many(&param, raw.get())? {
                let body: ResultPartBody<'a> = super::member::value(&param, raw.get())?;
                let blob = body.inline_data.and_then(BlobBody::content);
                parts.push(Part::plain(
                    blob.unwrap_or(Content::Other(Cow::Borrowed("functionResponse.parts"))),
                ));
            }
        }
        Ok(parts)
    }
}

fn said(response: &RawValue) -> Cow<'_, str> {
    let one_text = || {
        let object = Object::scan(response.get())?;
        let mut members = object.iter();
        let (_, json) = members.next().filter(|(key, _)| OUTPUTS.contains(key))?;
        members.next().is_none().then(|| serde_json::from_str::<Text<'_>>(json).ok())?
    };
    one_text().map_or(Cow::Borrowed(response.get()), |text| text.0)
}

impl<'a> BlobBody<'a> {
    fn content(self) -> Option<Content<'a>> {
        let (media_type, data) = (self.mime_type?.0, self.data?.0);
        Some(if media_type.starts_with("image/") {
            Content::Image(Image::Data { media_type, data })
        } else if media_type.starts_with("audio/") || media_type.starts_with("video/") {
            Content::Other(Cow::Owned(format!("inlineData of {media_type}")))
        } else {
            Content::Document { media_type, data, title: self.display_name.map(|name| name.0) }
        })
    }
}

impl<'a> FileBody<'a> {
    /// A picture that anybody can fetch; what lies at the vendor only it can.
    fn content(self) -> Option<Content<'a>> {
        let uri = self.file_uri?.0;
        let is_picture = self.mime_type.is_none_or(|kind| kind.0.starts_with("image/"));
        let is_public = uri.starts_with("https://") && !uri.contains("googleapis.com/");
        let is_video = uri.contains("youtube.com/") || uri.contains("youtu.be/");
        (is_picture && is_public && !is_video).then_some(Content::Image(Image::Url(uri)))
    }
}

impl<'a> PartBody<'a> {
    /// What the part holds, reasoning, calls and results apart. A part that holds nothing is none.
    pub(super) fn content(self, param: &str) -> Result<Option<Content<'a>>, RequestError> {
        let other = |name: &'static str| Some(Content::Other(Cow::Borrowed(name)));
        if self.executable_code.is_some() {
            return Ok(other("executableCode"));
        }
        if self.code_execution_result.is_some() {
            return Ok(other("codeExecutionResult"));
        }
        if self.tool_call.is_some() || self.tool_response.is_some() {
            return Ok(other("toolCall"));
        }
        if let Some(blob) = self.inline_data {
            let missing = || RequestError::missing(&format!("{param}.inlineData.data"));
            return blob.content().map(Some).ok_or_else(missing);
        }
        if let Some(file) = self.file_data {
            return Ok(file.content().or_else(|| other("fileData")));
        }
        Ok(self.text.map(|text| Content::Text(text.0)))
    }
}

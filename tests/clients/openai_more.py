"""The official OpenAI SDK of PyPI, unmodified: what applications do with it besides chat.

Arguments: base URL, key. Prints one JSON object of the requests made, by name; raises on what is wrong.
"""

import io
import json
import sys

import openai

base_url, key = sys.argv[1:3]
# Files and batches name no model: the header says whose they are.
client = openai.OpenAI(
    base_url=base_url,
    api_key=key,
    max_retries=0,
    default_headers={"x-tollgate-provider": "openai", "x-tollgate-customer": "globex"},
)
seen = {}


def told(name, raw):
    """Notes the request's id and gives what the SDK made of the answer."""
    seen[name] = raw.headers["x-tollgate-request-id"]
    return raw.parse()


prompt = "Say something about tolls."
completion = told(
    "completion",
    client.completions.with_raw_response.create(model="instruct", prompt=prompt, max_tokens=7),
)
assert completion.choices[0].text and completion.usage.completion_tokens == 7, completion

raw = client.completions.with_raw_response.create(
    model="instruct", prompt=prompt, max_tokens=5, stream=True
)
text = ""
for chunk in told("completion_stream", raw):
    # A client that did not ask for usage does not see any.
    assert chunk.usage is None and len(chunk.choices) == 1, chunk
    text += chunk.choices[0].text
assert text == " toll" * 5, text

picture = told(
    "image", client.images.with_raw_response.generate(model="picture", prompt=prompt, n=2)
)
assert len(picture.data) == 2 and picture.usage.output_tokens > 0, picture.usage
edited = told(
    "image_edit",
    client.images.with_raw_response.edit(
        model="picture", image=("a.png", b"\x89PNG\r\n--not-a-boundary", "image/png"), prompt=prompt
    ),
)
assert edited.usage.input_tokens_details.image_tokens > 0, edited.usage
by_piece = told(
    "image_by_piece",
    client.images.with_raw_response.generate(model="openai/dall-e-3", prompt=prompt),
)
assert by_piece.data[0].url, by_piece

sound = ("a.wav", io.BytesIO(b"RIFF" + bytes(20_000)), "audio/wav")
heard = told(
    "transcription",
    client.audio.transcriptions.with_raw_response.create(model="heard", file=sound),
)
assert heard.text and heard.usage.seconds == 9, heard
by_token = told(
    "transcription_tokens",
    client.audio.transcriptions.with_raw_response.create(
        model="openai/gpt-4o-transcribe", file=("a.wav", b"RIFF", "audio/wav")
    ),
)
assert by_token.usage.input_tokens > 0, by_token
plain = told(
    "translation_text",
    client.audio.translations.with_raw_response.create(
        model="heard", file=("a.wav", b"RIFF", "audio/wav"), response_format="text"
    ),
)
assert plain, plain

spoken = client.audio.speech.with_raw_response.create(
    model="spoken", voice="alloy", input="Tolls are paid."
)
seen["speech"] = spoken.headers["x-tollgate-request-id"]
assert len(spoken.content) == 8 * 4096, len(spoken.content)
assert spoken.headers["content-type"] == "audio/mpeg"

moderated = told("moderation", client.moderations.with_raw_response.create(input=prompt))
assert moderated.results[0].flagged is False, moderated

kept = told(
    "file",
    client.files.with_raw_response.create(file=("b.jsonl", b"{}\n" * 1000), purpose="batch"),
)
told("file_get", client.files.with_raw_response.retrieve(kept.id))
content = client.files.with_raw_response.content(kept.id)
seen["file_content"] = content.headers["x-tollgate-request-id"]
assert content.text == "{}\n" * 1000, len(content.text)
batch = told(
    "batch",
    client.batches.with_raw_response.create(
        input_file_id=kept.id, endpoint="/v1/chat/completions", completion_window="24h"
    ),
)
assert told("batch_get", client.batches.with_raw_response.retrieve(batch.id)).id == batch.id
told("batch_cancel", client.batches.with_raw_response.cancel(batch.id))
assert told("file_delete", client.files.with_raw_response.delete(kept.id)).deleted

# An error is told in the words the SDK knows.
try:
    client.images.generate(model="nobody", prompt=prompt)
    raise AssertionError("a model that is not there")
except openai.NotFoundError as error:
    assert error.code == "model_not_found", error

print(json.dumps(seen))

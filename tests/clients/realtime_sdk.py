"""The official OpenAI SDK of PyPI, unmodified: a realtime session through a gateway.

Arguments: base URL, key, model, and optionally how many turns of how many words to have (until the
session is ended), or `dictate` for speech that a further model writes down. Prints one JSON object of what was seen; raises on what is wrong.
"""

import base64
import json
import sys

import openai
from websockets.exceptions import ConnectionClosed

base_url, key, model = sys.argv[1:4]
writes = sys.argv[4:5] == ["dictate"]
turns, words = (int(number) for number in sys.argv[4:6]) if len(sys.argv) > 5 else (0, 0)
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
seen = {"responses": [], "errors": [], "code": None}


def message(text):
    """A turn of the user."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def hear(connection):
    """Hears one response to its end and notes what it used."""
    text, audio = "", 0
    for event in connection:
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type == "response.output_audio_transcript.delta":
            text += event.delta
        elif event.type == "response.output_audio.delta":
            audio += len(base64.b64decode(event.delta))
        elif event.type == "error":
            seen["errors"].append({"code": event.error.code, "message": event.error.message})
        elif event.type == "response.done":
            response = event.response
            usage = response.usage.model_dump()
            seen["responses"].append({"id": response.id, "status": response.status, "usage": usage})
            return text, audio
    raise AssertionError("the session ended within a response")


def speak():
    """Two responses: one of text, one of speech to what was said aloud."""
    headers = {"x-tollgate-customer": "globex"}
    with client.realtime.connect(model=model, extra_headers=headers) as connection:
        answer = connection._connection.response
        seen["request_id"] = answer.headers["x-tollgate-request-id"]
        assert connection.recv().type == "session.created"
        connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        updated = connection.recv()
        assert updated.type == "session.updated", updated
        connection.conversation.item.create(item=message("Say hello to everybody here."))
        connection.response.create()
        text, audio = hear(connection)
        assert text.strip() and not audio, (text, audio)
        # Two seconds of silence, larger than one frame of 64 KiB.
        silence = base64.b64encode(b"\0" * 96_000).decode()
        connection.input_audio_buffer.append(audio=silence)
        connection.input_audio_buffer.commit()
        connection.response.create(response={"output_modalities": ["audio"]})
        text, audio = hear(connection)
        assert text.strip() and audio, (text, audio)


def dictate():
    """Two turns of speech that a further model writes down, each told behind its response."""
    transcription = {"model": "gpt-4o-transcribe"}
    settings = {"type": "realtime", "audio": {"input": {"transcription": transcription}}}
    with client.realtime.connect(model=model) as connection:
        seen["request_id"] = connection._connection.response.headers["x-tollgate-request-id"]
        connection.session.update(session=settings)
        while connection.recv().type != "session.updated":
            pass
        seen["transcripts"] = []
        for _ in range(2):
            silence = base64.b64encode(b"\0" * 96_000).decode()
            connection.input_audio_buffer.append(audio=silence)
            connection.input_audio_buffer.commit()
            connection.response.create()
            hear(connection)
            written = connection.recv()
            assert written.type.endswith("input_audio_transcription.completed"), written
            used = {"item": written.item_id, "usage": written.usage.model_dump()}
            seen["transcripts"].append(used)


def insist():
    """Has turn after turn until the session is ended from the other side."""
    text = " ".join(["word"] * words)
    try:
        with client.realtime.connect(model=model) as connection:
            seen["request_id"] = connection._connection.response.headers["x-tollgate-request-id"]
            limits = {"type": "realtime", "output_modalities": ["text"], "max_output_tokens": 200}
            connection.session.update(session=limits)
            # Less is held from when the provider has confirmed the limit.
            while connection.recv().type != "session.updated":
                pass
            for _ in range(turns):
                connection.conversation.item.create(item=message(text))
                connection.response.create()
                hear(connection)
    except ConnectionClosed as closed:
        seen["code"] = closed.rcvd.code
        seen["reason"] = closed.rcvd.reason
    except AssertionError:
        seen["code"] = connection._connection.close_code
        seen["reason"] = connection._connection.close_reason


if writes:
    dictate()
elif turns:
    insist()
else:
    speak()
print(json.dumps(seen))

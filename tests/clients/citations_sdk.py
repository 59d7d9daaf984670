"""What an answer rests on, read by the official SDKs of PyPI, unmodified, plain and streamed.

Arguments: base URL (ends in /v1), key, model, and what is expected: the answer's text, the words that rest
on the page, its address and its title. Prints one JSON object: the ids of the requests sent; raises on what
is wrong.
"""

import json
import sys

import anthropic
import openai
from google import genai
from google.genai import types

base_url, key, model, answer, words, url, title = sys.argv[1:8]
root = base_url.removesuffix("/v1")
ask = [{"role": "user", "content": "Where are tolls paid?"}]
requests = []


def check(text, cited, page):
    """The answer is whole, and the words that rest on the page are those that do."""
    assert text == answer, text
    assert cited == words, (cited, page)
    assert page == (url, title), page


def one(found):
    """The only source."""
    assert len(found) == 1, found
    return found[0]


def chat():
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
    raw = client.chat.completions.with_raw_response.create(model=model, messages=ask)
    requests.append(raw.headers["x-tollgate-request-id"])
    message = raw.parse().choices[0].message
    page = one(message.annotations).url_citation
    cited = message.content[page.start_index : page.end_index]
    check(message.content, cited, (page.url, page.title))
    text, found = "", []
    for chunk in client.chat.completions.create(model=model, messages=ask, stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            found += (choice.delta.model_extra or {}).get("annotations") or []
    page = one(found)["url_citation"]
    cited = text[page["start_index"] : page["end_index"]]
    check(text, cited, (page["url"], page["title"]))


def responses():
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
    raw = client.responses.with_raw_response.create(model=model, input=ask, store=False)
    requests.append(raw.headers["x-tollgate-request-id"])
    plain = raw.parse()
    page = one([a for i in plain.output if i.type == "message" for c in i.content for a in c.annotations])
    cited = plain.output_text[page.start_index : page.end_index]
    check(plain.output_text, cited, (page.url, page.title))
    added = []
    with client.responses.stream(model=model, input=ask, store=False) as events:
        for event in events:
            if event.type == "response.output_text.annotation.added":
                added.append(event.annotation)
        final = events.get_final_response()
    page = one([a for i in final.output if i.type == "message" for c in i.content for a in c.annotations])
    cited = final.output_text[page.start_index : page.end_index]
    check(final.output_text, cited, (page.url, page.title))
    assert one(added).url == url, added


def blocks(message):
    """In messages a block as a whole rests on its sources; the gateway cuts no text into blocks."""
    texts = [block for block in message.content if block.type == "text"]
    cited = one([block for block in texts if block.citations])
    page = one(cited.citations)
    assert page.type == "web_search_result_location", page
    assert cited.text == answer, cited
    check("".join(block.text for block in texts), words, (page.url, page.title))


def messages():
    client = anthropic.Anthropic(base_url=root, api_key=key, max_retries=0)
    raw = client.messages.with_raw_response.create(model=model, max_tokens=200, messages=ask)
    requests.append(raw.headers["x-tollgate-request-id"])
    blocks(raw.parse())
    with client.messages.stream(model=model, max_tokens=200, messages=ask) as stream:
        blocks(stream.get_final_message())


def grounded(text, grounding):
    """Google counts bytes."""
    page = one(grounding.grounding_chunks).web
    support = one(grounding.grounding_supports)
    assert support.grounding_chunk_indices == [0], support
    at = support.segment
    cited = text.encode()[at.start_index or 0 : at.end_index].decode()
    assert at.text == cited, at
    check(text, cited, (page.uri, page.title))


def contents():
    client = genai.Client(api_key=key, vertexai=False, http_options=types.HttpOptions(base_url=root))
    plain = client.models.generate_content(model=model, contents="Where are tolls paid?")
    requests.append(plain.sdk_http_response.headers["x-tollgate-request-id"])
    grounded(plain.text, plain.candidates[0].grounding_metadata)
    text, told = "", []
    for event in client.models.generate_content_stream(
        model=model, contents="Where are tolls paid?"
    ):
        text += event.text or ""
        told += [c.grounding_metadata for c in event.candidates or [] if c.grounding_metadata]
    grounded(text, one(told))


for story in (chat, responses, messages, contents):
    try:
        story()
    except Exception as error:
        raise RuntimeError(f"{story.__name__} by way of {model}: {error}") from error
print(json.dumps({"requests": requests}))

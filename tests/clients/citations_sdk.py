"""What an answer rests on, read by the official SDKs of PyPI, unmodified, plain and streamed.

Arguments: base URL (ends in /v1), key, model, and what is expected: the answer's text, the words that rest
on the page, the block that messages say does, the page's address and title. Prints one JSON object: the ids
of the requests sent; raises on what is wrong.
"""

import json
import sys

import anthropic
import openai
from google import genai
from google.genai import types

base_url, key, model, answer, words, block, url, title = sys.argv[1:9]
root = base_url.removesuffix("/v1")
question = "Where are tolls paid?"
ask = [{"role": "user", "content": question}]
requests = []


def sent(headers):
    """Notes a request by the headers of its answer."""
    requests.append(headers["x-tollgate-request-id"])


def check(text, cited, page, expected=words):
    """The answer is whole, and what rests on the page is what does."""
    assert text == answer, text
    assert cited == expected, (cited, page)
    assert page == (url, title), page


def one(found):
    """The only source."""
    assert len(found) == 1, found
    return found[0]


def chat():
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
    create = client.chat.completions.with_raw_response.create
    raw = create(model=model, messages=ask)
    sent(raw.headers)
    message = raw.parse().choices[0].message
    page = one(message.annotations).url_citation
    cited = message.content[page.start_index : page.end_index]
    check(message.content, cited, (page.url, page.title))
    raw = create(model=model, messages=ask, stream=True)
    sent(raw.headers)
    text, found = "", []
    for chunk in raw.parse():
        for choice in chunk.choices:
            text += choice.delta.content or ""
            found += (choice.delta.model_extra or {}).get("annotations") or []
    page = one(found)["url_citation"]
    cited = text[page["start_index"] : page["end_index"]]
    check(text, cited, (page["url"], page["title"]))


def responses():
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)
    create = client.responses.with_raw_response.create

    def read(response):
        """Where a text is in parts, each counts from its own beginning."""
        said = [c for i in response.output if i.type == "message" for c in i.content]
        content = one([c for c in said if c.annotations])
        page = one(content.annotations)
        cited = content.text[page.start_index : page.end_index]
        check(response.output_text, cited, (page.url, page.title))
        return content, page

    raw = create(model=model, input=ask, store=False)
    sent(raw.headers)
    read(raw.parse())
    raw = create(model=model, input=ask, store=False, stream=True)
    sent(raw.headers)
    added, final = [], None
    for event in raw.parse():
        if event.type == "response.output_text.annotation.added":
            added.append(event.annotation)
        if event.type == "response.completed":
            final = event.response
    content, page = read(final)
    told = one(added)
    told = told if isinstance(told, dict) else told.model_dump()
    assert (told["url"], told["title"]) == (url, title), told
    assert (told["start_index"], told["end_index"]) == (page.start_index, page.end_index), told


def messages():
    client = anthropic.Anthropic(base_url=root, api_key=key, max_retries=0)

    def read(message):
        """A block as a whole rests on its sources; the gateway cuts no text into blocks."""
        texts = [part for part in message.content if part.type == "text"]
        cited = one([part for part in texts if part.citations])
        page = one(cited.citations)
        assert page.type == "web_search_result_location", page
        check("".join(part.text for part in texts), cited.text, (page.url, page.title), block)

    raw = client.messages.with_raw_response.create(model=model, max_tokens=200, messages=ask)
    sent(raw.headers)
    read(raw.parse())
    with client.messages.stream(model=model, max_tokens=200, messages=ask) as stream:
        sent(stream.response.headers)
        read(stream.get_final_message())


def contents():
    client = genai.Client(api_key=key, vertexai=False, http_options=types.HttpOptions(base_url=root))

    def read(parts, grounding):
        """Google counts bytes, within the part it names."""
        page = one(grounding.grounding_chunks).web
        support = one(grounding.grounding_supports)
        assert support.grounding_chunk_indices == [0], support
        at = support.segment
        part = parts[at.part_index or 0].encode()
        cited = part[at.start_index or 0 : at.end_index].decode()
        assert at.text == cited, at
        check("".join(parts), cited, (page.uri, page.title))

    plain = client.models.generate_content(model=model, contents=question)
    sent(plain.sdk_http_response.headers)
    candidate = plain.candidates[0]
    read([part.text or "" for part in candidate.content.parts], candidate.grounding_metadata)
    text, told, headers = "", [], None
    for event in client.models.generate_content_stream(model=model, contents=question):
        headers = headers or event.sdk_http_response.headers
        text += event.text or ""
        told += [c.grounding_metadata for c in event.candidates or [] if c.grounding_metadata]
    sent(headers)
    read([text], one(told))


for story in (chat, responses, messages, contents):
    try:
        story()
    except Exception as error:
        raise RuntimeError(f"{story.__name__} by way of {model}: {error}") from error
print(json.dumps({"requests": requests}))

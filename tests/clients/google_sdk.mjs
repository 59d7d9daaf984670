// The official Google SDK of npm, unmodified, against a gateway: what applications do with it.
// Arguments: base URL (ends in /v1), key, models. Each model's calls carry the customer
// `google-npm-MODEL`. Prints a JSON list of what was seen by model; throws on what is wrong.

import assert from "node:assert/strict";
import { ApiError, FunctionCallingConfigMode, GoogleGenAI } from "@google/genai";

const [baseURL, apiKey, ...models] = process.argv.slice(2);
const baseUrl = baseURL.replace(/\/v1$/, "");
const contents = "Say hello.";
const weather = {
  functionDeclarations: [
    {
      name: "get_weather",
      description: "Weather of a city",
      parametersJsonSchema: {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
      },
    },
  ],
};
const brief = { systemInstruction: "Be brief.", maxOutputTokens: 200 };
const mustCall = {
  tools: [weather],
  maxOutputTokens: 200,
  toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } },
};

function tokens({ usageMetadata: usage }) {
  return [
    usage.promptTokenCount,
    (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
  ];
}

async function visit(model) {
  const customer = `google-npm-${model}`;
  const client = new GoogleGenAI({
    apiKey,
    vertexai: false,
    httpOptions: { baseUrl, headers: { "x-tollgate-customer": customer } },
  });
  const calls = [];

  const plain = await client.models.generateContent({ model, contents, config: brief });
  assert.ok(plain.text);
  assert.equal(plain.candidates[0].finishReason, "STOP");
  calls.push(tokens(plain));
  const headers = new Headers(plain.sdkHttpResponse.headers);

  let text = "";
  let last;
  for await (last of await client.models.generateContentStream({ model, contents, config: brief })) {
    text += last.text ?? "";
  }
  assert.ok(text);
  calls.push(tokens(last));

  const called = await client.models.generateContent({ model, contents, config: mustCall });
  const [call] = called.functionCalls;
  assert.equal(typeof call.args.city, "string");
  calls.push(tokens(called));
  const result = {
    functionResponse: { id: call.id, name: call.name, response: { result: "sunny" } },
  };
  const answered = await client.models.generateContent({
    model,
    contents: [
      { role: "user", parts: [{ text: contents }] },
      called.candidates[0].content,
      { role: "user", parts: [result] },
    ],
    config: { tools: [weather], maxOutputTokens: 200 },
  });
  assert.ok(answered.text);
  calls.push(tokens(answered));

  const streamed = [];
  for await (last of await client.models.generateContentStream({ model, contents, config: mustCall })) {
    streamed.push(...(last.functionCalls ?? []));
  }
  assert.equal(streamed[0].name, "get_weather");
  calls.push(tokens(last));

  assert.ok((await client.models.countTokens({ model, contents })).totalTokens > 0);
  return {
    model,
    customer,
    calls,
    tool: call.name,
    request_id: headers.get("x-tollgate-request-id"),
    cost_header: headers.get("x-tollgate-cost-usd"),
  };
}

const seen = [];
for (const model of models) seen.push(await visit(model));

for (const [key, model, status] of [
  ["tg_wrong", models[0], 401],
  [apiKey, "no-such-model", 404],
]) {
  const client = new GoogleGenAI({ apiKey: key, vertexai: false, httpOptions: { baseUrl } });
  await assert.rejects(
    client.models.generateContent({ model, contents }),
    (error) => error instanceof ApiError && error.status === status,
  );
}

console.log(JSON.stringify(seen));

// The AI SDK of npm with its providers, unmodified, against a gateway: what applications do with it.
// Arguments: base URL (ends in /v1), key, models. Each provider's calls of a model carry the customer
// `ai-PROVIDER-MODEL`. Prints a JSON list of what was seen; throws on what is wrong.

import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogle } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, generateText, isStepCount, Output, streamText, tool } from "ai";
import { z } from "zod";

const [baseURL, apiKey, ...models] = process.argv.slice(2);
const prompt = "Say hello.";
const Capital = z.object({ city: z.string(), population: z.number().int() });

// By the dialect each provider speaks, with headers of one's own.
const providers = {
  openai_chat: (headers) => createOpenAI({ baseURL, apiKey, headers }).chat,
  openai_responses: (headers) => createOpenAI({ baseURL, apiKey, headers }).responses,
  anthropic_messages: (headers) => createAnthropic({ baseURL, apiKey, headers }),
  gemini_generate: (headers) =>
    createGoogle({ baseURL: baseURL.replace(/\/v1$/, "/v1beta"), apiKey, headers }),
  compatible: (headers) =>
    createOpenAICompatible({
      name: "tollgate",
      baseURL,
      apiKey,
      headers,
      includeUsage: true,
      supportsStructuredOutputs: true,
    }),
};

function tokens(usage) {
  return [usage.inputTokens, usage.outputTokens];
}

async function visit(provider, route) {
  const customer = `ai-${provider}-${route}`;
  const model = providers[provider]({ "x-tollgate-customer": customer })(route);
  const common = { model, system: "Be brief.", maxOutputTokens: 200, maxRetries: 0 };
  const calls = [];

  const plain = await generateText({ prompt, ...common });
  assert.ok(plain.text);
  assert.equal(plain.finishReason, "stop");
  calls.push(tokens(plain.usage));

  const stream = streamText({ prompt, ...common, onError: ({ error }) => assert.fail(error) });
  let text = "";
  for await (const delta of stream.textStream) text += delta;
  assert.ok(text);
  calls.push(tokens(await stream.usage));

  // Calls the tool, runs it, and asks again with what it returned, streamed.
  const cities = [];
  const getWeather = tool({
    description: "Weather of a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => {
      cities.push(city);
      return { sky: "sunny" };
    },
  });
  const agent = streamText({
    prompt: 'Use the tool get_weather with {"city": "Basel"}.',
    tools: { get_weather: getWeather },
    stopWhen: isStepCount(3),
    ...common,
    onError: ({ error }) => assert.fail(error),
  });
  await agent.consumeStream();
  assert.deepEqual(cities, ["Basel"]);
  const steps = await agent.steps;
  assert.equal(steps.length, 2);
  assert.ok(steps[1].text);
  calls.push(...steps.map((step) => tokens(step.usage)));

  const object = await generateText({
    prompt,
    output: Output.object({ schema: Capital }),
    ...common,
  });
  assert.equal(typeof object.output.city, "string");
  calls.push(tokens(object.usage));

  const headers = new Headers(plain.response.headers);
  return {
    provider,
    model: route,
    customer,
    calls,
    tool: steps[0].toolCalls[0].toolName,
    request_id: headers.get("x-tollgate-request-id"),
    cost_header: headers.get("x-tollgate-cost-usd"),
  };
}

const seen = [];
for (const provider of Object.keys(providers)) {
  for (const route of models) {
    seen.push(await visit(provider, route).catch((cause) => {
      throw new Error(`${provider} ${route}: ${cause.responseBody ?? cause}`, { cause });
    }));
  }
}

const vector = await embed({
  model: createOpenAI({ baseURL, apiKey }).embedding("text-embedding-3-small"),
  value: "one",
});
assert.ok(vector.embedding.length > 8 && vector.usage.tokens > 0);

console.log(JSON.stringify(seen));

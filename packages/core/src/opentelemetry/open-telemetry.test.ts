// Spans across two peers, with the real SDK and its exporter in memory.

import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { call, defineService, intercept, RemoteError, send, stream } from "../actor/index.js";
import { ServiceMap } from "../peer/index.js";
import { peers } from "../testing/index.js";
import { openTelemetry } from "./index.js";

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

beforeAll(() => {
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});
beforeEach(() => exporter.reset());
afterAll(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

const Shop = defineService("shop", {
  price: call<string, number>(),
  visited: send<string>(),
  items: stream<number, string>(),
});

function shop(): ServiceMap {
  return new ServiceMap({ interceptors: [openTelemetry()] }).add(Shop, {
    price(item) {
      if (item === "") throw new RemoteError("unknown-item", "we have none");
      trace.getActiveSpan()?.addEvent("asked");
      return item.length;
    },
    visited() {},
    async *items(count) {
      for (let i = 0; i < count; i++) yield trace.getActiveSpan()?.spanContext().spanId ?? "no span";
    },
  });
}

/** The span of the caller, and that of the handler. */
function pair(): [ReadableSpan, ReadableSpan] {
  const spans = exporter.getFinishedSpans();
  const of = (kind: SpanKind): ReadableSpan => spans.find((span) => span.kind === kind) as ReadableSpan;
  const [client, server] = [of(SpanKind.CLIENT), of(SpanKind.SERVER)];
  expect(spans).toHaveLength(2);
  expect(server.spanContext().traceId).toBe(client.spanContext().traceId);
  expect(server.parentSpanContext?.spanId).toBe(client.spanContext().spanId);
  return [client, server];
}

test("a call has a span on either side, the handler's below the caller's, below whatever the caller is in", async () => {
  await using harness = await peers({ right: { services: shop() } });
  const address = intercept(harness.left.address(Shop), openTelemetry());
  await provider.getTracer("test").startActiveSpan("outside", async (outside) => {
    expect(await address.call("price", "tea")).toBe(3);
    const [client, server] = pair();
    expect(client.parentSpanContext?.spanId).toBe(outside.spanContext().spanId);
    expect([client.name, server.name]).toEqual(["shop/price", "shop/price"]);
    expect(server.attributes).toMatchObject({
      "rpc.system": "troupe",
      "rpc.service": "shop",
      "rpc.method": "price",
      "troupe.kind": "call",
    });
    // The handler ran within its span.
    expect(server.events.map(({ name }) => name)).toEqual(["asked"]);
    outside.end();
  });
});

test("an error is the status of both spans", async () => {
  await using harness = await peers({ right: { services: shop() } });
  const address = intercept(harness.left.address(Shop), openTelemetry());
  await expect(address.call("price", "")).rejects.toMatchObject({ code: "unknown-item" });
  for (const span of pair()) {
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: "we have none" });
    expect(span.attributes["error.type"]).toBe("unknown-item");
  }
});

test("a send has a span on either side", async () => {
  await using harness = await peers({ right: { services: shop() } });
  await intercept(harness.left.address(Shop), openTelemetry()).send("visited", "me");
  await harness.flush();
  expect(pair().map(({ name }) => name)).toEqual(["shop/visited", "shop/visited"]);
});

test("a stream is within its span, which ends when the stream does, by either side", async () => {
  await using harness = await peers({ right: { services: shop() } });
  const address = intercept(harness.left.address(Shop), openTelemetry());
  const items: string[] = [];
  for await (const item of address.stream("items", 3)) items.push(item);
  await harness.flush();
  const [, server] = pair();
  expect(items).toEqual(Array.from({ length: 3 }, () => server.spanContext().spanId));
  exporter.reset();
  for await (const _ of address.stream("items", 1000)) break;
  await harness.flush();
  pair();
});

test("without metadata of a trace the handler's span is a root", async () => {
  await using harness = await peers({ right: { services: shop() } });
  await harness.left.address(Shop).call("price", "tea");
  const [span] = exporter.getFinishedSpans();
  expect(span).toMatchObject({ kind: SpanKind.SERVER, parentSpanContext: undefined });
});

// The interoperability cases that gRPC's implementations are held to, by their names, between two peers over every
// transport: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md

import { call, connect, defineService, listen, ServiceMap, stream, type Address, type Peer } from "@troupe/core";
import { fence, type Fence } from "@troupe/core/testing";
import { describe, expect, test } from "vitest";
import { EVERY_TRANSPORT, type SubjectFactory } from "./every-transport.js";

const Interop = defineService("grpc.testing.TestService", {
  emptyCall: call<Record<string, never>, Record<string, never>>(),
  unaryCall: call<{ responseSize: number; payload: Uint8Array }, { payload: Uint8Array; metadata: string }>(),
  streamingInputCall: call<void, { aggregatedPayloadSize: number }, Uint8Array>(),
  streamingOutputCall: stream<{ sizes: number[] }, Uint8Array>(),
  fullDuplexCall: stream<void, Uint8Array, { size: number; payload: Uint8Array }>(),
  statusCall: call<void, void, never, { unknown: void }>(),
  sleeping: call(),
});
const Unimplemented = defineService("grpc.testing.UnimplementedService", { unimplementedCall: call() });
const Newer = defineService("grpc.testing.TestService", { unimplementedCall: call() });

function testService(aborted: Fence): ServiceMap {
  return new ServiceMap().add(Interop, {
    emptyCall: () => ({}),
    unaryCall: ({ responseSize }, { metadata }) => ({
      payload: new Uint8Array(responseSize),
      metadata: metadata["x-grpc-test-echo-initial"] ?? "",
    }),
    async streamingInputCall(_, { inputs, signal }) {
      signal.addEventListener("abort", () => void aborted.pass());
      let aggregatedPayloadSize = 0;
      for await (const payload of inputs) aggregatedPayloadSize += payload.length;
      return { aggregatedPayloadSize };
    },
    async *streamingOutputCall({ sizes }) {
      for (const size of sizes) yield new Uint8Array(size);
    },
    async *fullDuplexCall(_, { inputs, signal }) {
      signal.addEventListener("abort", () => void aborted.pass());
      for await (const { size } of inputs) yield new Uint8Array(size);
    },
    statusCall(_, { fail }) {
      throw fail("unknown", undefined, "test status message");
    },
    sleeping: (_, { signal }) => new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
  });
}

interface Stage extends AsyncDisposable {
  readonly peer: Peer;
  readonly service: Address<typeof Interop>;
  /** Passed by each handler that was told to stop. */
  readonly aborted: Fence;
}

async function stage(subject: SubjectFactory): Promise<Stage> {
  const aborted = fence();
  const { transport, endpoint, dispose } = await subject();
  const transports = [transport];
  const listener = await listen(endpoint, { services: testService(aborted), transports });
  const peer = await connect(listener.endpoint, { transports });
  return {
    peer,
    service: peer.address(Interop),
    aborted,
    async [Symbol.asyncDispose]() {
      aborted.open();
      // Whatever happened, the connection is as good as new.
      for (let i = 0; i < 100; i++) expect(await peer.address(Interop).call("emptyCall", {})).toEqual({});
      await peer.close();
      await listener.close();
      await dispose?.();
    },
  };
}

/** Inputs that are given one by one. */
function channel<T>(): { readonly inputs: AsyncGenerator<T>; give(item: T): void; end(): void } {
  const items: T[] = [];
  let isOver = false;
  let wake = (): void => {};
  async function* inputs(): AsyncGenerator<T> {
    for (;;) {
      while (items.length > 0) yield items.shift() as T;
      if (isOver) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  return {
    inputs: inputs(),
    give(item) {
      items.push(item);
      wake();
    },
    end() {
      isOver = true;
      wake();
    },
  };
}

describe.each(Object.entries(EVERY_TRANSPORT))("over %s", (_, subject) => {
  test("empty_unary", async () => {
    await using on = await stage(subject);
    expect(await on.service.call("emptyCall", {})).toEqual({});
  });

  test("large_unary", async () => {
    await using on = await stage(subject);
    const answer = await on.service.call("unaryCall", { responseSize: 314_159, payload: new Uint8Array(271_828) });
    expect(answer.payload).toHaveLength(314_159);
  });

  test("client_streaming", async () => {
    await using on = await stage(subject);
    const inputs = [27_182, 8, 1828, 45_904].map((size) => new Uint8Array(size));
    expect(await on.service.call("streamingInputCall", undefined, { inputs })).toEqual({
      aggregatedPayloadSize: 74_922,
    });
  });

  test("server_streaming", async () => {
    await using on = await stage(subject);
    const sizes = [31_415, 9, 2653, 58_979];
    const got: number[] = [];
    for await (const payload of on.service.stream("streamingOutputCall", { sizes })) got.push(payload.length);
    expect(got).toEqual(sizes);
  });

  test("ping_pong", async () => {
    await using on = await stage(subject);
    const { inputs, give, end } = channel<{ size: number; payload: Uint8Array }>();
    const outputs = on.service.stream("fullDuplexCall", undefined, { inputs });
    for (const [size, sent] of [
      [31_415, 27_182],
      [9, 8],
      [2653, 1828],
      [58_979, 45_904],
    ] as const) {
      give({ size, payload: new Uint8Array(sent) });
      const { value } = await outputs.next();
      expect(value).toHaveLength(size);
    }
    end();
    expect(await outputs.next()).toEqual({ done: true, value: undefined });
  });

  test("empty_stream", async () => {
    await using on = await stage(subject);
    const outputs = on.service.stream("fullDuplexCall", undefined, { inputs: [] });
    expect(await outputs.next()).toEqual({ done: true, value: undefined });
  });

  test("cancel_after_begin", async () => {
    await using on = await stage(subject);
    const controller = new AbortController();
    const { inputs } = channel<Uint8Array>();
    const asked = on.service.call("streamingInputCall", undefined, { inputs, signal: controller.signal });
    controller.abort();
    await expect(asked).rejects.toMatchObject({ code: "cancelled" });
  });

  test("cancel_after_first_response", async () => {
    await using on = await stage(subject);
    const controller = new AbortController();
    const { inputs, give } = channel<{ size: number; payload: Uint8Array }>();
    const outputs = on.service.stream("fullDuplexCall", undefined, { inputs, signal: controller.signal });
    give({ size: 31_415, payload: new Uint8Array(27_182) });
    expect((await outputs.next()).value).toHaveLength(31_415);
    controller.abort();
    await expect(outputs.next()).rejects.toMatchObject({ code: "cancelled" });
    await on.aborted.reached;
  });

  test("timeout_on_sleeping_server", async () => {
    await using on = await stage(subject);
    await expect(on.service.call("sleeping", undefined, { timeoutMs: 10 })).rejects.toMatchObject({ code: "timeout" });
    const { inputs, give } = channel<{ size: number; payload: Uint8Array }>();
    const outputs = on.service.stream("fullDuplexCall", undefined, { inputs, timeoutMs: 10 });
    const first = outputs.next();
    await expect(first).rejects.toMatchObject({ code: "timeout" });
    give({ size: 1, payload: new Uint8Array(1) });
    expect(await outputs.next()).toEqual({ done: true, value: undefined });
  });

  test("custom_metadata", async () => {
    await using on = await stage(subject);
    const metadata = { "x-grpc-test-echo-initial": "test_initial_metadata_value" };
    const asked = { responseSize: 1, payload: new Uint8Array(1) };
    expect(await on.service.call("unaryCall", asked, { metadata })).toMatchObject({
      metadata: "test_initial_metadata_value",
    });
  });

  test("status_code_and_message", async () => {
    await using on = await stage(subject);
    await expect(on.service.call("statusCall")).rejects.toMatchObject({
      code: "unknown",
      message: "test status message",
    });
  });

  test("unimplemented_method", async () => {
    await using on = await stage(subject);
    await expect(on.peer.address(Newer).call("unimplementedCall")).rejects.toMatchObject({ code: "unknown-message" });
  });

  test("unimplemented_service", async () => {
    await using on = await stage(subject);
    await expect(on.peer.address(Unimplemented).call("unimplementedCall")).rejects.toMatchObject({
      code: "unknown-service",
    });
  });
});

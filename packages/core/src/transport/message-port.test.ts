// What is posted to a port besides the bytes of its connection.

import { describe, expect, onTestFinished, test } from "vitest";
import { call, defineService } from "../actor/index.js";
import { Peer, ServiceMap } from "../peer/index.js";
import { messagePortConnection, PORT_HELD_BYTES_MAX, type Connection, type TransportError } from "./index.js";

const Echo = defineService("echo", { back: call<string, string>() });

function channel(): { near: Connection; far: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port2.close());
  return { near: messagePortConnection(port1), far: port2 };
}

function closed(connection: Connection): Promise<TransportError | undefined> {
  return new Promise((resolve) => {
    connection.open({ received: () => {}, drained: () => {}, ended: () => {}, closed: resolve });
  });
}

describe("a message port", () => {
  const foreign: Record<string, unknown> = {
    "an object": { hello: "there" },
    "a text": "hello",
    "no bytes at all": new Uint8Array(0),
    "another kind of bytes": new ArrayBuffer(8),
    null: null,
    "an array": [1, 2, 3],
    "an acknowledgement of what was never sent": 1,
    "an acknowledgement below nothing": -1,
    "not a number": NaN,
  };

  test.each(Object.entries(foreign))("that is posted %s ends its connection as message-foreign", async (_, message) => {
    const { near, far } = channel();
    const end = closed(near);
    far.postMessage(message);
    expect(await end).toMatchObject({ code: "message-foreign", endpoint: near.remoteEndpoint });
  });

  test("that is posted something foreign closes the peer over it, with the reason, and its calls reject", async () => {
    const { near, far } = channel();
    const other = new Peer(messagePortConnection(far), {
      services: new ServiceMap().add(Echo, { back: () => new Promise(() => {}) }),
    });
    const peer = new Peer(near);
    await Promise.all([peer.opened, other.opened]);
    const pending = peer.address(Echo).call("back", "text");
    far.postMessage({ foreign: true });
    await expect(pending).rejects.toMatchObject({ code: "connection-lost" });
    expect(await peer.closed).toMatchObject({ by: "fault", error: { code: "message-foreign" } });
    expect(await other.closed).toMatchObject({ by: "fault" });
  });

  test("bytes after the end are foreign", async () => {
    const { near, far } = channel();
    const end = closed(near);
    far.postMessage("end");
    far.postMessage(new Uint8Array(1));
    expect(await end).toMatchObject({ code: "message-foreign" });
  });

  test("that is flooded while its owner has paused is ended before it holds too much", async () => {
    const { near, far } = channel();
    near.pause();
    const end = closed(near);
    const piece = new Uint8Array(4 * 1024 * 1024);
    for (let sent = 0; sent <= PORT_HELD_BYTES_MAX; sent += piece.length) far.postMessage(piece);
    expect(await end).toMatchObject({ code: "receive-overflow" });
  });
});

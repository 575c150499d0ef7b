// The end of a connection is not faster than what was said before it.

import { describe, expect, test } from "vitest";
import { call, defineService } from "../actor/index.js";
import { RawPeer, VirtualClock } from "../testing/index.js";
import { memoryPair } from "../transport/index.js";
import { FrameBuffer, FrameKind, troupeCbor, wholeUpTo } from "../wire/index.js";
import { Peer } from "./index.js";

const COUNT = 900;
const Far = defineService("far", { ask: call<number, number>() });

/** Many answers in one piece, more than one turn takes, and then the end. */
async function answeredAtOnce(end: (raw: RawPeer) => void): Promise<PromiseSettledResult<number>[]> {
  // A clock on which every look takes a millisecond: a turn has time for a few frames only.
  const clock = new VirtualClock();
  const slow = { ...bound(clock), now: () => clock.now() + looks++ };
  let looks = 0;
  const [near, far] = memoryPair({ clock });
  const peer = new Peer(near, { clock: slow });
  const raw = new RawPeer(far);
  const greeting = raw.greet([{ name: "far", messages: [["ask", "call"]] }]);
  await clock.flush();
  await greeting;
  await clock.flush();
  const service = peer.address(Far);
  const answers = Promise.allSettled(Array.from({ length: COUNT }, (_, i) => service.call("ask", i)));
  await clock.flush();
  const buffer = new FrameBuffer();
  for (const { id } of raw.take(FrameKind.call)) {
    troupeCbor.write(
      buffer,
      { kind: FrameKind.reply, id, service: 0, message: 0, amount: 0 },
      id,
      wholeUpTo(0xff_ffff),
    );
  }
  far.write(buffer.take());
  end(raw);
  await clock.flush();
  const settled = await answers;
  peer.abort();
  await clock.flush();
  return settled;
}

function bound(clock: VirtualClock): Pick<VirtualClock, "schedule" | "yield" | "defer"> {
  return {
    schedule: (delayMs, callback) => clock.schedule(delayMs, callback),
    yield: (callback) => clock.yield(callback),
    defer: (callback) => clock.defer(callback),
  };
}

describe("answers that came before", () => {
  test("the other side ended its half reach their callers", async () => {
    const settled = await answeredAtOnce((raw) => raw.end());
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(COUNT);
  });
});

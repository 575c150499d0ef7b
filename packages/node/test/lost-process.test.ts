// The other side is a process of its own, which dies or stops.

import { describe, expect, test } from "vitest";
import { connect } from "@troupe/node";
import { Work } from "./fixtures/work.js";
import { program } from "./program.js";

const LOST = { name: "ConnectionLost", code: "connection-lost", maybeExecuted: true };

describe("a process that is killed", () => {
  test("its callers are told at once, with ConnectionLost, and closed says that it was a fault", async () => {
    const server = program("work-server");
    await using peer = await connect(await server.line());
    const work = peer.address(Work);
    expect(await work.call("quick", 1)).toBe(1);
    const pending = Promise.allSettled(Array.from({ length: 300 }, () => work.call("hold")));
    const watch = work.watch();
    await work.call("quick", 2);
    server.process.kill("SIGKILL");
    for (const outcome of await pending) expect(outcome).toMatchObject({ reason: LOST });
    expect(await watch).toMatchObject({ reason: "connection-lost" });
    expect(await peer.closed).toMatchObject({ by: "fault", code: "connection-lost" });
    await expect(work.call("quick", 3)).rejects.toMatchObject({ code: "closed", maybeExecuted: false });
    expect(peer.stats).toMatchObject({ callsInFlight: 0, waiting: 0, bytesPending: 0, timers: 0 });
  });

  test("while it is flooded with sends: the sends that wait are told that they were not delivered", async () => {
    const server = program("work-server");
    await using peer = await connect(await server.line());
    const work = peer.address(Work);
    server.process.kill("SIGSTOP");
    const sends = Promise.allSettled(Array.from({ length: 5000 }, () => work.send("cut", "abort")));
    server.process.kill("SIGKILL");
    const outcomes = await sends;
    const lost = outcomes.filter(({ status }) => status === "rejected");
    expect(lost.length).toBe(5000 - 1024);
    expect(lost[0]).toMatchObject({ reason: { code: "closed", maybeExecuted: false } });
  });
});

describe("a process that is stopped", () => {
  test("is noticed by its silence, without any help of TCP", async () => {
    const server = program("work-server", "500");
    const peer = await connect(await server.line(), { heartbeatMs: 500 });
    const pending = peer.address(Work).call("hold");
    await peer.address(Work).call("quick", 1);
    server.process.kill("SIGSTOP");
    await expect(pending).rejects.toMatchObject({ ...LOST, cause: { code: "peer-silent" } });
    expect(await peer.closed).toMatchObject({ by: "fault", code: "peer-silent" });
  });

  test("that goes on after its connection was given up finds it lost, and serves the next one", async () => {
    const server = program("work-server", "500");
    const endpoint = await server.line();
    const peer = await connect(endpoint, { heartbeatMs: 500 });
    server.process.kill("SIGSTOP");
    expect(await peer.closed).toMatchObject({ code: "peer-silent" });
    server.process.kill("SIGCONT");
    await using next = await connect(endpoint);
    expect(await next.address(Work).call("quick", 7)).toBe(7);
  });
});

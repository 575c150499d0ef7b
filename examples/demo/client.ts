// The client process: goes through the steps of the demo, checks that each of them really happened, and says so.

import { ok } from "node:assert/strict";
import { ConnectionLost, isTroupeError, type RemoteError, ServiceMap } from "@troupe/core";
import { connect, link } from "@troupe/node";
import { AHEAD_MAX, Stage, STEPS, Visitor, Workshop } from "./contract.js";

const [stageEndpoint = ""] = process.argv.slice(2);

const stagePeer = await connect(stageEndpoint, { name: "client" });
const stage = stagePeer.address(Stage);
// No process of the demo outlives the one that began it.
stagePeer.on("closed", ({ reason }) => {
  if (reason.by !== "local") process.exit(1);
});
const note = (line: string): Promise<void> => stage.call("note", { who: "client", line });

// A link connects again when its connection breaks. What it provides, it provides on every new connection, and its
// addresses stay valid.
const services = new ServiceMap().add(Visitor, { name: () => "Ada" });
const up = link(await stage.call("endpoint"), { services, backoff: { minMs: 50, maxMs: 500 } });
const workshop = up.address(Workshop);

const perform: Record<(typeof STEPS)[number], () => Promise<string>> = {
  async "Typed calls, both ways"() {
    const sum = await workshop.call("add", { a: 2, b: 3 });
    await note(`2 + 3 is ${sum}`);
    const welcome = await workshop.call("greet");
    await note(`the server asked for my name, then answered "${welcome}"`);
    ok(sum === 5 && welcome === "welcome, Ada");
    return "the client calls the server, which calls the client";
  },

  async "Many calls at once"() {
    const calls = 20_000;
    const inFlight = 64;
    let next = 0;
    let right = 0;
    const startedAt = performance.now();
    const loop = async (): Promise<void> => {
      for (let n = next++; n < calls; n = next++) if ((await workshop.call("add", { a: n, b: 1 })) === n + 1) right++;
    };
    await Promise.all(Array.from({ length: inFlight }, loop));
    const perSecond = Math.round(calls / ((performance.now() - startedAt) / 1000));
    ok(right === calls);
    await note(`${calls.toLocaleString("en")} calls, and ${right.toLocaleString("en")} right answers`);
    return `${perSecond.toLocaleString("en")} calls/s, ${inFlight} in flight on one connection`;
  },

  async "A slow call holds up no fast one"() {
    let isBaked = false;
    const cake = workshop.call("bake", "cake").finally(() => (isBaked = true));
    for (let n = 0; n < 500; n++) await workshop.call("add", { a: n, b: n });
    ok(!isBaked, "the fast calls were answered while the slow one went on");
    await note("500 fast calls are answered, and the cake is still in the oven");
    await workshop.send("open");
    ok((await cake) === "cake, baked");
    return "500 fast calls answered while a slow one ran";
  },

  async "A slow reader holds its sender back"() {
    const messages = 600;
    let sent = 0;
    while (workshop.trySend("pack", sent + 1)) sent++;
    await note(`trySend: ${sent} messages go out at once, then it says no`);
    ok(sent > 0 && sent <= AHEAD_MAX);
    const later = messages - sent;
    const startedAt = performance.now();
    // Each send resolves when there is room for it.
    while (sent < messages) await workshop.send("pack", ++sent);
    const elapsedMs = performance.now() - startedAt;
    await note(`send: ${later} more go out at the pace of the one who packs, in ${Math.round(elapsedMs)} ms`);
    let report = await workshop.call("report");
    while (report.packed < sent) report = await workshop.call("report");
    ok(report.furthestAhead <= AHEAD_MAX, `${report.furthestAhead} ahead`);
    return `${messages} sent, never more than ${report.furthestAhead} ahead of the reader`;
  },

  async "Cancel and deadline reach the handler"() {
    const giveUp = new AbortController();
    const bread = rejection(workshop.call("bake", "bread", { signal: giveUp.signal }));
    const pizza = rejection(workshop.call("bake", "pizza", { timeoutMs: 200 }));
    await workshop.call("add", { a: 1, b: 1 }); // what was asked before has begun by now
    giveUp.abort();
    const codes = [codeOf(await bread), codeOf(await pizza)].join(" and ");
    await note(`the calls reject: ${codes}`);
    ok(codes === "cancelled and timeout");
    // Each side keeps the deadline by its own clock, so the handler may be told a moment later than the caller.
    let { givenUp } = await workshop.call("report");
    while (givenUp.length < 2) ({ givenUp } = await workshop.call("report"));
    ok([...givenUp].sort().join(" and ") === codes, `the handlers were told: ${givenUp.join(", ")}`);
    return `${codes}; both handlers were told to stop`;
  },

  async "Errors keep their code and data"() {
    const error = await rejection(workshop.call("divide", { a: 1, b: 0 }));
    ok(isTroupeError(error, "division-by-zero"));
    const { code, message, data } = error as RemoteError;
    await note(`${code}: ${message} ${JSON.stringify(data)}`);
    ok(JSON.stringify(data) === '{"a":1,"b":0}');
    return `${code}, with data; the stack stays at home`;
  },

  async "The server is killed"() {
    const closed = up.peer?.closed;
    const soup = rejection(workshop.call("bake", "soup"));
    await workshop.call("add", { a: 1, b: 1 });
    await stage.call("killServer");
    const error = await soup;
    ok(error instanceof ConnectionLost && error.maybeExecuted);
    await note(`the call under way rejects: ${error.code}, maybeExecuted: ${error.maybeExecuted}`);
    const reason = await closed;
    ok(reason !== undefined);
    await note(`the peer is closed: by ${reason.by}, ${reason.code}`);
    return `${reason.code}: pending calls reject at once`;
  },

  async "The server is back"() {
    ok(up.state !== "up");
    let attempts = 0;
    up.on("retrying", () => attempts++);
    const waiting = workshop.call("add", { a: 40, b: 2 });
    await note("calls 40 + 2, although nobody is there");
    await stage.call("startServer");
    const sum = await waiting;
    await note(`connected after ${attempts} attempts that failed; the call that waited is answered: ${sum}`);
    ok(sum === 42);
    await workshop.send("pack", 1);
    const { pid } = await workshop.call("report");
    await note(`the same addresses now reach process ${pid}`);
    return `connected again after ${attempts} attempts; the call that waited was answered`;
  },
};

for (const [index, title] of STEPS.entries()) {
  const step = index + 1;
  await stage.send("began", { step, title });
  const figure = await perform[title]();
  await stage.send("ended", { step, figure });
}

// Nothing is open any more after this, so the process ends by itself.
await up.close({ graceMs: 1000 });
await stagePeer.close();

/** What `promise` rejects with; it must not resolve. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => ok(false, "this call should have been rejected"),
    (error: unknown) => error,
  );
}

function codeOf(error: unknown): string {
  return isTroupeError(error) ? error.code : String(error);
}

// Members find each other, notice who is gone, and are not fooled: in virtual time, over a network that loses and cuts.

import { describe, expect, test } from "vitest";
import { SeededRandom, SimulatedMembers, simulatedSigning, type SimulatedMember } from "../testing/index.js";
import { ed25519Signing, identityOf, newIdentity, readRecord, signRecord, suspicionMs } from "./index.js";
import { MEMBERSHIP_TIMINGS, retransmitsOf } from "./membership-timing.js";

async function cluster(count: number, options: ConstructorParameters<typeof SimulatedMembers>[0] = {}) {
  const network = new SimulatedMembers(options);
  const first = network.start();
  for (let i = 1; i < count; i++) network.meet(network.start(), first);
  const rounds = await network.rounds(50, () => network.isConverged);
  return { network, rounds };
}

function at(network: SimulatedMembers, index: number): SimulatedMember {
  return network.members[index] as SimulatedMember;
}

describe("membership", () => {
  test.each([2, 10, 50, 200])("%d members know each other within 20 rounds of one bootstrap", async (count) => {
    const { network, rounds } = await cluster(count);
    expect(rounds).toBeLessThanOrEqual(20);
    network.close();
  });

  test("one seed is one course of events, another one another", async () => {
    const traces = [];
    for (const seed of [7, 7, 8]) {
      const { network } = await cluster(10, { seed, loss: 0.1 });
      network.crash(at(network, 3));
      await network.advance(30_000);
      traces.push(network.trace);
      network.close();
    }
    expect(traces[0]).toBe(traces[1]);
    expect(traces[0]).not.toBe(traces[2]);
  });

  test("a crash is suspected, then known to all, and nobody else is accused", async () => {
    const { network } = await cluster(20, { seed: 3 });
    const gone = at(network, 5);
    network.crash(gone);
    await network.advance(60_000);
    for (const { isCrashed, events } of network.members) {
      if (isCrashed) continue;
      const about = events.filter((event) => "member" in event && event.member.id === gone.id).map(({ type }) => type);
      expect(about.at(-1)).toBe("failed");
    }
    expect(network.falseDeaths).toBe(0);
    expect(network.isConverged).toBe(true);
    network.close();
  });

  test("at 5 % loss nobody is taken for dead in ten minutes", { timeout: 60_000 }, async () => {
    const { network } = await cluster(30, { seed: 11, loss: 0.05 });
    await network.advance(600_000);
    expect(network.falseDeaths).toBe(0);
    network.close();
  });

  test("whoever leaves has left at once for everybody, and has not failed", async () => {
    const { network } = await cluster(10);
    const leaving = at(network, 4);
    leaving.membership.leave();
    network.crash(leaving);
    await network.advance(50);
    for (const { isCrashed, membership, events } of network.members) {
      if (isCrashed) continue;
      expect(membership.member(leaving.id)?.status).toBe("left");
      expect(events.some(({ type }) => type === "failed" || type === "suspected")).toBe(false);
    }
    network.close();
  });

  test(
    "a network in two halves sees two pictures, and one again within 10 rounds of being healed",
    { timeout: 30_000 },
    async () => {
      const { network } = await cluster(50, { seed: 5 });
      for (const member of network.members) member.side = member.index % 2;
      await network.advance(120_000);
      for (const { membership } of network.members) expect(membership.active).toHaveLength(24);
      for (const member of network.members) member.side = 0;
      expect(await network.rounds(40, () => network.isConverged)).toBeLessThanOrEqual(10);
      network.close();
    },
  );

  test("a process that stood still doubts itself before it accuses others", async () => {
    const { network } = await cluster(10, { seed: 9 });
    const frozen = at(network, 2);
    frozen.clock.pause();
    await network.advance(2000);
    frozen.clock.resume();
    await network.advance(1);
    expect(frozen.events.filter(({ type }) => type === "suspected" || type === "failed")).toEqual([]);
    await network.advance(60_000);
    expect(network.isConverged).toBe(true);
    network.close();
  });

  test("whoever was taken for dead and comes back is there again, with the same key", async () => {
    const { network } = await cluster(8, { seed: 2 });
    network.crash(at(network, 3));
    await network.advance(40_000);
    const again = network.start(3);
    network.meet(again, at(network, 0));
    expect(await network.rounds(20, () => network.isConverged)).toBeLessThanOrEqual(20);
    const types = at(network, 6).events.filter((event) => "member" in event && event.member.id === again.id);
    const comings = types.map(({ type }) => type).filter((type) => type !== "updated");
    expect(comings.slice(-2)).toEqual(["failed", "joined"]);
    network.close();
  });

  test("what a member offers is known to all when it changes", async () => {
    const { network } = await cluster(10);
    at(network, 1).membership.update({ services: ["calculator"] });
    await network.advance(1000);
    for (const { membership } of network.members.filter(({ index }) => index !== 1)) {
      expect(membership.member(at(network, 1).id)?.services).toEqual(["calculator"]);
    }
    network.close();
  });

  test("whoever is suspected without cause says so, and is not suspected any more", async () => {
    const { network } = await cluster(5);
    const accused = at(network, 1);
    const { incarnation } = accused.membership.own;
    const claim = { id: accused.id, incarnation, status: "dead" as const, from: at(network, 2).id };
    at(network, 0).membership.receive(at(network, 2).id, { kind: "news", sequence: 0, updates: [claim] });
    expect(at(network, 0).membership.member(accused.id)?.status).toBe("dead");
    expect(await network.rounds(20, () => network.isConverged)).toBeLessThanOrEqual(20);
    expect(accused.membership.own.incarnation).toBeGreaterThan(incarnation);
    network.close();
  });
});

test("a claim about an incarnation that never was means nothing, and can neither kill nor exhaust anybody", async () => {
  const { network } = await cluster(4);
  const [a, b, c] = [at(network, 0), at(network, 1), at(network, 2)];
  const claim = { id: b.id, incarnation: Number.MAX_SAFE_INTEGER, status: "dead" as const, from: c.id };
  for (const { membership } of [a, b]) {
    membership.receive(c.id, { kind: "news", sequence: 0, updates: [claim] });
  }
  await network.advance(5000);
  expect(a.membership.member(b.id)?.status).toBe("alive");
  expect(b.membership.own.incarnation).toBeLessThan(100);
  expect(network.isConverged).toBe(true);
  network.close();
});

describe("records", () => {
  const identity = newIdentity(new SeededRandom(1));
  const content = {
    publicKey: identity.publicKey,
    network: "home",
    name: "a",
    endpoints: ["tcp://127.0.0.1:1"],
    services: ["s"],
    incarnation: 1,
    instance: "00".repeat(8),
    hasLeft: false,
  };

  test("a record is read as it was signed", () => {
    const record = signRecord(content, identity, ed25519Signing);
    expect(readRecord(record.signed, "home", ed25519Signing)).toEqual(record);
    expect(record.id).toBe(identity.id);
  });

  test("a record of somebody else's, of another network, changed or cut is refused", () => {
    const { signed } = signRecord(content, identity, ed25519Signing);
    const other = signRecord(content, newIdentity(new SeededRandom(2)), ed25519Signing);
    const codeOf = (record: typeof signed, network = "home"): unknown => {
      try {
        readRecord(record, network, ed25519Signing);
        return undefined;
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(codeOf(signed, "away")).toBe("network-mismatch");
    expect(codeOf(other.signed)).toBe("record-forged");
    expect(codeOf({ ...signed, signature: signed.signature.slice(1) })).toBe("record-invalid");
    for (let at = 0; at < signed.bytes.length; at++) {
      const bytes = signed.bytes.slice();
      bytes[at] = (bytes[at] as number) ^ 1;
      expect(codeOf({ ...signed, bytes })).toMatch(/^(record-invalid|record-forged|network-mismatch)$/);
    }
  });

  test("records that are replayed or older change nothing, and bad ones are told", async () => {
    const { network } = await cluster(4);
    const [a, b] = [at(network, 0), at(network, 1)];
    const old = b.membership.own.signed;
    b.membership.update({ services: ["new"] });
    await network.advance(1000);
    a.membership.receive(b.id, { kind: "news", sequence: 0, updates: [old] });
    expect(a.membership.member(b.id)?.services).toEqual(["new"]);
    const forged = { bytes: old.bytes, signature: new Uint8Array(64) };
    const stranger = identityOf(new SeededRandom(4).bytes(32), simulatedSigning);
    const away = signRecord({ ...content, publicKey: stranger.publicKey, network: "away" }, stranger, simulatedSigning);
    a.membership.receive(b.id, { kind: "news", sequence: 0, updates: [forged, away.signed] });
    expect(
      a.events.filter(({ type }) => type === "refused").map((event) => "error" in event && event.error.code),
    ).toEqual(["record-forged", "network-mismatch"]);
    network.close();
  });

  test("somebody else with the same key is noticed", async () => {
    const { network } = await cluster(3);
    const real = at(network, 1);
    const twin = identityOf(
      real.membership.own.publicKey.map((byte) => byte ^ 0x5a),
      simulatedSigning,
    );
    const { signed: _signed, id: _id, ...own } = real.membership.own;
    const record = signRecord({ ...own, instance: "ff".repeat(8), incarnation: 50 }, twin, simulatedSigning);
    real.membership.receive(at(network, 0).id, { kind: "news", sequence: 0, updates: [record.signed] });
    expect(real.events.at(-1)).toMatchObject({ type: "conflict", instance: "ff".repeat(8) });
    expect(real.membership.own.incarnation).toBeGreaterThan(50);
    network.close();
  });
});

test("the formulas of memberlist", () => {
  const { lan } = MEMBERSHIP_TIMINGS;
  expect(suspicionMs(lan, 10, 2)).toBe(4000);
  expect(suspicionMs(lan, 10, 0)).toBe(24_000);
  expect(suspicionMs(lan, 2, 0)).toBe(4000);
  expect(suspicionMs(lan, 1000, 2)).toBe(12_000);
  expect(retransmitsOf(lan, 9)).toBe(4);
  expect(retransmitsOf(lan, 200)).toBe(12);
});

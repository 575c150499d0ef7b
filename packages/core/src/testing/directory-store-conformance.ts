// The conformance suite of directory stores: what `DirectoryStore` promises, demanded of any implementation.

import type { DirectoryStore, StoredEntry } from "../directory/index.js";
import { demand, type ConformanceCase } from "./conformance-case.js";

/** One store that can be opened more than once, and what is to be thrown away after it. */
export interface DirectoryStoreSubject {
  /** Opens it; what was kept by the one before is there, if the store keeps anything. */
  open(): Promise<DirectoryStore>;
  /** Whether entries are there again when it is opened again; true unless given. */
  readonly isDurable?: boolean;
  dispose?(): Promise<void>;
}

/**
 * The cases that every store passes.
 *
 * @example
 * for (const { name, run } of directoryStoreConformance("memory", async () => ({ open: async () => new MemoryStore() }))) test(name, run);
 */
export function directoryStoreConformance(
  name: string,
  setup: () => Promise<DirectoryStoreSubject>,
): ConformanceCase[] {
  return Object.entries(CASES).map(([title, run]) => ({
    name: `${name}: ${title}`,
    run: async () => {
      const subject = await setup();
      try {
        await run(subject);
      } finally {
        await subject.dispose?.();
      }
    },
  }));
}

const CASES: Readonly<Record<string, (subject: DirectoryStoreSubject) => Promise<void>>> = {
  "what was put is there, the newest of each": async (subject) => {
    const store = await subject.open();
    demand((await all(store)).length === 0, "a new store has entries");
    await store.put(entry(1));
    await store.put(entry(2));
    await store.put({ ...entry(1), name: "newer", version: 2 });
    const kept = await all(store);
    demand(kept.length === 2, `there are ${kept.length} entries instead of 2`);
    demand(same(kept[0], { ...entry(1), name: "newer", version: 2 }), "the first entry is not the newest");
    demand(same(kept[1], entry(2)), "the second entry has changed");
    await store.close();
  },

  "what was deleted is gone, and deleting it again is nothing": async (subject) => {
    const store = await subject.open();
    await store.put(entry(1));
    await store.delete(entry(1).uuid);
    await store.delete(entry(1).uuid);
    await store.delete(entry(2).uuid);
    demand((await all(store)).length === 0, "an entry is still there");
    await store.close();
  },

  "many at once are all kept": async (subject) => {
    const store = await subject.open();
    const entries = Array.from({ length: 500 }, (_, index) => entry(index));
    await Promise.all(entries.map((each) => store.put(each)));
    await Promise.all(entries.slice(0, 100).map(({ uuid }) => store.delete(uuid)));
    demand((await all(store)).length === 400, "some are lost, or too many kept");
    await store.close();
  },

  "every text survives": async (subject) => {
    const store = await subject.open();
    const odd = { ...entry(1), name: 'ä\u0000"\u{1F600}', services: ["", "x".repeat(256)], observed: "tcp://[::1]:1" };
    await store.put(odd);
    demand(same((await all(store))[0], odd), "an entry came back differently");
    await store.close();
  },

  "everything is there when it is opened again": async (subject) => {
    if (subject.isDurable === false) return;
    const store = await subject.open();
    await Promise.all(Array.from({ length: 50 }, (_, index) => store.put(entry(index))));
    await store.delete(entry(7).uuid);
    await store.close();
    await store.close();
    const again = await subject.open();
    const kept = await all(again);
    demand(kept.length === 49, `${kept.length} entries are there instead of 49`);
    demand(same(kept[0], entry(0)), "an entry came back differently");
    await again.close();
  },

  "puts that are under way at close are kept": async (subject) => {
    if (subject.isDurable === false) return;
    const store = await subject.open();
    const puts = Promise.all(Array.from({ length: 50 }, (_, index) => store.put(entry(index))));
    await store.close();
    await puts;
    const again = await subject.open();
    demand((await all(again)).length === 50, "some are lost");
    await again.close();
  },
};

function entry(index: number): StoredEntry {
  return {
    uuid: `00000000-0000-8000-8000-${index.toString(16).padStart(12, "0")}`,
    name: `program ${index}`,
    endpoints: [`tcp://127.0.0.1:${1024 + index}`],
    services: ["calculator"],
    observed: "tcp://127.0.0.1:50000",
    version: 1,
    leaseMs: 60_000,
  };
}

async function all(store: DirectoryStore): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for await (const each of store.entries()) entries.push(each);
  return entries.sort((a, b) => (a.uuid < b.uuid ? -1 : 1));
}

function same(a: StoredEntry | undefined, b: StoredEntry): boolean {
  const sorted = (value: StoredEntry): string =>
    JSON.stringify(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)));
  return a !== undefined && sorted(a) === sorted(b);
}

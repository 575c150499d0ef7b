// Where the items of a stream come from: anything that can be iterated, whoever gave it.

/** An iterator that was begun, of either kind. */
export type ItemSource = AsyncIterator<unknown> | Iterator<unknown>;

/** Begins to read something iterable; undefined if it is not. A text is not meant to be a stream of letters. */
export function itemSource(given: unknown): ItemSource | undefined {
  if (typeof given !== "object" || given === null) return undefined;
  const iterable = given as Partial<AsyncIterable<unknown> & Iterable<unknown>>;
  return iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]?.();
}

// Bytes that their owner gives away with a message. Where both ends share memory, they change hands and are not copied.

let given: WeakSet<Uint8Array> | undefined;

/**
 * Gives bytes away with the message whose input, answer or item they are: `call("store", transfer(bytes))`. To a worker
 * they move without being copied, and `bytes` is empty afterwards; over other transports this changes nothing. It takes an
 * array that has its memory for itself, and more than 64 KiB of it; everything else is copied as usual.
 *
 * @example
 * const pixels = transfer(new Uint8Array(4_000_000));
 */
export function transfer<T extends Uint8Array>(bytes: T): T {
  given ??= new WeakSet();
  given.add(bytes);
  return bytes;
}

/** Whether bytes were given away and can change hands. */
export function isGivenAway(bytes: Uint8Array): boolean {
  return given?.has(bytes) === true && bytes.byteLength === bytes.buffer.byteLength;
}

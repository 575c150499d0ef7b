// Whether bytes are UTF-8: nothing overlong, no surrogates, nothing beyond U+10FFFF. Decoders put U+FFFD in the place of
// a fault, so that two hops would disagree on what was sent.

/** From this length on a view of 32-bit words repays its making. */
const LONG_TEXT_BYTES = 1024;

/** Where the first byte that breaks UTF-8 is, between `offset` and `end`, or -1 if none does. */
export function utf8Fault(bytes: Uint8Array, offset: number, end: number): number {
  const beyond = end - offset < LONG_TEXT_BYTES ? asciiEnd(bytes, offset, end) : longAsciiEnd(bytes, offset, end);
  return beyond === end ? -1 : mixedFault(bytes, beyond, end);
}

/** Where the first byte beyond ASCII is, or `end`. Eight at a time: most text is short and all ASCII. */
function asciiEnd(bytes: Uint8Array, offset: number, end: number): number {
  while (
    end - offset > 7 &&
    (bytes[offset]! |
      bytes[offset + 1]! |
      bytes[offset + 2]! |
      bytes[offset + 3]! |
      bytes[offset + 4]! |
      bytes[offset + 5]! |
      bytes[offset + 6]! |
      bytes[offset + 7]!) <
      0x80
  ) {
    offset += 8;
  }
  while (offset < end && bytes[offset]! < 0x80) offset++;
  return offset;
}

/** The same for long text, three times as fast, for the price of a view. */
function longAsciiEnd(bytes: Uint8Array, offset: number, end: number): number {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  while (
    end - offset > 15 &&
    ((words.getInt32(offset) | words.getInt32(offset + 4) | words.getInt32(offset + 8) | words.getInt32(offset + 12)) &
      0x80808080) ===
      0
  ) {
    offset += 16;
  }
  return asciiEnd(bytes, offset, end);
}

/** The same for text that has left ASCII. The ranges of the second byte are those of Unicode's table 3-7. */
function mixedFault(bytes: Uint8Array, offset: number, end: number): number {
  while (offset < end) {
    const first = bytes[offset]!;
    if (first < 0x80) {
      offset++;
      continue;
    }
    let low = 0x80;
    let high = 0xbf;
    let following = 1;
    if (first < 0xc2 || first > 0xf4) return offset;
    if (first >= 0xf0) {
      following = 3;
      if (first === 0xf0) low = 0x90;
      else if (first === 0xf4) high = 0x8f;
    } else if (first >= 0xe0) {
      following = 2;
      if (first === 0xe0) low = 0xa0;
      else if (first === 0xed) high = 0x9f;
    }
    if (following >= end - offset) return offset;
    const second = bytes[offset + 1]!;
    if (second < low || second > high) return offset;
    if (following > 1 && (bytes[offset + 2]! & 0xc0) !== 0x80) return offset;
    if (following > 2 && (bytes[offset + 3]! & 0xc0) !== 0x80) return offset;
    offset += following + 1;
  }
  return -1;
}

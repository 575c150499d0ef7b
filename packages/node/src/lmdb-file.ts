// Whether a file of LMDB is sound. LMDB maps it into memory and believes what is in it, so that a page that is something else ends the
// process, or hides entries in silence. So what is in use is looked at first: the layout is that of LMDB 1.0 on a machine with 64 bits.
//
//   page   number (8)  transaction (8)  pad (2)  flags (2)  lower (2)  upper (2)  places of nodes (2 each) … nodes
//          lower, upper and places count from behind the head
//   meta   magic (4)  version (4)  address (8)  size (8)  free tree (48)  main tree (48)  last page (8)  transaction (8)
//   tree   pad (4)  flags (2)  depth (2)  branches, leaves, overflow pages, entries, root (8 each)
//   node   low (2)  high (2)  flags (2)  bytes of key (2)  key  value

import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const MAGIC = 0xbeef_c0de;
const HEAD_BYTES = 24;
const META_BYTES = HEAD_BYTES + 136;
const NODE_BYTES = 8;
const BRANCH = 1;
const LEAF = 2;
const OVERFLOW = 4;
const META = 8;
const BIG_VALUE = 1;
/** The root of a tree without any pages. */
const NONE = 0xffff_ffff_ffff_ffffn;
/** No tree is as deep: 2 keys in each branch would make more pages than there can be. */
const DEPTH_MAX = 64;

/** @throws Error whose message begins with MDB_INVALID or MDB_CORRUPTED; an error of the file system. A file without a byte is sound. */
export function demandSound(path: string): void {
  const file = openSync(path, "a+");
  try {
    const { size } = fstatSync(file);
    if (size > 0) new LmdbFile(file, size).check();
  } finally {
    closeSync(file);
  }
}

class LmdbFile {
  readonly #file: number;
  readonly #bytes: number;
  #pageBytes = 0;
  #pages = 0;

  constructor(file: number, bytes: number) {
    this.#file = file;
    this.#bytes = bytes;
  }

  check(): void {
    const first = this.#read(0, META_BYTES);
    const pageBytes = first.readUInt32LE(48);
    const isPageSize = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
    if (!isPageSize) throw invalid("there is no page about itself");
    this.#pageBytes = pageBytes;
    const metas = [first, this.#read(pageBytes, META_BYTES)];
    for (const [number, meta] of metas.entries()) {
      if (meta.readUInt32LE(24) !== MAGIC) throw invalid("it is something else");
      const isAboutItself = meta.readBigUInt64LE(0) === BigInt(number) && (meta.readUInt16LE(18) & META) !== 0;
      if (!isAboutItself) throw corrupted(`page ${number} is damaged`);
    }
    const [newest = first] = metas.sort((a, b) => Number(b.readBigUInt64LE(152) - a.readBigUInt64LE(152)));
    const pages = newest.readBigUInt64LE(144) + 1n;
    if (BigInt(this.#bytes) < pages * BigInt(pageBytes)) throw corrupted("the end of it is missing");
    this.#pages = Number(pages);
    this.#checkTree(newest.subarray(48, 96));
    this.#checkTree(newest.subarray(96, 144));
  }

  #checkTree(tree: Buffer): void {
    const root = tree.readBigUInt64LE(40);
    const entries = root === NONE ? 0 : this.#entriesUnder(root, DEPTH_MAX);
    if (BigInt(entries) !== tree.readBigUInt64LE(32)) throw corrupted("entries are missing");
  }

  #entriesUnder(number: bigint, depthLeft: number): number {
    const page = this.#page(number);
    const flags = page.readUInt16LE(18);
    const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)];
    const count = lower / 2;
    if (depthLeft === 0 || lower > upper || HEAD_BYTES + upper > page.length || !Number.isInteger(count)) {
      throw corrupted(`page ${number} is damaged`);
    }
    if ((flags & LEAF) !== 0) {
      for (let at = 0; at < count; at++) this.#checkValue(number, page, this.#nodeAt(page, at, upper, number));
      return count;
    }
    if ((flags & BRANCH) === 0 || count === 0) throw corrupted(`page ${number} is of no kind`);
    let entries = 0;
    for (let at = 0; at < count; at++) {
      const node = this.#nodeAt(page, at, upper, number);
      entries += this.#entriesUnder(BigInt(page.readUIntLE(node, 6)), depthLeft - 1);
    }
    return entries;
  }

  /** Where a node is, which must lie within its page. */
  #nodeAt(page: Buffer, at: number, upper: number, number: bigint): number {
    const node = HEAD_BYTES + page.readUInt16LE(HEAD_BYTES + 2 * at);
    const isInside = node >= HEAD_BYTES + upper && node + NODE_BYTES <= page.length;
    if (!isInside || node + NODE_BYTES + page.readUInt16LE(node + 6) > page.length) {
      throw corrupted(`page ${number} is damaged`);
    }
    return node;
  }

  #checkValue(number: bigint, page: Buffer, node: number): void {
    const bytes = page.readUInt32LE(node);
    const value = node + NODE_BYTES + page.readUInt16LE(node + 6);
    if ((page.readUInt16LE(node + 4) & BIG_VALUE) === 0) {
      if (value + bytes > page.length) throw corrupted(`page ${number} is damaged`);
      return;
    }
    if (value + 8 > page.length) throw corrupted(`page ${number} is damaged`);
    const first = page.readBigUInt64LE(value);
    const head = this.#page(first);
    const pages = Math.ceil((HEAD_BYTES + bytes) / this.#pageBytes);
    const isThere = (head.readUInt16LE(18) & OVERFLOW) !== 0 && Number(first) + pages <= this.#pages;
    if (!isThere || head.readUInt32LE(20) < pages) throw corrupted(`page ${first} is damaged`);
  }

  #page(number: bigint): Buffer {
    if (number < 2n || number >= BigInt(this.#pages)) throw corrupted(`there is no page ${number}`);
    const page = this.#read(Number(number) * this.#pageBytes, this.#pageBytes);
    if (page.readBigUInt64LE(0) !== number) throw corrupted(`page ${number} is another one`);
    return page;
  }

  #read(at: number, bytes: number): Buffer {
    const read = Buffer.alloc(bytes);
    readSync(this.#file, read, 0, bytes, at);
    return read;
  }
}

function invalid(why: string): Error {
  return new Error(`MDB_INVALID: ${why}`);
}

function corrupted(why: string): Error {
  return new Error(`MDB_CORRUPTED: ${why}`);
}

// The limits of what a reader accepts, with the reason for each number.

/** What one frame and its payload may be. */
export interface WireLimits {
  /** The longest frame, header included, in bytes. At most 16 MiB, which is what the header can say. */
  readonly frameBytesMax: number;
  /** The longest message, header included, in bytes: what is longer than a frame comes in parts. */
  readonly messageBytesMax: number;
  /** How deep arrays, maps and tags may nest. Decoders recurse; 64 is far above any hand-written contract. */
  readonly depthMax: number;
  /** How many items a payload may have in all: each costs up to 64 bytes of heap for one byte on the wire. */
  readonly itemsMax: number;
  /** How many entries one array or map may have. */
  readonly containerMax: number;
  /** The longest key of a map, in bytes. */
  readonly keyBytesMax: number;
  /** The longest text, in bytes. */
  readonly textBytesMax: number;
  /** The longest big integer, in bytes: conversion takes more than linear time. */
  readonly bigintBytesMax: number;
}

/** What a payload and a frame may be unless it is told otherwise. */
export const WIRE_LIMITS: WireLimits = Object.freeze({
  frameBytesMax: 1024 * 1024,
  messageBytesMax: 64 * 1024 * 1024,
  depthMax: 64,
  itemsMax: 100_000,
  containerMax: 65_535,
  keyBytesMax: 256,
  textBytesMax: 64 * 1024 * 1024,
  bigintBytesMax: 64,
});

/** What goes whole at most, header included: 64 KiB of binary and what is around them. What is longer goes in parts. */
export const WHOLE_BYTES_MAX: number = 64 * 1024 + 256;
/** The longest piece of a frame that goes in parts. */
export const PART_BYTES_MAX: number = 64 * 1024;

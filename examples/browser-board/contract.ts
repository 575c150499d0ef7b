// What the board and the people at it say to each other.

import { defineService, send, stream } from "@troupe/core";

export const BOARD_WIDTH = 1200;
export const BOARD_HEIGHT = 700;
export const TEXT_LENGTH_MAX = 140;
export const NOTES_MAX = 60;

export interface Note {
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly color: string;
  readonly by: string;
}

/** Somebody who looks at the board, and where. */
export interface Guest {
  readonly id: string;
  readonly name: string;
  readonly color: string;
  readonly x: number;
  readonly y: number;
}

/** What has changed since the last one: the newest state of each thing, however often it changed meanwhile. */
export interface Update {
  readonly notes: readonly Note[];
  readonly removed: readonly string[];
  readonly guests: readonly Guest[];
  readonly left: readonly string[];
}

export const Board = defineService("board", {
  /** Sits down at the board: first all that is on it, then every change. */
  visit: stream<{ id: string; name: string; color: string }, Update>(),
  /** Puts a note on the board, or moves or rewrites the one that is there. */
  put: send<Note>(),
  remove: send<string>(),
  /** Where the visitor's pointer is. */
  point: send<{ id: string; x: number; y: number }>(),
});

// The board itself, in the server: what is on it, who is at it, and who has not been told yet. A visitor whose line is
// slow is told less often, not later: for each thing only its newest state waits, so that nothing grows.

import { ServiceMap, type Handlers } from "@troupe/core";
import {
  Board,
  BOARD_HEIGHT,
  BOARD_WIDTH,
  NOTES_MAX,
  TEXT_LENGTH_MAX,
  type Guest,
  type Note,
  type Update,
} from "./contract.js";

/** What one visitor has not been told. */
class Unseen {
  readonly #notes = new Map<string, Note>();
  readonly #guests = new Map<string, Guest>();
  readonly #removed = new Set<string>();
  readonly #left = new Set<string>();
  #wake: (() => void) | undefined;
  #isOver = false;

  /** Nothing need be told any more when `signal` is aborted. */
  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => {
      this.#isOver = true;
      this.#wake?.();
    });
  }

  note(note: Note): void {
    this.#removed.delete(note.id);
    this.#notes.set(note.id, note);
    this.#wake?.();
  }

  removed(id: string): void {
    this.#notes.delete(id);
    this.#removed.add(id);
    this.#wake?.();
  }

  guest(guest: Guest): void {
    this.#guests.set(guest.id, guest);
    this.#wake?.();
  }

  left(id: string): void {
    this.#guests.delete(id);
    this.#left.add(id);
    this.#wake?.();
  }

  /** Resolves with true when there is something to tell, and with false when nobody listens any more. */
  async next(): Promise<boolean> {
    if (this.#size === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    return !this.#isOver;
  }

  take(): Update {
    const all = [this.#notes, this.#guests, this.#removed, this.#left];
    const [notes, guests] = [[...this.#notes.values()], [...this.#guests.values()]];
    const update = { notes, guests, removed: [...this.#removed], left: [...this.#left] };
    for (const each of all) each.clear();
    return update;
  }

  get #size(): number {
    return this.#notes.size + this.#guests.size + this.#removed.size + this.#left.size;
  }
}

export class SharedBoard {
  readonly #notes = new Map<string, Note>();
  readonly #guests = new Map<string, Guest>();
  readonly #visitors = new Set<Unseen>();

  get guests(): number {
    return this.#guests.size;
  }

  put(given: Note): void {
    if (!this.#notes.has(given.id) && this.#notes.size >= NOTES_MAX) return;
    const { id, by, color } = given;
    const text = given.text.slice(0, TEXT_LENGTH_MAX);
    const note = { id, by, color, text, x: within(given.x, BOARD_WIDTH), y: within(given.y, BOARD_HEIGHT) };
    this.#notes.set(id, note);
    for (const visitor of this.#visitors) visitor.note(note);
  }

  remove(id: string): void {
    if (this.#notes.delete(id)) for (const visitor of this.#visitors) visitor.removed(id);
  }

  services(): ServiceMap {
    return new ServiceMap().add(Board, this.#handlers());
  }

  #handlers(): Handlers<typeof Board> {
    // Generators have no `this` of the class.
    const [notes, guests, visitors] = [this.#notes, this.#guests, this.#visitors];
    return {
      put: (note) => this.put(note),
      remove: (id) => this.remove(id),
      point: ({ id, x, y }) => {
        const guest = guests.get(id);
        if (guest === undefined) return;
        const moved = { ...guest, x: within(x, BOARD_WIDTH), y: within(y, BOARD_HEIGHT) };
        guests.set(id, moved);
        for (const visitor of visitors) visitor.guest(moved);
      },
      async *visit({ id, name, color }, { signal }) {
        const unseen = new Unseen(signal);
        const guest = { id, name: name.slice(0, 24), color, x: -1, y: -1 };
        guests.set(id, guest);
        visitors.add(unseen);
        for (const visitor of visitors) visitor.guest(guest);
        for (const note of notes.values()) unseen.note(note);
        for (const other of guests.values()) unseen.guest(other);
        try {
          while (await unseen.next()) yield unseen.take();
        } finally {
          // They closed the tab, lost the line, or went to sleep: the board need not know which.
          visitors.delete(unseen);
          guests.delete(id);
          for (const visitor of visitors) visitor.left(id);
        }
      },
    };
  }
}

function within(value: number, max: number): number {
  return Number.isFinite(value) ? Math.min(Math.max(value, 0), max) : 0;
}

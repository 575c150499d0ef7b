// A queue on a circular array: constant time at both ends, no garbage while it does not grow. It has no bound of its
// own; whoever owns one checks `length` before `push`.

const INITIAL_SLOTS = 8;

/** A first-in-first-out queue. */
export class Ring<T> {
  #slots: (T | undefined)[] = [];
  #head = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item;
    this.#length++;
  }

  /** Puts `item` in front of all others. */
  unshift(item: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#slots.length - 1);
    this.#slots[this.#head] = item;
    this.#length++;
  }

  peek(): T | undefined {
    return this.#slots[this.#head];
  }

  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length--;
    return item;
  }

  /** Empties the queue and returns what was in it, oldest first. */
  clear(): T[] {
    const items: T[] = [];
    while (this.#length > 0) items.push(this.shift() as T);
    this.#slots = [];
    this.#head = 0;
    return items;
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Array<T | undefined>(Math.max(INITIAL_SLOTS, old.length * 2));
    for (let i = 0; i < this.#length; i++) slots[i] = old[(this.#head + i) & (old.length - 1)];
    this.#slots = slots;
    this.#head = 0;
  }
}

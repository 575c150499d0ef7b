// Who waits, in order of arrival, each of whom may leave from anywhere in the line in constant time. It knows nothing
// of what they wait for, and has no bound of its own: its owner checks `length`.

/** A first-in-first-out line of distinct objects. */
export class WaitingLine<T extends object> {
  readonly #members = new Set<T>();
  // One iterator is used on and on: it stands where the last `shift` took, and whatever is behind it has left the set.
  // A new one for every `shift` would walk over the places of all who left before.
  #next: Iterator<T> | undefined;

  get length(): number {
    return this.#members.size;
  }

  /** Puts `member` last; one that stands in the line already keeps its place. */
  push(member: T): void {
    this.#members.add(member);
  }

  /** Takes out the one who waits longest. */
  shift(): T | undefined {
    if (this.#members.size === 0) return undefined;
    this.#next ??= this.#members.values();
    let step = this.#next.next();
    if (step.done === true) {
      this.#next = this.#members.values();
      step = this.#next.next();
    }
    const member = step.value as T;
    this.#members.delete(member);
    if (this.#members.size === 0) this.#next = undefined;
    return member;
  }

  /** Takes out `member`. False if it does not stand in the line. */
  remove(member: T): boolean {
    return this.#members.delete(member);
  }

  /** Empties the line and returns who stood in it, the longest first. */
  clear(): T[] {
    const members = [...this.#members];
    this.#members.clear();
    this.#next = undefined;
    return members;
  }
}

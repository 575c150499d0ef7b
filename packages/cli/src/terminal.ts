// Where a command writes, and how it is told to stop: parameters, so that tests run commands without a process.

/** What a command has of its surroundings. */
export interface Terminal {
  /** Takes text for whoever reads results. A promise resolves when there is room for more. */
  out(text: string): void | Promise<void>;
  /** Takes text about what went wrong. */
  err(text: string): void | Promise<void>;
  /** Aborted when the command shall stop. */
  readonly signal: AbortSignal;
}

/**
 * A line that does nothing to a terminal: names and messages come from other programs, and control characters in them could
 * move the cursor or worse. The escapes are those of JSON, so that JSON stays what it was.
 */
export function line(text: string): string {
  return `${text.replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`;
}

/** Resolves when the command shall stop. */
export function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

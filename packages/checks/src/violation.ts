// What a rule finds, and how a person gets to read it.

/** One place where a rule is broken. */
export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** Throws an error that names every file and line, unless there are none. */
export function expectNone(violations: readonly Violation[]): void {
  if (violations.length === 0) return;
  const lines = violations.map(({ path, line, message }) => `  ${path}:${line}  ${message}`);
  const error = new Error(`${violations.length} found:\n${lines.join("\n")}\n`);
  error.stack = error.message;
  throw error;
}

/** The line, from 1, of an offset in a text. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** A violation for every match of `pattern`, which has to be global. */
export function violationsOf(file: { path: string; text: string }, pattern: RegExp, message: string): Violation[] {
  return [...file.text.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(file.text, match.index),
    message: `${message}: ${match[0].trim()}`,
  }));
}

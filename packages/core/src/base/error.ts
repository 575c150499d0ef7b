// The root of every error that Troupe throws. Match on `code`; each layer adds a small subclass of its own.

/** What every error of Troupe is. `code` is stable and meant for programs, `message` for people. */
export class TroupeError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    // Without one there is none: an own property of undefined would be printed with every error.
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
  }
}

/** Narrows `error` to a `TroupeError`, with one particular code if one is given. */
export function isTroupeError(error: unknown, code?: string): error is TroupeError {
  return error instanceof TroupeError && (code === undefined || error.code === code);
}

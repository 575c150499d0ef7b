// Checks what goes into a handler and what comes out of it against the schemas of the service. Without a schema the
// value passes as it is and nothing is spent on it. Knows nothing of who asks, so that actors and peers share it.

import { RemoteError } from "./error.js";
import type { Schema, SchemaIssue, SchemaResult } from "./schema.js";

/** One thing that is wrong with a value, as it crosses the wire in `data.issues`. */
export interface InvalidIssue {
  /** Where, from the outside in; empty for the value itself. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** How many issues of one value are reported; a long list of wrong items would otherwise be a long answer. */
export const ISSUES_MAX = 32;

/** Where a value stands in what the whole message says, such as `["inputs", 3]`. */
export type Place = readonly (string | number)[];

const WHOLE: Place = [];

/**
 * Returns what `schema` makes of `value`, as a promise only if the validator is asynchronous. Paths begin with `place`.
 *
 * @throws RemoteError `input-invalid` with `data: { issues: [{ path, message }] }`, or rejects with it.
 */
export function checkInput(schema: Schema | undefined, value: unknown, place: Place = WHOLE): unknown {
  return schema === undefined ? value : check(schema, value, "input-invalid", place);
}

/**
 * Returns what `schema` makes of `value`, as a promise only if the validator is asynchronous.
 *
 * @throws RemoteError `output-invalid` with `data: { issues: [{ path, message }] }`, or rejects with it.
 */
export function checkOutput(schema: Schema | undefined, value: unknown, place: Place = WHOLE): unknown {
  return schema === undefined ? value : check(schema, value, "output-invalid", place);
}

/**
 * What a caller is told of what a handler threw, if that is one of the errors that are declared: its data is what its schema
 * makes of it; if that refuses, the error is RemoteError `output-invalid`, which names the code. Undefined for everything
 * else. A promise only if the validator is asynchronous; it never rejects, and this never throws.
 */
export function checkFailure(
  errors: Readonly<Record<string, Schema>> | undefined,
  thrown: unknown,
): RemoteError | Promise<RemoteError> | undefined {
  if (errors === undefined || !isRemoteError(thrown) || !Object.hasOwn(errors, thrown.code)) return undefined;
  const { code, message } = thrown;
  const whole = (data: unknown): RemoteError => new RemoteError(code, message, data, { cause: thrown });
  const refused = (error: unknown): RemoteError => error as RemoteError;
  try {
    const data = check(errors[code] as Schema, thrown.data, "output-invalid", ["errors", code]);
    return isThenable(data) ? Promise.resolve(data).then(whole, refused) : whole(data);
  } catch (error) {
    return refused(error);
  }
}

/** What was thrown may be anything, also something that throws when it is asked what it is. */
function isRemoteError(thrown: unknown): thrown is RemoteError {
  try {
    return thrown instanceof RemoteError;
  } catch {
    return false;
  }
}

/** Whether `value` must be waited for. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === "object" || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}

function check(schema: Schema, value: unknown, code: string, place: Place): unknown {
  try {
    const result = schema["~standard"].validate(value);
    if (!isThenable(result)) return unwrap(result, code, place);
    return Promise.resolve(result)
      .then((settled) => unwrap(settled, code, place))
      .catch((error: unknown) => {
        throw refusal(error, code);
      });
  } catch (error) {
    throw refusal(error, code);
  }
}

function unwrap(result: SchemaResult<unknown>, code: string, place: Place): unknown {
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, ISSUES_MAX).map((issue) => plainIssue(issue, place));
  const texts = issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`));
  throw new RemoteError(code, texts.length === 0 ? "refused by its schema" : texts.join("; "), { issues });
}

function plainIssue({ message, path }: SchemaIssue, place: Place): InvalidIssue {
  return { path: [...place, ...(path ?? []).map(plainKey)], message };
}

function plainKey(segment: PropertyKey | { readonly key: PropertyKey }): string | number {
  const key = typeof segment === "object" ? segment.key : segment;
  return typeof key === "symbol" ? key.toString() : key;
}

/** A validator that throws has not said yes, so the value is refused; why it threw stays at home. */
function refusal(error: unknown, code: string): RemoteError {
  if (error instanceof RemoteError) return error;
  return new RemoteError(code, "the validator failed", { issues: [] }, { cause: error });
}

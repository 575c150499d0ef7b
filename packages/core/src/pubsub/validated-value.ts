// A topic's schema, applied to one value.

import { PubSubError } from "./error.js";
import type { Topic } from "./topic.js";

/** What the schema makes of a value. @throws PubSubError `value-invalid`; also for a schema that needs time to think. */
export function validated({ name, schema }: Topic, value: unknown): unknown {
  if (schema === undefined) return value;
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise) throw new PubSubError("value-invalid", `the schema of ${name} is asynchronous`);
  if (result.issues === undefined) return result.value;
  const [issue] = result.issues;
  throw new PubSubError("value-invalid", `a value of ${name} does not fit: ${issue?.message ?? "no reason given"}`);
}

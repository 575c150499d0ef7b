// The schemas of a service applied on the caller's side, for callers that want to know of a mistake before anything is
// sent, or that do not trust the other side's answers.

import type { Address, AnyService } from "./address.js";
import { intercept, type InterceptedMessage, type Next } from "./intercept.js";
import { checkInput, checkOutput } from "./validate.js";

/**
 * The same address with checks: inputs are checked before they leave, answers and outputs before their caller gets them.
 * Refusals are those of the handler's side: RemoteError `input-invalid` and `output-invalid`.
 *
 * What leaves is the input as it was given, so that a schema that transforms is applied once, by the provider. An answer is
 * what the schema makes of it: where `output` transforms, let the provider leave its checks out (`validate: false`).
 */
export function validated<S extends AnyService>(address: Address<S>): Address<S> {
  return intercept(address, async (message: InterceptedMessage, next: Next) => {
    const { messages } = message.service;
    const schemas = Object.hasOwn(messages, message.message) ? messages[message.message] : undefined;
    await checkInput(schemas?.input, message.input);
    const result = next();
    if (schemas?.output === undefined || message.kind === "send") return result;
    if (message.kind === "call") return checkOutput(schemas.output, await result);
    return checkedOutputs(result as AsyncIterable<unknown>, (item, index) =>
      checkOutput(schemas.output, item, ["outputs", index]),
    );
  });
}

async function* checkedOutputs(
  outputs: AsyncIterable<unknown>,
  check: (item: unknown, index: number) => unknown,
): AsyncGenerator<unknown, undefined> {
  let index = 0;
  for await (const item of outputs) yield await check(item, index++);
}

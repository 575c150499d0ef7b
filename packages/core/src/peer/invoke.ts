// One run of a handler, between the schemas of its message.

import { checkInput, checkOutput, isThenable } from "../actor/index.js";
import type { AnyCallContext, ProvidedMessage } from "./service-map.js";

/**
 * Returns what the handler returns, or a promise of it if anything has to be waited for; throws what it throws. The
 * outputs of a stream are checked where they are asked for.
 */
export function invoke(message: ProvidedMessage, input: unknown, context: AnyCallContext): unknown {
  const output = message.kind === "stream" ? undefined : message.output;
  if (message.input === undefined && output === undefined) return message.run(input, context);
  const checked = checkInput(message.input, input);
  const result = isThenable(checked)
    ? checked.then((value) => message.run(value, context))
    : message.run(checked, context);
  return isThenable(result) ? result.then((value) => checkOutput(output, value)) : checkOutput(output, result);
}

// One run of a handler, between the schemas of its message.

import { checkInput, checkOutput, isThenable } from "../actor/index.js";
import type { CallContext, ProvidedMessage } from "./service-map.js";

/** Returns what the handler returns, or a promise of it if anything has to be waited for; throws what it throws. */
export function invoke(message: ProvidedMessage, input: unknown, context: CallContext): unknown {
  if (message.input === undefined && message.output === undefined) return message.run(input, context);
  const checked = checkInput(message.input, input);
  const result = isThenable(checked)
    ? checked.then((value) => message.run(value, context))
    : message.run(checked, context);
  return isThenable(result)
    ? result.then((value) => checkOutput(message.output, value))
    : checkOutput(message.output, result);
}

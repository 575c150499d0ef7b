// What one message is put through: the check of its input, its handler, the check of its answer. It knows nothing of
// restarts and of what comes next; whatever it throws or rejects with, somebody else decides what that means.

import { CallEnvelope, SendContext, type Envelope } from "./envelope.js";
import type { Incarnation } from "./incarnation.js";
import { StreamEnvelope } from "./local-stream.js";
import type { Schema } from "./schema.js";
import { checkFailure, checkInput, checkOutput, isThenable } from "./validate.js";

/** Runs a message that was taken out of the mailbox. Returns its answer, as a promise only if something must be waited for. */
export function perform(envelope: Envelope, incarnation: Incarnation): unknown {
  const { errors } = envelope.entry;
  return errors === undefined ? run(envelope, incarnation) : runWithErrors(envelope, incarnation, errors);
}

/** The same for a message that declares errors, whose data are checked as well. */
async function runWithErrors(
  envelope: Envelope,
  incarnation: Incarnation,
  errors: Readonly<Record<string, Schema>>,
): Promise<unknown> {
  try {
    return await run(envelope, incarnation);
  } catch (thrown) {
    throw (await checkFailure(errors, thrown)) ?? thrown;
  }
}

function run(envelope: Envelope, incarnation: Incarnation): unknown {
  if (envelope instanceof CallEnvelope) envelope.taken();
  const schema = envelope.entry.input;
  if (schema === undefined) return invoke(envelope, envelope.input, incarnation);
  const input = checkInput(schema, envelope.input);
  return isThenable(input)
    ? input.then((checked) => invoke(envelope, checked, incarnation))
    : invoke(envelope, input, incarnation);
}

/** Starts the handler, unless the message was given up while its input was being checked. */
function invoke(envelope: Envelope, input: unknown, incarnation: Incarnation): unknown {
  const { handler, output } = envelope.entry;
  if (!(envelope instanceof CallEnvelope)) {
    if (incarnation.hasEnded) return undefined;
    const { metadata } = envelope;
    return handler(input, metadata === undefined ? incarnation : new SendContext(incarnation, metadata));
  }
  if (envelope.isSettled) return undefined;
  if (envelope instanceof StreamEnvelope) {
    envelope.incarnation = incarnation;
    // Its outputs are checked as they are asked for.
    return handler(input, envelope.start());
  }
  const result = handler(input, envelope.start());
  if (output === undefined) return result;
  return isThenable(result)
    ? Promise.resolve(result).then((value) => checkOutput(output, value))
    : checkOutput(output, result);
}

// Items that go to many: each is encoded once, and written to every connection as it is.

import { Shared } from "../actor/index.js";
import type { Channel } from "./channel.js";
import type { FlowChannel } from "./outgoing-flow.js";

/** The same channel for items that are shared. */
export function sharing(channel: Channel): FlowChannel {
  const { format, bulk } = channel;
  const encode = (value: unknown): Uint8Array => format.encode(value);
  return {
    bulk,
    get remoteLimits() {
      return channel.remoteLimits;
    },
    say: (header, item) =>
      item instanceof Shared ? channel.forward(header, item.encoded(format, encode)) : channel.say(header, item),
  };
}

// The gateway: WebSockets in front, Unix sockets behind. It has no contract to import, and decodes no message.

import { ServiceMap, type Link, type Listener } from "@troupe/core";
import { Relay } from "@troupe/core/network";
import { link, listen } from "@troupe/node";

export interface Gateway extends AsyncDisposable {
  readonly listener: Listener;
}

export async function startGateway(endpoint: string, workers: readonly string[]): Promise<Gateway> {
  const links: Link[] = workers.map((worker) => link(worker));
  const relay = new Relay(links);
  relay.on("relayLost", ({ peer, services }) => {
    console.log(`gateway: ${peer.remote.name} is gone, and offered ${services.join(", ")}`);
  });
  await Promise.all(links.map((each) => each.ready()));
  const listener = await listen(endpoint, { services: new ServiceMap().relay(relay) });
  return {
    listener,
    async [Symbol.asyncDispose]() {
      await listener.close();
      relay.close();
      await Promise.all(links.map((each) => each.close()));
    },
  };
}

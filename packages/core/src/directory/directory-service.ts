// The directory as a service: what programs with Troupe call.

import { call, defineService, stream } from "../actor/index.js";
import { ServiceMap } from "../peer/index.js";
import type { Directory, EntryPage, ListQuery } from "./directory.js";
import type { DirectoryEntry, Registered, Registration } from "./entry.js";

/** What a directory answers over any connection. */
export const DirectoryService = defineService("troupe.directory", {
  /** Takes the caller in, with the address that it is seen at. */
  register: call<Registration, Registered>(),
  /** Makes a lease whole again; answers with its length in milliseconds. */
  renew: call<{ uuid: string; key: string }, number>({ idempotent: true }),
  query: call<string, DirectoryEntry | null>({ idempotent: true }),
  unregister: call<{ uuid: string; key: string }, boolean>({ idempotent: true }),
  list: call<ListQuery, EntryPage>({ idempotent: true }),
  /** What is known now, and whenever that changes; null where there is no entry. */
  watch: stream<string, DirectoryEntry | null>(),
});

/** Everything that a directory offers, for `listen`. */
export function directoryServices(directory: Directory): ServiceMap {
  return new ServiceMap().add(DirectoryService, {
    register: (registration, { peer }) => directory.register(registration, peer.remote.endpoint),
    renew: ({ uuid, key }) => directory.renew(uuid, key),
    query: (uuid) => directory.query(uuid) ?? null,
    unregister: ({ uuid, key }) => directory.unregister(uuid, key),
    list: (query) => directory.list(query),
    watch: (uuid: string) => directory.watch(uuid),
  });
}

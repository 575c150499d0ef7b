// The directory as a service: what programs with Troupe call.

import { call, defineService, stream, type CallMessage, type Service, type StreamMessage } from "../actor/index.js";
import { ServiceMap } from "../peer/index.js";
import type { Directory, EntryPage, ListQuery } from "./directory.js";
import type { DirectoryEntry, Registered, Registration } from "./entry.js";

type Call<Input, Output> = CallMessage<Input, Input, Output, Output>;

/** The messages of a directory, over any connection. */
export type DirectoryMessages = {
  /** Takes the caller in, with the address that it is seen at. */
  readonly register: Call<Registration, Registered>;
  /** Makes a lease whole again; answers with its length in milliseconds. */
  readonly renew: Call<{ uuid: string; key: string }, number>;
  readonly query: Call<string, DirectoryEntry | null>;
  readonly unregister: Call<{ uuid: string; key: string }, boolean>;
  readonly list: Call<ListQuery, EntryPage>;
  /** What is known now, and whenever that changes; null where there is no entry. */
  readonly watch: StreamMessage<string, string, DirectoryEntry | null>;
};

/** What a directory answers over any connection. */
export const DirectoryService: Service<DirectoryMessages> = defineService("troupe.directory", {
  register: call<Registration, Registered>(),
  renew: call<{ uuid: string; key: string }, number>({ idempotent: true }),
  query: call<string, DirectoryEntry | null>({ idempotent: true }),
  unregister: call<{ uuid: string; key: string }, boolean>({ idempotent: true }),
  list: call<ListQuery, EntryPage>({ idempotent: true }),
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

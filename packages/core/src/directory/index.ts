export {
  Directory,
  DIRECTORY_LIMITS,
  type DirectoryLimits,
  type DirectoryOptions,
  type EntryPage,
  type ListQuery,
} from "./directory.js";
export {
  CLIENT_FRESH_MS,
  CLIENT_PATIENCE_MS,
  CLIENT_REMEMBERED_MAX,
  DirectoryClient,
  type DirectoryClientEvent,
  type DirectoryClientOptions,
  type FoundEntry,
} from "./directory-client.js";
export { directoryServices, DirectoryService } from "./directory-service.js";
export { MemoryStore, type DirectoryStore, type StoredEntry } from "./directory-store.js";
export {
  ENTRY_ENDPOINTS_MAX,
  ENTRY_SERVICES_MAX,
  ENTRY_TEXT_MAX,
  LEASE_MS,
  LEASE_MS_MAX,
  LEASE_MS_MIN,
  OWNER_KEY_BYTES,
  uuidOf,
  type DirectoryEntry,
  type Registered,
  type Registration,
} from "./entry.js";
export { DirectoryError } from "./error.js";
export { OwnEntry, type OwnEntryEvent } from "./own-entry.js";

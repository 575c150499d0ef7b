// The door `@troupe/core`: an explicit list, and nothing else is reachable.

export {
  endpointInvalid,
  findTransport,
  formatEndpoint,
  memory,
  parseEndpoint,
  schemeOf,
  TransportError,
  type Connection,
  type ConnectionEvents,
  type ConnectOptions,
  type Endpoint,
  type MemoryOptions,
  type Transport,
  type TransportListener,
  type TransportListenOptions,
} from "./transport/index.js";

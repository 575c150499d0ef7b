export {
  dialCancelled,
  TransportError,
  type TransportConnectOptions,
  type Connection,
  type ConnectionEvents,
  type Identity,
  type Transport,
  type TransportListener,
  type TransportListenOptions,
  type Upgrade,
} from "./connection.js";
export {
  ENDPOINT_LENGTH_MAX,
  endpointInvalid,
  findTransport,
  formatEndpoint,
  parseEndpoint,
  schemeOf,
  type Endpoint,
} from "./endpoint.js";
export { memory, type MemoryOptions } from "./memory.js";
export { MEMORY_BUFFER_BYTES, memoryPair, type MemoryPairOptions } from "./memory-connection.js";
export { webSocket, type PlatformWebSocket, type WebSocketOptions } from "./web-socket.js";
export {
  WEB_SOCKET_BUFFER_BYTES,
  WEB_SOCKET_HELD_BYTES_MAX,
  WEB_SOCKET_MESSAGE_BYTES,
  WebSocketConnection,
  type WebSocketConnectionOptions,
  type WebSocketPort,
} from "./web-socket-connection.js";
export { type PostTarget } from "./message-port.js";
export {
  messagePortConnection,
  PORT_HELD_BYTES_MAX,
  PORT_WINDOW_BYTES,
  type MessagePortConnectionOptions,
} from "./message-port-connection.js";
export { isGivenAway, transfer } from "./transfer.js";
export { worker, type WorkerOptions } from "./worker.js";

export {
  TransportError,
  type ConnectOptions,
  type Connection,
  type ConnectionEvents,
  type Transport,
  type TransportListener,
  type TransportListenOptions,
} from "./connection.js";

// The door `@troupe/node`: `connect` and `listen` with every transport of Node registered.

export {
  connect,
  link,
  listen,
  type NodeConnectOptions,
  type NodeLinkOptions,
  type NodeListenOptions,
} from "./endpoints.js";
export { tcp, TCP_BUFFER_BYTES, type TcpOptions } from "./tcp.js";

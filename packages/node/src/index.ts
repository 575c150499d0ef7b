// The door `@troupe/node`: `connect` and `listen` with every transport of Node registered.

export {
  connect,
  link,
  listen,
  type NodeConnectOptions,
  type NodeLinkOptions,
  type NodeListenOptions,
} from "./endpoints.js";
export {
  HTTP_BODY_BYTES_MAX,
  HTTP_CONNECTIONS_MAX,
  HTTP_REQUEST_MS,
  serveDirectory,
  type DirectoryHttp,
  type ServeDirectoryOptions,
} from "./directory-http.js";
export { LMDB_BYTES_MAX, lmdbStore } from "./lmdb-store.js";
export { BEACON_GROUP, BEACONS_PER_ADDRESS_MAX, BEACONS_PER_SECOND_MAX, type BeaconOptions } from "./beacon-port.js";
export { startParticipant, type NodeParticipantOptions } from "./participant.js";
export { identityFile, nodeSigning } from "./identity.js";
export { createNode, type NetworkNodeOptions } from "./network-node.js";
export { SOCKET_BUFFER_BYTES } from "./socket-connection.js";
export { tcp, type TcpOptions } from "./tcp.js";
export { tls } from "./tls.js";
export { type ClientCertificates, type Pem, type TlsOptions } from "./tls-credentials.js";
export { type Origins } from "./origins.js";
export { webSocket, WEB_SOCKET_TAKEN_BYTES_MAX, type NodeWebSocketOptions } from "./web-socket.js";
export { udp, type UdpOptions } from "./udp.js";
export { UDP_WINDOW_BYTES } from "./udx-port.js";
export { unix, UNIX_MODE, UNIX_PATH_BYTES_MAX, type UnixOptions } from "./unix.js";

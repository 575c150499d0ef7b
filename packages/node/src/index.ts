// The door `@troupe/node`.

export { tcp, TCP_BUFFER_BYTES, type TcpOptions } from "./tcp.js";

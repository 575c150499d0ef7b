export { AddError, Disconnected, Full, MeshError, NotFound, SendError, type Envelope } from "./error.js";
export { type MeshEvent, type MeshLoss } from "./events.js";
export { type ReceiveOptions } from "./incoming-queue.js";
export { MESH_HEARTBEATS_MISSED_MAX, MESH_LIMITS, type MeshLimits } from "./limits.js";
export { Mesh, type MeshCloseOptions, type MeshOptions } from "./mesh.js";
export { type MeshStats } from "./mesh-connection.js";
export { type MeshControl, type MeshIncoming, type MeshOutgoing } from "./rights.js";

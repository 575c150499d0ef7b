// The door `@troupe/core/network`: many programs.

export {
  AddError,
  Disconnected,
  Full,
  Mesh,
  MESH_HEARTBEATS_MISSED_MAX,
  MESH_LIMITS,
  MeshError,
  NotFound,
  SendError,
  type Envelope,
  type MeshCloseOptions,
  type MeshControl,
  type MeshEvent,
  type MeshIncoming,
  type MeshLimits,
  type MeshLoss,
  type MeshOptions,
  type MeshOutgoing,
  type MeshStats,
  type ReceiveOptions,
} from "../mesh/index.js";

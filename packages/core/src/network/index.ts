export { type BroadcastResult } from "./broadcast.js";
export { createNode, type NodeOptions } from "./create-node.js";
export { cautious, type MayDial } from "./dial-policy.js";
export { INTRODUCTION_MS } from "./doorkeeper.js";
export { NetworkError } from "./error.js";
export { PACKETS_WAITING_MAX, REDIAL_MAX_MS, REDIAL_MIN_MS, YIELD_MS } from "./member-links.js";
export { type MemberChoice } from "./member-choice.js";
export { NetworkNode, type NodeEvent } from "./network-node.js";

// What goes wrong where programs find each other.

import { TroupeError } from "../base/index.js";

/** A node, a membership or its records refused something. */
export class DiscoveryError extends TroupeError {}

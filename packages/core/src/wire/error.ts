// Errors of the bytes themselves.

import { TroupeError } from "../base/index.js";

/**
 * Bytes that are not the format, or a value that the format cannot carry.
 *
 * Reading: `frame-too-long`, `frame-malformed`; with them the connection cannot go on. `payload-invalid` concerns one
 * payload. Writing: `payload-too-long`, `payload-unsupported`; nothing was written.
 */
export class WireError extends TroupeError {}

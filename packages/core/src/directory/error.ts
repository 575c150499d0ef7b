// What a directory refuses.

import { TroupeError } from "../base/index.js";

/**
 * Codes: `registration-invalid`, `not-owner`, `unknown-entry`, `quota-exceeded`, `directory-full`, `store-failed`,
 * `store-corrupt`, `directory-away`, `closed`.
 */
export class DirectoryError extends TroupeError {}

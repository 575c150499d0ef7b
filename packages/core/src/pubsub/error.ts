// What publishers, subscribers and participants refuse.

import { TroupeError } from "../base/index.js";

/** Codes: `topic-invalid`, `value-invalid`, `option-invalid`, `closed`, `participant-away`, `announcement-invalid`. */
export class PubSubError extends TroupeError {}

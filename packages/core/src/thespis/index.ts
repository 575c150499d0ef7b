export { THESPIS_PARKED_BYTES_MAX, THESPIS_PARKED_MAX } from "./parking.js";
export { THESPIS_CALL_BYTES_MAX, THESPIS_CALLS_MAX } from "./stand-in.js";
export { thespisCbor } from "./thespis-cbor.js";

export { BACKOFF_DEFAULTS, type BackoffOptions } from "./backoff.js";
export { type LinkState } from "./lifecycle.js";
export { Link, link, LINK_WAITING_MAX, type LinkEvent, type LinkOptions } from "./link.js";

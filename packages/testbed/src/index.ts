export { Lan, whyNoLan, type LanHost, type LanPath } from "./lan.js";

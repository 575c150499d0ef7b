// The door `@troupe/core/opentelemetry`: needs the package `@opentelemetry/api`, and nothing happens without its SDK.

export { openTelemetry, type OpenTelemetryOptions } from "./open-telemetry.js";

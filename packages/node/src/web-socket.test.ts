import { describe, test } from "vitest";
import { transportConformance } from "@troupe/core/testing";
import { Authority } from "../test/certificates.js";
import { webSocket } from "./index.js";

describe("webSocket() conforms", () => {
  const setup = async () => ({ transport: webSocket(), endpoint: "ws://127.0.0.1:0" });
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

const authority = await Authority.create();
const server = await authority.issue();

describe("webSocket() with TLS conforms", () => {
  const setup = async () => ({
    transport: webSocket({ tls: { ...server, ca: authority.ca } }),
    endpoint: "wss://127.0.0.1:0/path",
  });
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

import { describe, test } from "vitest";
import { transportConformance } from "@troupe/core/testing";
import { Authority } from "../test/certificates.js";
import { tls } from "./index.js";

const authority = await Authority.create();
const server = await authority.issue();
const client = await authority.issue({ name: "client" });

describe("tls() conforms", () => {
  const setup = async () => ({
    transport: tls({ ...server, ca: authority.ca, clients: "none" }),
    endpoint: "tls://127.0.0.1:0",
  });
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

describe("tls() with certificates of both sides conforms", () => {
  const setup = async () => ({
    transport: tls({ ...client, ca: authority.ca }),
    endpoint: "tls://127.0.0.1:0",
  });
  for (const { name, run } of transportConformance(setup)) test(name, run);
});

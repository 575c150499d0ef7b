import { expect, test } from "vitest";
import { reachable } from "./network-node.js";

const address = (n: number) => ({
  address: `10.0.0.${n}`,
  family: "IPv4" as const,
  internal: false,
  netmask: "",
  mac: "",
  cidr: null,
});

test("each endpoint of a machine with many addresses can still be dialled", () => {
  const many = () => ({ eth0: Array.from({ length: 10 }, (_, index) => address(index + 1)) });
  const said = reachable(["unix:///run/own.sock", "udp://0.0.0.0:1", "tcp://0.0.0.0:2"], many);
  expect(said).toHaveLength(8);
  expect(said).toContain("unix:///run/own.sock");
  expect(said.filter((each) => each.startsWith("udp:"))).toHaveLength(4);
  expect(said.filter((each) => each.startsWith("tcp:"))).toHaveLength(3);
});

test("an endpoint with an address of its own stays as it is, and one of a machine without any is its loopback", () => {
  expect(reachable(["tcp://10.1.2.3:4", "tcp://0.0.0.0:5"], () => ({}))).toEqual([
    "tcp://10.1.2.3:4",
    "tcp://127.0.0.1:5",
  ]);
});

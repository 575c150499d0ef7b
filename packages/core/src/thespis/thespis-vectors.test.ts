// The bytes that thespis_remote and serde_cbor make: ids, payloads, frames and errors, value ↔ hex.

import { describe, expect, test } from "vitest";
import type { RustType } from "../actor/index.js";
import { wireFormatConformance } from "../testing/index.js";
import { FrameBuffer, FrameKind, WIRE_LIMITS, wholeUpTo } from "../wire/index.js";
import { failureOf, parseFailure } from "./connection-error.js";
import { decodeRust, encodeRust } from "./rust-cbor.js";
import { serviceIdOf } from "./service-id.js";
import { thespisCbor } from "./index.js";
import { writeThespisFrame } from "./thespis-frames.js";
import { xxh64 } from "./xxh64.js";

const ADD = serviceIdOf({ namespace: "remotes", type: "Add" });

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

describe("ids", () => {
  test("a service id is the hash of namespace and type, as Rust writes a path", () => {
    expect(ADD).toBe(0x6440_cfd1_7c37_4646n);
    expect(serviceIdOf({ namespace: "remotes", type: "Show" })).toBe(0xcdd3_7818_6776_7588n);
    expect(serviceIdOf({ namespace: "others", type: "Add" })).not.toBe(ADD);
    expect(serviceIdOf({ namespace: "remotes", type: "Add" })).toBe(ADD);
  });

  test("xxh64 gives the published hashes, below and above one stripe", () => {
    const text = (value: string): bigint => xxh64(new TextEncoder().encode(value));
    expect(text("")).toBe(0xef46_db37_51d8_e999n);
    expect(text("a")).toBe(0xd24e_c4f1_a98c_6e5bn);
    expect(text("abc")).toBe(0x44bc_2cf5_ad77_0999n);
    expect(text("remotes::Add")).toBe(0x34ed_456d_cfc9_8290n);
    expect(text("Nobody inspects the spammish repetition")).toBe(0xfbce_a83c_8a37_8bf1n);
  });
});

describe("payloads", () => {
  test.each<[value: unknown, payload: string, type?: RustType]>([
    [5, "05"],
    [-1, "20"],
    [1_000_000, "1a000f4240"],
    [5_000_000_000, "1b000000012a05f200"],
    [-5_000_000_000, "3b000000012a05f1ff"],
    [0xffff_ffff_ffff_ffffn, "1bffffffffffffffff"],
    [undefined, "f6", "unit"],
    [[1, "a"], "82016161", { tuple: ["int", "text"] }],
    [{ nick: "bob" }, "a1646e69636b63626f62", { struct: { nick: "text" } }],
    ["U", "6155", { enum: { U: "unit", N: "int" } }],
    [{ N: 3 }, "a1614e03", { enum: { U: "unit", N: "int" } }],
    [{ Ok: undefined }, "a1624f6bf6", { enum: { Ok: "unit", Err: "text" } }],
    [Uint8Array.of(1, 2, 3), "83010203", "bytes"],
    [1.5, "f93e00", "float"],
    [0.1, "fb3fb999999999999a", "float"],
    [NaN, "f97e00", "float"],
    [undefined, "f6", { option: "int" }],
    [7, "07", { option: "int" }],
    [[true, false], "82f5f4", { list: "bool" }],
    [{ b: 1, a: 2 }, "a2616201616102", { map: "int" }],
  ])("%o is %s", (value, payload, type) => {
    expect(hex(encodeRust(value, type))).toBe(payload);
    expect(decodeRust(bytesOf(payload), type, WIRE_LIMITS)).toEqual(value);
  });

  test("the fields of a struct leave in the order of the struct", () => {
    const type: RustType = { struct: { zulu: "int", alpha: "int" } };
    expect(hex(encodeRust({ alpha: 1, zulu: 2 }, type))).toBe("a2647a756c750265616c70686101");
  });

  test.each<[what: string, payload: string, expected: unknown, type?: RustType]>([
    ["integers that are longer than they need be", "1b0000000000000005", 5, "int"],
    ["arrays and maps of unknown length", "9f01bf616102ffff", [1, { a: 2 }]],
    ["undefined for a unit", "f7", undefined, "unit"],
    ["an integer for a float", "05", 5, "float"],
    ["maps whose keys are numbers", "a10102", { 1: 2 }],
    ["fields that nobody knows", "a261610161620a", { a: 1, b: 10 }, { struct: { a: "int" } }],
    ["a key that is no property", "a1695f5f70726f746f5f5f01", JSON.parse('{"__proto__":1}')],
  ])("%s are read", (_what, payload, expected, type) => {
    expect(decodeRust(bytesOf(payload), type, WIRE_LIMITS)).toEqual(expected);
  });

  test.each<[what: string, payload: string, type?: RustType]>([
    ["a float where an integer belongs, even a whole one", "f94500", "int"],
    ["a float in an array of integers", "8201f93e00", { list: "int" }],
    ["a byte string for a Vec<u8>", "43010203", "bytes"],
    ["a byte of more than 255", "81190100", "bytes"],
    ["an array for a unit", "80", "unit"],
    ["no variant of the enum", "6158", { enum: { U: "unit" } }],
    ["two variants at once", "a2614e03614d04", { enum: { N: "int", M: "int" } }],
    ["a missing field", "a0", { struct: { a: "int" } }],
    ["a tuple that is too short", "8101", { tuple: ["int", "int"] }],
    ["a big number's tag", "c243010203"],
    ["nothing", ""],
    ["two values", "0101"],
    ["a break alone", "ff"],
    ["an array that says it is endless and is cut", "9f01"],
    ["an array longer than its bytes", "9bffffffffffffffff01"],
    ["a map longer than its bytes", "bbffffffffffffffff01"],
    ["two hundred arrays in each other", "81".repeat(200) + "01"],
    ["an array for a key", "a1800a"],
  ])("%s is refused", (_what, payload, type) => {
    expect(() => decodeRust(bytesOf(payload), type, WIRE_LIMITS)).toThrow(
      expect.objectContaining({ code: "payload-invalid" }),
    );
  });

  test.each<[value: unknown, type: RustType]>([
    [1.5, "int"],
    [2n ** 64n, "int"],
    ["5", "int"],
    [[1], { tuple: ["int", "int"] }],
    [{ X: 1 }, { enum: { U: "unit" } }],
    [{ a: "text" }, { struct: { a: "int" } }],
    [null, { struct: { a: "int" } }],
    [[1, [2, "three"]], { list: { list: "int" } }],
    [() => 1, "any"],
    [new Set([1]), "any"],
  ])("%o is not sent as %o", (value, type) => {
    expect(() => encodeRust(value, type)).toThrow(expect.objectContaining({ code: "payload-unsupported" }));
  });
});

describe("frames", () => {
  function frame(serviceId: bigint, connId: bigint, payload: Uint8Array): string {
    const buffer = new FrameBuffer();
    writeThespisFrame(buffer, serviceId, connId, payload, wholeUpTo(1000));
    return hex(buffer.take());
  }

  test("a call, a send, a response and an error", () => {
    expect(frame(ADD, 1n, encodeRust(5))).toBe("19000000000000004646377cd1cf4064010000000000000005");
    expect(frame(ADD, 0n, encodeRust(5))).toBe("19000000000000004646377cd1cf4064000000000000000005");
    const response = frame(0xffff_ffff_ffff_ffffn, 1n, encodeRust(undefined, "unit"));
    expect(response).toBe("1900000000000000ffffffffffffffff0100000000000000f6");
    expect(frame(0n, 1n, failureOf("unknown-service", { serviceId: ADD, connId: 1n }, false))).toBe(
      "510000000000000000000000000000000100000000000000" +
        "a16e556e6b6e6f776e53657276696365a263736964a165696e6e6572a16269641b6440cfd17c374646" +
        "63636964a165696e6e6572a162696401",
    );
  });

  test("the bodies of errors, both ways", () => {
    const timeout = failureOf("timeout", { serviceId: ADD, connId: 1n }, false);
    expect(hex(timeout)).toBe("a16754696d656f7574a163736964a165696e6e6572a16269641b6440cfd17c374646");
    const unreadable = failureOf("payload-invalid", { serviceId: undefined, connId: undefined }, false);
    expect(hex(unreadable)).toBe("a16b446573657269616c697a65a263736964f663636964f6");
    const about = { serviceId: ADD, connId: 9n };
    const codes = ["payload-invalid", "internal", "timeout", "unknown-service"].map(
      (code) => parseFailure(failureOf(code, about, false), WIRE_LIMITS).code,
    );
    expect(codes).toEqual(["payload-invalid", "internal", "timeout", "unknown-service"]);
    expect(parseFailure(failureOf("unknown-message", about, true), WIRE_LIMITS).message).toMatch(/send alone/);
  });

  test.each(["a1634e6577f6", "6155", "05", "a0", "", "ff", "a1634e6577", "f6"])(
    "the error %s, which is none of the six, is still one",
    (payload) => {
      expect(parseFailure(bytesOf(payload), WIRE_LIMITS).code).toBe("unknown-error");
    },
  );
});

describe("conformance", () => {
  const cases = wireFormatConformance(thespisCbor, {
    kinds: {
      [FrameKind.call]: ["id", "service", "message"],
      [FrameKind.send]: ["service", "message"],
      [FrameKind.reply]: ["id"],
    },
    payloadKinds: [FrameKind.call, FrameKind.send, FrameKind.reply],
    value: (random) =>
      random.pick<() => unknown>([
        () => random.integer(2 ** 31),
        () => -random.integer(2 ** 31) * 4096,
        () => random.integer(1000) / 7,
        () => "text ".repeat(random.integer(20)),
        () => [true, false, null, random.integer(10)],
        () => ({ nick: "bob", at: random.integer(1000), inside: { list: [1, 2, 3] } }),
      ])(),
    carriesByteArrays: false,
    hostile: ["", "0101", "ff", "9f01", "9bffffffffffffffff01", "c243010203", "81".repeat(200) + "01", "1c"].map(
      (text) => ({
        name: text,
        bytes: bytesOf(text),
        code: "payload-invalid",
      }),
    ),
    rounds: 2000,
  });
  for (const { name, run } of cases) test(name, run);
});

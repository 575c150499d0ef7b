// Values as serde_cbor writes and reads them: the only file that knows cborg. cborg gives tokens, one at a time and with
// no nesting; what they are put together to, within limits and never deeper than those, is decided here.

import { encode, Token, Tokenizer, Type } from "cborg";
import type { RustType } from "../actor/index.js";
import { WireError, type WireLimits } from "../wire/index.js";

const OPTIONS = { allowIndefinite: true, allowUndefined: true, allowBigInt: true, allowNaN: true, allowInfinity: true };
/** Arrays and maps of unknown length end with this. */
const BREAK: unique symbol = Symbol("break");

type Fields = Readonly<Record<string, RustType>>;

/**
 * The bytes of a value of a type.
 *
 * @throws WireError `payload-unsupported` for what is no such value, or nothing that can be sent at all.
 */
export function encodeRust(value: unknown, type: RustType = "any"): Uint8Array {
  try {
    return encode(toRust(value, type, "the value"), {
      float64: false,
      // The fields of a struct stay in their order.
      mapSorter: undefined as never,
      typeEncoders: {
        Uint8Array: (bytes: Uint8Array) => [
          new Token(Type.array, bytes.length),
          ...Array.from(bytes, (byte) => new Token(Type.uint, byte)),
        ],
        undefined: () => new Token(Type.null, null),
        Set: (set: Set<unknown>) => {
          throw unsupported(`a Set of ${set.size} values is to be an array`);
        },
      },
    });
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw unsupported(error instanceof RangeError ? "it is nested too deeply" : messageOf(error), error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? String(error.message) : "its own code threw something when it was read";
}

function unsupported(why: string, cause?: unknown): WireError {
  return new WireError("payload-unsupported", `this value cannot be sent: ${why}`, { cause });
}

/** What is to be encoded in the place of `value`. */
function toRust(value: unknown, type: RustType, where: string): unknown {
  if (type === "any") return value;
  if (typeof type === "string") {
    if (type === "unit" && (value === undefined || value === null)) return null;
    if (type === "bytes" && value instanceof Uint8Array) return value;
    if (type === "int" && (Number.isSafeInteger(value) || is64Bits(value))) return value;
    if (type === "float" && typeof value === "number") return value;
    if (type === "bool" && typeof value === "boolean") return value;
    if (type === "text" && typeof value === "string") return value;
  } else if ("option" in type) {
    return value === undefined || value === null ? null : toRust(value, type.option, where);
  } else if ("list" in type) {
    if (Array.isArray(value)) return value.map((each, at) => toRust(each, type.list, `${where}[${at}]`));
  } else if ("tuple" in type) {
    if (Array.isArray(value) && value.length === type.tuple.length)
      return type.tuple.map((each, at) => toRust(value[at], each, `${where}[${at}]`));
  } else if (typeof value === "object" && value !== null) {
    const given = value as Record<string, unknown>;
    if ("map" in type) return mapped(Object.keys(given), given, () => type.map, where);
    if ("struct" in type) return mapped(Object.keys(type.struct), given, (key) => type.struct[key], where);
    const [variant, ...others] = Object.keys(given);
    if (variant !== undefined && others.length === 0 && has(type.enum, variant))
      return mapped([variant], given, (key) => type.enum[key], where);
  } else if ("enum" in type && typeof value === "string" && has(type.enum, value) && type.enum[value] === "unit") {
    return value;
  }
  throw unsupported(`${where} is no ${nameOf(type)}`);
}

function mapped(
  keys: readonly string[],
  from: Record<string, unknown>,
  typeOf: (key: string) => RustType | undefined,
  where: string,
): unknown {
  return new Map(keys.map((key) => [key, toRust(from[key], typeOf(key) ?? "any", `${where}.${key}`)]));
}

function is64Bits(value: unknown): boolean {
  return typeof value === "bigint" && value >= -(2n ** 63n) && value < 2n ** 64n;
}

function has(fields: Fields, key: string): boolean {
  return Object.hasOwn(fields, key);
}

function nameOf(type: RustType): string {
  return typeof type === "string" ? type : (Object.keys(type)[0] as string);
}

/**
 * The one value in `bytes`, which owns its memory.
 *
 * @throws WireError `payload-invalid` for what is no CBOR, not of the type, or beyond the limits.
 */
export function decodeRust(bytes: Uint8Array, type: RustType | undefined, limits: WireLimits): unknown {
  try {
    const reading = new Reading(bytes, limits);
    const value = reading.value(type ?? "any", 0);
    if (!reading.isDone || value === BREAK) throw invalid("it is not one value");
    return value;
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw invalid(messageOf(error), error);
  }
}

function invalid(why: string, cause?: unknown): WireError {
  return new WireError("payload-invalid", `the payload cannot be read: ${why}`, { cause });
}

/** One payload, from its first token to its last. */
class Reading {
  readonly #tokens: Tokenizer;
  readonly #bytes: number;
  readonly #limits: WireLimits;
  #items = 0;

  constructor(bytes: Uint8Array, limits: WireLimits) {
    this.#tokens = new Tokenizer(bytes, OPTIONS);
    this.#bytes = bytes.length;
    this.#limits = limits;
  }

  get isDone(): boolean {
    return this.#tokens.done();
  }

  /** The next value, or `BREAK`. */
  value(type: RustType, depth: number): unknown {
    if (this.#tokens.done()) throw invalid("it ends too early");
    if (++this.#items > this.#limits.itemsMax) throw invalid("it has more items than itemsMax");
    if (depth > this.#limits.depthMax) throw invalid("it is nested deeper than depthMax");
    const token = this.#tokens.next();
    const { name } = token.type;
    if (name === "break") return BREAK;
    if (typeof type === "object") {
      if ("option" in type)
        return name === "null" || name === "undefined" ? undefined : this.#of(token, type.option, depth);
    }
    return this.#of(token, type, depth);
  }

  #of(token: Token, type: RustType, depth: number): unknown {
    const { value } = token;
    const { name } = token.type;
    switch (name) {
      case "uint":
      case "negint":
        if (type === "float") return Number(value);
        if (type === "any" || type === "int") return value;
        break;
      case "float":
        if (type === "any" || type === "float") return value;
        break;
      case "string":
        if ((value as string).length > this.#limits.textBytesMax) throw invalid("a text is longer than textBytesMax");
        if (type === "any" || type === "text") return value;
        if (typeof type === "object" && "enum" in type && has(type.enum, value) && type.enum[value] === "unit")
          return value;
        break;
      case "true":
      case "false":
        if (type === "any" || type === "bool") return name === "true";
        break;
      case "null":
      case "undefined":
        if (type === "any") return null;
        if (type === "unit") return undefined;
        break;
      case "bytes":
        if (type === "any") return (value as Uint8Array).slice();
        break;
      case "array":
        return this.#array(value as number, type, depth);
      case "map":
        return this.#map(value as number, type, depth);
    }
    throw invalid(`a ${name} is no ${nameOf(type)}`);
  }

  #array(length: number, type: RustType, depth: number): unknown {
    const isTuple = typeof type === "object" && "tuple" in type;
    const isList = typeof type === "object" && "list" in type;
    if (type !== "any" && type !== "bytes" && !isTuple && !isList) throw invalid(`an array is no ${nameOf(type)}`);
    const inside = type === "bytes" ? "int" : isList ? type.list : "any";
    const values: unknown[] = [];
    for (const at of this.#counted(length)) {
      const value = this.value(isTuple ? (type.tuple[at] ?? "any") : inside, depth + 1);
      if (value === BREAK) {
        if (length !== Infinity) throw invalid("it ends inside an array");
        break;
      }
      values.push(value);
    }
    if (isTuple && values.length !== type.tuple.length) throw invalid("a tuple has another length");
    return type === "bytes" ? bytesOf(values) : values;
  }

  #map(length: number, type: RustType, depth: number): unknown {
    if (typeof type === "string" && type !== "any") throw invalid(`a map is no ${type}`);
    const entries: Record<string, unknown> = {};
    let count = 0;
    for (const _ of this.#counted(length)) {
      const key = this.value("any", depth + 1);
      if (key === BREAK && length === Infinity) break;
      // Maps may have numbers for keys there, which are texts here.
      if (typeof key !== "string" && typeof key !== "number" && typeof key !== "bigint")
        throw invalid("a key is no text");
      const name = String(key);
      if (name.length > this.#limits.keyBytesMax) throw invalid("a key is longer than keyBytesMax");
      const value = this.value(insideOf(type, name), depth + 1);
      if (value === BREAK) throw invalid("it ends inside a map");
      Object.defineProperty(entries, name, { value, enumerable: true, configurable: true, writable: true });
      count++;
    }
    if (typeof type === "object") {
      if ("enum" in type && (count !== 1 || !has(type.enum, Object.keys(entries)[0] as string)))
        throw invalid("there is no such variant");
      if ("struct" in type) demandFields(type.struct, entries);
    }
    return entries;
  }

  /** Counts to a length that is not to be believed before as much has come. */
  *#counted(length: number): Generator<number> {
    const { containerMax } = this.#limits;
    if (length !== Infinity && length > this.#bytes) throw invalid("it ends too early");
    for (let at = 0; at < length; at++) {
      if (at >= containerMax) throw invalid("a container has more entries than containerMax");
      yield at;
    }
  }
}

function insideOf(type: RustType, key: string): RustType {
  if (typeof type === "string") return "any";
  if ("map" in type) return type.map;
  const fields = "struct" in type ? type.struct : "enum" in type ? type.enum : undefined;
  if (fields === undefined) throw invalid(`a map is no ${nameOf(type)}`);
  return has(fields, key) ? (fields[key] as RustType) : "any";
}

function demandFields(fields: Fields, entries: Record<string, unknown>): void {
  for (const [name, type] of Object.entries(fields)) {
    if (Object.hasOwn(entries, name) || (typeof type === "object" && "option" in type)) continue;
    throw invalid(`the field ${name} is missing`);
  }
}

function bytesOf(values: readonly unknown[]): Uint8Array {
  if (!values.every((value) => typeof value === "number" && value >= 0 && value <= 255))
    throw invalid("a byte is none");
  return Uint8Array.from(values as number[]);
}

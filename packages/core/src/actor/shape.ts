// What the values of a message are made of, as far as its schemas say so in the words of Standard JSON Schema
// (https://standardschema.dev/json-schema): a short text, to be compared with that of another program's contract. It knows
// nothing of connections.

import type { Schema } from "./schema.js";
import type { Message } from "./service.js";

/** A type by its name; `any` for what is not understood, which goes with everything. */
export type Shape =
  | "any"
  | "string"
  | "number"
  | "boolean"
  | "null"
  | readonly ["array", Shape]
  | readonly ["one of", readonly Literal[]]
  | readonly ["either", readonly Shape[]]
  | readonly ["object", readonly Field[]];
/** A field: its name, whether it has to be there, and what it is. */
export type Field = readonly [name: string, isRequired: boolean, shape: Shape];
type Literal = string | number | boolean | null;

/** The longest text of one message; a longer one is left out. */
export const SHAPE_LENGTH_MAX = 4096;
const DEPTH_MAX = 8;

/** The shapes of what goes in, what comes out, and what is streamed in. */
export interface MessageShape {
  readonly input: Shape;
  readonly output: Shape;
  readonly inputs: Shape;
}

/** The shape of a message as text; undefined if its schemas say nothing, or too much. */
export function shapeTextOf(message: Message): string | undefined {
  const input = shapeOf(message.input, "input");
  const output = shapeOf(message.output, "output");
  const inputs = shapeOf(message.inputs, "input");
  if (input === "any" && output === "any" && inputs === "any") return undefined;
  const text = JSON.stringify([input, output, inputs]);
  return text.length <= SHAPE_LENGTH_MAX ? text : undefined;
}

/** What such a text says, which may come from anywhere; what makes no sense counts as anything. */
export function parseShape(text: string): MessageShape {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // It says nothing.
  }
  const [input, output, inputs] = Array.isArray(parsed) ? (parsed as unknown[]) : [];
  return { input: soundShape(input, 0), output: soundShape(output, 0), inputs: soundShape(inputs, 0) };
}

/** A schema that can say what it takes and gives. */
interface Describing {
  readonly jsonSchema?: Readonly<
    Record<"input" | "output", ((options: { readonly target: string }) => unknown) | undefined>
  >;
}

function shapeOf(schema: Schema | undefined, side: "input" | "output"): Shape {
  if (schema === undefined) return "any";
  try {
    const { jsonSchema } = schema["~standard"] as Describing;
    return reduced(jsonSchema?.[side]?.({ target: "draft-2020-12" }), 0);
  } catch {
    // What has no words in JSON Schema, such as a bigint or a date, is anything.
    return "any";
  }
}

function reduced(schema: unknown, depth: number): Shape {
  if (typeof schema !== "object" || schema === null || depth > DEPTH_MAX) return "any";
  const {
    type,
    properties,
    required,
    items,
    enum: values,
    const: value,
    anyOf,
    oneOf,
  } = schema as Record<string, unknown>;
  if (value !== undefined) return isLiteral(value) ? ["one of", [value]] : "any";
  if (Array.isArray(values)) return values.every(isLiteral) ? ["one of", values] : "any";
  const alternatives = anyOf ?? oneOf;
  if (Array.isArray(alternatives)) return ["either", alternatives.map((each) => reduced(each, depth + 1))];
  switch (type) {
    case "string":
    case "number":
    case "boolean":
    case "null":
      return type;
    case "integer":
      return "number";
    case "array":
      return ["array", reduced(items, depth + 1)];
    case "object": {
      const names = new Set(Array.isArray(required) ? (required as unknown[]) : []);
      const fields = Object.entries((properties ?? {}) as Record<string, unknown>);
      return ["object", fields.map(([name, each]) => [name, names.has(name), reduced(each, depth + 1)] as const)];
    }
    default:
      return "any";
  }
}

function soundShape(given: unknown, depth: number): Shape {
  if (depth > DEPTH_MAX + 1) return "any";
  if (typeof given === "string")
    return ["string", "number", "boolean", "null"].includes(given) ? (given as Shape) : "any";
  if (!Array.isArray(given)) return "any";
  const [name, of] = given as unknown[];
  if (name === "array") return ["array", soundShape(of, depth + 1)];
  if (!Array.isArray(of)) return "any";
  if (name === "one of") return of.every(isLiteral) ? ["one of", of] : "any";
  if (name === "either") return ["either", of.map((each) => soundShape(each, depth + 1))];
  return name === "object" ? ["object", of.flatMap((field) => soundField(field, depth))] : "any";
}

function soundField(field: unknown, depth: number): Field[] {
  const [name, isRequired, shape] = Array.isArray(field) ? (field as unknown[]) : [];
  return typeof name === "string" ? [[name, isRequired === true, soundShape(shape, depth + 1)]] : [];
}

function isLiteral(value: unknown): value is Literal {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

/** What does not fit, and where. */
export interface Misfit {
  /** Such as `input.b`. */
  readonly place: string;
  /** Undefined for a field that has to be there, and is not. */
  readonly given: string | undefined;
  readonly wanted: string;
}

/**
 * The first thing in which a value of `given` cannot be one of `wanted`; undefined if it may. Where it depends on the value,
 * it may: the value is looked at when it comes.
 */
export function misfit(wanted: Shape, given: Shape, place: string): Misfit | undefined {
  if (wanted === "any" || given === "any") return undefined;
  if (isA(given, "either")) return firstUnlessOneFits(given[1], (each) => misfit(wanted, each, place));
  if (isA(wanted, "either")) return firstUnlessOneFits(wanted[1], (each) => misfit(each, given, place));
  const differs = { place, given: nameOf(given), wanted: nameOf(wanted) };
  if (isA(given, "one of")) {
    const fits = given[1].some((literal) => takesLiteral(wanted, literal));
    return fits ? undefined : differs;
  }
  if (isA(wanted, "one of")) {
    return wanted[1].some((literal) => takesLiteral(given, literal)) ? undefined : differs;
  }
  if (typeof wanted === "string" || typeof given === "string") return wanted === given ? undefined : differs;
  if (wanted[0] === "array" && given[0] === "array") return misfit(wanted[1], given[1], `${place}[]`);
  if (wanted[0] !== "object" || given[0] !== "object") return differs;
  const fields = new Map(given[1].map(([name, , shape]) => [name, shape]));
  for (const [name, isRequired, shape] of wanted[1]) {
    const field = fields.get(name);
    const found =
      field === undefined
        ? isRequired
          ? { place: `${place}.${name}`, given: undefined, wanted: nameOf(shape) }
          : undefined
        : misfit(shape, field, `${place}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstUnlessOneFits(shapes: readonly Shape[], fit: (shape: Shape) => Misfit | undefined): Misfit | undefined {
  const found = shapes.map(fit);
  return found.includes(undefined) ? undefined : found[0];
}

type Compound = Exclude<Shape, string>;

function isA<Name extends Compound[0]>(shape: Shape, name: Name): shape is Extract<Compound, readonly [Name, unknown]> {
  return typeof shape !== "string" && shape[0] === name;
}

function takesLiteral(shape: Shape, literal: Literal): boolean {
  if (typeof shape !== "string") return shape[0] === "one of" && shape[1].includes(literal);
  return shape === "any" || shape === (literal === null ? "null" : typeof literal);
}

function nameOf(shape: Shape): string {
  if (typeof shape === "string") return shape;
  return shape[0] === "one of" ? `one of ${JSON.stringify(shape[1])}` : shape[0];
}

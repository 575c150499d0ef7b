// Values of the wire as JSON and back. The wire has more than JSON has: big integers become "12n", bytes become
// {"$bytes": base64}, and what JSON would silently turn into null becomes {"$number": "NaN"}.

/** One line of JSON for any value that an answer can be; null for no value at all. */
export function textOf(value: unknown): string {
  return JSON.stringify(toJson(value)) ?? "null";
}

/** The value of an input: JSON, in which {"$bytes": base64} stands for bytes. Throws SyntaxError for what is no JSON. */
export function valueOf(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== "object" || value === null || Object.keys(value).length !== 1) return value;
    const { $bytes } = value as { readonly $bytes?: unknown };
    return typeof $bytes === "string" ? new Uint8Array(Buffer.from($bytes, "base64")) : value;
  }) as unknown;
}

function toJson(value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Map) return [...value].map(([key, each]) => [toJson(key), toJson(each)]);
  if (value instanceof Set) return [...value].map(toJson);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toJson(each)]));
}

// How a message is known to programs that speak the wire of Rust's thespis_remote. Plain data: who does not speak it pays
// nothing for it.

/** What a value is in Rust, where JavaScript leaves it open. */
export type RustType =
  /** As it comes: numbers, texts, arrays and objects. Byte arrays are sent as arrays of numbers, and arrive as such. */
  | "any"
  /** `()` and unit structs: undefined here. */
  | "unit"
  | "bool"
  /** Every integer: a number if it is safe, and otherwise a bigint. */
  | "int"
  /** `f32` and `f64`: always a number. */
  | "float"
  /** `String` and `char`. */
  | "text"
  /** `Vec<u8>`: a Uint8Array here, an array of numbers on the wire. */
  | "bytes"
  /** `Vec` and sets. */
  | { readonly list: RustType }
  /** Tuples and tuple structs of several values; one of a single value is that value. */
  | { readonly tuple: readonly RustType[] }
  /** `Option`: undefined for `None`. */
  | { readonly option: RustType }
  /** Maps whose keys are texts. */
  | { readonly map: RustType }
  /** A struct with its fields in their order. */
  | { readonly struct: Readonly<Record<string, RustType>> }
  /** Variants by name: one of type `"unit"` is its name as a text here, any other an object with that one key. */
  | { readonly enum: Readonly<Record<string, RustType>> };

/** Which message of thespis_remote one of a contract is. */
export interface ThespisMessage {
  /** What the service map of the other program is called. */
  readonly namespace: string;
  /** The name of the type of the message. */
  readonly type: string;
  /** What it holds; `"any"` unless set. Values that do not fit are refused on either side. */
  readonly input?: RustType;
  /** What the answer to a call is; `"any"` unless set. */
  readonly output?: RustType;
}

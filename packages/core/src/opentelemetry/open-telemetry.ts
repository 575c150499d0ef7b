// An interceptor that makes a span of every message, on both sides, and carries the context of the trace from one to the
// other in the metadata, as the propagator that is set up says: W3C Trace Context, usually. The only file that knows
// OpenTelemetry; it knows nothing of peers.

import {
  context,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type Span,
  type Tracer,
} from "@opentelemetry/api";
import type { InterceptedMessage, Interceptor, Next } from "../actor/index.js";

/** Where spans come from. */
export interface OpenTelemetryOptions {
  /** The tracer named `troupe` of whatever is set up, unless given. */
  readonly tracer?: Tracer;
}

/**
 * Makes the interceptor, for `intercept` on the caller's side and for a `ServiceMap` on the handler's: the same one for both.
 * A span of kind CLIENT or SERVER is named `service/message`; it ends with the answer, when a send was taken or handled, or
 * when a stream is over. A failure is its status, with the code of the error as `error.type`.
 */
export function openTelemetry({ tracer = trace.getTracer("troupe") }: OpenTelemetryOptions = {}): Interceptor {
  return async (message, next) => {
    const isCaller = message.side === "caller";
    const parent = isCaller ? context.active() : propagation.extract(context.active(), message.metadata);
    const span = tracer.startSpan(
      `${message.service.name}/${message.message}`,
      {
        kind: isCaller ? SpanKind.CLIENT : SpanKind.SERVER,
        attributes: {
          "rpc.system": "troupe",
          "rpc.service": message.service.name,
          "rpc.method": message.message,
          "troupe.kind": message.kind,
        },
      },
      parent,
    );
    const inside = trace.setSpan(parent, span);
    try {
      const result = await context.with(inside, () => passOn(message, next, inside));
      if (message.kind === "stream") return traced(result as AsyncIterable<unknown> | Iterable<unknown>, span, inside);
      span.end();
      return result;
    } catch (error) {
      fail(span, error);
      throw error;
    }
  };
}

function passOn(message: InterceptedMessage, next: Next, inside: Context): unknown {
  if (message.side === "handler") return next();
  const metadata = { ...message.metadata };
  propagation.inject(inside, metadata);
  return next({ metadata });
}

/** The outputs of a stream, each made within its span, which ends with them. */
async function* traced(
  outputs: AsyncIterable<unknown> | Iterable<unknown>,
  span: Span,
  inside: Context,
): AsyncGenerator<unknown, undefined> {
  const source = Symbol.asyncIterator in outputs ? outputs[Symbol.asyncIterator]() : outputs[Symbol.iterator]();
  try {
    for (;;) {
      const result = await context.with(inside, () => source.next());
      if (result.done === true) return;
      yield result.value;
    }
  } catch (error) {
    fail(span, error);
    throw error;
  } finally {
    await context.with(inside, () => source.return?.());
    span.end();
  }
}

function fail(span: Span, error: unknown): void {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  span.setAttribute("error.type", typeof code === "string" ? code : "unknown");
  span.setStatus({ code: SpanStatusCode.ERROR, ...(typeof message === "string" ? { message } : {}) });
  span.end();
}

// Keys and certificates: from memory or from files, which are looked at again before a handshake, so that a renewed
// certificate is used without a restart. Verification cannot be switched off: there is no option for it.

import { readFileSync, statSync } from "node:fs";
import {
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TlsOptions as TlsServerOptions,
  type TLSSocket,
} from "node:tls";
import { systemClock, TransportError, type Clock, type Identity } from "@troupe/core";
import { certificateRefused } from "./tls-error.js";

/** PEM text or bytes, or the file that they are in. */
export type Pem = string | Uint8Array | { readonly file: string };

/** Whom a listener demands a certificate of. */
export type ClientCertificates = "none" | "optional" | "required";

/** Who this side is, and whom it trusts. */
export interface TlsOptions {
  /** The certificate of this side, with those that it needs to be verified behind it. A listener has to have one. */
  readonly cert?: Pem;
  /** The private key of it. */
  readonly key?: Pem;
  /** What the key is encrypted with, if it is. */
  readonly passphrase?: string;
  /** The authorities that are trusted, in place of those that Node knows. */
  readonly ca?: Pem | readonly Pem[];
  /**
   * Of a listener, whether who dials has to show a certificate. Required as soon as `ca` is given, none otherwise. One
   * that is shown is verified in any case.
   */
  readonly clients?: ClientCertificates;
  /** Of who dials, the name that the certificate of the other side must be for; the host of the endpoint unless given. */
  readonly serverName?: string;
  /** See `SOCKET_BUFFER_BYTES`. */
  readonly bufferBytes?: number;
  readonly clock?: Clock;
}

/** Files are looked at again after this many milliseconds, when somebody connects. */
const LOOK_AGAIN_MS = 1000;

export class TlsCredentials {
  readonly clients: ClientCertificates;
  readonly serverName: string | undefined;
  readonly #options: TlsOptions;
  readonly #files: readonly string[];
  readonly #clock: Clock;
  #pem: SecureContextOptions;
  #context: SecureContext;
  #seen: string;
  #lookedAt: number;

  /** @throws TransportError `certificate-invalid` when the files cannot be read, or key and certificate are no pair. */
  constructor(options: TlsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.clients = options.clients ?? (options.ca === undefined ? "none" : "required");
    this.serverName = options.serverName;
    this.#files = [options.cert, options.key, ...authorities(options)].flatMap((pem) =>
      typeof pem === "object" && "file" in pem ? [pem.file] : [],
    );
    this.#seen = this.#look();
    this.#lookedAt = this.#clock.now();
    this.#pem = this.#read();
    this.#context = contextOf(this.#pem);
  }

  get hasCertificate(): boolean {
    return this.#options.cert !== undefined;
  }

  /** What handshakes of who dials use from now on. */
  context(): SecureContext {
    this.#renew(undefined);
    return this.#context;
  }

  /** What a server of Node begins with. An optional certificate that it is shown is to be verified with `refusalOf`. */
  serverOptions(): TlsServerOptions {
    return { ...this.#pem, requestCert: this.clients !== "none", rejectUnauthorized: this.clients === "required" };
  }

  /** To be called before a handshake: a certificate that was renewed is used from now on. */
  renew(server: Server, onError?: (error: TransportError) => void): void {
    if (this.#renew(onError)) server.setSecureContext(this.#pem);
  }

  /** Looks at the files again, at most once a second. One that cannot be used changes nothing. */
  #renew(onError: ((error: TransportError) => void) | undefined): boolean {
    const now = this.#clock.now();
    if (this.#files.length === 0 || now - this.#lookedAt < LOOK_AGAIN_MS) return false;
    this.#lookedAt = now;
    try {
      const seen = this.#look();
      if (seen === this.#seen) return false;
      const pem = this.#read();
      this.#context = contextOf(pem);
      this.#pem = pem;
      this.#seen = seen;
      return true;
    } catch (error) {
      // It may be half written: the next look finds it whole. Until then the old one goes on.
      onError?.(error as TransportError);
      return false;
    }
  }

  /** Changes whenever a file does. */
  #look(): string {
    try {
      return this.#files
        .map((file) => statSync(file))
        .map(({ mtimeMs, size, ino }) => `${mtimeMs}/${size}/${ino}`)
        .join();
    } catch (error) {
      throw unusable(error);
    }
  }

  #read(): SecureContextOptions {
    const { cert, key, passphrase, ca } = this.#options;
    try {
      return {
        minVersion: "TLSv1.2",
        ...(cert !== undefined && { cert: bytesOf(cert) }),
        ...(key !== undefined && { key: bytesOf(key) }),
        ...(passphrase !== undefined && { passphrase }),
        ...(ca !== undefined && { ca: authorities(this.#options).map(bytesOf) }),
      };
    } catch (error) {
      throw unusable(error);
    }
  }
}

/** Why whoever dialled is not taken, though it need not show a certificate; undefined if there is no reason. */
export function refusalOf(socket: TLSSocket, endpoint: string): TransportError | undefined {
  const hasShown = (socket.getPeerCertificate() as { raw?: unknown } | undefined)?.raw !== undefined;
  if (!hasShown || socket.authorized) return undefined;
  return certificateRefused(endpoint, String(socket.authorizationError));
}

function contextOf(pem: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(pem);
  } catch (error) {
    throw unusable(error);
  }
}

/** Who a verified certificate says that the other side is. */
export function identityOf(socket: TLSSocket): Identity | undefined {
  const certificate = socket.getPeerCertificate() as PeerCertificate | undefined;
  if (certificate?.raw === undefined) return undefined;
  const { subject, subjectaltname = "", issuer, fingerprint256 } = certificate;
  return Object.freeze({
    name: textOf(subject?.CN),
    altNames: Object.freeze(subjectaltname === "" ? [] : subjectaltname.split(/, (?=[A-Za-z ]+:)/)),
    issuer: Object.entries(issuer ?? {})
      .map(([part, value]) => `${part}=${textOf(value)}`)
      .join("\n"),
    fingerprint: fingerprint256.replaceAll(":", "").toLowerCase(),
  });
}

/** A part of a name that is there several times is a list of texts. */
function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : typeof value === "string" ? value : "";
}

function authorities({ ca }: TlsOptions): readonly Pem[] {
  if (ca === undefined) return [];
  return Array.isArray(ca) ? (ca as readonly Pem[]) : [ca as Pem];
}

function bytesOf(pem: Pem): string | Buffer {
  if (typeof pem === "string") return pem;
  return pem instanceof Uint8Array ? Buffer.from(pem) : readFileSync(pem.file);
}

function unusable(error: unknown): TransportError {
  const message = `the key and certificates cannot be used: ${(error as Error).message}`;
  return new TransportError("certificate-invalid", message, "tls://", { cause: error });
}

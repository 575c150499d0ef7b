// Certificates for tests, made when they are needed: authorities, and what they sign, good and bad.

import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { systemClock } from "@troupe/core";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

/** A certificate and its key, as PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says, if it is not what every test wants. */
export interface CertificateOptions {
  readonly name?: string;
  /** DNS names and addresses that it is for. */
  readonly hosts?: readonly string[];
  /** Days from now. */
  readonly fromDays?: number;
  readonly toDays?: number;
}

interface Issuer {
  readonly certificate: x509.X509Certificate;
  readonly keys: CryptoKeyPair;
}

let serial = 0;

/** Whoever signs certificates. */
export class Authority {
  readonly ca: string;
  readonly #issuer: Issuer;

  private constructor(issuer: Issuer) {
    this.#issuer = issuer;
    this.ca = issuer.certificate.toString("pem");
  }

  static async create(name = "Test CA"): Promise<Authority> {
    x509.cryptoProvider.set(webcrypto as unknown as Crypto);
    const keys = await generated();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      ...validity({}),
      serialNumber: nextSerial(),
      name: `CN=${name}`,
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new Authority({ certificate, keys });
  }

  /** A certificate for 127.0.0.1 and localhost, good for both ends of a connection, unless told otherwise. */
  async issue(options: CertificateOptions = {}): Promise<Pair> {
    const keys = await generated();
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity(options),
      serialNumber: nextSerial(),
      subject: `CN=${options.name ?? "server"}`,
      issuer: this.#issuer.certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#issuer.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: extensions(options),
    });
    return pairOf(certificate, keys);
  }
}

/** A certificate that nobody but itself has signed. */
export async function selfSigned(options: CertificateOptions = {}): Promise<Pair> {
  x509.cryptoProvider.set(webcrypto as unknown as Crypto);
  const keys = await generated();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(options),
    serialNumber: nextSerial(),
    name: `CN=${options.name ?? "server"}`,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: extensions(options),
  });
  return pairOf(certificate, keys);
}

function extensions({ hosts = ["127.0.0.1", "localhost"] }: CertificateOptions): x509.Extension[] {
  const names = hosts.map((host) => ({
    type: /^[\d.]+$/.test(host) ? ("ip" as const) : ("dns" as const),
    value: host,
  }));
  return [
    new x509.SubjectAlternativeNameExtension(names),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
  ];
}

function validity({ fromDays = -1, toDays = 1 }: CertificateOptions): { notBefore: Date; notAfter: Date } {
  const now = Math.round(performance.timeOrigin + systemClock.now());
  return { notBefore: new Date(now + fromDays * DAY_MS), notAfter: new Date(now + toDays * DAY_MS) };
}

async function generated(): Promise<CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function pairOf(certificate: x509.X509Certificate, { privateKey }: CryptoKeyPair): Promise<Pair> {
  const bytes = await webcrypto.subtle.exportKey("pkcs8", privateKey);
  return { cert: certificate.toString("pem"), key: x509.PemConverter.encode(bytes, "PRIVATE KEY") };
}

function nextSerial(): string {
  return (++serial).toString(16).padStart(2, "0");
}

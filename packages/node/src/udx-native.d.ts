// What is used of udx-native, which has no types of its own.

declare module "udx-native" {
  import type { EventEmitter } from "node:events";
  import type { Duplex } from "node:stream";

  export interface UdxAddress {
    readonly host: string;
    readonly port: number;
  }

  export interface UdxSocket extends EventEmitter {
    bind(port?: number, host?: string): void;
    address(): UdxAddress | null;
    /** Sends one datagram. False if that failed. */
    send(bytes: Uint8Array, port: number, host?: string): Promise<boolean>;
    trySend(bytes: Uint8Array, port: number, host?: string): void;
    close(): Promise<void>;
  }

  export interface UdxStream extends Duplex {
    readonly id: number;
    connect(socket: UdxSocket, remoteId: number, port: number, host: string): void;
  }

  export default class UDX {
    createSocket(options?: { readonly ipv6Only?: boolean; readonly reuseAddress?: boolean }): UdxSocket;
    createStream(id: number): UdxStream;
  }
}

// A promise with its two ends apart.

/** A promise and the functions that settle it. */
export interface OneShot<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Makes an unsettled `OneShot`. */
export function oneShot<T>(): OneShot<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

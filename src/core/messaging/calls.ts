/** A promise that knows whether anybody has asked for its outcome. `await`, `then`, `catch` and `Promise.all` all do. */
class ObservedPromise<T> extends Promise<T> {
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }
  observed = false;

  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise
  override then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.observed = true;
    return super.then(fulfilled, rejected);
  }
}

/** The calls that a handler has made. */
export interface Calls {
  /** What the handler gets instead of the promise: the same, but its failure is not lost if the handler never looks. */
  watch<T>(call: Promise<T>): Promise<T>;
  /** Calls that have not been answered. */
  readonly open: number;
  /**
   * Resolves when all have been answered.
   * @throws the error of the first failed call that the handler has never looked at
   */
  settled(): Promise<void>;
}

export function createCalls(): Calls {
  const open = new Set<Promise<unknown>>();
  const failed: { readonly promise: ObservedPromise<unknown>; readonly error: unknown }[] = [];
  return {
    watch<T>(call: Promise<T>) {
      const promise = new ObservedPromise<T>((resolve, reject) => {
        call.then(resolve, reject);
      });
      const ended = call.then(
        () => void open.delete(ended),
        (error: unknown) => {
          open.delete(ended);
          failed.push({ promise, error });
        },
      );
      open.add(ended);
      // Looked at by us, which does not count: otherwise a failure that nobody looks at would end the process.
      Promise.prototype.then.call(promise, undefined, () => {});
      return promise;
    },
    get open() {
      return open.size;
    },
    async settled() {
      while (open.size > 0) await Promise.all(open);
      const lost = failed.find(({ promise }) => !promise.observed);
      if (lost) throw lost.error;
    },
  };
}

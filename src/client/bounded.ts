import { ClientError } from "./client-error.ts";
import type { Platform } from "./platform.ts";

type Settle<T> = (value: T | PromiseLike<T>) => void;

/** A promise that the signal ends; `start` returns what tidies up, which runs however it ends. */
function abortable<T>(
  signal: AbortSignal | undefined,
  start: (resolve: Settle<T>, reject: (error: ClientError) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let tidy = (): void => {};
    const abort = (): void => {
      tidy();
      reject(new ClientError("aborted", "The call was aborted by its signal.", { cause: signal?.reason }));
    };
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort);
    const stop = start(
      (value) => {
        tidy();
        resolve(value);
      },
      (error) => {
        tidy();
        reject(error);
      },
    );
    tidy = () => {
      signal?.removeEventListener("abort", abort);
      stop();
    };
  });
}

/**
 * The work's result, in time; the signal that the work gets fires when it is over, also when the work ignores it.
 * @throws ClientError `timeout` after `ms`, `aborted` with `signal`, `unreachable` for whatever else the work throws
 */
export function bounded<T>(
  platform: Platform,
  ms: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return abortable<T>(signal, (resolve, reject) => {
    const controller = new AbortController();
    const cancel = platform.after(ms, () =>
      reject(new ClientError("timeout", `There was no answer within ${ms} ms.`, { retry: "later" })),
    );
    let done = false;
    work(controller.signal).then(
      (value) => {
        done = true;
        resolve(value);
      },
      (error: unknown) => reject(toClientError(error)),
    );
    return () => {
      cancel();
      // Not after success: the body of a stream hangs on the same signal.
      if (!done) controller.abort();
    };
  });
}

/** Waits. @throws ClientError `aborted` */
export function pause(platform: Platform, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return abortable<void>(signal, (resolve) => platform.after(ms, () => resolve()));
}

function toClientError(error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new ClientError("unreachable", `The server could not be reached: ${reason}`, { retry: "later", cause: error });
}

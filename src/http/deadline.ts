import type { System } from "../core/runtime/system.ts";

/** The work's result, or `late()` as the error if it takes longer. The work itself goes on. */
export function within<T>(system: System, ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = system.after(ms, () => reject(late()));
    work.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}

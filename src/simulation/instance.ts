import { idFromBytes, silentLogger, type System } from "../core/runtime/system.ts";
import type { Fates } from "./faults.ts";
import type { Scheduler } from "./scheduler.ts";

/**
 * A process of the simulated world: what it runs goes on only while it is up. Everything that reaches its code (answers,
 * timers, requests) comes through `enter`, so that a dead one never goes on and a frozen one goes on where it was.
 */
export interface Instance {
  /** `i1`, `i2` ... in the order of their starts. */
  readonly name: string;
  readonly system: System;
  readonly state: "up" | "frozen" | "dead";
  /** Runs it, now if the instance is up, when it wakes up if it is frozen; never if it is dead. */
  enter(task: () => void): void;
  /** It stands still for that long, its clock goes on. */
  freeze(ms: number): void;
  /** Wakes it up. */
  thaw(): void;
  crash(): void;
}

export function createInstance(
  name: string,
  world: { readonly scheduler: Scheduler; readonly fates: Fates; readonly skewMs: number },
  onCrash: () => void,
): Instance {
  const { scheduler, fates } = world;
  const { random } = fates.site(name);
  const skewMs = (2 * random() - 1) * world.skewMs;
  const bytes = new Uint8Array(20);
  const held: (() => void)[] = [];
  let state: Instance["state"] = "up";

  function enter(task: () => void): void {
    if (state === "up") task();
    else if (state === "frozen") held.push(task);
  }

  function thaw(): void {
    if (state !== "frozen") return;
    state = "up";
    // One after the other, as if each had just come.
    for (const task of held.splice(0)) scheduler.after(0, () => enter(task));
  }

  const after = (delayMs: number, task: () => void): (() => void) => {
    let cancelled = false;
    const cancel = scheduler.after(Math.ceil(delayMs), () =>
      enter(() => {
        if (!cancelled) task();
      }),
    );
    return () => {
      cancelled = true;
      cancel();
    };
  };

  return {
    name,
    system: {
      now: () => Math.floor(scheduler.now() + skewMs),
      random,
      newId() {
        for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256;
        return idFromBytes(bytes, 0);
      },
      after,
      soon: (task) => void after(0, task),
      log: silentLogger,
    },
    get state() {
      return state;
    },
    enter,
    freeze(ms) {
      if (state !== "up") return;
      state = "frozen";
      scheduler.after(ms, thaw);
    },
    thaw,
    crash() {
      if (state === "dead") return;
      state = "dead";
      held.length = 0;
      onCrash();
    },
  };
}

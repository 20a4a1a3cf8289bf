import { deepEqual, equal, ok } from "node:assert/strict";
import { HoldfastError } from "../../core/errors.ts";
import { createRandom } from "../virtual-system.ts";
import {
  counter,
  dead,
  deadCodes,
  hour,
  later,
  minute,
  newServices,
  notesAre,
  noting,
  pass,
  second,
  type Run,
} from "./delivery-app.ts";
import { around, writes } from "./delivery-around.ts";
import type { DeliveryCase, DeliveryStore } from "./delivery-case.ts";
import { numbers, turn } from "./fixtures.ts";
import { turns } from "./wait.ts";

const start0 = 1_767_225_600_000;

/** A process that dies at its n-th call that changes something: before that has an effect, or before it is answered. */
function mortal(at: number, when: "before" | "after") {
  let calls = 0;
  let isDead = false;
  let die = (): void => {};
  const died = new Promise<void>((resolve) => void (die = resolve));
  const through = (store: DeliveryStore): DeliveryStore => {
    const guarded = around(store, async (name, call) => {
      const last = !isDead && writes.some((write) => write === name) && ++calls === at;
      if (!isDead && !last) return call();
      isDead = true;
      if (last && when === "after") await call();
      die();
      throw later();
    });
    return { ...guarded, watch: (listener) => store.watch((...args) => (isDead ? undefined : listener(...args))) };
  };
  return { through, died, isDead: () => isDead };
}

/** Time goes by until the process has died, or has done all it can. */
async function live(run: Run, died: Promise<void>, isDead: () => boolean): Promise<void> {
  for (let i = 0; i < 5 && !isDead(); i++) {
    await Promise.race([run.delivered().catch(() => {}), died]);
    if (!isDead()) await run.clock.advance(500);
  }
}

const crashing = (when: "before" | "after"): DeliveryCase => ({
  name: `faults: a process may die at any of its writes, ${when} it has an effect: each event has its own, once, in order`,
  needs: ["faults"],
  async run({ start }) {
    let survived = false;
    let deaths = 0;
    for (let at = 1; !survived; at++) {
      ok(at < 100, "it ends");
      const id = `a${at}`;
      const now = start0 + at * hour;
      const services = newServices((what) => {
        if (what === `${id}#2/1`) throw new Error("once");
        if (what.startsWith(`${id}#4/`)) throw new HoldfastError("bad", "Never.");
      });
      const { through, died, isDead } = mortal(at, when);
      const add = async (run: Run): Promise<void> => {
        await run.call(counter, id, { key: "one" }).addAll([1, 2]);
        await run.call(counter, id, { key: "two" }).addAll([3, 4, 5]);
      };
      try {
        const one = await start(noting, { services, seed: 2 * at, now, through });
        await Promise.race([add(one).catch(() => {}), died]);
        await live(one, died, isDead);
      } catch (error) {
        // It died at its start.
        if (!isDead()) throw error;
      }
      survived = !isDead();
      if (!survived) deaths++;
      const two = await start(noting, { services, seed: 2 * at + 1, now: now + minute });
      await add(two);
      await pass(two, 3_000);
      await notesAre(two, id, ["1:1", "2:2", "3:3", "5:5"]);
      const letters = await dead(two);
      equal(letters.filter(({ stream }) => stream?.id === id).length, 1, `one dead letter, having died at ${at}`);
      await two.close();
    }
    ok(deaths > 8, `${deaths} deaths`);
  },
});

/** What breaks, breaks this often. */
const chaotic = (seed: number): DeliveryCase => ({
  name: `faults: calls that fail, or whose answers are lost, change nothing but the time that it takes (${seed})`,
  needs: ["faults"],
  async run({ start }) {
    const random = createRandom(seed);
    let broken = true;
    const services = newServices((what) => {
      if (what.startsWith("c2#3/")) throw new HoldfastError("bad", "Never.");
    });
    const through = (store: DeliveryStore): DeliveryStore =>
      around(store, async (name, call) => {
        const luck = broken ? random() : 1;
        if (luck < 0.1) {
          if (name !== "append") throw later();
          return "unknown";
        }
        const answer = await call();
        if (luck > 0.2) return answer;
        if (name !== "append") throw later();
        return "unknown";
      });
    // What starts has to reach its store.
    broken = false;
    const run = await start(noting, { services, seed, through });
    broken = true;
    const ids = numbers(1, 6).map((n) => `c${n}`);
    const add = async (id: string): Promise<void> => {
      for (let n = 1; n <= 5; ) {
        try {
          await run.call(counter, id, { key: `${n}` }).add({ n });
          n++;
        } catch (error) {
          // The same key: it has one effect.
          if (!(error instanceof HoldfastError) || error.retry === "never") throw error;
          await turn();
        }
      }
    };
    let added = 0;
    for (const id of ids) void add(id).then(() => added++);
    for (let i = 0; i < 400 && added < ids.length; i++) {
      await run.clock.advance(100);
      await turns();
    }
    for (let i = 0; i < 40; i++) {
      await run.clock.advance(500);
      await turns();
    }
    broken = false;
    await run.clock.advance(10 * minute);
    await pass(run, 10 * minute, 10 * second);
    equal(added, ids.length);
    for (const id of ids) {
      const notes = numbers(1, 5).map((n) => `${n}:${n}`);
      await notesAre(run, id, id === "c2" ? notes.toSpliced(2, 1) : notes);
    }
    deepEqual(await deadCodes(run), ["bad"]);
  },
});

/** A process that dies, and a store that fails, wherever it can. */
export const crashCases: readonly DeliveryCase[] = [
  crashing("before"),
  crashing("after"),
  chaotic(1),
  chaotic(2),
  chaotic(3),
];

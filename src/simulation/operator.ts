import type { App } from "../core/app.ts";
import type { DeadLetter } from "../core/delivery/port.ts";
import { createAsker, type AskerPorts } from "./ask.ts";
import { randomFor, type Fates } from "./faults.ts";
import type { Target } from "./target.ts";

/** Somebody with the tools for operators: looks after dead letters, and has subscriptions handle events once more. */
export interface Operator {
  /** While clients work. */
  work(): Promise<void>;
  /** When all has come to rest: drops a dead letter, redrives the others, asks for one more replay. */
  cleanUp(): Promise<void>;
}

export interface OperatorPorts extends AskerPorts {
  readonly seed: number;
  readonly fates: Fates;
  readonly target: Target;
  readonly app: App;
  /** Dead letters that are not there any more. */
  readonly dropped: DeadLetter[];
}

/** Dead letters that are redriven at once. */
const lettersMax = 20;

/** Whether a world has an operator, chance decides. */
export function createOperator(ports: OperatorPorts): Operator | undefined {
  const { fates, scheduler, target, app, note } = ports;
  const site = fates.site("operator");
  if (!site.pick(["operate"])) return undefined;
  const random = randomFor(ports.seed, "operator");
  const { askAgain } = createAsker(ports, "op", site);
  const subscriptions = [...app.subscriptions.keys()];
  let replays = 0;

  function replay(): void {
    if (!target.hasReplays) return;
    const subscription = subscriptions[Math.floor(random() * subscriptions.length)];
    if (subscription === undefined) return;
    const id = `replay${++replays}`.padEnd(20, "0");
    note("op", `has ${subscription} replayed`);
    // Under the same keys: what has had its effect has none. Whether it was heard is not looked at: who asks twice has two.
    askAgain(0, async ({ addReplay, instance }) =>
      addReplay?.({ id, subscription, again: false, created: instance.system.now() }),
    );
  }

  return {
    async work() {
      await scheduler.sleep(6_000 * random());
      replay();
    },
    async cleanUp() {
      const letters = await target.letters.dead({ limit: lettersMax });
      const [dropped, ...others] = letters;
      if (dropped && random() < 0.5) {
        note("op", `drops ${dropped.id} of ${dropped.consumer}`);
        ports.dropped.push(dropped);
        await target.letters.drop([dropped.id]);
      }
      note("op", `redrives ${others.length}`);
      const ids = others.map(({ id }) => id);
      if (ids.length > 0) await target.letters.redrive(ids, Math.floor(scheduler.now()));
      replay();
      // It is on its way.
      await scheduler.sleep(1_000);
    },
  };
}
